"""Which draw a request gets that samples and names no seed: the K-th request for the same judgment gets the K-th."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

#: Judgments whose draws are counted; beyond them, those that were not asked for the longest time are forgotten.
_REMEMBERED = 2**18


class Draws:
    """Counts draws by judgment; for one thread.

    They are counted and not random: so requests for different judgments have the same seed, and share engine batches;
    and a command that is run again finds its draws in the ledger.
    """

    def __init__(self) -> None:
        self._taken: OrderedDict[int, int] = OrderedDict()

    @contextmanager
    def next(self, judgment: int, number: int) -> Iterator[range]:
        """The numbers of the next draws of a judgment, which is told by its hash.

        A client that does not wait for them will ask again: he gets the same ones, which the ledger may have by then.
        """
        first = self._taken.pop(judgment, 0)
        end = self._taken[judgment] = first + number
        if len(self._taken) > _REMEMBERED:
            self._taken.popitem(last=False)
        try:
            yield range(first, end)
        except asyncio.CancelledError:
            if self._taken.get(judgment) == end:  # nobody has asked since
                self._taken[judgment] = first
            raise

"""A metric bound to its data, and what all families of measures share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from mtrl_judge_plugin.metrics import agreement, consistency
from mtrl_judge_plugin.metrics.arrays import Array, Codes, Value
from mtrl_judge_plugin.metrics.judgments import Judgment
from mtrl_judge_plugin.variants import restored

Judgments = Sequence[Judgment]
TIE = "tie"


class Measure(NamedTuple):
    """A metric bound to its data.

    Attributes:
        name: of the metric, with its class or category in brackets where it is of one.
        rows: for each value that goes in, the judgment (the first one of an item) whose weight it has.
        function: takes `weights=` (m, len(rows)) and gives (m,).
        scored: how many of the values are scored.
    """

    name: str
    rows: Codes
    function: Callable[..., Value]
    scored: int


def labelled_rows(judgments: Judgments, rows: Sequence[int]) -> list[int]:
    """Those with a human label, in whatever order; paraphrases would count a sample three times."""
    return [
        row
        for row in rows
        if judgments[row].label is not None
        and (judgments[row].base == "original" or judgments[row].base.startswith("pair-"))
    ]


def mean_of(name: str, rows: Sequence[int], values: Sequence[float] | Array) -> Measure:
    """The mean of one value a row; NaN = unscored."""
    numbers = np.asarray(values, dtype=float)
    return Measure(
        name, np.array(rows, dtype=np.int64), partial(agreement.mean, numbers), int(np.isfinite(numbers).sum())
    )


def agreement_of(name: str, judgments: Judgments, items: Sequence[Sequence[int]]) -> list[Measure]:
    """Pairwise agreement within items of two or more judgments, each read in the original's terms."""
    items = [item for item in items if len(item) > 1]
    if not items:
        return []
    number: dict[str | None, int] = {None: -1}
    table = np.full((len(items), max(map(len, items))), -1)
    for place, item in enumerate(items):
        for column, row in enumerate(item):
            answer = restored(judgments[row].answer, judgments[row].variant)
            table[place, column] = number.setdefault(answer, len(number) - 1)
    scored = int(((table >= 0).sum(axis=1) > 1).sum())
    firsts = np.array([item[0] for item in items])
    return [Measure(name, firsts, partial(consistency.pairwise_agreement, table), scored)]


def pick(answer: str | None) -> float:
    """+1 = the candidate shown first, -1 = the second, 0 = a tie, NaN = unscored."""
    if answer is None:
        return math.nan
    return {"A": 1.0, "B": -1.0}.get(answer, 0.0)


def candidate(answer: str | None) -> int:
    """0 or 1 = the first or the second candidate, -1 = neither."""
    return {"A": 0, "B": 1}.get(answer or "", -1)

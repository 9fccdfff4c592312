"""One label out of what several people said."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mtrl_judge_plugin.benchmarks.reading.cells import is_empty, short


def meaning(vote: Any, label_map: Mapping[str, str], choices: Sequence[str], decimal: str = ".") -> str:
    """What one vote means: its place in the label map, else the choice that it is but for case; "" = no label.

    >>> meaning("Model1", {"model1": "A"}, ["A", "B"]), meaning("b", {}, ["A", "B"]), meaning(3.0, {}, ["3", "4"])
    ('A', 'B', '3')

    Raises:
        ValueError: it is none of them.
    """
    text = str(vote).strip()
    plain = short(vote, decimal)
    for one in (text.casefold(), plain.casefold()):
        if one in label_map:
            return label_map[one]
    by_lower = {choice.casefold(): choice for choice in choices}
    for one in (text.casefold(), plain.casefold()):
        if one in by_lower:
            return by_lower[one]
    if not is_empty(vote):
        raise ValueError(plain)
    return ""


def majority(votes: Sequence[str]) -> str | None:
    """What most voted for; None where there is no vote, or a tie: nobody knows then what people think.

    >>> majority(["A", "B", "A"]), majority(["A", "B"]), majority([])
    ('A', None, None)
    """
    ranks = Counter(votes).most_common(2)
    return ranks[0][0] if ranks and (len(ranks) == 1 or ranks[0][1] > ranks[1][1]) else None


def mean_score(votes: Sequence[float]) -> str | None:
    """The mean of scores, rounded to an integer, a half upwards; None without a vote.

    >>> mean_score([3, 4]), mean_score([1, 2, 2]), mean_score([3.4]), mean_score([])
    ('4', '2', '3', None)
    """
    return str(math.floor(sum(votes) / len(votes) + 0.5)) if votes else None


def first_of_two(votes: Sequence[str], choices: Sequence[str]) -> list[float]:
    """Votes as ratings, 1 for the first of two choices and 0 for the second; of more choices none.

    >>> first_of_two(["yes", "no"], ["yes", "no"]), first_of_two(["a"], ["a", "b", "c"])
    ([1.0, 0.0], [])
    """
    return [float(vote == choices[0]) for vote in votes] if len(choices) == 2 else []

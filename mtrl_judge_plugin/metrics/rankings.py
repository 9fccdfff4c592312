"""Agreement of two rankings written as letters, best first: "BAC"."""

from __future__ import annotations

import math
from itertools import combinations


def levenshtein(label: str, answer: str) -> float:
    """Edit distance divided by the longer length, in [0, 1]; 0 = the same (Levenshtein 1966).

    >>> levenshtein("ABCD", "ABDC")
    0.5
    """
    row = list(range(len(answer) + 1))
    for i, left in enumerate(label, start=1):
        previous, row = row, [i]
        for j, right in enumerate(answer, start=1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (left != right)))
    return row[-1] / max(len(label), len(answer), 1)


def ranking_tau(label: str, answer: str) -> float:
    """Kendall's tau of two orders of the same letters, in [-1, 1]; 1 = the same, -1 = reversed.

    NaN where they are not orders of the same letters, or there are fewer than two.

        >>> ranking_tau("ABC", "ACB")
        0.3333333333333333
    """
    place = {letter: rank for rank, letter in enumerate(answer)}
    if len(place) < 2 or len(place) != len(answer) or sorted(label) != sorted(answer):
        return math.nan
    signs = [1 if place[better] < place[worse] else -1 for better, worse in combinations(label, 2)]
    return sum(signs) / len(signs)

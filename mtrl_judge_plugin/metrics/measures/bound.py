"""A metric bound to its data, and what all families of measures share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from mtrl_judge_plugin.metrics import agreement, consistency
from mtrl_judge_plugin.metrics.arrays import Array, Codes, Value
from mtrl_judge_plugin.metrics.judgments import Judgment
from mtrl_judge_plugin.variants import restored

Judgments = Sequence[Judgment]
_Yielding = Callable[[Judgments, Sequence[int]], Iterator["Measure"]]


#: What is best of a metric: the highest value, the lowest, or 0 from either side (a bias).
Best = Literal["highest", "lowest", "zero"]
#: Metric -> what is best of it: all names that an analysis may hold, without a class or category in brackets.
METRICS: dict[str, Best] = {}


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


class Family(NamedTuple):
    """A function that yields Measures.

    Attributes:
        measures: (judgments, rows to look at) -> Measures of everything that they have.
        by_form: it looks at the judgments of one form at a time; otherwise at all of a run.
    """

    measures: Callable[[Judgments, Sequence[int]], Iterator[Measure]]
    by_form: bool


#: All families, in the order of their declaration.
FAMILIES: list[Family] = []


def yields(
    *names: str, lowest: Sequence[str] = (), zero: Sequence[str] = (), by_form: bool = True
) -> Callable[[_Yielding], _Yielding]:
    """Declare the metrics of a family of measures; the decorated function belongs to every analysis from then on.

    A Measure whose name was not declared raises a KeyError when it is yielded.

    Args:
        names: metrics whose highest value is the best.
        lowest: metrics whose lowest value is the best.
        zero: biases: best at 0, from either side.
        by_form: see Family.
    """
    declared: dict[str, Best] = {
        **dict.fromkeys(names, "highest"),
        **dict.fromkeys(lowest, "lowest"),
        **dict.fromkeys(zero, "zero"),
    }
    METRICS.update(declared)

    def decorate(function: _Yielding) -> _Yielding:
        @functools.wraps(function)
        def checked(judgments: Judgments, rows: Sequence[int]) -> Iterator[Measure]:
            for measure in function(judgments, rows):
                if plain(measure.name) not in declared:
                    raise KeyError(f"{function.__qualname__} yields {measure.name!r}; declare it in @yields(...)")
                yield measure

        FAMILIES.append(Family(checked, by_form))
        return checked

    return decorate


def plain(name: str) -> str:
    """A metric's name without its form and its class or category.

    >>> plain("pairwise.accuracy"), plain("f1[yes]"), plain("score.accuracy[colour, 1.5]")
    ('accuracy', 'f1', 'accuracy')
    """
    return name.partition("[")[0].rpartition(".")[2]


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
    codes = np.full((len(items), max(map(len, items))), -1)
    for place, item in enumerate(items):
        for column, row in enumerate(item):
            answer = restored(judgments[row].answer, judgments[row].variant)
            codes[place, column] = number.setdefault(answer, len(number) - 1)
    scored = int(((codes >= 0).sum(axis=1) > 1).sum())
    firsts = np.array([item[0] for item in items])
    return [Measure(name, firsts, partial(consistency.pairwise_agreement, codes), scored)]


def pick(answer: str | None) -> float:
    """+1 = the candidate shown first, -1 = the second, 0 = a tie, NaN = unscored."""
    if answer is None:
        return math.nan
    return {"A": 1.0, "B": -1.0}.get(answer, 0.0)


def candidate(answer: str | None) -> int:
    """0 or 1 = the first or the second candidate, -1 = neither."""
    return {"A": 0, "B": 1}.get(answer or "", -1)

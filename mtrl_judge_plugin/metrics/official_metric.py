"""What there is to say of a number that the authors of a data set publish; `official` holds the numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from mtrl_judge_plugin.metrics import scores_of_authors as scores
from mtrl_judge_plugin.metrics.measures.bound import Best, Judgments, Measure

NO_ORDER = "they compare scores, which know no order: here it is the mean of both orders"
#: Accuracy with unreadable replies wrong.
WRONG = partial(scores.accuracy, unreadable=0.0)


@dataclass(frozen=True, kw_only=True)
class Official:
    """One number as the authors of a data set compute it.

    Attributes:
        metric: its name in our results.
        name: what the authors call it.
        formula: how it is computed.
        score: (metric, judgments, rows) -> the Measure.
        over: "rows" counts all rows alike; "categories" is the unweighted mean of the score in each category.
        orders: which orders of the candidates count: the data's own, or both.
        unreadable, ties: how such a reply, and a tie of people or of the judge, counts.
        source: where the authors say so.
        differs: what is not as in their script, or could not be confirmed.
        best: of the metric.
    """

    metric: str
    name: str
    formula: str
    score: Callable[[str, Judgments, Sequence[int]], Measure]
    over: Literal["rows", "categories"] = "rows"
    orders: Literal["own", "both"] = "own"
    unreadable: str
    ties: str = "none"
    source: str
    differs: str = ""
    best: Best = "highest"

    def described(self) -> dict[str, str]:
        """What a results file says of it."""
        kept = ("name", "formula", "over", "orders", "unreadable", "ties", "source", "differs")
        return {field: str(getattr(self, field)) for field in kept}

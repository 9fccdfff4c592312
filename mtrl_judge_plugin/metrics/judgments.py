"""Judgments: what was judged and what came out, as far as metrics go. Plain values: a JSON object each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Judgment:
    """One judged sample.

    Attributes:
        id, origin, group, variant, task, form, choices, label: of the Sample.
        answer: the verdict, or None: unscored.
        answers: the verdicts of all replies, where the sample was judged more than once.
        well_formed, forced: as in `Verdict`.
        probabilities: choice -> probability, where the judge gives them.
        ratings: single human ratings behind the label.
        lengths: of the candidate texts, in characters.
    """

    id: str
    origin: str
    group: str
    variant: str
    task: str
    form: str
    choices: Sequence[str]
    label: str | None
    answer: str | None
    answers: Sequence[str | None] = ()
    well_formed: bool = False
    forced: bool = False
    probabilities: Mapping[str, float] | None = None
    ratings: Sequence[float] = ()
    lengths: Sequence[int] = ()

    @property
    def base(self) -> str:
        """The variant with its order taken away: the same for both orders of a pair, all rotations of a ranking."""
        if self.variant.startswith("rotated-"):
            return "original"
        return self.variant.removesuffix("swapped").removesuffix("-") or "original"

    @property
    def agrees(self) -> float:
        """1 or 0: the verdict is the human label; NaN: there is no verdict, or no label."""
        if self.answer is None or self.label is None:
            return float("nan")
        return float(self.answer == self.label)

    @property
    def number(self) -> float:
        """The verdict on a scale: a score (its expectation under the probabilities), or P(first choice); else NaN."""
        if self.answer is None:
            return float("nan")
        if self.form == "score":
            weighed = self.probabilities or {self.answer: 1.0}
            return sum(float(choice) * weight for choice, weight in weighed.items())
        weighed = self.probabilities or {self.answer: 1.0}
        return weighed.get(self.choices[0], 0.0)


def from_record(record: Mapping[str, Any]) -> Judgment:
    """The judgment of a record, which may hold more."""
    return Judgment(**{name: record[name] for name in _NAMES if name in record})


def by_item(judgments: Sequence[Judgment], rows: Sequence[int]) -> dict[tuple[str, str], dict[str, int]]:
    """(origin, base) -> variant -> row: the orders of one and the same thing."""
    items: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for row in rows:
        one = judgments[row]
        items[one.origin, one.base][one.variant] = row
    return dict(items)


_NAMES = [field.name for field in fields(Judgment)]

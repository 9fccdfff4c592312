"""The whole analysis of a run: every metric that its judgments have, each with n, coverage and a 95 % interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from mtrl_judge_plugin.metrics import agreement, calibration, measures, official
from mtrl_judge_plugin.metrics.arrays import Array
from mtrl_judge_plugin.metrics.intervals import cluster_bootstrap
from mtrl_judge_plugin.metrics.judgments import Judgment
from mtrl_judge_plugin.metrics.measures import FAMILIES, Measure

_READING = {
    "interval": "95 %, percentile, cluster bootstrap over groups, 2,000 resamples, seed 0",
    "unscored": "judgments without a verdict are left out of every metric but those that end in _unscored_wrong, and "
    "official ones that say otherwise; coverage is the share of values that went in",
    "official": "metrics that begin with official_ are those of the data set's authors, by their definition, see the "
    "key official; all others are our definitions, the same for all data sets",
    "ties": "a tie is a verdict like any other; accuracy_without_ties leaves out what people call a tie, and there the "
    "judge's tie is wrong",
}


class Estimate(NamedTuple):
    """A metric with its interval; `n` values could go in, and `coverage` of them did."""

    value: float
    low: float
    high: float
    n: int
    coverage: float


@dataclass(frozen=True)
class Analysis:
    """What can be said about a run.

    Attributes:
        estimates: metric -> value, interval, n, coverage. Metrics of another form than the task's own begin with it
            ("pairwise.accuracy" of a ranking task).
        confusion: form -> {"classes", "rows" (one a label), the last column counting unscored answers}.
        reliability: form -> [mean confidence, share right, count] of each bin, where there are probabilities.
        risk_coverage: form -> [coverage, risk], the most confident first.
        answers: form -> verdict -> how often, None = unscored.
        data: "benchmark/task", which decides what is official of it; "" = not known.
    """

    estimates: dict[str, Estimate]
    confusion: dict[str, Any]
    reliability: dict[str, list[list[float]]]
    risk_coverage: dict[str, list[list[float]]]
    answers: dict[str, dict[str, int]]
    data: str = ""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; a number that is not defined is null."""
        return {
            "data": self.data,
            "metrics": {name: _defined(estimate) for name, estimate in self.estimates.items()},
            "official": official.described(self.data),
            "confusion": self.confusion,
            "reliability": self.reliability,
            "risk_coverage": self.risk_coverage,
            "answers": self.answers,
            "how_to_read": _READING,
        }


def analyse(judgments: Sequence[Judgment], *, data: str = "", resamples: int = 2000, seed: int = 0) -> Analysis:
    """Every metric that the judgments have.

    Args:
        judgments: of one run of one task, in any order.
        data: "benchmark/task", for the metrics of its authors.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    judgments = in_order(judgments)
    confusion, reliability, risk, answers = {}, {}, {}, {}
    for form, rows in _forms(judgments).items():
        answers[form] = dict(Counter(str(judgments[row].answer) for row in rows))
        labelled = [row for row in rows if judgments[row].label is not None and judgments[row].base == "original"]
        if labelled and form != "ranking":
            labels, given, names = measures.codes(judgments, labelled)
            counts = agreement.confusion(labels, given, len(names))
            confusion[form] = {"classes": names, "rows": counts.astype(int).tolist()}
            sure, right = measures.confidences(judgments, labelled)
            if not all(map(math.isnan, sure)):
                reliability[form] = calibration.reliability(sure, right).tolist()
                risk[form] = [list(pair) for pair in zip(*calibration.risk_coverage(sure, right), strict=True)]
    return Analysis(_estimates(judgments, data, resamples, seed), confusion, reliability, risk, answers, data)


def in_order(judgments: Sequence[Judgment]) -> list[Judgment]:
    """By id: no figure may depend on the order in which several processes hand in their judgments."""
    return sorted(judgments, key=lambda one: one.id)


def measures_of(judgments: Sequence[Judgment], data: str = "") -> list[Measure]:
    """All measures that the judgments have; those of another form than most originals' begin with it.

    Args:
        judgments: of one task.
        data: "benchmark/task", for the metrics of its authors.
    """
    everything = range(len(judgments))
    parts = _forms(judgments)
    found: list[Measure] = []
    for family in FAMILIES:
        if not family.by_form:
            found += family.measures(judgments, everything)
            continue
        for form, rows in parts.items():
            prefix = "" if form == next(iter(parts)) else f"{form}."
            found += [measure._replace(name=prefix + measure.name) for measure in family.measures(judgments, rows)]
    return [*found, *official.measures(data, judgments)]


def metric_of(measure: Measure) -> partial[Array]:
    """A measure as a function of the weights of all judgments."""
    return partial(_over_rows, measure)


def _over_rows(measure: Measure, weights: Array) -> Array:
    found: Array = measure.function(weights=weights[:, measure.rows])
    return found


def _estimates(judgments: Sequence[Judgment], data: str, resamples: int, seed: int) -> dict[str, Estimate]:
    found = measures_of(judgments, data)
    groups = [judgment.group for judgment in judgments]
    metrics = {measure.name: metric_of(measure) for measure in found}
    intervals = cluster_bootstrap(metrics, groups, resamples=resamples, seed=seed)
    return {
        measure.name: Estimate(
            *intervals[measure.name],
            n=len(measure.rows),
            coverage=measure.scored / len(measure.rows) if len(measure.rows) else math.nan,
        )
        for measure in found
    }


def _forms(judgments: Sequence[Judgment]) -> dict[str, list[int]]:
    """Form -> rows, the form of most originals first; twins that are only compared with others stay out of it."""
    own = Counter(one.form for one in judgments if one.variant == "original")
    rows: dict[str, list[int]] = {form: [] for form in sorted(own, key=lambda form: (-own[form], form))}
    for row, one in enumerate(judgments):
        if not one.variant.startswith("alone-"):
            rows.setdefault(one.form, []).append(row)
    return rows


def _defined(estimate: Estimate) -> dict[str, float | int | None]:
    return {name: value if math.isfinite(value) else None for name, value in estimate._asdict().items()}

"""A run in one small table: a row a task, and a row a group with the interval of its mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mtrl_judge_plugin.metrics import official
from mtrl_judge_plugin.metrics.analysis import Analysis, in_order, measures_of, metric_of
from mtrl_judge_plugin.metrics.arrays import Array
from mtrl_judge_plugin.metrics.intervals import Interval, Metric, cluster_bootstrap
from mtrl_judge_plugin.metrics.judgments import Judgment, from_record
from mtrl_judge_plugin.reporting.tables import Cell, Table

_COLUMNS = ("task", "n", "metric", "value", "95 % interval", "accuracy", "coverage", "failed", "left out")
_OFFICIAL = "as its authors compute it"
_WHOSE = (
    f'Columns "metric" and "accuracy": our definitions, the same for all tasks. "{_OFFICIAL}": by the definition of '
    "the data set's authors; official_... in the results files, with intervals."
)


@dataclass(frozen=True)
class Measured:
    """What a run says of one task.

    Attributes:
        analysis: every metric of the task.
        records: its judgments, as they are in the file of the analysis.
        metric: the task's main metric.
        data: the name of its data set. Groups of one name are the same samples in all tasks of one data set.
        left_out: why rows of the data could not be used -> how many.
    """

    analysis: Analysis
    records: Sequence[Mapping[str, Any]]
    metric: str
    data: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)


def summary(tasks: Mapping[str, Measured], groups: Mapping[str, tuple[str, Sequence[str]]]) -> Table:
    """The table.

    Args:
        tasks: name -> what was measured.
        groups: name -> (the metric whose mean over tasks it reports, the tasks). Tasks that were not measured, or have
            no such metric, are left out; a group that keeps fewer than two has no row.
    """
    rows = [_row(name, task) for name, task in tasks.items()]
    for name, (metric, members) in groups.items():
        kept = [tasks[one] for one in members if one in tasks and metric in tasks[one].analysis.estimates]
        if len(kept) > 1:
            value = mean_interval(kept, metric)
            about = f"{metric}, mean of {len(kept)}"
            n = sum(task.analysis.estimates[metric].n for task in kept)
            rows.append([name, n, about, value.value, _interval(value.low, value.high), None, None, *_counts(kept)])
    reasons = [
        f"{name}: rows left out: " + ", ".join(f"{reason} {number}" for reason, number in task.left_out.items())
        for name, task in tasks.items()
        if task.left_out
    ]
    columns: tuple[str, ...] = _COLUMNS
    authors = [_official(task) for task in tasks.values()]
    if any(authors):
        columns = (*_COLUMNS, _OFFICIAL)
        authors += [""] * (len(rows) - len(authors))  # of groups there is none
        rows = [[*row, cell] for row, cell in zip(rows, authors, strict=True)]
        reasons.insert(0, _WHOSE)
    formats = dict.fromkeys(("value", "accuracy", "coverage"), ".3f") | dict.fromkeys(("n", "failed", "left out"), ",")
    return Table(columns, rows, formats=formats, notes=reasons)


def mean_interval(tasks: Sequence[Measured], metric: str, *, resamples: int = 2000, seed: int = 0) -> Interval:
    """The unweighted mean of a metric over tasks and its 95 % interval, by one cluster bootstrap over all of them.

    Groups of the same name are drawn together where tasks share their data set, so tasks on the same images are not
    taken for independent ones.

    Args:
        tasks: all have the metric.
        metric: its name.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    metrics: list[tuple[int, int, Metric]] = []
    groups: list[tuple[str, str]] = []
    for task in tasks:
        judgments = in_order([from_record(record) for record in task.records])
        start = len(groups)
        groups += [(task.data, judgment.group) for judgment in judgments]
        metrics.append((start, len(groups), _metric(judgments, task.analysis.data, metric)))

    def mean(weights: Array) -> Array:
        values: Array = np.mean([one(weights[:, start:end]) for start, end, one in metrics], axis=0)
        return values

    return cluster_bootstrap({"mean": mean}, groups, resamples=resamples, seed=seed)["mean"]


def _metric(judgments: Sequence[Judgment], data: str, name: str) -> Metric:
    return next(metric_of(measure) for measure in measures_of(judgments, data) if measure.name == name)


def _row(name: str, task: Measured) -> list[Cell]:
    estimates = task.analysis.estimates
    main = estimates.get(task.metric)
    accuracy = estimates.get("accuracy")
    return [
        name,
        main.n if main else None,
        task.metric,
        main.value if main else None,
        _interval(main.low, main.high) if main else None,
        accuracy.value if accuracy else None,
        main.coverage if main else None,
        *_counts([task]),
    ]


def _official(task: Measured) -> str:
    """The numbers of the data set's authors, under the authors' names."""
    estimates = task.analysis.estimates
    found = {
        about["name"]: estimates[metric].value
        for metric, about in official.described(task.analysis.data).items()
        if metric in estimates
    }
    return ", ".join(f"{name} {value:.3f}" if math.isfinite(value) else f"{name} -" for name, value in found.items())


def _counts(tasks: Sequence[Measured]) -> tuple[int, int]:
    """(judgments without a verdict, rows left out)"""
    failed = sum(record["answer"] is None for task in tasks for record in task.records)
    return failed, sum(sum(task.left_out.values()) for task in tasks)


def _interval(low: float, high: float) -> str | None:
    return f"{low:.3f} to {high:.3f}" if math.isfinite(low) and math.isfinite(high) else None

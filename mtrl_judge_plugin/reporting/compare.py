"""Two judges on the same samples: how far apart are they, and could that be chance?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mtrl_judge_plugin.metrics.analysis import in_order, measures_of, metric_of
from mtrl_judge_plugin.metrics.intervals import mcnemar, paired_bootstrap
from mtrl_judge_plugin.metrics.judgments import Judgment, from_record
from mtrl_judge_plugin.reporting.tables import Cell, Table

#: Metrics that are compared unless others are named; those that a task has.
METRICS = (
    "macro_f1",
    "accuracy",
    "accuracy_unscored_wrong",
    "acc_plus",
    "swap_consistency",
    "pearson",
    "ranking_tau",
    "levenshtein",
)
#: Row of McNemar's test: the samples that only the first, and only the second judge has right.
ONLY_RIGHT = "only one right (McNemar)"
_UNDEFINED = "not defined for these samples"
_FEW = "no interval and no p-value: too few groups"


class Row(NamedTuple):
    """One metric of one task.

    Attributes:
        task, metric: names.
        n: samples that were compared.
        first, second: the metric of either judge; for McNemar's test the samples that only this judge has right.
        difference: first - second.
        low, high: its 95 % interval.
        p: two-sided p-value.
        note: why something is missing.
    """

    task: str
    metric: str
    n: int
    first: Cell
    second: Cell
    difference: Cell = None
    low: Cell = None
    high: Cell = None
    p: Cell = None
    note: str = ""


def table(first: Mapping[str, Any], second: Mapping[str, Any], metrics: Sequence[str]) -> Table:
    """The tasks that both judges have, a row a metric; notes say which judges and how many samples.

    Args:
        first: task -> analysis of the first judge, as `analyses.read` gives it.
        second: of the second judge.
        metrics: names; those that a task does not have are left out.

    Raises:
        ValueError: no task in common; no sample in common in one; or a sample that is not the same in both.
    """
    both = [task for task in first if task in second]
    if not both:
        raise ValueError(f"no task in common: {', '.join(first)} and {', '.join(second)}")
    rows: list[Row] = []
    notes = []
    least = math.nan
    for task in both:
        ours, theirs, ids = _same_samples(first[task], second[task])
        silent = [sum(judged[name].answer is None for name in ids) for judged in (ours, theirs)]
        notes.append(
            f"{task}: {describe(first[task])} against {describe(second[task])}, {len(ids)} samples; "
            f"unscored by the first {silent[0]}, by the second {silent[1]}"
        )
        for row, bound in _rows(task, first[task].get("data", ""), ours, theirs, ids, metrics):
            rows.append(row)
            least = bound if math.isnan(least) else least
    return Table(
        Row._fields,
        rows,
        formats={
            "first": _value,
            "second": _value,
            "difference": "+z.4f",
            "low": "+z.4f",
            "high": "+z.4f",
            "p": lambda p: p_value(float(p or 0), least).removeprefix("p = ").removeprefix("p "),
        },
        notes=notes,
    )


def describe(analysis: Mapping[str, Any]) -> str:
    """A judge in a few words."""
    return f"{analysis['model']}({analysis['model_args'] or ''})"


def p_value(value: float, least: float = 0.0) -> str:
    """A p-value in words, never as 0.

    Args:
        value: in (0, 1], or NaN: there is none.
        least: the least that its test can give; there, only an upper bound is known.

    >>> p_value(0.03125), p_value(3e-9), p_value(2 / 2001, least=2 / 2001), p_value(math.nan)
    ('p = 0.0312', 'p < 0.0001', 'p <= 0.001', 'no p-value')
    """
    if math.isnan(value):
        return "no p-value"
    if value == least:
        return f"p <= {math.ceil(value * 1e4) / 1e4:g}"
    return f"p = {value:.4f}" if value >= 1e-4 else "p < 0.0001"


def _same_samples(
    first: Mapping[str, Any], second: Mapping[str, Any]
) -> tuple[dict[str, Judgment], dict[str, Judgment], list[str]]:
    """(judgments of the first by sample id, of the second, ids in common)."""
    ours, theirs = ({record["id"]: from_record(record) for record in one["judgments"]} for one in (first, second))
    ids = [name for name in ours if name in theirs]
    if not ids:
        raise ValueError(f"{first['file']} and {second['file']} have no sample in common")
    for name in ids:
        for what in ("form", "label", "group", "variant"):
            one, other = getattr(ours[name], what), getattr(theirs[name], what)
            if one != other:
                raise ValueError(
                    f"{first['file']} and {second['file']} are not of the same data: sample {name} has {what} {one!r} "
                    f"in the first, {other!r} in the second; judge both with the same files and options"
                )
    return ours, theirs, ids


def _rows(
    task: str,
    data: str,
    ours: Mapping[str, Judgment],
    theirs: Mapping[str, Judgment],
    ids: Sequence[str],
    metrics: Sequence[str],
) -> Iterator[tuple[Row, float]]:
    """Rows of one task, each with the least p-value that its test can give."""
    both = [name for name in ids if ours[name].answer is not None and theirs[name].answer is not None]
    for name in metrics:
        chosen = ids if name.endswith("_unscored_wrong") or name.startswith("official_") else both
        left, right = (in_order([judged[one] for one in chosen]) for judged in (ours, theirs))
        found, other = (
            {one.name: metric_of(one) for one in measures_of(judgments, data)} for judgments in (left, right)
        )
        if name in found and name in other:
            result = paired_bootstrap(found[name], other[name], [judgment.group for judgment in left])
            everything = np.ones((1, len(left)))
            value, its = (float(metric[name](everything)[0]) for metric in (found, other))
            note = _UNDEFINED if math.isnan(result.difference.value) else _FEW if math.isnan(result.p_value) else ""
            yield Row(task, name, len(left), value, its, *result.difference, result.p_value, note), result.least_p_value
    originals = [name for name in both if ours[name].variant == "original"]
    test = mcnemar(*([judged[name].agrees for name in originals] for judged in (ours, theirs)))
    note = "no p-value" if math.isnan(test.p_value) else ""
    yield Row(task, ONLY_RIGHT, len(originals), test.only_first, test.only_second, p=test.p_value, note=note), math.nan


def _value(cell: Cell) -> str:
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)

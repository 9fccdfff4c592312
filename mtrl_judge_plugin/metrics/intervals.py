"""Confidence intervals by the cluster bootstrap: whole groups are drawn, since their samples are not independent.

A metric is a function of sums over samples (a confusion matrix, counts of right answers), so a resample costs one
addition a group and thousands of them one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_BLOCK = 64  # resamples at a time: bounds the memory at large n


class Interval(NamedTuple):
    """A metric's value and its percentile interval; NaN where nothing is scored."""

    value: float
    low: float
    high: float


def cluster_bootstrap(
    statistics: Array,
    groups: Sequence[Hashable],
    metric: Callable[[Array], Array],
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a metric under resampling of groups with replacement (Field and Welsh 2007, section 3).

    Args:
        statistics: (n, k), what each sample adds to the k sums that the metric is computed from.
        groups: n names; samples of one name are drawn together.
        metric: (m, k) sums -> (m,) values.
        resamples: how many draws.
        level: of the interval, in (0, 1).
        seed: of the draws.

    Raises:
        ValueError: the lengths of `statistics` and `groups` differ.
    """
    if len(statistics) != len(groups):
        raise ValueError(f"{len(statistics)} rows of statistics for {len(groups)} groups")
    if not len(groups):
        return Interval(np.nan, np.nan, np.nan)
    names: dict[Hashable, int] = {}
    places = np.array([names.setdefault(group, len(names)) for group in groups])
    sums = np.zeros((len(names), statistics.shape[1]))
    np.add.at(sums, places, statistics)
    random = np.random.default_rng(seed)
    values = []
    for start in range(0, resamples, _BLOCK):
        drawn = random.integers(len(names), size=(min(_BLOCK, resamples - start), len(names)))
        counts = np.stack([np.bincount(row, minlength=len(names)) for row in drawn])
        values.append(metric(counts @ sums))
    tail = (1 - level) / 2
    found = np.concatenate(values)
    low, high = np.nanquantile(found, [tail, 1 - tail]) if np.isfinite(found).any() else (np.nan, np.nan)
    return Interval(float(metric(sums.sum(axis=0, keepdims=True))[0]), float(low), float(high))


def confusion(labels: Sequence[str], answers: Sequence[str | None]) -> Array:
    """(n, c * c) one-hot cells of the confusion matrix, c classes seen; an unscored answer (None) is a row of zeros."""
    classes = sorted({*labels, *(answer for answer in answers if answer is not None)})
    number = {name: index for index, name in enumerate(classes)}
    cells = np.zeros((len(labels), len(classes) ** 2))
    for row, (label, answer) in enumerate(zip(labels, answers, strict=True)):
        if answer is not None:
            cells[row, number[label] * len(classes) + number[answer]] = 1
    return cells


def macro_f1(cells: Array) -> Array:
    """(m, c * c) confusion matrices -> (m,) unweighted mean F1 of the classes that occur in each; NaN where none does.

    F1 = 2 TP / (2 TP + FP + FN), as scikit-learn's f1_score(average="macro").
    """
    classes = round(cells.shape[-1] ** 0.5)
    matrix = cells.reshape(-1, classes, classes)
    occurring = matrix.sum(axis=1) + matrix.sum(axis=2)  # 2 TP + FP + FN
    f1 = _ratio(2 * np.diagonal(matrix, axis1=1, axis2=2), occurring)
    return _ratio(np.nansum(f1, axis=1), (occurring > 0).sum(axis=1))


def accuracy(cells: Array) -> Array:
    """(m, c * c) confusion matrices -> (m,) share of right answers among the scored; NaN where none is scored."""
    classes = round(cells.shape[-1] ** 0.5)
    return _ratio(cells[:, :: classes + 1].sum(axis=1), cells.sum(axis=1))


def _ratio(part: Array, whole: Array) -> Array:
    """NaN where there is nothing to divide by."""
    found: Array = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return found

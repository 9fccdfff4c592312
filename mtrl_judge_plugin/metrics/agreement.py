"""Agreement with the human labels, over classes. All of it comes from one confusion matrix.

Unscored answers are left out, and `coverage` says how many are scored. With `unscored_wrong` they count as wrong: an
unscored answer is a miss of its label, but a class of its own it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mtrl_judge_plugin.metrics.arrays import Array, Codes, Value, multiplicities, ratio, sums_by_code, value


def codes(
    labels: Sequence[str], answers: Sequence[str | None], names: Sequence[str] = ()
) -> tuple[Codes, Codes, list[str]]:
    """(codes of the labels, codes of the answers, names of the classes); an answer of None is -1.

    `names` gives the classes in an order of their own, as a weighted kappa of scores needs ("10" sorts before "2");
    without it they are those that occur, sorted.

        >>> codes(["yes", "no"], [None, "no"])
        (array([1, 0]), array([-1,  0]), ['no', 'yes'])
    """
    names = list(names) or sorted({*labels, *(answer for answer in answers if answer is not None)})
    number: dict[str | None, int] = {name: place for place, name in enumerate(names)} | {None: -1}
    return (
        np.array([number[label] for label in labels], dtype=np.int64),
        np.array([number[answer] for answer in answers], dtype=np.int64),
        names,
    )


def confusion(labels: ArrayLike, answers: ArrayLike, classes: int, weights: Array | None = None) -> Array:
    """Counts of (label, answer), labels down; the last column counts the unscored answers of each label.

    Args:
        labels: (n,) codes in 0..classes-1.
        answers: (n,) codes in -1..classes-1.
        classes: their number c.
        weights: (m, n) or None.

    Returns:
        (c, c + 1), or (m, c, c + 1) with weights.
    """
    true, given = np.asarray(labels, dtype=np.int64), np.asarray(answers, dtype=np.int64)
    cells = true * (classes + 1) + np.where(given < 0, classes, given)
    matrix = multiplicities(weights, len(true))
    tables = sums_by_code(matrix, cells, classes * (classes + 1)).reshape(len(matrix), classes, classes + 1)
    return tables[0] if weights is None else tables


def accuracy(
    labels: ArrayLike, answers: ArrayLike, classes: int, weights: Array | None = None, *, unscored_wrong: bool = False
) -> Value:
    """Share of answers that equal their label, in [0, 1]."""
    right, labelled, _ = _sides(_tables(labels, answers, classes, weights, unscored_wrong))
    return value(ratio(right.sum(axis=1), labelled.sum(axis=1)), weights)


def balanced_accuracy(
    labels: ArrayLike, answers: ArrayLike, classes: int, weights: Array | None = None, *, unscored_wrong: bool = False
) -> Value:
    """Unweighted mean of the recalls of the classes that occur among the labels, in [0, 1]."""
    right, labelled, _ = _sides(_tables(labels, answers, classes, weights, unscored_wrong))
    return value(_mean_over_classes(ratio(right, labelled)), weights)


def macro_f1(
    labels: ArrayLike, answers: ArrayLike, classes: int, weights: Array | None = None, *, unscored_wrong: bool = False
) -> Value:
    """Unweighted mean over the classes of F1 = 2TP / (2TP + FP + FN), in [0, 1].

    The classes are those that occur among the labels or answers that count (scikit-learn's definition).
    """
    right, labelled, answered = _sides(_tables(labels, answers, classes, weights, unscored_wrong))
    return value(_mean_over_classes(ratio(2 * right, labelled + answered)), weights)


def precision(
    labels: ArrayLike,
    answers: ArrayLike,
    classes: int,
    weights: Array | None = None,
    *,
    label: int,
    unscored_wrong: bool = False,
) -> Value:
    """Share of the answers `label` that are right, in [0, 1]; NaN where none answers so."""
    right, _, answered = _sides(_tables(labels, answers, classes, weights, unscored_wrong))
    return value(ratio(right[:, label], answered[:, label]), weights)


def recall(
    labels: ArrayLike,
    answers: ArrayLike,
    classes: int,
    weights: Array | None = None,
    *,
    label: int,
    unscored_wrong: bool = False,
) -> Value:
    """Share of the samples labelled `label` that are answered so, in [0, 1]; NaN where there are none."""
    right, labelled, _ = _sides(_tables(labels, answers, classes, weights, unscored_wrong))
    return value(ratio(right[:, label], labelled[:, label]), weights)


def f1(
    labels: ArrayLike,
    answers: ArrayLike,
    classes: int,
    weights: Array | None = None,
    *,
    label: int,
    unscored_wrong: bool = False,
) -> Value:
    """2TP / (2TP + FP + FN) of the class `label`, in [0, 1]; NaN where it occurs on neither side."""
    right, labelled, answered = _sides(_tables(labels, answers, classes, weights, unscored_wrong))
    return value(ratio(2 * right[:, label], labelled[:, label] + answered[:, label]), weights)


def cohen_kappa(
    labels: ArrayLike,
    answers: ArrayLike,
    classes: int,
    weights: Array | None = None,
    *,
    scheme: Literal["linear", "quadratic"] | None = None,
    unscored_wrong: bool = False,
) -> Value:
    """1 - observed / expected disagreement, at most 1; 0 = chance (Cohen 1960; weighted by `scheme`: Cohen 1968).

    A scheme is for ordered codes: the disagreement of two is their distance, or its square. An unscored answer that
    counts as wrong disagrees as much as any two codes can. NaN where both sides are constant and the same.
    """
    tables = _tables(labels, answers, classes, weights, unscored_wrong)
    distance = np.abs(np.subtract.outer(np.arange(classes), np.arange(classes + 1))).astype(float)
    distance[:, -1] = max(classes - 1, 1)
    disagreement = distance**2 if scheme == "quadratic" else distance if scheme == "linear" else np.sign(distance)
    observed = np.einsum("mij,ij->m", tables, disagreement)
    expected = np.einsum("mi,mj,ij->m", tables.sum(axis=2), tables.sum(axis=1), disagreement)
    return value(1 - ratio(observed * tables.sum(axis=(1, 2)), expected), weights)


def coverage(answers: ArrayLike, weights: Array | None = None) -> Value:
    """Share that is scored, in [0, 1]: of integer codes those from 0 on, of floats those that are not NaN."""
    given = np.asarray(answers)
    scored = given >= 0 if np.issubdtype(given.dtype, np.integer) else ~np.isnan(given)
    return mean(scored.astype(float), weights)


def mean(values: ArrayLike, weights: Array | None = None) -> Value:
    """Mean of (n,) values, NaN left out."""
    values = np.asarray(values, dtype=float)
    scored, matrix = ~np.isnan(values), multiplicities(weights, len(values))
    return value(ratio(matrix @ np.where(scored, values, 0.0), matrix @ scored), weights)


def _tables(labels: ArrayLike, answers: ArrayLike, classes: int, weights: Array | None, unscored_wrong: bool) -> Array:
    """(m, c, c + 1) confusion matrices whose last column is empty unless unscored answers count as wrong."""
    tables = confusion(labels, answers, classes, weights)
    tables = tables[np.newaxis] if weights is None else tables
    if not unscored_wrong:
        tables[:, :, -1] = 0
    return tables


def _sides(tables: Array) -> tuple[Array, Array, Array]:
    """(m, c) each: right answers, labels, answers of every class."""
    return np.diagonal(tables, axis1=1, axis2=2), tables.sum(axis=2), tables[:, :, :-1].sum(axis=1)


def _mean_over_classes(scores: Array) -> Array:
    return ratio(np.nansum(scores, axis=1), (~np.isnan(scores)).sum(axis=1))

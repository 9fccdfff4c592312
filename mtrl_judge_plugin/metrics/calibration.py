"""Whether a judge's confidence means what it says. NaN confidence is unscored, and left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mtrl_judge_plugin.metrics.agreement import mean
from mtrl_judge_plugin.metrics.arrays import Array, Codes, Value, distinct, multiplicities, ratio, sums_by_code, value


def ece(confidence: ArrayLike, correct: ArrayLike, bins: int = 15, weights: Array | None = None) -> Value:
    """Expected calibration error: mean |mean confidence - share correct| of the bins, by their size (Guo et al. 2017).

    Args:
        confidence: (n,) in [0, 1].
        correct: (n,) of 0 and 1.
        bins: of equal width, each (low, high]; 0 is in the first.
        weights: (m, n) or None.

    Returns:
        In [0, 1]; 0 = calibrated.
    """
    sure, right, matrix = _scored(confidence, correct, weights)
    gaps = np.abs(sums_by_code(matrix * (sure - right), _bin(sure, bins), bins))
    return value(ratio(gaps.sum(axis=1), matrix.sum(axis=1)), weights)


def reliability(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> Array:
    """The reliability diagram: (k, 3) rows of mean confidence, share correct and count, one for each non-empty bin."""
    sure, right, _ = _scored(confidence, correct, None)
    sums = sums_by_code(np.stack([sure, right, np.ones(len(sure))]), _bin(sure, bins), bins)
    sums = sums[:, sums[2] > 0]
    return np.stack([sums[0] / sums[2], sums[1] / sums[2], sums[2]], axis=1)


def brier(probabilities: ArrayLike, labels: ArrayLike, weights: Array | None = None) -> Value:
    """Mean over the samples of the sum over the classes of (probability - [is the label])^2 (Brier 1950).

    In [0, 2], 0 = certain and right. For two classes this is twice scikit-learn's `brier_score_loss`.

    Args:
        probabilities: (n, c); a row with a NaN is unscored.
        labels: (n,) codes in 0..c-1.
        weights: (m, n) or None.
    """
    predicted = np.asarray(probabilities, dtype=float)
    truth = np.eye(predicted.shape[1])[np.asarray(labels, dtype=np.int64)]
    return mean(((predicted - truth) ** 2).sum(axis=1), weights)


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> tuple[Array, Array]:
    """(coverage, risk) as the most confident samples are answered first, ties together (El-Yaniv and Wiener 2010).

    Both are (k,), k distinct confidences: the share of samples answered so far, and the share of those that are wrong.
    """
    sure, right, matrix = _scored(confidence, correct, None)
    answered, risk = _risk(sure, right, matrix)[:2]
    return answered[0] / len(sure), risk[0]


def aurc(confidence: ArrayLike, correct: ArrayLike, weights: Array | None = None) -> Value:
    """Area under the risk-coverage curve, in [0, 1]; 0 = nothing wrong (Geifman and El-Yaniv 2017).

    The mean over the samples of the risk at the point where a sample is answered.
    """
    sure, right, matrix = _scored(confidence, correct, weights)
    _, risk, counts = _risk(sure, right, matrix)
    return value(ratio(np.where(counts > 0, counts * risk, 0.0).sum(axis=1), counts.sum(axis=1)), weights)


def _scored(confidence: ArrayLike, correct: ArrayLike, weights: Array | None) -> tuple[Array, Array, Array]:
    sure, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    scored = ~(np.isnan(sure) | np.isnan(right))
    return sure[scored], right[scored], multiplicities(weights, len(sure))[:, scored]


def _bin(confidence: Array, bins: int) -> Codes:
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence, side="left")


def _risk(sure: Array, right: Array, matrix: Array) -> tuple[Array, Array, Array]:
    """(m, k) each, falling confidences along the second: samples answered so far, their risk, samples at the point."""
    values, places = distinct(-sure)
    counts = sums_by_code(matrix, places, len(values))
    answered = counts.cumsum(axis=1)
    return answered, ratio(sums_by_code(matrix * (1 - right), places, len(values)).cumsum(axis=1), answered), counts

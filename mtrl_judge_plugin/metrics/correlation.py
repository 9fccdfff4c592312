"""Agreement of scores: correlations, and the area under the ROC curve. Pairs with a NaN on either side are left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtrl_judge_plugin.metrics.arrays import Array, Codes, Value, distinct, multiplicities, ratio, sums_by_code, value


def pearson(x: ArrayLike, y: ArrayLike, weights: Array | None = None) -> Value:
    """Pearson's correlation of two (n,) arrays, in [-1, 1]; NaN where a side is constant."""
    first, second, matrix = _pairs(x, y, weights)
    return value(_correlation(first[np.newaxis], second[np.newaxis], matrix), weights)


def spearman(x: ArrayLike, y: ArrayLike, weights: Array | None = None) -> Value:
    """Pearson's correlation of the mid-ranks of two (n,) arrays, in [-1, 1]; NaN where a side is constant."""
    first, second, matrix = _pairs(x, y, weights)
    return value(_correlation(_mid_ranks(first, matrix), _mid_ranks(second, matrix), matrix), weights)


def kendall_tau_b(x: ArrayLike, y: ArrayLike, weights: Array | None = None) -> Value:
    """(concordant - discordant pairs) / root of (pairs not tied in x * pairs not tied in y), in [-1, 1].

    Kendall 1945. NaN where a side is constant.
    """
    first, second, matrix = _pairs(x, y, weights)
    (rows, row), (columns, column) = sorted((distinct(first), distinct(second)), key=lambda side: len(side[0]))
    below = np.zeros((len(matrix), len(columns)))  # counts of the table's rows above the present one, cumulated
    balance = np.zeros(len(matrix))
    for place in range(len(rows)):
        inside = row == place
        counts = sums_by_code(matrix[:, inside], column[inside], len(columns))
        upto = below.cumsum(axis=1)
        balance += (counts * (upto - below - (upto[:, -1:] - upto))).sum(axis=1)
        below += counts
    untied = _untied(matrix, row, len(rows)) * _untied(matrix, column, len(columns))
    return value(np.clip(ratio(2 * balance, np.sqrt(untied)), -1, 1), weights)


def roc_auc(positive: ArrayLike, scores: ArrayLike, weights: Array | None = None) -> Value:
    """Chance that a positive sample has a higher score than a negative one, a tie counted half, in [0, 1].

    Args:
        positive: (n,) of 0 and 1.
        scores: (n,), high = positive.
        weights: (m, n) or None.
    """
    labels, found, matrix = _pairs(positive, scores, weights)
    values, places = distinct(found)
    positives = sums_by_code(matrix * (labels > 0), places, len(values))
    negatives = sums_by_code(matrix * (labels <= 0), places, len(values))
    won = (positives * (negatives.cumsum(axis=1) - negatives / 2)).sum(axis=1)
    return value(ratio(won, positives.sum(axis=1) * negatives.sum(axis=1)), weights)


def _pairs(x: ArrayLike, y: ArrayLike, weights: Array | None) -> tuple[Array, Array, Array]:
    """The k complete pairs as two (k,) arrays, and their (m, k) weights."""
    first, second = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    complete = ~(np.isnan(first) | np.isnan(second))
    return first[complete], second[complete], multiplicities(weights, len(first))[:, complete]


def _correlation(x: Array, y: Array, matrix: Array) -> Array:
    """(m or 1, k) each, and (m, k) weights -> (m,)."""
    total = matrix.sum(axis=1)
    dx, dy = (side - ratio((matrix * side).sum(axis=1), total)[:, np.newaxis] for side in (x, y))
    covariance, of_x, of_y = (np.einsum("mk,mk,mk->m", matrix, a, b) for a, b in ((dx, dy), (dx, dx), (dy, dy)))
    # A constant side is found by comparing values: its variance may be rounded to something above 0.
    varies = _varies(x, matrix) & _varies(y, matrix)
    return np.clip(ratio(covariance, np.where(varies, np.sqrt(of_x) * np.sqrt(of_y), 0.0)), -1, 1)


def _varies(x: Array, matrix: Array) -> NDArray[np.bool_]:
    present = matrix > 0
    low = np.where(present, x, np.inf).min(axis=1, initial=np.inf)
    high = np.where(present, x, -np.inf).max(axis=1, initial=-np.inf)
    found: NDArray[np.bool_] = high > low
    return found


def _mid_ranks(x: Array, matrix: Array) -> Array:
    """(k,) values and (m, k) weights -> (m, k) ranks from 0, tied ones at their mean."""
    values, places = distinct(x)
    counts = sums_by_code(matrix, places, len(values))
    ranks: Array = counts.cumsum(axis=1) - counts / 2
    return ranks[:, places]


def _untied(matrix: Array, places: Codes, size: int) -> Array:
    """(m,) ordered pairs of samples whose values differ."""
    untied: Array = matrix.sum(axis=1) ** 2 - (sums_by_code(matrix, places, size) ** 2).sum(axis=1)
    return untied

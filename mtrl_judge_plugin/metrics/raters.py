"""Agreement among any number of raters who may leave units out: Krippendorff's alpha."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mtrl_judge_plugin.metrics.arrays import Array, Value, distinct, multiplicities, ratio, sums_by_code, value


def krippendorff_alpha(
    ratings: ArrayLike, level: Literal["nominal", "ordinal", "interval"] = "nominal", weights: Array | None = None
) -> Value:
    """1 - observed / expected disagreement, at most 1; 0 = chance (Krippendorff 2011, "Computing alpha-reliability").

    A pair's disagreement is 0 or 1 (nominal), the squared distance of the two values (interval), or that of their
    mid-ranks among all ratings (ordinal, which equals Krippendorff's sum over the ranks between).

    Args:
        ratings: (n, raters), NaN where a rater gave none. Units with fewer than two ratings are left out.
        level: of measurement.
        weights: (m, n) of the units, or None.
    """
    ratings = np.asarray(ratings, dtype=float)
    given = ~np.isnan(ratings)
    given &= given.sum(axis=1, keepdims=True) > 1
    count = given.sum(axis=1).astype(float)
    matrix = multiplicities(weights, len(ratings))
    # A rating that is left out takes the place of some value with a weight of 0.
    values, places = distinct(np.where(given, ratings, 0.0))
    counts = sum(
        (sums_by_code(matrix * given[:, rater], places[:, rater], len(values)) for rater in range(ratings.shape[1])),
        start=np.zeros((len(matrix), len(values))),
    )
    total = counts.sum(axis=1)
    if level == "nominal":
        pairs = given[:, :, np.newaxis] & given[:, np.newaxis, :]
        within = (pairs & (places[:, :, np.newaxis] != places[:, np.newaxis, :])).sum(axis=(1, 2))
        expected = total**2 - (counts**2).sum(axis=1)
    else:
        scale = counts.cumsum(axis=1) - counts / 2 if level == "ordinal" else values[np.newaxis]
        scale = scale - ratio((counts * scale).sum(axis=1), total)[:, np.newaxis]  # centred: squares lose no digits
        found = np.where(given, scale[:, places], 0.0)
        within = 2 * (count * (found**2).sum(axis=2) - found.sum(axis=2) ** 2)
        expected = 2 * total * (counts * scale**2).sum(axis=1)
    observed = (matrix * within / np.maximum(count - 1, 1)).sum(axis=1)
    varies = (counts > 0).sum(axis=1) > 1
    return value(1 - ratio(observed * (total - 1), np.where(varies, expected, 0.0)), weights)

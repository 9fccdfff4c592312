"""What all metrics share: multiplicities of samples, sums of them by code, ratios that may be undefined."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]
#: A float where a metric got no weights, else an (m,) array: which of the two no type can say without overloads.
Value: TypeAlias = Any


def multiplicities(weights: Array | None, samples: int) -> Array:
    """The weights as an (m, n) matrix: one row of ones in place of None.

    Raises:
        ValueError: they are not those of n samples.
    """
    matrix = np.ones((1, samples)) if weights is None else np.asarray(weights, dtype=float)
    if matrix.ndim != 2 or matrix.shape[1] != samples:
        raise ValueError(f"weights of shape {matrix.shape} for {samples} samples; (m, {samples}) are wanted")
    return matrix


def value(values: Array, weights: Array | None) -> Value:
    """(m,) values as a metric returns them: the one float where it got no weights."""
    return float(values[0]) if weights is None else values


def ratio(part: ArrayLike, whole: ArrayLike) -> Array:
    """part / whole, element by element; NaN where the whole is not positive."""
    part, whole = np.broadcast_arrays(np.asarray(part, dtype=float), np.asarray(whole, dtype=float))
    quotient: Array = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return quotient


def sums_by_code(weights: Array, codes: Codes, size: int) -> Array:
    """(m, n) weights and (n,) codes in 0..size-1 -> (m, size) sums of the weights of each code."""
    order = np.argsort(codes, kind="stable")
    present, starts = np.unique(codes[order], return_index=True)
    sums = np.zeros((len(weights), size))
    sums[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def distinct(values: ArrayLike) -> tuple[Array, Codes]:
    """The distinct values in rising order, and the place of every value among them, in the shape of `values`."""
    values = np.asarray(values, dtype=float)
    found, places = np.unique(values, return_inverse=True)
    return found, places.reshape(values.shape)

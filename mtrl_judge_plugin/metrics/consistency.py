"""Whether a judge agrees with itself: over repeats, orders of the candidates, wordings, lengths."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mtrl_judge_plugin.metrics.agreement import mean
from mtrl_judge_plugin.metrics.arrays import Array, Value, multiplicities, ratio, sums_by_code, value


def pairwise_agreement(codes: ArrayLike, weights: Array | None = None) -> Value:
    """Mean over the items of the share of agreeing pairs among an item's scored replies, in [0, 1].

    Args:
        codes: (n, r) codes of r replies to each of n items, -1 = unscored. An item with fewer than two scored replies
            is left out. Replies to candidates in another order are to be mapped back beforehand.
        weights: (m, n) of the items, or None.
    """
    replies = np.asarray(codes)
    scored = replies >= 0
    pairs = scored[:, :, np.newaxis] & scored[:, np.newaxis, :]
    agreeing = (pairs & (replies[:, :, np.newaxis] == replies[:, np.newaxis, :])).sum(axis=(1, 2))
    count = scored.sum(axis=1)
    return mean(ratio(agreeing - count, count * (count - 1)), weights)


def fleiss_kappa(codes: ArrayLike, classes: int, weights: Array | None = None) -> Value:
    """Agreement beyond chance, at most 1; 0 = chance (Fleiss 1971); NaN where all replies are of one class.

    (P - Pe) / (1 - Pe): P is `pairwise_agreement`, Pe the sum of the squared shares of the classes among the replies
    that it is taken over. For equal numbers of replies this is Fleiss's own; here they may differ.

    Args:
        codes: (n, r) codes in -1..classes-1, -1 = unscored.
        classes: their number.
        weights: (m, n) of the items, or None.
    """
    replies = np.asarray(codes)
    matrix = multiplicities(weights, len(replies))
    scored = replies >= 0
    scored &= scored.sum(axis=1, keepdims=True) > 1
    counts = sum(
        (
            sums_by_code(matrix * used, np.maximum(column, 0), classes)
            for used, column in zip(scored.T, replies.T, strict=True)
        ),
        start=np.zeros((len(matrix), classes)),
    )
    total = counts.sum(axis=1)
    disagreement = 1 - pairwise_agreement(replies, matrix)
    return value(1 - ratio(disagreement * total**2, total**2 - (counts**2).sum(axis=1)), weights)


def position_bias(picked_first: ArrayLike, weights: Array | None = None) -> Value:
    """Mean over the decided of +1 = chose the candidate shown first, -1 = the one shown second; 0 = no bias.

    Args:
        picked_first: (n,) of +1, -1, 0 = tie, NaN = unscored.
        weights: (m, n) or None.
    """
    picked = np.asarray(picked_first, dtype=float)
    return mean(np.where(picked == 0, np.nan, picked), weights)


def cyclic_triads(preferences: ArrayLike) -> tuple[int, int]:
    """(cyclic triads, triads whose three pairs are all decided) of one set of candidates (Kendall and Smith 1940).

    Args:
        preferences: (k, k): +1 = the row's candidate is preferred to the column's, -1 = the other way, 0 = tie, NaN =
            unknown. Either triangle is enough; where both are given and contradict each other, the pair is undecided.
    """
    given = np.asarray(preferences, dtype=float)
    wins = (given > 0) | (given.T < 0)
    wins &= ~wins.T
    decided = wins | wins.T
    beats, met = wins.astype(int), decided.astype(int)
    return int(np.trace(beats @ beats @ beats)) // 3, int(np.trace(met @ met @ met)) // 6


def length_bias(chose_longer: ArrayLike, human_prefers_longer: ArrayLike, weights: Array | None = None) -> Value:
    """Log-odds of choosing the longer answer, the human preference held balanced; 0 = no bias, above 0 = to the longer.

    The intercept b0 of logit P(longer) = b0 + b1 h, h = +1 where the human prefers the longer answer and -1 where the
    shorter: the mean of the two groups' logits, each count with 0.5 added (Haldane 1956, Anscombe 1956).

    Args:
        chose_longer: (n,) of 0 and 1, NaN = undecided.
        human_prefers_longer: (n,) of 0 and 1, NaN = undecided.
        weights: (m, n) or None.
    """
    chose, human = np.asarray(chose_longer, dtype=float), np.asarray(human_prefers_longer, dtype=float)
    decided = ~(np.isnan(chose) | np.isnan(human))
    matrix = multiplicities(weights, len(chose))[:, decided]
    cells = 2 * (human[decided] > 0) + (chose[decided] > 0)
    counts = sums_by_code(matrix, cells.astype(np.int64), 4).reshape(len(matrix), 2, 2)
    logits = np.log(counts[:, :, 1] + 0.5) - np.log(counts[:, :, 0] + 0.5)
    both = (counts.sum(axis=2) > 0).all(axis=1)
    return value(np.where(both, logits.mean(axis=1), np.nan), weights)

"""Agreement with the human labels. Unscored answers (None) are left out here; `coverage` says how many they were."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Answers = Sequence[str | None]


def coverage(answers: Answers) -> float:
    """Share of the answers that are scored, in [0, 1]; NaN where there are none at all."""
    return sum(answer is not None for answer in answers) / len(answers) if answers else math.nan


def accuracy(labels: Sequence[str], answers: Answers) -> float:
    """Share of the scored answers that equal their label, in [0, 1]; NaN where none is scored."""
    pairs = _scored(labels, answers)
    return sum(label == answer for label, answer in pairs) / len(pairs) if pairs else math.nan


def macro_f1(labels: Sequence[str], answers: Answers) -> float:
    """Unweighted mean over the classes of F1 = 2TP / (2TP + FP + FN), in [0, 1]; NaN where no answer is scored.

    The classes are those that occur among the scored labels or answers (scikit-learn's definition).
    """
    from sklearn.metrics import f1_score

    pairs = _scored(labels, answers)
    if not pairs:
        return math.nan
    true, predicted = zip(*pairs, strict=True)
    return float(f1_score(true, predicted, average="macro", zero_division=0.0))


def pearson(labels: Sequence[str], answers: Answers) -> float:
    """Pearson's correlation of integer scores, in [-1, 1]; NaN if a side is constant or under two are scored."""
    from scipy.stats import pearsonr

    pairs = np.array([(float(label), float(answer)) for label, answer in _scored(labels, answers)]).reshape(-1, 2)
    if len(pairs) < 2 or (pairs.std(axis=0) == 0).any():
        return math.nan
    return float(pearsonr(pairs[:, 0], pairs[:, 1]).statistic)


def _scored(labels: Sequence[str], answers: Answers) -> list[tuple[str, str]]:
    return [(label, answer) for label, answer in zip(labels, answers, strict=True) if answer is not None]

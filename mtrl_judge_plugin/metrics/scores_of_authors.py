"""How the authors of data sets score verdicts: judgments -> one Measure. `official` says which data set uses which.

Each function takes the name of the metric, the judgments, and the rows that count. An unreadable verdict is left out
(NaN) unless the function says otherwise.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from mtrl_judge_plugin.metrics import correlation, rankings
from mtrl_judge_plugin.metrics.arrays import Array, Value, multiplicities, ratio, value
from mtrl_judge_plugin.metrics.judgments import Judgment
from mtrl_judge_plugin.metrics.measures.bound import Judgments, Measure, mean_of

Rows = Sequence[int]


def accuracy(name: str, judgments: Judgments, rows: Rows, *, unreadable: float = math.nan) -> Measure:
    """Share of verdicts that equal the label. An unreadable one is worth `unreadable`: 0 = wrong, 0.5 = a coin's."""
    values = [judgments[row].agrees if judgments[row].answer is not None else unreadable for row in rows]
    return mean_of(name, rows, values)


def accuracy_without_ties(name: str, judgments: Judgments, rows: Rows) -> Measure:
    """Share of right verdicts where neither people nor the judge call a tie."""
    kept = [row for row in rows if judgments[row].label in ("A", "B")]
    decided = [judgments[row].answer in ("A", "B") for row in kept]
    values = [judgments[row].agrees if its else math.nan for row, its in zip(kept, decided, strict=True)]
    return mean_of(name, kept, values)


def accuracy_of_untied(name: str, judgments: Judgments, rows: Rows) -> Measure:
    """Share of right verdicts where people call no tie; the judge's tie and an unreadable verdict are wrong."""
    return accuracy(name, judgments, [row for row in rows if judgments[row].label in ("A", "B")], unreadable=0.0)


def acc_plus(name: str, judgments: Judgments, rows: Rows) -> Measure:
    """Share of groups of which every verdict in one order is right; an unreadable one is wrong."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rows:
        groups[judgments[row].group, judgments[row].variant].append(row)
    right = [float(all(judgments[row].agrees == 1.0 for row in group)) for group in groups.values()]
    return mean_of(name, [group[0] for group in groups.values()], right)


def pearson(name: str, judgments: Judgments, rows: Rows) -> Measure:
    """Pearson's correlation of score verdicts and score labels."""
    labels = np.array([float(judgments[row].label or "nan") for row in rows])
    answers = np.array([float(judgments[row].answer or "nan") for row in rows])
    return _correlation(name, rows, labels, answers, correlation.pearson)


def levenshtein(name: str, judgments: Judgments, rows: Rows) -> Measure:
    """Mean edit distance of rankings, each divided by the longer length."""
    return mean_of(name, rows, [_distance(judgments[row]) for row in rows])


def srcc(name: str, judgments: Judgments, rows: Rows) -> Measure:
    """Spearman's correlation of the judge's number (see `Judgment.number`) and the mean of the human ratings."""
    return _correlation(name, rows, *_rated(judgments, rows), correlation.spearman)


def krcc(name: str, judgments: Judgments, rows: Rows) -> Measure:
    """Kendall's tau-b of the same two."""
    return _correlation(name, rows, *_rated(judgments, rows), correlation.kendall_tau_b)


def roc_auc(name: str, judgments: Judgments, rows: Rows, *, positive: str) -> Measure:
    """Area under the ROC curve of bare verdicts, 1 = `positive`; an unreadable one is 0."""
    labels = np.array([judgments[row].label == positive for row in rows])
    answers = np.array([float(judgments[row].answer == positive) for row in rows])
    return Measure(name, np.array(rows), partial(correlation.roc_auc, labels, answers), len(rows))


def f1(name: str, judgments: Judgments, rows: Rows, *, positive: str) -> Measure:
    """2TP / (2TP + FP + FN) of one class; an unreadable verdict is half of it, as a coin's verdict is on average."""
    labels = np.array([float(judgments[row].label == positive) for row in rows])
    answers = [0.5 if judgments[row].answer is None else float(judgments[row].answer == positive) for row in rows]
    return Measure(name, np.array(rows), partial(_f1, labels, np.array(answers)), len(rows))


def _f1(labels: Array, answers: Array, weights: Array | None = None) -> Value:
    matrix = multiplicities(weights, len(labels))
    # 2TP + FP + FN: those labelled so, and those answered so.
    return value(ratio(2 * (matrix @ (labels * answers)), matrix @ (labels + answers)), weights)


def _correlation(name: str, rows: Rows, labels: Array, answers: Array, function: Callable[..., Value]) -> Measure:
    scored = int(np.isfinite(answers).sum())
    return Measure(name, np.array(rows), partial(function, labels, answers), scored)


def _rated(judgments: Judgments, rows: Rows) -> tuple[Array, Array]:
    means = [float(np.mean(judgments[row].ratings)) if len(judgments[row].ratings) else math.nan for row in rows]
    return np.array(means), np.array([judgments[row].number for row in rows])


def _distance(one: Judgment) -> float:
    return math.nan if one.answer is None else rankings.levenshtein(one.label or "", one.answer)

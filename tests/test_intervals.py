"""The cluster bootstrap against scipy's, against simulation, and its metrics against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score

from mtrl_judge_plugin.metrics import intervals

words = st.sampled_from(["yes", "no", "maybe"])


@given(st.lists(st.tuples(words, words), min_size=1, max_size=60))
def test_metrics_of_a_confusion_matrix_are_scikit_learns(pairs):
    labels, answers = zip(*pairs, strict=True)
    cells = intervals.confusion(labels, answers).sum(axis=0, keepdims=True)
    assert intervals.macro_f1(cells)[0] == pytest.approx(f1_score(labels, answers, average="macro", zero_division=0.0))
    assert intervals.accuracy(cells)[0] == pytest.approx(accuracy_score(labels, answers))


def test_unscored_answers_are_left_out():
    cells = intervals.confusion(["yes", "no", "no"], ["yes", None, "no"])
    assert intervals.accuracy(cells.sum(axis=0, keepdims=True)).tolist() == [1.0]
    nothing = intervals.cluster_bootstrap(intervals.confusion(["yes"], [None]), ["1"], intervals.macro_f1)
    assert np.isnan(nothing).all()


def test_groups_of_one_give_scipys_interval():
    right = (np.random.default_rng(1).random(200) < 0.7).astype(float)
    peer = stats.bootstrap(
        (right,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    ours = intervals.cluster_bootstrap(
        np.stack([right, 1 - right], axis=1), range(200), lambda sums: sums[:, 0] / sums.sum(axis=1), resamples=4000
    )
    assert ours.value == right.mean()
    assert ours.low == pytest.approx(peer.low, abs=0.01)
    assert ours.high == pytest.approx(peer.high, abs=0.01)


def test_twins_in_one_group_widen_the_interval_by_the_root_of_two():
    right = (np.random.default_rng(1).random(300) < 0.5).astype(float)
    both = np.repeat(np.stack([right, 1 - right], axis=1), 2, axis=0)

    def width(groups):
        found = intervals.cluster_bootstrap(both, groups, lambda sums: sums[:, 0] / sums.sum(axis=1), resamples=4000)
        return found.high - found.low

    assert width(np.repeat(np.arange(300), 2)) / width(range(600)) == pytest.approx(2**0.5, rel=0.1)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(3)
    covered = 0
    for seed in range(300):
        chance = random.beta(4, 4, size=80)  # each group has a chance of its own, 0.5 on average
        right = (random.random((80, 3)) < chance[:, None]).astype(float).ravel()
        found = intervals.cluster_bootstrap(
            np.stack([right, 1 - right], axis=1),
            np.repeat(np.arange(80), 3),
            lambda sums: sums[:, 0] / sums.sum(axis=1),
            resamples=400,
            seed=seed,
        )
        covered += found.low <= 0.5 <= found.high
    assert 0.90 <= covered / 300 <= 0.98


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="2 rows of statistics for 1 groups"):
        intervals.cluster_bootstrap(np.zeros((2, 1)), ["a"], intervals.accuracy)

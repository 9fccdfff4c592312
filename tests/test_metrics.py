import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtrl_judge_plugin.metrics.agreement import accuracy, coverage, macro_f1, pearson

# labels:  yes yes yes yes no no ; answers: yes yes no None no yes
LABELS = ["yes", "yes", "yes", "yes", "no", "no"]
ANSWERS = ["yes", "yes", "no", None, "no", "yes"]


def test_a_table_computed_by_hand():
    # Five are scored, three right. F1(yes) = 2*2/(2*2+1+1) = 2/3; F1(no) = 2*1/(2*1+1+1) = 1/2.
    assert coverage(ANSWERS) == pytest.approx(5 / 6)
    assert accuracy(LABELS, ANSWERS) == pytest.approx(3 / 5)
    assert macro_f1(LABELS, ANSWERS) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_unscored_is_never_a_score():
    assert accuracy(["yes", "no"], ["yes", None]) == 1.0
    assert macro_f1(["yes", "no"], ["yes", None]) == 1.0
    assert math.isnan(accuracy(["yes"], [None]))
    assert math.isnan(macro_f1(["yes"], [None]))
    assert math.isnan(pearson(["1", "2"], ["1", None]))
    assert math.isnan(coverage([]))


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2))
def test_pearson_is_numpys(pairs):
    labels, answers = zip(*pairs, strict=True)
    ours = pearson([str(label) for label in labels], [str(answer) for answer in answers])
    if len(set(labels)) == 1 or len(set(answers)) == 1:
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(np.corrcoef(labels, answers)[0, 1], abs=1e-12)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1))
def test_macro_f1_is_the_mean_of_the_classes_own(pairs):
    labels, answers = zip(*pairs, strict=True)
    scores = []
    for name in set(labels) | set(answers):
        right = sum(pair == (name, name) for pair in pairs)
        scores.append(2 * right / (labels.count(name) + answers.count(name)))
    assert macro_f1(labels, answers) == pytest.approx(sum(scores) / len(scores))

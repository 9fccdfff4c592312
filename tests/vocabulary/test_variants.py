"""Twins of a sample: what they change, and that `restored` takes it back."""

import doctest
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtrl_judge_plugin import questions, variants
from mtrl_judge_plugin.images import load
from mtrl_judge_plugin.sample import Sample, SampleError
from mtrl_judge_plugin.variants import expand, orders, restored, swapped


def pair(number=0, **changes):
    given = {"images": (f"{number}.png",), "responses": ("good", "bad"), "label": "A", "group": f"g{number}"}
    return Sample(f"p{number}", "t", "pairwise", "Which answer is better?", **(given | changes))


def ranking(label="CADB", **changes):
    given = {"responses": ("one", "two", "three", "four"), "label": label, "images": ("r.png",)}
    return Sample("r", "t", "ranking", "Rank the answers.", **(given | changes))


@pytest.mark.parametrize("responses", [(), ("good", "bad")])
@pytest.mark.parametrize(("label", "exchanged"), [("A", "B"), ("B", "A"), ("tie", "tie")])
def test_swapped_exchanges_the_candidates_and_the_label(responses, label, exchanged):
    images = ("one.png",) if responses else ("one.png", "two.png")
    choices = ("A", "B", "tie")
    pair = Sample("7", "t", "pairwise", "Which?", images, responses=responses, choices=choices, label=label, group="g")
    other = swapped(pair)
    assert other.label == exchanged
    assert (other.images, other.responses) == ((images, ("bad", "good")) if responses else (("two.png", "one.png"), ()))
    assert (other.id, other.group, other.variant, other.choices) == ("7-swapped", "g", "swapped", choices)
    back = swapped(other)
    assert (back.images, back.responses, back.label) == (pair.images, pair.responses, pair.label)


def illustrated(number=0, **changes):
    """A pair whose candidates hold text and several images each; the question has a source image."""
    given = {"responses": ("good", "bad"), "response_images": ((f"{number}a", f"{number}b"), (f"{number}c",))}
    return pair(number, **(given | changes))


def test_a_candidate_s_images_go_where_the_candidate_goes():
    assert swapped(illustrated()).response_images == (("0c",), ("0a", "0b"))
    assert (swapped(illustrated()).images, swapped(illustrated()).responses) == (("0.png",), ("bad", "good"))
    first, second = variants.alone(illustrated())
    assert (first.response_images, second.responses) == ((("0a", "0b"),), ("bad",))
    edits = illustrated(responses=())
    assert swapped(edits).response_images == (("0c",), ("0a", "0b"))
    order = ranking(response_images=tuple((letter,) for letter in "abcd"))
    assert variants._rotated(order, 1).response_images == (("b",), ("c",), ("d",), ("a",))
    assert [twin.response_images for twin in variants.pairs(order)[:2]] == [(("a",), ("b",)), (("b",), ("a",))]


def test_without_their_images_candidates_keep_their_number_and_the_question_has_none():
    (twin,) = variants.without_image(illustrated())
    assert (twin.images, [len(some) for some in twin.response_images], twin.label) == ((), [2, 1], None)
    assert load(twin.response_images[0][0]).size == (64, 64)


def test_exchanged_images_are_those_of_a_sample_with_as_many_in_the_same_places():
    other = illustrated(2, response_images=(("x",), ("y", "z")))
    twins = list(expand([illustrated(0), illustrated(1), other], ["image_exchanged"]))
    found = {twin.origin: twin.response_images for twin in twins if twin.variant == "image-exchanged"}
    assert found == {"p0": (("1a", "1b"), ("1c",)), "p1": (("0a", "0b"), ("0c",))}


def test_swapped_says_what_it_cannot_swap():
    with pytest.raises(SampleError, match="a score has no other order"):
        swapped(Sample("7", "t", "score", "How good?", choices=("1", "2")))
    with pytest.raises(SampleError, match="hold A and B, not left, right"):
        swapped(Sample("7", "t", "pairwise", "Which?", ("a", "b"), choices=("left", "right")))


@given(st.permutations("ABCD"), st.integers(1, 3))
def test_a_rotation_moves_the_candidates_and_the_label_with_them(label, turn):
    original = ranking("".join(label))
    twin = variants._rotated(original, turn)
    by_quality = [original.responses["ABCD".index(letter)] for letter in original.label]
    assert [twin.responses["ABCD".index(letter)] for letter in twin.label] == by_quality
    assert restored(twin.label, twin.variant) == original.label


def test_orders_are_seeded_and_never_the_data_s_own():
    found = [twin.variant for twin in orders(ranking())]
    assert found == [twin.variant for twin in orders(ranking())]
    assert len(set(found)) == 2
    assert "rotated-0" not in found
    assert [twin.variant for twin in orders(pair())] == ["swapped"]
    assert orders(Sample("s", "t", "score", "How good?", choices=("1", "2"))) == []


def test_examples_in_docstrings():
    assert doctest.testmod(variants).failed == 0


def test_twins_follow_their_sample_and_none_is_made_twice():
    twin = swapped(pair(0))
    found = list(expand([pair(0), twin, pair(1)], ["orders"]))
    assert [sample.id for sample in found] == ["p0", "p0-swapped", "p1", "p1-swapped"]
    assert {sample.origin for sample in found} == {"p0", "p1"}


def test_paraphrases_are_the_other_wordings_and_keep_the_label():
    texts = questions.QUESTIONS["alignment"]
    sample = Sample("s", "t", "pointwise", texts[0], ("a.png",), choices=("yes", "no"), label="yes")
    twins = variants.paraphrases(sample)
    assert [(twin.variant, twin.question, twin.label) for twin in twins] == [
        ("paraphrase-2", texts[1], "yes"),
        ("paraphrase-3", texts[2], "yes"),
    ]
    assert variants.paraphrases(pair()) == [], "a question of one's own has no other wording"


def test_every_question_has_three_wordings_and_none_is_used_twice():
    texts = list(itertools.chain(*questions.QUESTIONS.values()))
    assert all(len(wordings) == 3 for wordings in questions.QUESTIONS.values())
    assert len(set(texts)) == len(texts)


def test_without_its_image_a_sample_has_no_human_label():
    (text_only,) = variants.without_image(pair())
    assert (text_only.images, text_only.label) == ((), None)
    (grey,) = variants.without_image(pair(images=("a.png", "b.png"), responses=()))
    assert len(grey.images) == 2
    assert load(grey.images[0]).getcolors() == [(64 * 64, (128, 128, 128))]


def test_exchanged_images_come_from_another_group():
    samples = [pair(0), pair(1, group="g0"), pair(2)]
    twins = {twin.origin: twin for twin in expand(samples, ["image_exchanged"]) if twin.variant == "image-exchanged"}
    assert twins["p0"].images == twins["p1"].images == ("2.png",)
    assert twins["p2"].images in (("0.png",), ("1.png",))
    assert list(expand([pair(0)], ["image_exchanged"])) == [pair(0)], "nothing to exchange with"


def test_candidates_alone_are_scored_one_by_one():
    first, second = variants.alone(pair())
    assert (first.variant, first.responses, first.form, first.label) == ("alone-A", ("good",), "score", None)
    assert (second.responses, second.images) == (("bad",), ("0.png",))
    one, two = variants.alone(pair(images=("a.png", "b.png"), responses=()))
    assert (one.images, two.images) == (("a.png",), ("b.png",))


def test_a_ranking_gives_all_its_pairs_in_both_orders():
    found = variants.pairs(ranking("CADB"))
    assert len(found) == 12
    by_variant = {twin.variant: twin for twin in found}
    assert (by_variant["pair-AC"].responses, by_variant["pair-AC"].label) == (("one", "three"), "B")
    assert (by_variant["pair-AC-swapped"].responses, by_variant["pair-AC-swapped"].label) == (("three", "one"), "A")
    assert restored("A", "pair-AC-swapped") == "B"

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtrl_judge_plugin import Sample, SampleError
from mtrl_judge_plugin.sample import flat, from_flat


def sample(**changes):
    values = {"id": "7", "task": "t", "form": "pointwise", "question": "?", "choices": ("yes", "no")}
    return Sample(**{**values, **changes})


def test_defaults_a_pair_and_a_ranking_need_no_choices():
    pair = sample(form="pairwise", choices=(), images=("a.png", "b.png"))
    assert pair.choices == ("A", "B")
    assert pair.group == pair.id
    ranking = sample(form="ranking", choices=(), responses=("x", "y", "z"))
    assert set(ranking.choices) == {"".join(order) for order in itertools.permutations("ABC")}
    assert sample(form="pairwise", choices=("A", "B", "tie"), responses=("x", "y"), label="tie").label == "tie"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"form": "binary"}, "form"),
        ({"choices": ()}, "choices"),
        ({"choices": ("yes",)}, "choices"),
        ({"choices": ("yes", "YES ")}, "choices"),
        ({"choices": ("yes", " ")}, "choices"),
        ({"choices": "yes"}, "choices"),
        ({"images": "cat.png"}, "images"),
        ({"label": "maybe"}, "label"),
        ({"form": "pairwise", "choices": (), "images": ("a.png",)}, "responses"),
        ({"form": "pairwise", "choices": (), "responses": ("a", "b", "c")}, "responses"),
        ({"form": "ranking", "choices": (), "responses": tuple("abcdefg")}, "responses"),
        ({"form": "score", "choices": ("low", "high")}, "choices"),
        ({"form": "pairwise", "choices": (), "responses": ("x", "y"), "response_images": [["a"]]}, "response_images"),
        ({"form": "pairwise", "choices": (), "response_images": ["a.png", "b.png"]}, "response_images"),
        ({"form": "pairwise", "choices": (), "response_images": [["a"], ["b"], ["c"]]}, "responses"),
    ],
)
def test_what_cannot_be_judged_is_refused_by_name(changes, field):
    with pytest.raises(SampleError, match=rf"sample '7': {field}"):
        sample(**changes)


def test_candidates_without_any_image_are_texts_alone():
    assert sample(form="pairwise", choices=(), responses=("x", "y"), response_images=((), ())).response_images == ()


@given(st.lists(st.integers(0, 3), min_size=2, max_size=4), st.integers(0, 3))
def test_a_table_s_fields_and_other_images_keep_every_image_in_its_place(numbers, own):
    images = [f"q{number}" for number in range(own)]
    theirs = [[f"{letter}{number}" for number in range(many)] for letter, many in zip("abcd", numbers, strict=False)]
    asked = sample(
        form="ranking", choices=(), images=images, responses=["x"] * len(numbers), response_images=theirs, label=None
    )
    assert from_flat(flat(asked)) == asked
    renamed = asked.with_images([image.upper() for image in asked.all_images])
    assert [list(some) for some in renamed.response_images] == [
        [image.upper() for image in some] for some in asked.response_images
    ]
    assert list(renamed.images) == [image.upper() for image in images]

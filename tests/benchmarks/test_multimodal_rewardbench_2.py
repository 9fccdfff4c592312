"""Multimodal RewardBench 2's loader on files of both its schemas: candidates of text and several images."""

import json
from collections import Counter

import pytest
from benchmarks import corruption
from real_schema import multimodal_rewardbench_2 as files

from mtrl_judge_plugin.benchmarks import multimodal_rewardbench_2
from mtrl_judge_plugin.benchmarks.reading.rows import DataError

HUB = "test-00000-of-00001.parquet"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    files.write(tmp_path / "data")
    return tmp_path / "data"


def load(folder, task):
    return list(multimodal_rewardbench_2.load("test", task, folder))


def counts(sample):
    return len(sample.images), [len(some) for some in sample.response_images]


@pytest.mark.parametrize("task", multimodal_rewardbench_2.BENCHMARK.tasks)
def test_labels_and_groups_of_every_task(folder, task):
    found = load(folder, task)
    assert [sample.label for sample in found] == ["A", "B"] * 4
    assert {(sample.form, sample.choices, sample.task) for sample in found} == {("pairwise", ("A", "B"), task)}
    assert set(Counter(sample.group for sample in found).values()) == {2}
    assert len({sample.id for sample in found}) == 8
    assert not corruption.picture_errors(found)


def test_an_edit_has_its_source_and_two_results(folder):
    sample = load(folder, "edit")[0]
    assert (counts(sample), sample.responses, sample.text) == ((1, [1, 1]), (), "Turn <image_1> into number 0.")


def test_an_interleaved_answer_has_text_and_several_images(folder):
    sample = load(folder, "interleaved")[0]
    assert counts(sample) == (0, [3, 0])
    assert sample.responses == ("Mix: <image_1>\nBake: <image_2>\nEat.", "Buy one, number 0.")


def test_built_files_have_the_same_form(folder):
    drawn, asked = load(folder, "t2i")[0], load(folder, "reasoning")[0]
    assert (counts(drawn), drawn.responses, drawn.text) == ((0, [1, 1]), (), "Draw number 0.")
    assert (counts(asked), asked.text) == ((1, [0, 1]), "<image_1>\nHow many are there, case 0?")
    assert asked.responses == ("Two.", "See ‹image_1› here:\n<image_1>\nThree."), (
        "a mark in somebody's text shows nothing"
    )
    assert asked.response_images[1] == (str(folder / "images/1.jpg"),)


def test_a_missing_picture_leaves_its_row_out(folder, capsys):
    (folder / "input_images/0.jpg").unlink()
    assert len(load(folder, "reasoning")) == 6
    assert "rows left out: no image 2 (reasoning.json row 1, reasoning.json row 2)" in capsys.readouterr().err


def test_a_candidate_without_anything_leaves_its_row_out(folder, capsys):
    corruption.set_cell(folder / "interleaved" / HUB, 1, "response_b_text", "")
    assert len(load(folder, "interleaved")) == 7
    assert "an empty candidate 1" in capsys.readouterr().err


def test_half_a_picture_is_an_error_when_it_is_wanted(folder):
    images = [{"bytes": corruption.halve(files.picture("x")), "path": "x.jpg"}]
    corruption.set_cell(folder / "edit" / HUB, 3, "response_b_images", images)
    (error,) = corruption.picture_errors(load(folder, "edit"))
    assert f"edit/{HUB}, row 3, column response_b_images: " in error


def test_what_the_files_lack_is_named(folder):
    corruption.drop_column(folder / "edit" / HUB, "response_a_images")
    with pytest.raises(DataError, match=r"row 1: no column response_a_images; it has "):
        load(folder, "edit")
    corruption.set_cell(folder / "interleaved" / HUB, 2, "chosen", "C")
    with pytest.raises(DataError, match="row 2, column chosen: 'C' is none of A, B"):
        load(folder, "interleaved")
    (folder / "t2i.json").write_text(json.dumps({"rows": []}))
    with pytest.raises(DataError, match=r"t2i\.json: pairs: not a list of objects"):
        load(folder, "t2i")
    wrong = files._built_row("reasoning", 0) | {"response_a": {"response_content": [["video", "x.mp4"]]}}
    (folder / "reasoning.json").write_text(json.dumps({"pairs": [wrong]}))
    with pytest.raises(DataError, match=r"column response_a: .*'video'.* is neither"):
        load(folder, "reasoning")
    with pytest.raises(DataError, match="no task 'image'; there are t2i, edit, interleaved, reasoning"):
        load(folder, "image")

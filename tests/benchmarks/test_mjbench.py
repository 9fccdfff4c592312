"""MJ-Bench's loader on files of its old schema."""

from collections import Counter

import pytest
from benchmarks import corruption
from real_schema import mjbench as files

from mtrl_judge_plugin.benchmarks import mjbench
from mtrl_judge_plugin.benchmarks.reading.rows import DataError

#: What an error about a missing file or column goes on to say.
OLD = r"The hub's current files .* are another data set: take an old revision .* and give FOLDER"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mjbench").mkdir()
    files.write(tmp_path / "mjbench")
    return tmp_path / "mjbench"


@pytest.mark.parametrize(
    ("task", "labels"),
    [("alignment", {"A": 4, "B": 4}), ("safety", {"A": 4, "B": 4}), ("quality", {"A": 8})],
)
def test_the_label_is_the_index_of_the_better_image(folder, task, labels):
    pairs = list(mjbench.load("test", task, folder))
    assert Counter(pair.label for pair in pairs) == labels
    assert {(pair.form, pair.task, pair.variant) for pair in pairs} == {("pairwise", task, "original")}
    assert pairs[0].text == f"a {task} caption, number 0"
    assert len({pair.group for pair in pairs}) == 4
    assert len({image for pair in pairs for image in pair.images}) == 16
    assert not corruption.picture_errors(pairs)


def test_its_bias_part_holds_no_pairs_and_is_no_task(folder):
    with pytest.raises(DataError, match="no task 'bias'; there are alignment, safety, quality"):
        next(mjbench.load("test", "bias", folder))


def test_there_is_a_test_split_only(folder):
    with pytest.raises(DataError, match="no split 'train'; there are test"):
        next(mjbench.load("train", folder=folder))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda table: corruption.drop_column(table, "label"),
            rf"alignment\.parquet, row 1: no column label; it has caption, image0, image1\. {OLD}",
        ),
        (
            lambda table: corruption.change(table, lambda rows: [{"prompt": "a dog", "video": "1.mp4"}]),
            rf"alignment\.parquet: no column caption, .*; it has prompt, video\. {OLD}",
        ),
        (corruption.drop_rows, r"alignment\.parquet: holds no row$"),
        (corruption.halve_file, r"alignment\.parquet: no parquet file \(.*\); download it again$"),
        (lambda table: table.unlink(), rf"no file data/alignment\.parquet; wanted: .*\. {OLD}"),
        (
            lambda table: corruption.set_cell(table, 3, "label", 2),
            r"alignment\.parquet, row 3, column label: 2 is none of 0, 1$",
        ),
    ],
)
def test_what_cannot_be_used_is_named(folder, spoil, message):
    spoil(folder / "data/alignment.parquet")
    with pytest.raises(DataError, match=message):
        list(mjbench.load("test", folder=folder))


def test_a_folder_or_a_hub_that_cannot_be_reached_says_nothing_of_another_data_set(folder):
    with pytest.raises(DataError, match=r"gone: no such folder \(wanted: [^()]*\)$"):
        list(mjbench.load("test", folder=folder / "gone"))
    with pytest.raises(DataError, match=r"MJ-Bench/MJ-Bench cannot be read from the hub") as caught:
        list(mjbench.load("test"))
    assert "another data set" not in str(caught.value)


def test_half_a_picture_says_where_it_stands_when_it_is_looked_at(folder):
    corruption.halve_cell(folder / "data/safety.parquet", 3, "image1")
    (error,) = corruption.picture_errors(mjbench.load("test", "safety", folder))
    assert "safety.parquet, row 3, column image1: " in error


def test_rows_without_a_picture_are_left_out_and_counted(folder, capsys):
    corruption.set_cell(folder / "data/quality.parquet", 3, "image0", None)
    assert len(list(mjbench.load("test", "quality", folder))) == 7
    assert "mjbench quality: 7 samples; rows left out: no image 1" in capsys.readouterr().err

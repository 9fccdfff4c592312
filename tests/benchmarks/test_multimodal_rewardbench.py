"""Multimodal RewardBench's loader on files of its schema."""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmarks import corruption
from real_schema import multimodal_rewardbench as files

from mtrl_judge_plugin import images
from mtrl_judge_plugin.benchmarks import multimodal_rewardbench
from mtrl_judge_plugin.benchmarks.reading.rows import DataError


@pytest.fixture
def table(tmp_path):
    (tmp_path / "multimodal_rewardbench").mkdir()
    files.write(tmp_path / "multimodal_rewardbench")
    return tmp_path / "multimodal_rewardbench" / "data" / "all_data.json"


def load(table):
    return list(multimodal_rewardbench.load("test", folder=table.parent.parent))


def test_better_names_the_preferred_output(table):
    found = load(table)
    assert [sample.label for sample in found] == ["A", "B"] * 8
    assert {(sample.form, sample.choices, len(sample.images)) for sample in found} == {("pairwise", ("A", "B"), 1)}
    assert found[1].responses == ("A first answer, number 1.", "A second answer, number 1.")
    assert found[1].text == "What is shown in nocaps, number 0?"


def test_categories_are_tasks_and_rows_of_an_image_a_group(table):
    found = load(table)
    assert Counter(sample.task for sample in found) == {
        "open_generation/correctness_task": 2,
        "open_generation/preference_task": 2,
        "knowledge": 2,
        "reasoning/math": 2,
        "reasoning/coding": 2,
        "safety/bias": 2,
        "vqa": 4,
    }
    assert set(Counter(sample.group for sample in found).values()) == {2}
    assert len({sample.id for sample in found}) == 16


def test_the_data_folder_itself_will_do(table):
    assert len(list(multimodal_rewardbench.load("test", folder=table.parent))) == 16


def test_the_hubs_copy_holds_the_pictures_and_gives_the_same_samples(table, tmp_path):
    rows = [row for row in json.loads(table.read_text()) if (table.parent / row["Image"]).is_file()]
    for row in rows:
        row["Image"] = {"bytes": (table.parent / row["Image"]).read_bytes(), "path": None}
    copy = tmp_path / "copy" / "data"
    copy.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), copy / "test-00000-of-00001.parquet")

    def shown(samples):
        return [(sample.task, sample.text, sample.responses, sample.label) for sample in samples]

    found = list(multimodal_rewardbench.load("test", folder=copy.parent))
    assert shown(found) == shown(load(table))
    assert set(Counter(sample.group for sample in found).values()) == {2}


@pytest.mark.parametrize("column", ["Text", "Image", "Output1", "Better", "Category"])
def test_a_missing_column_is_named(table, column):
    corruption.drop_column(table, column)
    with pytest.raises(DataError, match=rf"all_data\.json, row 1: no column {column}; it has ID"):
        load(table)


def test_an_empty_file_is_named(table):
    corruption.drop_rows(table)
    with pytest.raises(DataError, match=r"all_data\.json: holds no row"):
        load(table)


def test_half_a_picture_is_an_error_when_it_is_wanted(table):
    corruption.halve_file(table.parent / "images" / "visitbench" / "1.jpg")
    broken = load(table)[3].images[0]
    with pytest.raises(images.ImageError, match=r"all_data\.json, row 4, column Image: .*visitbench/1\.jpg"):
        images.load(broken)


def test_a_wrong_label_is_named_with_its_place(table):
    corruption.set_cell(table, 4, "Better", "Output3")
    with pytest.raises(DataError, match=r"all_data\.json, row 4, column Better: 'Output3' is none of Output1, Output2"):
        load(table)


def test_rows_of_a_source_that_may_not_be_passed_on_are_left_out_and_counted(table, capsys):
    load(table)
    assert "multimodal_rewardbench: 16 samples; rows left out: no image 2" in capsys.readouterr().err

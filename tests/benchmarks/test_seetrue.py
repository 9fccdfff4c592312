"""SeeTRUE's loader on files of its schema."""

from collections import Counter

import pytest
from real_schema import seetrue as files

from mtrl_judge_plugin.benchmarks import seetrue, seetrue_by_text
from mtrl_judge_plugin.benchmarks.reading.rows import DataError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "seetrue").mkdir()
    files.write(tmp_path / "seetrue")
    return tmp_path / "seetrue"


def test_splits_are_the_papers_shares_and_keep_an_images_texts_together(folder):
    found = {split: list(seetrue.load(split, folder=folder)) for split in seetrue.BENCHMARK.splits}
    assert {split: len(samples) for split, samples in found.items()} == {"train": 64, "validation": 8, "test": 8}
    pictures = {split: {sample.images for sample in samples} for split, samples in found.items()}
    assert sum(map(len, pictures.values())) == len(set.union(*pictures.values())) == 40
    assert Counter(sample.label for sample in found["test"]) == {"yes": 4, "no": 4}
    assert all(sample.group == sample.text for samples in found.values() for sample in samples)


def test_by_text_no_text_is_in_two_splits_and_by_image_that_is_said(folder, capsys):
    list(seetrue.load("test", folder=folder))
    assert "texts of this split stand in its other splits too" in capsys.readouterr().err
    found = {split: list(seetrue_by_text.load(split, folder=folder)) for split in seetrue.BENCHMARK.splits}
    texts = [{sample.text for sample in samples} for samples in found.values()]
    assert sum(map(len, texts)) == len(set.union(*texts)) == 41
    assert sum(map(len, found.values())) == 80
    assert "other splits" not in capsys.readouterr().err
    with pytest.raises(DataError, match="parted_by='caption'; there are image, text"):
        list(seetrue.load("test", folder=folder, parted_by="caption"))


def test_a_row_becomes_a_question_about_its_image_and_text(folder):
    sample = next(sample for sample in seetrue.load("train", folder=folder) if sample.label == "no")
    assert (sample.form, sample.choices, sample.text) == ("pointwise", ("yes", "no"), 'something "else", entirely')
    assert len(sample.images) == 1


def test_the_data_root_is_where_it_is_looked_for(folder, monkeypatch):
    monkeypatch.setenv("MTRL_JUDGE_DATA", str(folder.parent))
    assert len(list(seetrue.load("test"))) == 8


def test_a_wrong_label_is_named_with_its_place(folder):
    table = folder / "SeeTRUE.csv"
    table.write_text(table.read_text().replace(",1,", ",2,"))
    with pytest.raises(DataError, match=r"SeeTRUE\.csv, row \d+, column label: '2' is none of 1, 0"):
        list(seetrue.load("test", folder=folder))

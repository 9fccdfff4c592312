"""MLLM-as-a-Judge's loader on files of its schema."""

import shutil
from collections import Counter

import pytest
from benchmarks import corruption
from real_schema import mllm_as_a_judge as files

from mtrl_judge_plugin import images
from mtrl_judge_plugin.benchmarks import mllm_as_a_judge
from mtrl_judge_plugin.benchmarks.reading.rows import DataError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mllm_as_a_judge").mkdir()
    files.write(tmp_path / "mllm_as_a_judge")
    return tmp_path / "mllm_as_a_judge"


def load(folder, task):
    return list(mllm_as_a_judge.load("test", task, folder))


def test_scores_are_numbers_or_texts_from_1_to_5(folder):
    found = load(folder, "score")
    assert Counter(sample.label for sample in found) == dict.fromkeys("12345", 4)
    assert {(sample.form, sample.choices, len(sample.responses)) for sample in found} == {("score", tuple("12345"), 1)}
    assert found[0].responses == ('It is what llava calls "0".',)
    assert found[0].text.endswith("what is number 0?")


def test_c_is_a_tie(folder):
    found = load(folder, "pair")
    assert [sample.label for sample in found] == ["A", "B", "tie"] * 4
    assert {(sample.form, sample.choices) for sample in found} == {("pairwise", ("A", "B", "tie"))}
    assert found[1].responses == ('It is what cogvlm calls "1".', 'It is what gpt4 calls "1".')


def test_a_batch_is_a_ranking_of_three_or_four_best_first(folder):
    found = load(folder, "batch")
    assert tuple(sample.label for sample in found) == files.ORDERS
    sizes = Counter((sample.form, len(sample.choices), len(sample.responses)) for sample in found)
    assert sizes == {("ranking", 24, 4): 7, ("ranking", 6, 3): 1}


@pytest.mark.parametrize("task", mllm_as_a_judge.BENCHMARK.tasks)
def test_the_source_is_the_category_and_the_image_the_group(folder, task):
    found = load(folder, task)
    assert {sample.task for sample in found} == {"coco", "chartqa"}
    assert {sample.group for sample in found} == {f"{number}.jpg" for number in range(8)}
    assert len({sample.id for sample in found}) == len(found)


@pytest.mark.parametrize("place", ["images", "Benchmark/image", "image.zip"])
def test_pictures_may_lie_elsewhere_or_in_an_archive(folder, place):
    if place.endswith(".zip"):
        shutil.make_archive(str(folder / "image"), "zip", folder, "image")
        shutil.rmtree(folder / "image")
    else:
        (folder / "image").rename(folder / place)
    assert all(images.load(sample.images[0]).size == (64, 64) for sample in load(folder, "batch"))


@pytest.mark.parametrize("task", mllm_as_a_judge.BENCHMARK.tasks)
def test_the_label_may_stand_under_its_other_name(folder, task):
    labels = [sample.label for sample in load(folder, task)]
    new, old = ("human", "human_answer") if task == "batch" else ("human_answer", "human")
    table = folder / "Benchmark" / f"{task}.jsonl"
    table.write_text(table.read_text().replace(f'"{old}"', f'"{new}"'))
    assert [sample.label for sample in load(folder, task)] == labels


@pytest.mark.parametrize(("task", "column"), [("score", "answer"), ("pair", "answer2"), ("batch", "answers")])
def test_a_missing_column_is_named(folder, task, column):
    corruption.drop_column(folder / "Benchmark" / f"{task}.jsonl", column)
    with pytest.raises(DataError, match=rf"{task}\.jsonl, row 1: no column {column}; it has id, image_path"):
        load(folder, task)


def test_a_missing_label_is_named(folder):
    corruption.drop_column(folder / "Benchmark" / "pair.jsonl", "human")
    with pytest.raises(DataError, match=r"pair\.jsonl, row 1, column human: missing; the row has id"):
        load(folder, "pair")


@pytest.mark.parametrize("task", mllm_as_a_judge.BENCHMARK.tasks)
def test_an_empty_file_is_named(folder, task):
    corruption.drop_rows(folder / "Benchmark" / f"{task}.jsonl")
    with pytest.raises(DataError, match=rf"{task}\.jsonl: holds no row"):
        load(folder, task)


@pytest.mark.parametrize("task", mllm_as_a_judge.BENCHMARK.tasks)
def test_half_a_picture_is_an_error_when_it_is_wanted(folder, task):
    corruption.halve_file(folder / "image" / "2.jpg")
    broken = load(folder, task)[2].images[0]
    with pytest.raises(images.ImageError, match=rf"{task}\.jsonl, row 3, column image_path: .*2\.jpg"):
        images.load(broken)


@pytest.mark.parametrize(
    ("task", "column", "value", "problem"),
    [
        ("score", "human", "6", "'6' is not an integer from 1 to 5"),
        ("pair", "human", "D", "'D' is none of A, B, C"),
        ("batch", "human_answer", "ABCC", "'ABCC' is not an order of the letters ABCD"),
        ("pair", "answer1", "a text", "'a text' is not an object with an answer"),
        ("batch", "answers", [], r"0 answers; a ranking takes 2 to 6"),
        ("batch", "answers", "x", r"'x' is not a list"),
        ("batch", "human_answer", "CAB", "'CAB' is not an order of the letters ABCD"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(folder, task, column, value, problem):
    corruption.set_cell(folder / "Benchmark" / f"{task}.jsonl", 4, column, value)
    with pytest.raises(DataError, match=rf"{task}\.jsonl, row 4, column {column}: {problem}"):
        load(folder, task)


def test_rows_without_their_picture_are_left_out_and_counted(folder, capsys):
    (folder / "image" / "0.jpg").unlink()
    assert len(load(folder, "score")) == 17
    assert "mllm_as_a_judge score: 17 samples; rows left out: no image 3" in capsys.readouterr().err

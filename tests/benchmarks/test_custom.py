"""A user's own tables: what each column becomes, and what is said about a wrong one."""

import pytest
from benchmarks import corruption
from real_schema import custom as files

from mtrl_judge_plugin.benchmarks import custom
from mtrl_judge_plugin.benchmarks.reading.rows import DataError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "custom").mkdir()
    files.write(tmp_path / "custom")
    return tmp_path / "custom"


def only(folder, name, split="test"):
    return list(custom.load(split, folder=folder / name))


def test_all_tables_of_the_folder_are_read_and_rows_without_a_split_are_test(folder, monkeypatch):
    found = {split: list(custom.load(split, folder=folder)) for split in custom.BENCHMARK.splits}
    assert {split: len(samples) for split, samples in found.items()} == {"train": 4, "validation": 4, "test": 13}
    assert all({"yes", "no"} <= {sample.label for sample in samples} for samples in found.values())
    ids = [sample.id for samples in found.values() for sample in samples]
    assert len(set(ids)) == len(ids)
    assert not corruption.picture_errors(sample for samples in found.values() for sample in samples)
    monkeypatch.setenv("MTRL_JUDGE_DATA", str(folder.parent))
    assert list(custom.load("test")) == found["test"]


def test_a_row_of_csv(folder):
    sample = only(folder, "alone.csv", "train")[0]
    assert (sample.id, sample.form, sample.question, sample.text) == ("c0", "pointwise", "Does it match?", "text 0")
    assert (sample.choices, sample.label, sample.ratings) == (("yes", "no"), "yes", (4, 5))
    assert (sample.task, sample.group) == ("custom", "images/0")
    assert sample.images == (str(folder / "images/0.png"),)


def test_candidates_of_tsv_are_columns(folder):
    pair, ranking, unlabelled = only(folder, "answers.tsv")
    assert (pair.responses, pair.label, len(pair.images)) == (("a cat", "a dog"), "B", 2)
    assert (ranking.responses, ranking.label) == (("a cat", "a dog", "a fish"), "BCA")
    assert (unlabelled.id, unlabelled.label) == ("answers-3", None)


def test_rows_of_json_lines_json_and_parquet(folder):
    scores = only(folder, "scores.jsonl")
    assert [sample.label for sample in scores] == ["3", "1", None]
    assert (scores[0].form, scores[0].choices) == ("score", ("1", "2", "3"))
    (ranking,) = only(folder, "pictures.json")
    assert (ranking.task, ranking.label, ranking.letters, ranking.ratings) == (
        "pictures",
        "CAB",
        tuple("ABC"),
        (1.5, 2),
    )
    pairs = only(folder, "inside.parquet")
    assert [(pair.responses, pair.label) for pair in pairs] == [(("a cat", "a dog"), "A"), (("a fish", "a cat"), "B")]


def cell(number, column, value):
    return lambda table: corruption.set_cell(table, number, column, value)


@pytest.mark.parametrize("name", ["alone.csv", "answers.tsv", "scores.jsonl", "pictures.json", "inside.parquet"])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: corruption.drop_column(table, "label"), ": no column label \\(columns: .*form, question"),
        (corruption.drop_rows, ": holds no row"),
        (cell(1, "form", "choice"), ", row 1, column form: 'choice' is none of pointwise, pairwise, score, ranking"),
        (cell(1, "question", " "), ", row 1, column question: is empty; write what the judge is asked"),
        (cell(1, "split", "dev"), ", row 1, column split: 'dev' is none of train, .*; leave it empty for test"),
        (cell(1, "label", "Q"), ", row 1, column label: 'Q' is "),
    ],
)
def test_what_cannot_be_used_is_named_in_every_kind_of_file(folder, name, spoil, message):
    if name == "alone.csv":
        corruption.change(folder / name, lambda rows: [row | {"split": ""} for row in rows])
    spoil(folder / name)
    with pytest.raises(DataError, match=f"{name}{message}"):
        only(folder, name)


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("alone.csv", cell(5, "label", "maybe"), "row 5, column label: 'maybe' is none of yes, no; leave it empty for"),
        ("alone.csv", cell(5, "choices", ""), r"row 5, column choices: is empty; .*: write yes\|no"),
        ("alone.csv", cell(5, "image", "../../1.png"), "row 5, column image: '../../1.png' leads out of"),
        ("alone.csv", cell(5, "ratings", "4;good"), "row 5, column ratings: .* are not all numbers"),
        ("alone.csv", cell(6, "id", "c4"), r"row 6, column id: 'c4' is also that of .*alone\.csv, row 5; give another"),
        ("alone.csv", cell(5, "choices", "yes|Yes"), "row 5: sample 'c4': choices are"),
        ("alone.csv", lambda table: corruption.change(table, lambda rows: rows[:1]), "the split is empty"),
        ("answers.tsv", cell(1, "response_b", ""), "row 1, column response_a: a pairwise question has two candidates"),
        ("answers.tsv", cell(1, "response_a", ""), "row 1, column response_a: is empty, and a later one is filled"),
        ("answers.tsv", cell(2, "response_b", ""), "row 2, column response_b: is empty, and a later one is filled"),
        ("answers.tsv", cell(2, "label", "BBA"), "row 2, column label: 'BBA' is not an order of ABC; write .*: CBA"),
        ("answers.tsv", cell(1, "label", "left"), "row 1, column label: 'left' is none of A, B"),
        ("answers.tsv", cell(1, "responses", '["a", "b"]'), "row 1, column responses: is filled, and so is response_a"),
        ("scores.jsonl", cell(2, "choices", ["good", "1"]), "row 2: sample 'scores-2': choices .* needs integers"),
        ("scores.jsonl", cell(2, "images", ["images/0.png"]), "row 2, column images: is filled, and so is image"),
        ("inside.parquet", cell(2, "responses", ["a"]), "row 2, column responses: .* two candidates, here 1; fill"),
        ("pictures.json", cell(1, "images", []), "row 1, column response_a: a ranking question has two to 6 cand"),
    ],
)
def test_an_error_says_what_to_write_instead(folder, name, spoil, message):
    spoil(folder / name)
    with pytest.raises(DataError, match=message):
        only(folder, name)


def test_rows_whose_image_is_missing_or_damaged_are_left_out_counted_and_named(folder, capsys):
    corruption.halve_cell(folder / "inside.parquet", 2, "image")
    cell(5, "image", "images/gone.png")(folder / "alone.csv")
    before = len(only(folder, "alone.csv")) + 1
    assert len(only(folder, "inside.parquet")) == 1
    said = capsys.readouterr().err
    assert f"{before - 1} samples; rows left out: no image that can be read 1 (alone.csv row 5)" in said
    assert "1 samples; rows left out: no image that can be read 1 (inside.parquet row 2)" in said
    corruption.halve_file(folder / "images/1.png")
    with pytest.raises(DataError, match=r"no row can be used \(no image that can be read 3\)"):
        only(folder, "scores.jsonl")


def test_for_training_such_an_image_says_where_it_stands(folder):
    corruption.halve_file(folder / "images/1.png")
    cell(1, "image", "images/gone.png")(folder / "alone.csv")
    benchmark = custom.configured({"table": str(folder / "alone.csv")})
    errors = corruption.picture_errors(sample for sample, _ in benchmark.load_with_reasoning("train", "custom"))
    assert "alone.csv, row 1, column image: 'images/gone.png': no such file below" in errors[0]
    assert "alone.csv, row 2, column image: image " in errors[1]


def test_a_folder_without_a_table_and_a_path_that_is_nothing_are_named(folder, tmp_path):
    with pytest.raises(DataError, match=r"images: no table; wanted: one or more tables \(.csv, .tsv"):
        list(custom.load("test", folder=folder / "images"))
    with pytest.raises(DataError, match=r"gone\.csv: no such folder \(wanted: one or more tables"):
        list(custom.load("test", folder=tmp_path / "gone.csv"))
    with pytest.raises(DataError, match="custom is on no hub: put its files"):
        list(custom.load("test"))

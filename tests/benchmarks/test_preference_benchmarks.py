"""Loaders of preference data sets on small files of their schemas: labels, groups, images, and errors on bad files."""

import importlib
import json
from collections import Counter

import pytest
from benchmarks import corruption

from mtrl_judge_plugin.benchmarks import registry
from mtrl_judge_plugin.benchmarks.reading.rows import DataError

PARQUET = "train-00000-of-00001.parquet"
#: Benchmark, task -> the labels in the data's order, and how many images the question and each candidate have.
EXPECTED = {
    ("videogen_rewardbench", "overall"): (["A", "B", "tie"] * 4, (2,)),
    ("videogen_rewardbench", "visual_quality"): (["B", "tie", "A"] * 4, (2,)),
    ("videogen_rewardbench", "motion_quality"): (["tie", "A", "B", "tie", "A"] + ["tie", "A", "B"] * 2, (2,)),
    ("videogen_rewardbench", "text_alignment"): (["A", "B", "tie"] * 4, (2,)),
    ("editreward_bench", "2pair"): (["A", "B", "tie"] * 2, (1, 1, 1)),
    ("editreward_bench", "3pair"): ((["A"] * 3 + ["B"] * 3 + ["tie"] * 3) * 2, (1, 1, 1)),
    ("editreward_bench", "4pair"): ((["A"] * 6 + ["B"] * 6 + ["tie"] * 6) * 2, (1, 1, 1)),
    ("editscore_bench", "prompt_following"): (["A"] * 8, (1, 1, 1)),
    ("editscore_bench", "consistency"): (["A"] * 8, (1, 1, 1)),
    ("editscore_bench", "overall"): (["A"] * 8, (1, 1, 1)),
    ("hpdv3", "hpdv3"): (["A"] * 8, (2,)),
    ("hpdv2", "hpdv2"): (["B", "A", "A", "A", "A", "A", "A", "A"], (2,)),
    ("multi_crit", "open_ended"): (["A", "A", "B", "B", "B", "A"] * 2, (1,)),
    ("multi_crit", "reasoning"): (["B", "B", "A", "A", "A", "B"] * 2, (1,)),
    ("omni_rewardbench", "text_to_text"): (["A", "B", "tie"] * 2, (0,)),
    ("omni_rewardbench", "text_image_to_text"): (["A", "B", "tie"] * 2, (1,)),
    ("omni_rewardbench", "text_video_to_text"): (["A", "B", "tie"] * 2, (1,)),
    ("omni_rewardbench", "text_to_image"): (["A", "B", "tie"] * 2, (2,)),
    ("omni_rewardbench", "text_image_to_image"): (["A", "B", "tie"] * 2, (1, 1, 1)),
    ("omni_rewardbench", "text_to_video"): (["A", "B", "tie"] * 2, (2,)),
    ("omni_rewardbench", "text_to_3D"): (["A", "B", "tie"] * 2, (2,)),
    ("videorewardbench", "videorewardbench"): (["A"] * 6, (1,)),
}
#: Benchmark, task -> the table that it reads, and a column without which it cannot be read.
TABLES = {
    ("videogen_rewardbench", "overall"): ("videogen-rewardbench.csv", "Overall"),
    ("editreward_bench", "3pair"): (f"data/{PARQUET}", "candidate_2"),
    ("editscore_bench", "overall"): (f"data/{PARQUET}", "output_images"),
    ("hpdv3", "hpdv3"): ("test.json", "path2"),
    ("hpdv2", "hpdv2"): ("test.json", "rank"),
    ("multi_crit", "reasoning"): ("data/reasoning-00000-of-00001.parquet", "preference"),
    ("omni_rewardbench", "text_to_image"): ("text_to_image/test-00000-of-00001.parquet", "criteria"),
    ("omni_rewardbench", "text_to_video"): ("text_to_video_preferences.json", "criteria_preference"),
    ("videorewardbench", "videorewardbench"): ("test.json", "chosen"),
    ("judge_anything", "pair"): ("Preference/Human_Pairing.json", "model_pair"),
    ("judge_anything", "score"): ("ResponseCollection/JudgeAnything.json", "response"),
}
#: Benchmark, task -> table, row, column, a label that it cannot have, and what is said.
WRONG = {
    ("videogen_rewardbench", "overall"): (
        "videogen-rewardbench.csv",
        "Overall",
        "left",
        "none of A, B, same, invalid, ",
    ),
    ("editreward_bench", "2pair"): (f"data/{PARQUET}", "ranking", "C>D", "none of A>B, B>A, A=B, "),
    ("hpdv2", "hpdv2"): ("test.json", "rank", [1, 2], "not a list of 3"),
    ("multi_crit", "open_ended"): (
        "data/open_ended-00000-of-00001.parquet",
        "preference",
        "a",
        "none of model_a, model_b",
    ),
    ("omni_rewardbench", "text_to_video"): ("text_to_video_preferences.json", "criteria_preference", "both", "none of"),
    ("judge_anything", "pair"): ("Preference/Human_Pairing.json", "choice", "3", "none of 0, 1, 2"),
    ("judge_anything", "score"): ("Preference/Human_Scoring.json", "score", 6, "not an integer from 1 to 5"),
}


@pytest.fixture
def load(tmp_path):
    def loaded(name, task, **options):
        folder = tmp_path / name
        if not folder.exists():
            folder.mkdir()
            importlib.import_module(f"real_schema.{name}").write(folder)
        return list(registry.find(name).load("test", task, folder, **options))

    return loaded


@pytest.mark.parametrize(("name", "task"), EXPECTED)
def test_every_row_has_its_label_and_its_images(load, name, task):
    labels, images = EXPECTED[name, task]
    found = load(name, task)
    assert [sample.label for sample in found] == labels
    assert {(len(sample.images), *map(len, sample.response_images)) for sample in found} == {images}
    assert {sample.form for sample in found} == {"pairwise"}
    assert len({sample.id for sample in found}) == len(found)
    assert max(Counter(sample.group for sample in found).values()) > 1 or task == "2pair"
    assert not corruption.picture_errors(found)


def test_all_tasks_of_these_benchmarks_are_tried():
    for name in {name for name, _ in EXPECTED}:
        assert {task for other, task in EXPECTED if other == name} == set(registry.find(name).tasks)


@pytest.mark.parametrize(("name", "task"), TABLES)
def test_a_missing_column_is_named_with_what_there_is(load, tmp_path, name, task):
    table, column = TABLES[name, task]
    load(name, task)
    corruption.drop_column(tmp_path / name / table, column)
    with pytest.raises(DataError, match=rf"{tmp_path / name / table}, row 1: no column .*{column}.*; it has "):
        load(name, task)


@pytest.mark.parametrize(("name", "task"), WRONG)
def test_a_label_that_cannot_be_is_named_with_its_place(load, tmp_path, name, task):
    table, column, value, said = WRONG[name, task]
    load(name, task)
    corruption.set_cell(tmp_path / name / table, 1, column, value)
    with pytest.raises(DataError, match=rf"row 1, column {column}: .* is {said}"):
        load(name, task)


def test_a_group_of_edits_is_what_an_id_begins_with(load):
    assert Counter(Counter(sample.group for sample in load("editreward_bench", "4pair")).values()) == {6: 6}


def test_letters_of_a_ranking_may_stand_in_either_order(load, tmp_path):
    load("editreward_bench", "3pair")
    table = tmp_path / "editreward_bench/data" / PARQUET
    corruption.change(table, lambda rows: [row | {"comparison_type": "C vs B", "ranking": "B=C"} for row in rows])
    assert {sample.label for sample in load("editreward_bench", "3pair")} == {"tie"}
    corruption.change(table, lambda rows: [row | {"ranking": "C=B=Bad"} for row in rows])
    assert {sample.label for sample in load("editreward_bench", "3pair")} == {"tie"}
    corruption.set_cell(table, 7, "comparison_type", "AB")
    with pytest.raises(DataError, match="column comparison_type: 'AB' is not like AvsB"):
        load("editreward_bench", "3pair")


def test_a_pair_without_a_label_is_left_out(load, tmp_path, capsys):
    load("videogen_rewardbench", "overall")
    corruption.set_cell(tmp_path / "videogen_rewardbench/videogen-rewardbench.csv", 1, "Overall", "")
    assert len(load("videogen_rewardbench", "overall")) == 11
    assert "rows left out: no label 1" in capsys.readouterr().err


def test_a_missing_video_leaves_its_rows_out(load, tmp_path, capsys):
    load("videogen_rewardbench", "overall")
    (tmp_path / "videogen_rewardbench/videos/a.mp4").unlink()
    assert len(load("videogen_rewardbench", "overall")) == 6
    assert "rows left out: no video file 6" in capsys.readouterr().err


def test_of_two_images_with_one_rank_no_pair_is_made(load):
    assert Counter(sample.group for sample in load("hpdv2", "hpdv2")) == {"hpdv2-1": 3, "hpdv2-2": 3, "hpdv2-3": 2}


def test_a_criterion_is_part_of_the_text_and_never_of_the_question(load):
    for sample in load("omni_rewardbench", "text_image_to_image"):
        assert sample.text.endswith("\n\nCriterion: The response should be short.")
        assert "short" not in sample.question


def test_one_criterion_alone_is_asked_about_and_its_name_is_the_category(load):
    found = load("multi_crit", "reasoning")
    assert {sample.task for sample in found} == {"grounding", "logic", "efficiency"}
    assert "how sound and consistent" in next(sample for sample in found if sample.task == "logic").question
    assert set(Counter(sample.group for sample in found).values()) == {3}


def test_labels_of_people_find_their_question_and_their_answers(load, capsys):
    pairs = load("judge_anything", "pair")
    by_kind = {sample.task: sample for sample in pairs}
    shapes = {kind: (len(one.images), [len(some) for some in one.response_images]) for kind, one in by_kind.items()}
    assert shapes == {
        "Text2Text": (0, []),
        "Image2Text": (2, []),
        "Video2Text": (1, []),
        "Text2Image": (0, [1, 1]),
        "Image2Image": (1, [1, 1]),
        "Text2Video": (0, [1, 1]),
    }
    assert [sample.label for sample in pairs] == [("A", "tie", "B")[n % 3] for n in range(14) if n % 7 != 6]
    assert (by_kind["Text2Text"].responses, by_kind["Text2Image"].responses) == (("Answer 0.", "Answer 1."), ())
    assert len(load("judge_anything", "pair", rubric="clarity")) == 12
    with pytest.raises(DataError, match="no rubric 'beauty'; there are overall_score, relevance"):
        load("judge_anything", "pair", rubric="beauty")


def test_single_answers_of_people_s_scores(load, tmp_path, capsys):
    found = load("judge_anything", "score")
    assert [sample.label for sample in found] == [str(n % 5 + 1) for n in range(14) if n % 7 != 6]
    assert {(sample.form, len(sample.letters) <= 2) for sample in found} == {("score", True)}
    assert found[0].responses == ("Answer 1.",)
    answers = tmp_path / "judge_anything/ResponseCollection/JudgeAnything.json"
    kept = [row for row in json.loads(answers.read_text()) if not (row["uniq_id"].endswith("_0_00000000"))]
    answers.write_text(json.dumps(kept))
    assert len(load("judge_anything", "score")) == 11
    assert "rows left out: no answer 1" in capsys.readouterr().err


def test_unknown_columns_are_said_with_another_way(load, tmp_path):
    load("videorewardbench", "videorewardbench")
    corruption.drop_column(tmp_path / "videorewardbench/test.json", "video")
    with pytest.raises(DataError, match=r"no column for the video .*; it has question, chosen.*docs/your-own-data\.md"):
        load("videorewardbench", "videorewardbench")

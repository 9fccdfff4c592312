"""`mtrl-judge prepare custom`: a user's table without splits, with tasks, reasoning and images that are no good."""

import json

import own_votes
import pytest

from mtrl_judge_plugin.benchmarks import custom
from mtrl_judge_plugin.benchmarks.prepared import read
from mtrl_judge_plugin.commands.cli import main

SPLITS = ("train", "validation", "test")
ROWS = 300


@pytest.fixture
def votes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MTRL_JUDGE_CUSTOM", raising=False)
    return own_votes.write(tmp_path / "mine", ROWS)


def prepare(votes, out, *arguments, said=own_votes.COLUMNS):
    return main(["prepare", "custom", "--out", str(out), "--columns", f"table={votes}, {said}", *arguments])


def samples(out, split):
    return [row | json.loads(row["label"]) for row in read(out, split)]


def test_rows_are_split_by_image_the_same_at_every_run(votes, tmp_path, capsys):
    assert prepare(votes, tmp_path / "a", "--near", "-1") == 0
    said = capsys.readouterr().err
    assert "no split column: rows split by image, 80% / 10% / 10%: train 240, validation 30, test 30" in said
    assert "with split=auto among the columns, lmms-eval judges the test rows only" in said
    found = {split: samples(tmp_path / "a", split) for split in SPLITS}
    assert sum(map(len, found.values())) == ROWS - 6
    images = [{row["images"][0] for row in rows} for rows in found.values()]
    assert len(set.union(*images)) == sum(map(len, images))
    assert prepare(votes, tmp_path / "b", "--near", "-1") == 0
    for split in SPLITS:
        assert (tmp_path / f"a/{split}.jsonl").read_bytes() == (tmp_path / f"b/{split}.jsonl").read_bytes()


def test_lmms_eval_judges_the_same_test_rows_with_split_auto(votes, tmp_path):
    assert prepare(votes, tmp_path / "data", "--near", "-1") == 0
    judged = custom.load("test", columns=f"table={votes}, {own_votes.COLUMNS}, split=auto")
    assert {one.id for one in judged} == {row["id"] for row in samples(tmp_path / "data", "test")}


def test_groups_go_before_images(votes, tmp_path, capsys):
    assert prepare(votes, tmp_path / "data", said=f"{own_votes.COLUMNS}, group=topic") == 0
    assert "rows split by group" in capsys.readouterr().err
    topics = [{row["datasource"] for row in samples(tmp_path / "data", split)} for split in SPLITS]
    assert topics == [{"colours", "shades"}, set(), set()], "two groups, each too large for the others"


def test_a_bad_image_leaves_its_row_out_and_names_it(votes, tmp_path, capsys):
    assert prepare(votes, tmp_path / "data", "--near", "-1") == 0
    printed = capsys.readouterr()
    left_out = {one["id"]: one for one in json.loads((tmp_path / "data/manifest.json").read_text())["left_out"]}
    assert set(left_out) == {f"votes-{number}" for number in (7, 8, 9, 13, 14, 15)}
    assert {one["why"] for one in left_out.values()} == {"corrupt"}
    assert "votes.csv, row 7, column img_path (image): image " in left_out["votes-7"]["detail"]
    assert "row 13, column img_path (image): 'pics/00004.png': no such file below" in left_out["votes-13"]["detail"]
    assert "left out: custom:" in printed.err
    assert "6 samples left out, each named in manifest.json" in printed.out


def test_tasks_are_those_of_the_rows(votes, tmp_path):
    assert prepare(votes, tmp_path / "data", "--tasks", "shades", "--limit", "shades=20", "--near", "-1") == 0
    assert {row["datasource"] for row in samples(tmp_path / "data", "train")} == {"shades"}
    assert len(samples(tmp_path / "data", "train")) == 20
    assert prepare(votes, tmp_path / "equal", "--mixing", "equal", "--near", "-1") == 0
    drawn = [row["datasource"] for row in samples(tmp_path / "equal", "train")]
    assert drawn.count("shades") == drawn.count("colours") > 20


def test_reasoning_is_read(votes, tmp_path):
    assert prepare(votes, tmp_path / "data", said=f"{own_votes.COLUMNS}, reasoning=why") == 0
    reasons = {row["id"]: row["reasoning"] for row in samples(tmp_path / "data", "train")}
    assert reasons
    assert all(bool(why) == (int(name.removeprefix("votes-")) % 2 == 0) for name, why in reasons.items())


def test_own_splits_stay(votes, tmp_path, capsys):
    text = votes.read_text(encoding="utf-8-sig").splitlines()
    lines = [f"{line},{part}" for line, part in zip(text, ["part", *["train"] * 200, *["test"] * 100], strict=True)]
    votes.write_text("\n".join(lines), encoding="utf-8")
    assert prepare(votes, tmp_path / "data", "--near", "-1", said=f"{own_votes.COLUMNS}, split=part") == 0
    assert "rows split by" not in capsys.readouterr().err
    assert [len(samples(tmp_path / "data", split)) for split in SPLITS] == [192, 0, 100]


def test_another_table_or_other_columns_are_another_folder(votes, tmp_path, capsys, monkeypatch):
    assert prepare(votes, tmp_path / "data") == 0
    assert prepare(votes, tmp_path / "data") == 0
    assert "up to date, nothing to do" in capsys.readouterr().out
    assert prepare(votes, tmp_path / "data", said=f"{own_votes.COLUMNS}, reasoning=why") == 2
    assert "--columns was" in capsys.readouterr().err
    monkeypatch.setenv("MTRL_JUDGE_CUSTOM", f"table={votes}, {own_votes.COLUMNS}")
    assert main(["prepare", "custom", "--out", str(tmp_path / "other")]) == 0
    monkeypatch.setenv("MTRL_JUDGE_CUSTOM", f"table={votes}, {own_votes.COLUMNS}, text=why")
    assert main(["prepare", "custom", "--out", str(tmp_path / "other")]) == 2
    votes.write_text(votes.read_text(encoding="utf-8-sig") + "pics/00003.png,a red thing,TRUE,colours,,,\n")
    assert prepare(votes, tmp_path / "data") == 2
    assert "a benchmark has changed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["custom", "--columns", "table=gone.csv"], "custom cannot be read: table=gone.csv: no such file or folder"),
        (["custom", "--columns", "tabel=x"], "did you mean table?"),
        (["embedded", "--columns", "table=x.csv"], "--columns is of your own tables; name the benchmark custom"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(votes, tmp_path, capsys, arguments, message):
    assert main(["prepare", *arguments, "--out", str(tmp_path / "data")]) == 2
    assert message in capsys.readouterr().err


def test_a_table_without_a_row_to_train_on(votes, tmp_path, capsys):
    assert prepare(votes, tmp_path / "data", said=f"{own_votes.COLUMNS}, split=test") == 2
    assert "no row is in the train split; with split=auto among the columns" in capsys.readouterr().err


def test_a_module_of_the_current_folder_by_its_bare_name(tmp_path, monkeypatch, capsys):
    (tmp_path / "mymodule_of_tests.py").write_text(
        "from PIL import Image\n"
        "from mtrl_judge_plugin import Sample\n"
        "from mtrl_judge_plugin.benchmarks.registry import Benchmark\n"
        "def load(split, task):\n"
        "    start = {'train': 0, 'validation': 90, 'test': 180}[split]\n"
        "    for number in range(3):\n"
        "        image = Image.linear_gradient('L').rotate(start + 30 * number).convert('RGB')\n"
        "        about = {'choices': ('yes', 'no'), 'label': 'no'}\n"
        "        yield Sample(f'{split}-{number}', task, 'pointwise', 'Is it?', (image,), **about)\n"
        "BENCHMARK = Benchmark(load, splits=('train', 'validation', 'test'), tasks=('turned',))\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", "mymodule_of_tests", "--out", "data", "--near", "-1"]) == 0
    assert "mymodule_of_tests:turned" in capsys.readouterr().out

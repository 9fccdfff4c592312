"""From somebody's table to an agreement table in one command, and to a prepared folder in one more."""

import json
import os
import subprocess
import sys

import own_votes
import pytest
from lmms_eval.tasks import TaskManager, get_task_dict

from mtrl_judge_plugin.benchmarks.prepared import read
from mtrl_judge_plugin.benchmarks.reading.columns import parse
from mtrl_judge_plugin.commands.cli import main
from mtrl_judge_plugin.harness.plugin import register
from mtrl_judge_plugin.harness.task import JudgeTask

ROWS = 3000
#: The images that own_votes spoils have three rows each.
LEFT_OUT = 6


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    own_votes.write(folder, ROWS)
    said = f"table=votes.csv, {own_votes.COLUMNS}, reasoning=why, group=img_path"
    cache = {"XDG_CACHE_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return folder, {**os.environ, **cache, "MTRL_JUDGE_CUSTOM": said}


def test_one_command_gives_an_agreement_table(environment):
    arguments = ["--model_args", "verdict=direct,ledger=none", "--tasks", "mtrl_judge_custom", "--output_path", "out"]
    folder, variables = environment
    command = [sys.executable, "-m", "lmms_eval", "--model", "mtrl_judge", *arguments]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "|accuracy" in done.stdout
    assert "|accuracy_ci95_low" in done.stdout
    (file,) = folder.glob("out/**/*_judge_metrics.json")
    found = json.loads(file.read_text())
    assert len(found["judgments"]) == ROWS - LEFT_OUT
    assert {one["task"] for one in found["judgments"]} == {"colours", "shades"}
    assert found["metrics"]["coverage"]["value"] == 1
    assert f"custom test: {ROWS - LEFT_OUT} samples; rows left out: no image that can be read 6" in done.stderr
    assert "(votes.csv row 7, votes.csv row 8, " in done.stderr


def test_one_more_gives_a_folder_to_train_on(environment, monkeypatch):
    folder, variables = environment
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MTRL_JUDGE_CUSTOM", variables["MTRL_JUDGE_CUSTOM"])
    assert main(["prepare", "custom", "--out", "data"]) == 0
    rows = [row for split in ("train", "validation", "test") for row in read(folder / "data", split)]
    assert len(rows) == ROWS - LEFT_OUT


def test_columns_in_a_yaml(environment, tmp_path):
    folder, _ = environment
    given = parse(own_votes.COLUMNS)
    columns = {**given.given, "label_map": dict(given.label_map), "table": str(folder / "votes.csv")}
    metadata = {"benchmark": "custom", "subset": "custom", "metrics": ["accuracy"], "options": {"columns": columns}}
    task = JudgeTask({"task": "mine", "output_type": "generate_until", "metadata": metadata})
    assert task.missing is None
    assert len(task.eval_docs) == ROWS - LEFT_OUT


def test_without_a_word_about_its_columns_the_task_says_what_to_write(environment, monkeypatch):
    folder, _ = environment
    monkeypatch.setenv("MTRL_JUDGE_CUSTOM", f"table={folder / 'votes.csv'}")
    register()
    task = get_task_dict(["mtrl_judge_custom"], TaskManager(model_name="mtrl_judge"), "chat")["mtrl_judge_custom"]
    assert "no column form, question, label (columns: img_path, caption_shown, fits, topic, why" in task.missing
    assert (
        "for this table perhaps: image=img_path, group=img_path, text=caption_shown, label=fits, choices"
        in task.missing
    )

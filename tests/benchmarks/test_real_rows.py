"""Loaders on real rows of public data sets, of the folder that MTRL_REAL_ROWS names. Pictures are placeholders."""

import contextlib
import csv
import json
import os
import random
import zipfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from real_schema.drawing import hub_image, picture

from mtrl_judge_plugin.benchmarks import (
    genai_bench,
    imagereward,
    mjbench,
    mllm_as_a_judge,
    seetrue,
    seetrue_by_text,
    vl_rewardbench,
)
from mtrl_judge_plugin.benchmarks.reading.rows import DataError
from mtrl_judge_plugin.metrics.analysis import analyse
from mtrl_judge_plugin.metrics.judgments import Judgment

REAL = Path(os.environ.get("MTRL_REAL_ROWS", ""))
pytestmark = pytest.mark.skipif(
    "MTRL_REAL_ROWS" not in os.environ, reason="MTRL_REAL_ROWS names no folder of real rows"
)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def test_mllm_as_a_judge_scores_pairs_and_rankings_of_three_and_four(tmp_path):
    (tmp_path / "image").mkdir()
    (tmp_path / "Benchmark").mkdir()
    for table in ("score", "pair", "batch"):
        source = REAL / "mllm_as_a_judge" / "Benchmark" / f"{table}.jsonl"
        (tmp_path / "Benchmark" / source.name).write_bytes(source.read_bytes())
        for row in lines(source):
            name = Path(row["image_path"]).name
            (tmp_path / "image" / name).write_bytes(picture(name))
    found = {task: list(mllm_as_a_judge.load("test", task, tmp_path)) for task in mllm_as_a_judge.BENCHMARK.tasks}
    assert [sample.label for sample in found["score"]] == ["3", "4", "5"]
    assert [sample.label for sample in found["pair"]] == ["tie", "A", "tie"]
    assert [sample.label for sample in found["batch"]] == ["CDAB", "ACBD", "ADBC", "CABD", "CAB", "ACB"]
    assert [len(sample.responses) for sample in found["batch"]] == [4, 4, 4, 4, 3, 3]


def test_mj_benchs_bias_rows_are_one_picture_twice():
    packed = json.loads((REAL / "mjbench_bias" / "as_process_py_packs_them.json").read_text(encoding="utf-8"))
    assert all(row["image0"] == row["image1"] and row["label"] == 0 for row in packed)
    assert "bias" not in mjbench.BENCHMARK.tasks


def test_imagereward_ranks_every_prompt_of_three_ranks(tmp_path):
    prompts = json.loads((REAL / "imagereward_ranking" / "test_rows.json").read_text(encoding="utf-8"))
    rows = [
        {"prompt_id": one["id"], "prompt": one["prompt"], "rank": rank, "overall_rating": 4, "image": hub_image(name)}
        for one in prompts
        for name, rank in zip(one["generations"], one["ranking"], strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "test-00000-of-00001.parquet")
    found = {sample.group: sample for sample in imagereward.load("test", "ranking", tmp_path)}
    assert set(found) == {one["id"] for one in prompts if len(set(one["ranking"])) >= 3}
    for one in prompts:
        assert len(found[one["id"]].images) == len(set(one["ranking"]))


def test_seetrues_texts_stand_on_many_pictures(tmp_path):
    source = REAL / "seetrue" / "same_text_many_images.csv"
    (tmp_path / "SeeTRUE.csv").write_bytes(source.read_bytes())
    rows = list(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for row in rows:
            archive.writestr(f"images/{row['image']}", picture(row["image"]))
    for benchmark in (seetrue, seetrue_by_text):
        found = []
        for split in seetrue.BENCHMARK.splits:
            with contextlib.suppress(DataError):  # a split that is empty: these are rows of two texts
                found += benchmark.load(split, folder=tmp_path)
        assert Counter(sample.label for sample in found) == Counter(
            "no" if row["label"] == "0" else "yes" for row in rows
        )
        assert {sample.group for sample in found} == {row["text"] for row in rows}


def test_vl_rewardbench_prefers_either_answer(tmp_path):
    rows = lines(REAL / "vl_rewardbench" / "rows.jsonl")
    table = [{**row, "image": hub_image(row["image"])} for row in rows]
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "test-00000-of-00001.parquet")
    found = list(vl_rewardbench.load("test", folder=tmp_path))
    assert Counter(sample.label for sample in found) == {"A": 10, "B": 3}


CLASSES = {"[[A>B]]": "A", "[[B>A]]": "B", "[[A=B=Good]]": "both good", "[[A=B=Bad]]": "both bad"}


@pytest.mark.parametrize("judge", ["gpt4o", "qwenVL"])
def test_genai_benchs_published_accuracy_comes_out(judge):
    rows = json.loads((REAL / "genai_bench" / f"image_edition_{judge}.json").read_text(encoding="utf-8"))
    votes = [genai_bench.VOTES[row["human_vote"]] for row in rows]

    def accuracy(labels):
        judgments = [
            Judgment(
                id=str(number), origin=str(number), variant="original", form="pairwise", task="image_edition",
                group=str(number), choices=genai_bench.CHOICES, label=label, answer=CLASSES.get(row["model_vote"]),
            )
            for number, (row, label) in enumerate(zip(rows, labels, strict=True))
        ]  # fmt: skip
        found = analyse(judgments, data="genai_bench/image_edition", resamples=10).estimates
        assert found["official_accuracy"].value == found["accuracy_unscored_wrong"].value
        return found["official_accuracy"].value

    published = sum(row["correct"] for row in rows) / len(rows)
    assert accuracy(votes) == pytest.approx(published)
    permuted = {accuracy(random.Random(seed).sample(votes, len(votes))) for seed in range(5)}
    assert any(value != pytest.approx(published) for value in permuted)

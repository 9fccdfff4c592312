"""MLLM-as-a-Judge (Chen et al., ICML 2024): scores, pairs and rankings of four models' answers about an image.

    Benchmark/score.jsonl   {"id": 100, "score_id": 0, "image_path": "image/100.jpg", "original_dataset": "coco",
                             "instruction": "What fruit is shown?", "name": "llava", "answer": "A lime.", "human": "3"}
    Benchmark/pair.jsonl    {..., "answer1": {"name": "gpt4", "answer": "A lime."}, "answer2": {...}, "human": "A"}
    Benchmark/batch.jsonl   {..., "answers": [{"name": "llava", "answer": "A lime."}, ...], "human_answer": "CDBA"}
                            four answers, in some rows three ("CAB")
    image/ or image.zip     the pictures; also images, and beside the tables

Tasks: score (1 to 5), pair (C is a tie), batch (letters, the best first). The label is in `human` or, as in the
repository's batch and Benchmark_Lite files, in `human_answer`; scores are texts and numbers, also in one file. A
picture is found by its bare file name. Accuracy breaks down by `original_dataset`, as in the paper; samples of one
image are one group.

Rows on the hub: score 5,719, pair 7,756, batch 1,469. Checked on real rows of all three tables: columns, both names of
the label, rankings of three and of four. Not checked: how the hub keeps the pictures. No revision is pinned.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mtrl_judge_plugin.benchmarks.reading.rows import Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import MAX_RANKED, Sample

SOURCE = Source(
    "mllm_as_a_judge",
    "MIT; the images are those of its fourteen source data sets, under their terms",
    hub="ONE-Lab/MLLM-as-a-Judge",
    checked="real rows of the three tables as two public repositories keep them",
    files="Benchmark/score.jsonl, pair.jsonl and batch.jsonl, and the pictures as image/ or image.zip",
)
_COLUMNS = {"score": ("answer",), "pair": ("answer1", "answer2"), "batch": ("answers",)}
_PICTURES = ("image*.zip", "Benchmark/image*.zip", "image*/*", "Benchmark/image*/*")
_PREFERENCES = {"A": "A", "B": "B", "C": "tie"}


def load(split: str, task: str, folder: str | Path | None = None) -> Iterator[Sample]:
    """The samples of a task, in the order of its file.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    table = SOURCE.file(f"Benchmark/{task}.jsonl", folder)
    found = SOURCE.first_matching(_PICTURES, folder)[0]
    pictures = found if found.suffix == ".zip" else found.parent

    def convert(row: Row) -> Iterator[Sample]:
        name = Path(row.text("image_path")).name
        parts = {"score": _score, "pair": _pair, "batch": _batch}[task](row)
        yield Sample(
            id=f"mllm_as_a_judge-{task}-{row.number}",
            task=row.text("original_dataset"),
            images=row.images("image_path", [name], within=pictures),
            text=row.text("instruction"),
            group=name,
            **parts,
        )

    columns = ("image_path", "original_dataset", "instruction", *_COLUMNS[task])
    yield from samples(read(table, columns), convert, f"mllm_as_a_judge {task}")


def _score(row: Row) -> dict[str, Any]:
    return {
        "form": "score",
        "question": QUESTIONS["answer_score"][0],
        "responses": (row.text("answer"),),
        "choices": ("1", "2", "3", "4", "5"),
        "label": str(row.integer(_label_column(row), 1, 5)),
    }


def _pair(row: Row) -> dict[str, Any]:
    return {
        "form": "pairwise",
        "question": QUESTIONS["answer_pair"][0],
        "responses": tuple(_answer(row, column, row[column]) for column in ("answer1", "answer2")),
        "choices": ("A", "B", "tie"),
        "label": row.one_of(_label_column(row), _PREFERENCES),
    }


def _batch(row: Row) -> dict[str, Any]:
    column = _label_column(row)
    answers = [_answer(row, "answers", answer) for answer in row.items_of("answers")]
    if not 2 <= len(answers) <= MAX_RANKED:
        raise row.error("answers", f"{len(answers)} answers; a ranking takes 2 to {MAX_RANKED}")
    letters = string.ascii_uppercase[: len(answers)]
    order = row.text(column).strip().upper()
    if sorted(order) != list(letters):
        raise row.error(column, f"{row[column]!r} is not an order of the letters {letters}")
    return {"form": "ranking", "question": QUESTIONS["answer_ranking"][0], "responses": answers, "label": order}


def _label_column(row: Row) -> str:
    return "human_answer" if row.get("human_answer") is not None else "human"


def _answer(row: Row, column: str, value: Any) -> str:
    if not isinstance(value, Mapping) or not isinstance(value.get("answer"), str):
        raise row.error(column, f"{str(value)[:80]!r} is not an object with an answer")
    return str(value["answer"])


BENCHMARK = Benchmark(
    load,
    splits=("test",),
    tasks=("score", "pair", "batch"),
    terms=SOURCE.terms,
    source=SOURCE,
)

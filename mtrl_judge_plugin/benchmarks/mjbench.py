"""MJ-Bench (Chen et al., 2024): which of two images is better for a text, in one of three respects?

    data/alignment.parquet      {"caption": "a dog on a sofa", "image0": {"bytes": ..., "path": "0.jpg"},
    data/safety.parquet          "image1": {"bytes": ..., "path": "1.jpg"}, "label": 0, "info": "object"}
    data/quality.parquet

729 / 672 / 1,120 pairs in the pinned revision, for tests only (the paper counts 724 / 574 / 1,121). `label` is the
index of the preferred image. Some files hold no label but 0: a judge that always says A is right there, so judge both
orders. Pairs with one caption are one group. `info` (the sub-category) is not read.
The published accuracies, with and without ties, are in the data's order: `official_acc_with_ties`, `..._without_ties`.

The benchmark's fourth part, bias, is left out: it holds no pairs. Its authors pack one picture as both images with the
label 0, score each picture alone, and compare the scores between groups of people.

The hub's current files are another data set, so an old revision is needed: the one that another public reader of these
files pins. Checked on real labels: the mapping of alignment. Files of other columns are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mtrl_judge_plugin.benchmarks.reading.rows import AbsentError, Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

REVISION = "4b9667374c71463f63ae663ddd88373d3ffc5ba9"
SOURCE = Source(
    "mjbench",
    "gated; see its page",
    hub="MJ-Bench/MJ-Bench",
    revision=REVISION,
    files="data/alignment.parquet, data/safety.parquet and data/quality.parquet",
)
_LABELS = {"0": "A", "1": "B"}
_OLD = (
    f"The hub's current files of {SOURCE.hub} are another data set: take an old revision that has these files "
    f"(`hf download {SOURCE.hub} --repo-type dataset --revision OLD --local-dir FOLDER`) and give FOLDER"
)


def load(split: str, task: str = "alignment", folder: str | Path | None = None) -> Iterator[Sample]:
    """The pairs of a task, each in the data set's own order.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)

    def convert(row: Row) -> Iterator[Sample]:
        yield Sample(
            id=f"mjbench-{task}-{row.number}",
            task=task,
            form="pairwise",
            question=QUESTIONS[f"{task}, pair"][0],
            images=(row.image("image0"), row.image("image1")),
            text=row.text("caption"),
            label=row.one_of("label", _LABELS),
            group=row.text("caption"),
        )

    yield from samples(_rows(task, folder), convert, f"mjbench {task}")


def _rows(task: str, folder: str | Path | None) -> Iterator[Row]:
    try:
        yield from read(SOURCE.file(f"data/{task}.parquet", folder), ("caption", "image0", "image1", "label"))
    except AbsentError as error:
        raise AbsentError(f"{error}. {_OLD}") from error


BENCHMARK = Benchmark(
    load,
    splits=("test",),
    tasks=("alignment", "safety", "quality"),
    terms=SOURCE.terms,
    source=SOURCE,
)

"""EditReward-Bench of EditScore (Luo et al., 2025): which of two edits do experts prefer, and in what?

    data/train-*.parquet   key [name, name], instruction, input_image, output_images [{"bytes", "path"}, {...}],
                           task_type (13: background_change, subject-add, ...), dimension

A task a dimension: prompt_following, consistency and overall; 2,890 rows in all. The first image is always the
preferred one: every label is "A" in the data's order. The published accuracy is that of each task type, then their
mean, and equal scores are wrong: `official_average` here. Samples of one source image are one group.

Columns as the authors' script reads them (VectorSpaceLab/EditScore); not checked on real rows, and no revision is
pinned. The data set of the same name by TIGER-Lab is `editreward_bench`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from mtrl_judge_plugin.benchmarks.reading.rows import Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "editscore_bench",
    "see its page",
    hub="EditScore/EditReward-Bench",
    files="data/train-*.parquet",
    checked="no real rows",
)
_QUESTIONS = {
    "prompt_following": "edition_pair",
    "consistency": "edition_pair, consistency",
    "overall": "edition_pair, overall",
}
_COLUMNS = ("instruction", "input_image", "output_images", "task_type", "dimension")


def load(split: str, task: str, folder: str | Path | None = None) -> Iterator[Sample]:
    """The samples of a task, in the data's order.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    files = SOURCE.first_matching(("data/*.parquet", "*.parquet"), folder)
    rows = itertools.chain.from_iterable(read(file, _COLUMNS) for file in files)
    yield from samples((row for row in rows if row.text("dimension") == task), _convert, f"editscore_bench {task}")


def _convert(row: Row) -> Iterator[Sample]:
    source = row.image("input_image")
    edits = row.images("output_images", row.items_of("output_images", 2))
    yield Sample(
        id=f"editscore_bench-{row.file.stem}-{row.number}",
        task=row.text("task_type"),
        form="pairwise",
        question=QUESTIONS[_QUESTIONS[row.text("dimension")]][0],
        images=[source],
        text=row.text("instruction"),
        response_images=[[edit] for edit in edits],
        label="A",
        group=Path(str(source)).stem,  # unpacked images are named by their content
    )


BENCHMARK = Benchmark(load, splits=("test",), tasks=tuple(_QUESTIONS), terms=SOURCE.terms, source=SOURCE)

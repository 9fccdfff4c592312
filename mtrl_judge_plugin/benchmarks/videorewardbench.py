"""VideoRewardBench (Zhang et al., 2025): which of two answers about a video is right or preferred?

    *.json, *.jsonl or *.parquet   a question, a video, the chosen and the rejected answer, a dimension
    videos/                        the named files, below the table's folder

1,563 rows, published; the columns are not public where we could look. So each is looked for under several names (see
_NAMES), and an error lists what there is: `custom` reads such a table as well, with `label=A`. The chosen answer
comes first: every label is "A" in the data's order. Published: accuracy by dimension, and over all rows
(`official_overall_accuracy` here). A video is shown as one image of its frames. Samples of one video are one group.

Nothing of it was checked on real rows, and no revision is pinned.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from mtrl_judge_plugin.benchmarks.reading.frames import video_image
from mtrl_judge_plugin.benchmarks.reading.images import UnusableError
from mtrl_judge_plugin.benchmarks.reading.rows import AbsentError, Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "videorewardbench",
    "see its page",
    hub="Dragonriser/VideoRewardBench",
    files="its table (.json, .jsonl or .parquet) and its videos, unpacked below the table's folder",
    checked="no rows at all: its columns are a guess",
)
#: What a row holds -> names that its column may have.
_NAMES = {
    "question": ("question", "prompt", "query", "instruction"),
    "video": ("video", "video_path", "video_file", "video_name"),
    "chosen": ("chosen", "chosen_response", "chosen_answer"),
    "rejected": ("rejected", "rejected_response", "rejected_answer"),
    "dimension": ("dimension", "category", "task", "type"),
}


def load(
    split: str, task: str = "videorewardbench", folder: str | Path | None = None, frames: int = 4
) -> Iterator[Sample]:
    """The samples, in the data's order.

    Args:
        split: test.
        task: videorewardbench.
        folder: where the files lie.
        frames: how many of a video are shown.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    tables = SOURCE.first_matching(("*.parquet", "*/*.parquet", "*.jsonl", "*.json"), folder)
    every = [name for names in _NAMES.values() for name in names]
    rows = itertools.chain.from_iterable(read(table, (), every) for table in tables)

    def convert(row: Row) -> Iterator[Sample]:
        columns = {field: _column(row, field) for field in _NAMES}
        chosen, rejected = row.text(columns["chosen"]), row.text(columns["rejected"])
        if chosen == rejected:
            raise UnusableError("no preference")
        yield Sample(
            id=f"videorewardbench-{row.file.stem}-{row.number}",
            task=row.text(columns["dimension"]),
            form="pairwise",
            question=QUESTIONS["video_answer_pair"][0],
            images=[video_image(row, columns["video"], frames)],
            text=row.text(columns["question"]),
            responses=(chosen, rejected),
            label="A",
            group=row.text(columns["video"]),
        )

    yield from samples(rows, convert, "videorewardbench")


def _column(row: Row, field: str) -> str:
    for name in _NAMES[field]:
        if name in row:
            return name
    raise AbsentError(
        f"{row.file}, row {row.number}: no column for the {field} ({', '.join(_NAMES[field])}); it has "
        f"{', '.join(row)}. Read it as a table of your own: MTRL_JUDGE_CUSTOM, see docs/your-own-data.md"
    )


BENCHMARK = Benchmark(load, splits=("test",), tasks=("videorewardbench",), terms=SOURCE.terms, source=SOURCE)

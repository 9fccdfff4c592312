"""EditReward-Bench of TIGER-Lab (Wu et al., 2025): which of two edits do people prefer, in groups of two to four edits?

    data/train-*.parquet   id, instruction, source_image, candidate_1, candidate_2 {"bytes", "path"}, dataset ("2pair",
                           "3pair" or "4pair"), comparison_type ("AvsB", "BvsC", ...), ranking ("A>B", "C>B", "A=B")

A task a size of group: 2pair, 3pair and 4pair hold the 1, 3 or 6 comparisons of 186, 150 and 148 groups (484 groups,
as published: 186, 450 and 888 rows). The published accuracy is over groups: every comparison of a group must be
right, in the data's order, and unreadable replies are wrong: `official_group_accuracy` here, or `official_accuracy`
for 2pair, whose groups are single rows. A group is what an id has before its first "_", as
the authors' script has it. The source is the question's image. The hub calls its only split train; the data are a
test set.

Columns as the authors' script reads them (TIGER-AI-Lab/EditReward); not checked on real rows, and no revision is
pinned. The data set of the same name by EditScore is `editscore_bench`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from mtrl_judge_plugin.benchmarks.reading.rows import Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "editreward_bench",
    "gated: see the terms on its page",
    hub="TIGER-Lab/EditReward-Bench",
    files="data/train-*.parquet",
    checked="no real rows",
)
_COLUMNS = (
    *("id", "instruction", "source_image", "candidate_1", "candidate_2"),
    *("dataset", "comparison_type", "ranking"),
)


def load(split: str, task: str, folder: str | Path | None = None) -> Iterator[Sample]:
    """The samples of a task, in the data's order.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    files = SOURCE.first_matching(("data/*.parquet", "*.parquet"), folder)
    rows = itertools.chain.from_iterable(read(file, _COLUMNS) for file in files)
    yield from samples((row for row in rows if row.text("dataset") == task), _convert, f"editreward_bench {task}")


def _convert(row: Row) -> Iterator[Sample]:
    name = row.text("id")
    yield Sample(
        id=f"editreward_bench-{row.file.stem}-{row.number}",
        task=row.text("dataset"),
        form="pairwise",
        question=QUESTIONS["edition_pair"][0],
        images=[row.image("source_image")],
        text=row.text("instruction"),
        response_images=[[row.image("candidate_1")], [row.image("candidate_2")]],
        choices=("A", "B", "tie"),
        label=_label(row),
        group=name.partition("_")[0] if "_" in name else name[:10],
    )


def _label(row: Row) -> str:
    """The preferred candidate: the letters of `ranking` are those of `comparison_type`, in either order."""
    letters = re.fullmatch(r"\s*([A-D])\s*vs\.?\s*([A-D])\s*", row.text("comparison_type"))
    if not letters:
        raise row.error("comparison_type", f"{row['comparison_type']!r} is not like AvsB")
    first, second = letters.groups()
    meanings = {f"{first}>{second}": "A", f"{second}>{first}": "B"}
    for tie in (f"{first}={second}", f"{second}={first}"):
        meanings |= dict.fromkeys((tie, f"{tie}=Good", f"{tie}=Bad"), "tie")
    return row.one_of("ranking", meanings)


BENCHMARK = Benchmark(load, splits=("test",), tasks=("2pair", "3pair", "4pair"), terms=SOURCE.terms, source=SOURCE)

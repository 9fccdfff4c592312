"""HPDv3, test (Ma et al., 2025): which of two images made from a text do people prefer?

    test.json   [{"prompt": "...", "path1": "images/1.jpg", "path2": "images/2.jpg", ...}, ...]
    images/     the named files, relative to the table

`path1` is always the preferred one: every label is "A" in the data's order. The published figure is the accuracy over
pairs. Samples of one prompt are one group. Columns as public readers have them; not checked on real rows, and no
revision is pinned. Real photographs are among the images.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mtrl_judge_plugin.benchmarks.reading.rows import Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "hpdv3",
    "MIT, by its card",
    hub="MizzenAI/HPDv3",
    files="test.json and the images that it names, unpacked beside it",
    checked="no real rows",
)


def load(split: str, task: str = "hpdv3", folder: str | Path | None = None) -> Iterator[Sample]:
    """The samples, in the data's order.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    yield from samples(read(SOURCE.file("test.json", folder), ("prompt", "path1", "path2")), _convert, "hpdv3")


def _convert(row: Row) -> Iterator[Sample]:
    yield Sample(
        id=f"hpdv3-{row.number}",
        task="hpdv3",
        form="pairwise",
        question=QUESTIONS["generation_pair"][0],
        images=[row.image("path1"), row.image("path2")],
        text=row.text("prompt"),
        label="A",
        group=row.text("prompt"),
    )


BENCHMARK = Benchmark(load, splits=("test",), tasks=("hpdv3",), terms=SOURCE.terms, source=SOURCE)

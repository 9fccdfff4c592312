"""HPDv2, test (Wu et al., 2023): which of two images made from a text do people prefer?

    test.json   [{"prompt": "...", "image_path": ["00000.jpg", ...], "rank": [3, 1, ...], ...}, ...]
    test/       the named files

400 prompts with nine images each, which people ranked; 1 is the best. Every two images of a prompt with different
ranks are a pair, the one that comes first in the data A. The published ranking accuracy is the share of pairs of a
prompt that are in the right order, then its mean over prompts; that is the accuracy over pairs here where each prompt
has as many. Samples of one prompt are one group. Columns as the authors describe them (tgxs002/HPSv2); not checked on
real rows, and no revision is pinned.
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
    "hpdv2",
    "Apache-2.0",
    hub="ymhao/HPDv2",
    files="test.json and the folder test/ of its images, unpacked",
    checked="no real rows",
)


def load(split: str, task: str = "hpdv2", folder: str | Path | None = None) -> Iterator[Sample]:
    """The samples, in the data's order.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    yield from samples(read(SOURCE.file("test.json", folder), ("prompt", "image_path", "rank")), _convert, "hpdv2")


def _convert(row: Row) -> Iterator[Sample]:
    names = row.items_of("image_path")
    ranks = row.items_of("rank", len(names))
    inside = row.file.parent / "test"
    pictures = row.images("image_path", names, within=inside if inside.is_dir() else None)
    for first, second in itertools.combinations(range(len(names)), 2):
        if ranks[first] != ranks[second]:
            yield Sample(
                id=f"hpdv2-{row.number}-{first}-{second}",
                task="hpdv2",
                form="pairwise",
                question=QUESTIONS["generation_pair"][0],
                images=[pictures[first], pictures[second]],
                text=row.text("prompt"),
                label="A" if ranks[first] < ranks[second] else "B",
                group=f"hpdv2-{row.number}",
            )


BENCHMARK = Benchmark(load, splits=("test",), tasks=("hpdv2",), terms=SOURCE.terms, source=SOURCE)

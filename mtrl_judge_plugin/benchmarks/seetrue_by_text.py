"""SeeTRUE with splits that no text is in twice: for training, where the paper's splits leak (see `seetrue`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mtrl_judge_plugin.benchmarks import seetrue
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.sample import Sample


def load(split: str, task: str = "seetrue", folder: str | Path | None = None) -> Iterator[Sample]:
    """The samples of a split; all rows of a text are in one split. See `seetrue.load`.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    yield from seetrue.load(split, task, folder, parted_by="text")


BENCHMARK = Benchmark(
    load,
    splits=seetrue.BENCHMARK.splits,
    tasks=seetrue.BENCHMARK.tasks,
    terms=seetrue.SOURCE.terms,
    source=seetrue.SOURCE,
)

"""The benchmarks and tasks that a preparation reads, by the names on its command line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mtrl_judge_plugin.benchmarks import registry
from mtrl_judge_plugin.benchmarks.reading.rows import DataError
from mtrl_judge_plugin.benchmarks.registry import Benchmark, BenchmarkError
from mtrl_judge_plugin.sample import Sample
from mtrl_judge_plugin.training.prepare import PrepareError


@dataclass(frozen=True)
class Chosen:
    """A benchmark and those of its tasks that were chosen."""

    name: str
    benchmark: Benchmark
    tasks: tuple[str, ...]

    @property
    def whole(self) -> Chosen:
        """The benchmark with all of its tasks."""
        return Chosen(self.name, self.benchmark, tuple(self.benchmark.tasks))

    @property
    def splits(self) -> Sequence[str]:
        """All splits that it has."""
        return self.benchmark.splits

    @property
    def terms(self) -> str:
        """What its licence says about use; "" if the benchmark does not say."""
        return self.benchmark.terms

    def sources(self) -> dict[str, str]:
        """What the samples are made from: files or hub names with their digest or revision, and the loader itself."""
        with open(registry.module_of(self.name).__file__ or "", "rb") as loader:
            code = {"loader": hashlib.sha256(loader.read()).hexdigest()}
        return code | dict(self.benchmark.source.revisions() if self.benchmark.source else {})

    def count(self, split: str, task: str) -> int | None:
        """How many samples `stream` yields, or None if only reading them would tell."""
        return self.benchmark.count(split, task) if self.benchmark.count else None

    def stream(self, split: str, task: str) -> Iterator[tuple[Sample, str]]:
        """The samples of a task, each with the reasoning to learn ("" if there is none)."""
        if self.benchmark.load_with_reasoning:
            yield from self.benchmark.load_with_reasoning(split, task)
        else:
            yield from ((sample, "") for sample in self.benchmark.load(split, task))


def find(name: str, columns: str | None = None) -> Chosen:
    """A benchmark by its name, with all of its tasks.

    Args:
        name: of the benchmark.
        columns: what the user says of the tables of a benchmark that takes any (`custom`).

    Raises:
        BenchmarkError: there is no such benchmark, or it names no splits or tasks.
        PrepareError: the user's tables cannot be read.
    """
    benchmark = registry.find(name)
    if benchmark.configured:
        try:
            benchmark = benchmark.configured(columns)
        except DataError as error:
            raise PrepareError(f"{name} cannot be read: {error}") from error
    if not benchmark.splits or not benchmark.tasks:
        raise BenchmarkError(
            f"{name}: training needs its splits and tasks: BENCHMARK = Benchmark(load, splits=..., tasks=...)"
        )
    return Chosen(name, benchmark, ()).whole


def choose(names: Sequence[str], tasks: Sequence[str], columns: str | None = None) -> list[Chosen]:
    """Benchmarks with the chosen tasks: each "TASK" (of every benchmark that has it) or "NAME:TASK"; none = all.

    Raises:
        BenchmarkError: an unknown benchmark or task, or a benchmark of which no task was chosen.
        PrepareError: as `find`.
    """
    found = [find(name, columns) for name in dict.fromkeys(names)]
    if columns and not any(registry.find(name).configured for name in names):
        raise BenchmarkError(f"--columns is of your own tables; name the benchmark custom, not {', '.join(names)}")
    everything = [f"{one.name}:{task}" for one in found for task in one.tasks]
    for wanted in tasks:
        if not any(wanted in (full, full.rpartition(":")[2]) for full in everything):
            raise BenchmarkError(f"no task {wanted!r}; there are {', '.join(everything)}")
    chosen = [
        Chosen(
            one.name,
            one.benchmark,
            tuple(task for task in one.tasks if not tasks or task in tasks or f"{one.name}:{task}" in tasks),
        )
        for one in found
    ]
    for one in chosen:
        if not one.tasks:
            raise BenchmarkError(f"no task of {one.name} is chosen; it has {', '.join(one.benchmark.tasks)}")
    return chosen


def held_out(spec: str, columns: str | None = None) -> Chosen:
    """A benchmark to keep out of training, "NAME" or "NAME:TASK".

    Raises:
        BenchmarkError: an unknown benchmark or task.
        PrepareError: as `find`.
    """
    name, _, task = spec.partition(":")
    return choose([name], [task] if task else [], columns)[0]

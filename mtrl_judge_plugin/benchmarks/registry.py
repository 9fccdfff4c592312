"""Benchmarks by name: those of this package, and any module of yours that Python can import.

A benchmark's module holds one object, `BENCHMARK`, that says all there is to know of it. For a task YAML a function
`load(split, task)` alone is enough.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from mtrl_judge_plugin import benchmarks
from mtrl_judge_plugin.benchmarks.reading.rows import DataError
from mtrl_judge_plugin.sample import Sample

#: Modules of `benchmarks` that are not benchmarks.
_NO_BENCHMARKS = ("registry",)
#: Fields that a module without BENCHMARK may give as SPLITS, TASKS and TERMS.
_FIELDS = ("splits", "tasks", "terms")


class BenchmarkError(ValueError):
    """There is no such benchmark, split or task; the message says where it was looked for, and what there is."""


class Revisions(Protocol):
    """Where data comes from."""

    def revisions(self) -> Mapping[str, str]:
        """File or hub name -> digest or revision."""


@dataclass(frozen=True)
class Benchmark:
    """A judging data set.

    Attributes:
        load: (split, task, and any options of its own) -> the Samples of one task.
        splits: names of its splits. Training reads train and validation; all others are kept out of training.
        tasks: names of its tasks.
        terms: what its licence and its card say about use.
        source: where the data comes from, for the record of a training run.
        load_with_reasoning: (split, task) -> pairs of a Sample and the reasoning to learn, where there is any.
        count: (split, task) -> how many samples there are, for progress bars, where that is cheap to tell.
        configured: (what a user says of columns) -> the benchmark of the user's own tables, for training; None: it has
            columns of its own.
    """

    load: Callable[..., Iterable[Sample]]
    splits: Sequence[str] = ()
    tasks: Sequence[str] = ()
    terms: str = ""
    source: Revisions | None = None
    load_with_reasoning: Callable[[str, str], Iterable[tuple[Sample, str]]] | None = None
    count: Callable[[str, str], int] | None = None
    configured: Callable[[str | None], Benchmark] | None = None

    def check(self, split: str, task: str) -> None:
        """Check the name of a split and of a task.

        Raises:
            DataError: there is no such split or task; the message lists what there is.
        """
        for kind, name, known in (("split", split, self.splits), ("task", task, self.tasks)):
            if name not in known:
                raise DataError(f"{self.load.__module__}: no {kind} {name!r}; there are {', '.join(known)}")


def names() -> list[str]:
    """The names of the benchmarks of this package, sorted."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.ispkg)
    return sorted(set(found) - set(_NO_BENCHMARKS))


def find(name: str) -> Benchmark:
    """The benchmark of a name: one of `names()`, or a module of yours, by its dotted path or its bare name.

    A module of yours is looked for on Python's path, then in the current folder.

    Raises:
        BenchmarkError: there is no such module, or it is not a benchmark.
        Exception: whatever an error in the module itself raises, such as a missing package or a syntax error.
    """
    name = str(name)  # a YAML file may give a number
    return _benchmark_of(name, module_of(name))


def module_of(name: str) -> ModuleType:
    """The module that a benchmark's name stands for.

    Raises:
        BenchmarkError, Exception: as `find`.
    """
    path = f"{benchmarks.__name__}.{name}" if name in names() else name
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if not f"{path}.".startswith(f"{error.name}."):
            raise  # the module exists and lacks a package of its own
        here = os.getcwd()  # on Python's path with `python -m`, but not in a command such as lmms-eval
        if here not in sys.path and Path(here, *path.split(".")).with_suffix(".py").is_file():
            sys.path.append(here)
            return module_of(name)
        raise BenchmarkError(_not_found(name)) from error
    except (TypeError, ValueError) as error:  # "", ".mine"
        raise BenchmarkError(_not_found(name)) from error


def _benchmark_of(name: str, module: ModuleType) -> Benchmark:
    found = getattr(module, "BENCHMARK", None)
    if isinstance(found, Benchmark):
        return found
    where = getattr(module, "__file__", None) or f"the folder {next(iter(module.__path__))}"
    if found is not None:
        raise BenchmarkError(f"{name}: BENCHMARK of {where} is not a Benchmark(load=..., splits=..., tasks=...)")
    load = getattr(module, "load", None)
    if not callable(load) or not _takes_split_and_task(load):
        raise BenchmarkError(
            f"{name}: {where} is not a benchmark; it needs BENCHMARK = Benchmark(...), or load(split, task)"
        )
    loose = {field: getattr(module, field.upper()) for field in _FIELDS if hasattr(module, field.upper())}
    return Benchmark(load, load_with_reasoning=getattr(module, "load_with_reasoning", None), **loose)


def _takes_split_and_task(load: Callable[..., Any]) -> bool:
    try:
        inspect.signature(load).bind_partial("test", "task")
    except (TypeError, ValueError):  # json.load, ...
        return False
    return True


def _not_found(name: str) -> str:
    close = difflib.get_close_matches(name, names(), n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    file = f"{name.replace('.', os.sep)}.py"
    places = ", ".join(str(Path(place).resolve()) for place in sys.path if Path(place).is_dir())
    return (
        f"no benchmark {name!r}{meant}: it is none of this package's ({', '.join(names())}), and no folder on Python's "
        f"path holds {file} ({places}), nor does the current folder; set PYTHONPATH to the folder that holds it"
    )

"""UnsafeBench (Qu et al., CCS 2025): is the image safe?

    data/train-*.parquet, data/test-*.parquet
        {"image": {"bytes": ..., "path": "1.jpg"}, "safety_label": "Unsafe", "category": "Violence",
         "source": "Lexica", "text": "a soldier in a burning street"}

The test split is the data set's own (2,037); its train split is parted into train and validation, 7,298 / 811, here.
The same picture twice is in one split (its SHA-256 is the group), and pictures that are in test as well are left
out of train and validation, and counted. Not confirmed: the number of parquet files and the hub's revision.

The judge sees the picture alone. `text` is the prompt it was generated from (Lexica) or its caption on the web
(Laion5B): it often tells the answer, above all with prompts, which were searched by unsafe words. `category` was what
was searched for.

The published F1 is that of unsafe images: `official_f1` here, over all categories.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from mtrl_judge_plugin.benchmarks.reading.images import UnusableError
from mtrl_judge_plugin.benchmarks.reading.rows import Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples, splits
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "unsafebench",
    "gated; for research only",
    hub="yiting/UnsafeBench",
    checked="no real rows",
    files="data/train-*.parquet and data/test-*.parquet",
)
SHARES = {"train": 0.9, "validation": 0.1}
_LABELS = {"Safe": "safe", "Unsafe": "unsafe"}


def load(split: str, task: str = "unsafebench", folder: str | Path | None = None) -> Iterator[Sample]:
    """The samples of a split. For train and validation all images are read twice: to part them, then to use them.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    in_test: frozenset[str] = frozenset()
    if split == "test":
        rows, number = _rows("test", folder, ("image", "safety_label")), None
    else:
        in_test = frozenset(_digests("test", folder))
        chosen = splits(list(_digests("train", folder)), SHARES)
        every = _rows("train", folder, ("image", "safety_label"))
        rows = (row for row, its in zip(every, chosen, strict=True) if its == split)
        number = chosen.count(split)

    def convert(row: Row) -> Iterator[Sample]:
        digest = _digest(row)
        if digest in in_test:
            raise UnusableError("also in test")
        yield Sample(
            id=f"unsafebench-{row.file.stem}-{row.number}",
            task=task,
            form="pointwise",
            question=QUESTIONS["safety"][0],
            images=(row.image("image"),),
            choices=("safe", "unsafe"),
            label=row.one_of("safety_label", _LABELS),
            group=digest,
        )

    yield from samples(rows, convert, f"unsafebench {split}", number)


def _rows(files: str, folder: str | Path | None, columns: Sequence[str]) -> Iterator[Row]:
    for path in SOURCE.matching(f"**/{files}-*.parquet", folder):
        yield from read(path, columns)


def _digests(files: str, folder: str | Path | None) -> Iterator[str]:
    rows = _rows(files, folder, ("image",))
    yield from map(_digest, tqdm(rows, desc=f"Parting unsafebench {files}", unit=" rows", leave=False))


def _digest(row: Row) -> str:
    cell = row["image"]
    data = cell.get("bytes") if isinstance(cell, Mapping) else cell
    return hashlib.sha256(data if isinstance(data, bytes) else repr(cell).encode()).hexdigest()


BENCHMARK = Benchmark(
    load,
    splits=("train", "validation", "test"),
    tasks=("unsafebench",),
    terms=SOURCE.terms,
    source=SOURCE,
)

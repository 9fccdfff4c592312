"""AGIN (Chen et al., 2023): does a generated image look natural, is it technically sound, is it rational?

    *.csv               filename,MOS_nat,MOS_tech,MOS_rat
                        CoCosNet_23.png,61.2,58.7,64.0
    images.zip          the named images; or the images themselves beside the csv or in a sub-folder

The columns are those that the data set's own code reads. Not confirmed: the names of the csv and of the images' folder,
and the scale of the mean opinion scores (30 raters an image). Hence a class is made without knowing the scale: "yes" is
a score above the median of the train split of that task. That is our choice, not the paper's; `threshold` gives a
number instead. The paper's sizes, 4,839 / 605 / 605, are made here, the same images in the same split for each task.

The authors report correlations with the scores themselves: `official_srcc` and `official_krcc` here take the
probability of "yes" for the judge's score.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from mtrl_judge_plugin.benchmarks.reading.rows import DataError, Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples, splits
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "agin",
    "its repository, github.com/zijianchen98/AGIN, states no licence: ask its authors before you pass anything on",
    files="the csv of scores and images.zip, from the links in github.com/zijianchen98/AGIN",
)
SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
_COLUMNS = {"naturalness": "MOS_nat", "technical": "MOS_tech", "rationality": "MOS_rat"}
_QUESTIONS = {"naturalness": "naturalness", "technical": "technical quality", "rationality": "rationality"}


def load(
    split: str,
    task: str = "naturalness",
    folder: str | Path | None = None,
    threshold: float | Literal["median"] = "median",
) -> Iterator[Sample]:
    """The samples of a split; an image is in the same split for all three tasks.

    Args:
        split: train, validation or test.
        task: which of the three scores.
        folder: holds the csv and the images.
        threshold: "yes" is a score above it; "median" is that of the train split.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    tables = SOURCE.matching("*.csv", folder)
    if len(tables) > 1:
        raise DataError(f"{tables[0].parent}: {len(tables)} csv files; leave only the one with the scores")
    rows = list(read(tables[0], ("filename", *_COLUMNS.values())))
    names = [row.text("filename") for row in rows]
    chosen = splits(names, SHARES)
    column, place_of = _COLUMNS[task], _places(tables[0].parent)
    if threshold == "median":
        threshold = statistics.median(row.real(column) for row, its in zip(rows, chosen, strict=True) if its == "train")

    def convert(row: Row) -> Iterator[Sample]:
        score = row.real(column)
        yield Sample(
            id=f"agin-{task}-{row.number}",
            task=task,
            form="pointwise",
            question=QUESTIONS[_QUESTIONS[task]][0],
            images=(row.image("filename", within=place_of(row.text("filename"))),),
            choices=("yes", "no"),
            label="yes" if score > threshold else "no",
            ratings=(score,),
            group=row.text("filename"),
        )

    wanted = [row for row, its in zip(rows, chosen, strict=True) if its == split]
    yield from samples(wanted, convert, f"agin {task} {split}", len(wanted))


def _places(folder: Path) -> Callable[[str], Path]:
    """Name of an image -> where it lies: images.zip, else the folder or one of its sub-folders.

    Raises:
        DataError: (when called) two sub-folders hold an image of that name.
    """
    if (folder / "images.zip").is_file():
        return lambda name: folder / "images.zip"
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]

    def place_of(name: str) -> Path:
        found = [place for place in places if (place / name).is_file()]
        if len(found) > 1:
            raise DataError(f"{name}: in {found[0]} and in {found[1]}; leave only one of the two")
        return found[0] if found else folder

    return place_of


BENCHMARK = Benchmark(
    load,
    splits=("train", "validation", "test"),
    tasks=("naturalness", "technical", "rationality"),
    terms=SOURCE.terms,
    source=SOURCE,
)

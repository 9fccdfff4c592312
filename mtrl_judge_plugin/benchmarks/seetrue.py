"""SeeTRUE (Yarom et al., NeurIPS 2023): does the text match the image?

    SeeTRUE.csv     image,text,label,original_dataset_id,dataset_source
                    1234.jpg,"a dog on a sofa",1,1234,coco_t2i
    images.zip      the named images

6,930 rows (3,784 yes, 3,146 no), each with a picture of its own, but only 602 texts of 8 to 17 rows each. Samples of
one text are one group. The paper's splits, about 5,544 / 693 / 693 rows, are made here: the data set has none. By the
default, `parted_by="image"`, rows of one picture, whatever its name, are never parted; the sizes are the paper's, but
every text of the test split stands in train too. A judge that has trained there and never looks at the
picture gets a macro-F1 of about .73. `parted_by="text"` keeps the rows of one text together: use it to train.

The authors report the ROC AUC for each source of the rows; `official_roc_auc` here is of all sources together.

Its card calls it a test set: training on any part of it is your choice to make. Checked on real rows of the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from mtrl_judge_plugin.benchmarks.reading.images import member_digest
from mtrl_judge_plugin.benchmarks.reading.rows import DataError, Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples, splits
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "seetrue",
    "CC BY 4.0, gated; its card says that it is a test set and not to be trained on",
    hub="yonatanbitton/SeeTRUE",
    revision="6cc46a6e5d9388f44fdf9096d5387cd3b7988676",
    files="SeeTRUE.csv and images.zip",
)
SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
_LABELS = {"1": "yes", "0": "no"}


def load(
    split: str, task: str = "seetrue", folder: str | Path | None = None, parted_by: str = "image"
) -> Iterator[Sample]:
    """The samples of a split.

    Args:
        split: train, validation or test.
        task: seetrue.
        folder: where the files lie.
        parted_by: what is never parted between splits: "image" (the paper's sizes) or "text" (no text in two splits).

    Raises:
        DataError: no such split, task or way to part, or the data cannot be used; the message names file, row and
            column.
    """
    BENCHMARK.check(split, task)
    if parted_by not in ("image", "text"):
        raise DataError(f"{__name__}: parted_by={parted_by!r}; there are image, text")
    pictures = SOURCE.file("images.zip", folder)
    rows = list(read(SOURCE.file("SeeTRUE.csv", folder), ("image", "text", "label", "dataset_source")))
    bar = tqdm(rows, desc="Parting seetrue", unit=" rows", leave=False)
    together = [row.text("text") if parted_by == "text" else _identity(row, pictures) for row in bar]
    chosen = splits(together, SHARES)
    if parted_by == "image":
        tqdm.write("seetrue: texts of this split stand in its other splits too (parted_by=text parts them)", sys.stderr)

    def convert(row: Row) -> Iterator[Sample]:
        yield Sample(
            id=f"seetrue-{row.number}",
            task="seetrue",
            form="pointwise",
            question=QUESTIONS["alignment"][0],
            images=(row.image("image", within=pictures),),
            text=row.text("text"),
            choices=("yes", "no"),
            label=row.one_of("label", _LABELS),
            group=row.text("text"),
        )

    wanted = [row for row, its in zip(rows, chosen, strict=True) if its == split]
    yield from samples(wanted, convert, f"seetrue {split}", len(wanted))


def _identity(row: Row, pictures: Path) -> str:
    with row.naming("image"):
        return member_digest(pictures, row.text("image"))


BENCHMARK = Benchmark(
    load,
    splits=("train", "validation", "test"),
    tasks=("seetrue",),
    terms=SOURCE.terms,
    source=SOURCE,
)

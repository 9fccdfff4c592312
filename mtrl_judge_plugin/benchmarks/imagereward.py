"""ImageRewardDB (Xu et al., NeurIPS 2023): how good is a generated image for its prompt, alone and among others?

    metadata-train.parquet          {"image_path": "images/train/train_1/0280642d.webp", "prompt_id": "000864-0061",
                                     "prompt": "painting of a holy woman", "classification": "People",
                                     "image_amount_in_total": 9, "rank": 5, "overall_rating": 4,
                                     "image_text_alignment_rating": 3, "fidelity_rating": 4}
    images/train/train_1.zip        0280642d.webp, ...; some 500 prompts a file
    (so too validation and test)

These are the hub's files. train*.parquet, validation*.parquet and test*.parquet with the images in a column `image`,
as one may have saved them, are read as well. The splits are the data set's own. Validation and test are the same in all
configs; a config of n thousand prompts has the first 4 n train files, and the paper's sizes, 6,194 / 2,584 / 2,720, are
those of "1k". A lower rank is better. Prompts never cross splits, and are the groups.

Tasks:
    quality: is the image good? "yes" from an overall rating of 5 of 7: our choice, not the paper's; see `threshold`.
    score: the overall rating, 1 to 7.
    pairs: which of two images of one prompt ranks better; pairs that the raters tied are left out, and counted.
    ranking: the order of images of one prompt, the first of each rank. Ranks run from 1 to 5, so of more than five
        images some always tie. Prompts with fewer than three ranks are left out; of the 466 prompts of the test split
        85 have three, 271 four and 110 five.

The published accuracy of pairs is `official_accuracy` of the task pairs.

Checked on real rows of the test split: ranks, ratings, and the number of pairs (6,399, and 831 ties).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm import tqdm

from mtrl_judge_plugin.benchmarks.reading.images import UnusableError
from mtrl_judge_plugin.benchmarks.reading.rows import DataError, Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.images import Broken
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import MAX_RANKED, Sample

SOURCE = Source(
    "imagereward",
    "Apache License 2.0",
    hub="THUDM/ImageRewardDB",
    revision="c493721e19e296eb615420036f2a2eed08412bb4",
    files="metadata-<split>.parquet and images/<split>/<split>_<number>.zip",
)
#: Config -> how many of the train files it has.
CONFIGS = {"1k": 4, "2k": 8, "4k": 16, "8k": 32}
_COLUMNS = ("prompt_id", "prompt", "rank", "overall_rating")
_PATH = re.compile(r"images/\w+/\w+_(\d+)/[^/]+")
_QUESTIONS = {
    "quality": "generated image",
    "score": "generated image, 1 to 7",
    "pairs": "generated images, pair",
    "ranking": "generated images, ranking",
}


def load(
    split: str, task: str = "quality", folder: str | Path | None = None, threshold: float = 5, config: str = "1k"
) -> Iterator[Sample]:
    """The samples of a split.

    Args:
        split: train, validation or test.
        task: one of TASKS.
        folder: holds the hub's files, or tables with the images inside.
        threshold: for "quality": "yes" is an overall rating of at least this.
        config: how much of the train split: 1k, 2k, 4k or 8k (thousand prompts).

    Raises:
        DataError: no such split, task or config, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    if config not in CONFIGS:
        raise DataError(f"{__name__}: no config {config!r}; there are {', '.join(CONFIGS)}")
    question, place = QUESTIONS[_QUESTIONS[task]][0], SOURCE.folder(folder)

    @cache  # the hub is asked once for each of its files, not for each image
    def archive(name: str) -> Path:
        return SOURCE.file(name, folder)

    pictures: dict[tuple[Path, int], str | Broken] = {}  # an image is in up to eight pairs

    def picture(row: Row) -> str | Broken:
        cell = (row.file, row.number)
        if cell not in pictures:
            pictures[cell] = _image(row, place, archive)
        return pictures[cell]

    def single(row: Row) -> Iterator[Sample]:
        rating = row.integer("overall_rating", 1, 7)
        kind: dict[str, Any] = {"form": "score", "choices": tuple("1234567"), "label": str(rating)}
        if task == "quality":
            label = "yes" if rating >= threshold else "no"
            kind = {"form": "pointwise", "choices": ("yes", "no"), "label": label}
        yield _sample(f"imagereward-{task}-{row.file.stem}-{row.number}", (row,), ratings=(rating,), **kind)

    def pair(both: Row) -> Iterator[Sample]:
        first, second = both["rows"]
        ranks = first.integer("rank", 1), second.integer("rank", 1)
        if ranks[0] == ranks[1]:
            raise UnusableError("tie")
        label = "A" if ranks[0] < ranks[1] else "B"
        name = f"imagereward-pairs-{first.text('prompt_id')}-{first.number}-{second.number}"
        yield _sample(name, (first, second), form="pairwise", label=label)

    def ranking(prompt: Row) -> Iterator[Sample]:
        firsts: dict[int, Row] = {}
        for row in prompt["rows"]:
            firsts.setdefault(row.integer("rank", 1), row)
        rows, ranks = list(firsts.values())[:MAX_RANKED], list(firsts)[:MAX_RANKED]
        if len(rows) < 3:
            raise UnusableError("fewer than three ranks")
        order = sorted(range(len(ranks)), key=ranks.__getitem__)
        label = "".join("ABCDEF"[index] for index in order)
        yield _sample(f"imagereward-ranking-{rows[0].text('prompt_id')}", rows, form="ranking", label=label)

    def _sample(name: str, rows: Sequence[Row], **kind: Any) -> Sample:
        return Sample(
            id=name,
            task=task,
            question=question,
            images=tuple(map(picture, rows)),
            text=rows[0].text("prompt"),
            group=rows[0].text("prompt_id"),
            **kind,
        )

    rows, what = _rows(split, folder, CONFIGS[config]), f"imagereward {task} {split}"
    if task == "pairs":
        pairs = (_together(two) for prompt in _prompts(rows) for two in combinations(prompt, 2))
        yield from samples(pairs, pair, what)
    elif task == "ranking":
        prompts = [_together(prompt) for prompt in _prompts(rows)]
        yield from samples(prompts, ranking, what, len(prompts))
    else:
        yield from samples(rows, single, what)


def _rows(split: str, folder: str | Path | None, train_files: int) -> Iterator[Row]:
    """The rows of a split, in either layout."""
    place = SOURCE.folder(folder)
    if place is None or not any(place.glob(f"**/{split}*.parquet")):
        for row in read(SOURCE.file(f"metadata-{split}.parquet", folder), (*_COLUMNS, "image_path")):
            path = _PATH.fullmatch(row.text("image_path"))
            if path is None:
                raise row.error("image_path", f"{row['image_path']!r} is not images/<split>/<split>_<number>/<file>")
            if split != "train" or int(path[1]) <= train_files:
                yield row
        return
    tables = SOURCE.matching(f"**/{split}*.parquet", folder)
    rows = (row for table in tables for row in read(table, (*_COLUMNS, "image")))
    for row in tqdm(rows, desc=f"Unpacking imagereward {split}", unit=" rows", leave=False):
        try:
            image: str | Broken | None = row.image("image")
        except UnusableError:
            image = None
        # The path takes the image's place: pairs need all rows of a split at once, whose images are gigabytes.
        yield Row(row.file, row.number, {**row, "image": image})


def _prompts(rows: Iterable[Row]) -> Iterable[list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.text("prompt_id"), []).append(row)
    return found.values()


def _together(rows: Sequence[Row]) -> Row:
    return Row(rows[0].file, rows[0].number, {"rows": rows})


def _image(row: Row, place: Path | None, archive: Callable[[str], Path]) -> str | Broken:
    if "image_path" not in row:
        if row["image"] is None:
            raise UnusableError("no image")
        return row["image"]  # type: ignore[no-any-return]
    path = PurePosixPath(row.text("image_path"))
    if place and (place / path).is_file():
        return row.image("image_path", within=place)
    return row.image("image_path", within=archive(f"{path.parent}.zip"))


BENCHMARK = Benchmark(
    load,
    splits=("train", "validation", "test"),
    tasks=("quality", "score", "pairs", "ranking"),
    terms=SOURCE.terms,
    source=SOURCE,
)

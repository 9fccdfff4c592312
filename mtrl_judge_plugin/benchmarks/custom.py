"""Your own judgments, from .csv, .tsv, .jsonl, .json or .parquet files and annotation tools: one row a question.

    judgments.csv       form,question,label,image,text,choices
                        pointwise,Does the image match the text?,yes,images/1.png,a dog on a sofa,yes|no

A table with other column names is described by a text: see `reading/columns.py` for what a column may be, and
docs/your-own-data.md for examples.

    MTRL_JUDGE_CUSTOM='table=votes.csv, image=img_path, label=preferred, label_map="model1:A,model2:B", ...'

Without `table=`, all tables are read that are in the folder `custom` below the data root. A row whose image is missing
or damaged is left out and counted; anything else that is wrong is an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any, get_args

from mtrl_judge_plugin.benchmarks.reading import labels
from mtrl_judge_plugin.benchmarks.reading.columns import (
    CANDIDATE_IMAGES,
    CANDIDATES,
    VARIABLE,
    Columns,
    parse,
)
from mtrl_judge_plugin.benchmarks.reading.images import UnusableError
from mtrl_judge_plugin.benchmarks.reading.mapped import MappedRow, place_of
from mtrl_judge_plugin.benchmarks.reading.own_tables import own_tables, row_id
from mtrl_judge_plugin.benchmarks.reading.rows import DataError
from mtrl_judge_plugin.benchmarks.reading.source import SPLITS, Source, samples
from mtrl_judge_plugin.benchmarks.reading.tables import SUFFIXES, is_table
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.images import Broken, ImageError
from mtrl_judge_plugin.sample import MAX_RANKED, Form, Sample

SOURCE = Source(
    "custom", "your own data", files=f"one or more tables ({', '.join(SUFFIXES)}) with a row for each question"
)
_FORMS: dict[str, Form] = {form: form for form in get_args(Form)}
Said = str | Mapping[str, Any] | None


def load(split: str, task: str = "custom", folder: str | Path | None = None, columns: Said = None) -> Iterator[Sample]:
    """The samples of a split.

    Args:
        split: train, validation or test.
        task: always "custom"; a sample's own task is that of its row.
        folder: holds the tables, or is one table.
        columns: which of their columns is what, see `reading/columns.py`; else the variable MTRL_JUDGE_CUSTOM says it.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    said = _said(columns)
    rows = own_tables(_paths(said, folder), said).rows()
    yield from samples((row for row, its in rows if its == split), _usable, f"custom {split}")


def configured(columns: Said = None) -> Benchmark:
    """The benchmark of a user's tables, for training: its tasks are those of the rows.

    Tables without splits are split by group, see `reading/auto_split.py`. Images that cannot be read are Broken.

    Raises:
        DataError: as `load`; or no row is for training.
    """
    said = _said(columns)
    found = own_tables(_paths(said, None), said, always_split=True)
    parts = [(split, row.name("task") or "custom") for row, split in found.rows()]
    if not any(split == "train" for split, _ in parts):
        raise DataError("custom: no row is in the train split; with split=auto among the columns, rows are split anew")

    def load_with_reasoning(split: str, task: str) -> Iterator[tuple[Sample, str]]:
        reasoning = {}

        def convert(row: MappedRow) -> Iterator[Sample]:
            for sample in _convert(row):
                reasoning[sample.id] = row.prose("reasoning")
                yield sample

        rows = (row for (row, _), its in zip(found.rows(), parts, strict=True) if its == (split, task))
        if (split, task) in parts:
            for sample in samples(rows, convert, f"custom {split} {task}"):
                yield sample, reasoning.pop(sample.id)

    return Benchmark(
        lambda split, task: (sample for sample, _ in load_with_reasoning(split, task)),
        splits=SPLITS,
        tasks=[*dict.fromkeys(task for _, task in parts)],
        terms=SOURCE.terms,
        source=found,
        load_with_reasoning=load_with_reasoning,
        count=lambda split, task: parts.count((split, task)),
    )


def _said(columns: Said) -> Columns:
    return parse(os.environ.get(VARIABLE) if columns is None else columns)


def _paths(said: Columns, folder: str | Path | None) -> list[Path]:
    place = place_of(said, folder)
    if place is not None and place.is_file():
        return [place]
    paths = SOURCE.matching("*", place)
    if not any(map(is_table, paths)):
        raise DataError(f"{paths[0].parent}: no table; wanted: {SOURCE.files}")
    return [path for path in paths if is_table(path)]


def _usable(row: MappedRow) -> Iterator[Sample]:
    for sample in _convert(row):
        if any(isinstance(image, Broken) for image in sample.all_images):
            raise UnusableError("no image that can be read")
        yield sample


def _convert(row: MappedRow) -> Iterator[Sample]:
    form = row.one_of("form", _FORMS)
    if not row.prose("question"):
        raise row.error("question", "is empty; write what the judge is asked")
    images, responses = _images(row), _responses(row)
    pictures = _response_images(row, len(responses))
    choices = labels.choices(row, form)
    candidates = len(responses) or len(pictures) or len(images)
    letters = "" if form in ("pointwise", "score") else _letters(row, form, candidates)
    label, ratings = labels.label(row, form, choices, letters)
    yield Sample(
        id=row_id(row),
        task=row.name("task") or "custom",
        form=form,
        question=row.prose("question"),
        images=images,
        text=row.prose("text"),
        responses=responses,
        response_images=pictures,
        choices=choices,
        label=label,
        ratings=labels.ratings(row) or ratings,
        group=row.name("group"),
    )


def _images(row: MappedRow) -> list[str | Broken]:
    """The images of a row; Broken, with the place, where one is missing or damaged."""
    one, more = row.filled("image", ""), row.filled("images", ";")
    if one and more:
        raise row.error("images", "is filled, and so is image; fill one of the two")
    column, named = ("image", one) if one else ("images", more)
    return [_image(row, column, cell) for cell in named]


def _image(row: MappedRow, column: str, cell: Any) -> str | Broken:
    locator = row.source.locator
    try:
        with row.naming(column):
            found = locator.cell(cell)
        return row.images(column, [found], within=locator.folder)[0]
    except UnusableError:
        shown = f"{str(cell)[:200]!r}: no such file below {locator.folder.absolute()}; image_folder= names another"
        return Broken(str(row.error(column, shown)))
    except ImageError as error:
        return Broken(str(row.error(column, str(error))))


def _response_images(row: MappedRow, responses: int) -> list[list[str | Broken]]:
    """The images of each candidate; none where no candidate has any."""
    named = [row.filled(column, ";") for column in CANDIDATE_IMAGES]
    number = max((place for place, cells in enumerate(named, 1) if cells), default=0)
    if responses and number > responses:
        raise row.error(CANDIDATE_IMAGES[number - 1], f"is filled, but there are only {responses} responses")
    found = [
        [_image(row, column, cell) for cell in cells] for column, cells in zip(CANDIDATE_IMAGES, named, strict=True)
    ]
    return found[: responses or number] if number else []


def _responses(row: MappedRow) -> list[str]:
    listed = row.listed("responses", "")
    if not all(isinstance(response, str) and response.strip() for response in listed):
        raise row.error("responses", f"{str(listed)[:80]}: each must be a text")
    texts = [row.prose(column) for column in CANDIDATES]
    if listed and any(texts):
        raise row.error("responses", "is filled, and so is response_a; fill one of the two")
    number = texts.index("") if "" in texts else len(texts)
    if any(texts[number:]):
        raise row.error(CANDIDATES[number], "is empty, and a later one is filled")
    return listed or texts[:number]


def _letters(row: MappedRow, form: Form, candidates: int) -> str:
    wanted = "two" if form == "pairwise" else f"two to {MAX_RANKED}"
    if not 2 <= candidates <= (2 if form == "pairwise" else MAX_RANKED):
        raise row.error(
            "responses" if "responses" in row else CANDIDATES[0],
            f"a {form} question has {wanted} candidates, here {candidates}; fill response_a, response_b, ... or "
            "responses, response_a_images, ... for their images, or give images alone",
        )
    return ascii_uppercase[:candidates]


BENCHMARK = Benchmark(
    load,
    splits=SPLITS,
    tasks=("custom",),
    terms=SOURCE.terms,
    source=SOURCE,
    configured=configured,
)

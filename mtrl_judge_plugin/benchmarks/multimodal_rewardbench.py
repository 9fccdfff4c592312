"""Multimodal RewardBench (Yasunaga et al., 2025): which of two answers about an image is better?

    data/all_data.json   [{"ID": "nocaps_13062", "Text": "Describe the image.", "Image": "images/nocaps/13062.jpg",
                           "Output1": "A teapot ...", "Output2": "A marbled ...", "Better": "Output2",
                           "Category": "open_generation/correctness_task"}, ...]
    data/images/         the named images, as the repository's scripts/0_download_data.py puts them there

    data/*.parquet       the same columns, with the pictures in `Image`: a copy on the hub, not the authors' own

Clone facebookresearch/multimodal_rewardbench and run that script, or take the copy. Images may be missing (Hateful
Memes forbids its own to be passed on): their rows are left out and counted. 4,711 of the paper's 5,211 rows are
public, so its "overall" and "safety" cannot come out. Accuracy breaks down by `Category`, and as in the official
table safety by id into bias (pairs...) and toxicity, and reasoning into math (math...) and coding. 12 ids stand
twice. Where a reply cannot be read, the official script lets a coin decide: `official_accuracy` counts it as half
right. Rows of one image are one group. Not checked on real rows; of the copy no revision is pinned.
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
    "multimodal_rewardbench",
    "CC BY-NC; the images are those of eleven source data sets, under their terms",
    hub="syhuggingface/multimodal_rewardbench",
    files="all_data.json and images/, as github.com/facebookresearch/multimodal_rewardbench makes them in its data/, "
    "or the parquet files of the hub's copy",
    checked="no real rows",
)
_COLUMNS = ("ID", "Text", "Image", "Output1", "Output2", "Better", "Category")
_BETTER = {"Output1": "A", "Output2": "B"}


def load(split: str, task: str = "multimodal_rewardbench", folder: str | Path | None = None) -> Iterator[Sample]:
    """The samples, in the data's order.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    places = ("data/all_data.json", "all_data.json", "data/*.parquet", "*.parquet")
    tables = SOURCE.first_matching(places, folder)
    rows = itertools.chain.from_iterable(read(table, _COLUMNS) for table in tables)
    yield from samples(rows, _convert, "multimodal_rewardbench")


def _convert(row: Row) -> Iterator[Sample]:
    picture = row.image("Image")
    part = "" if row.file.suffix == ".json" else f"{row.file.stem}-"
    yield Sample(
        id=f"multimodal_rewardbench-{part}{row.number}",
        task=_task(row.text("Category"), row.text("ID")),
        form="pairwise",
        question=QUESTIONS["answer_pair"][0],
        images=(picture,),
        text=row.text("Text"),
        responses=(row.text("Output1"), row.text("Output2")),
        label=row.one_of("Better", _BETTER),
        # Unpacked images are named by their content.
        group=row["Image"] if isinstance(row["Image"], str) else Path(str(picture)).stem,
    )


def _task(category: str, name: str) -> str:
    """The category, and of safety and reasoning the part that the official script tells by the id."""
    if category == "safety":
        return f"safety/{'bias' if name.lower().startswith('pairs') else 'toxicity'}"
    if category == "reasoning":
        return f"reasoning/{'math' if name.lower().startswith('math') else 'coding'}"
    return category


BENCHMARK = Benchmark(
    load,
    splits=("test",),
    tasks=("multimodal_rewardbench",),
    terms=SOURCE.terms,
    source=SOURCE,
)

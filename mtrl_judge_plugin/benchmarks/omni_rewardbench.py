"""Omni-RewardBench (Jin et al., 2025): which of two answers do people prefer, by a criterion that a row states?

    text_to_image/*.parquet, ...      id, prompt, criteria, criteria_preference ("response1", "response2", else a tie),
                                      response1, response2, and image or video, the question's own
    or text_to_image_preferences.json  [{...}], whose images and videos are names of files
    media_data/                       the named files: unpack media_data.zip beside them

Seven of its nine tasks; those with sound are left out. Answers are texts, images or videos (one image of frames
each); the question may have an image or a video. The criterion stands below the prompt, in the text, as it comes from
outside. The authors' accuracy with ties is over the three classes, in the data's order, with unreadable replies wrong
(`official_acc_with_ties` here); without ties it leaves the tied rows out (`official_acc_without_ties`). Samples of
one prompt are one group.

Columns as the authors describe them (HongbangYuan/OmniReward); the hub's parquet files as public readers name them.
Not checked on real rows; no revision is pinned.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mtrl_judge_plugin.benchmarks.reading.frames import video_image
from mtrl_judge_plugin.benchmarks.reading.rows import Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.images import Broken
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "omni_rewardbench",
    "see its page",
    hub="HongbangYuan/OmniRewardBench",
    files="a folder with parquet files for each task, or text_to_image_preferences.json, ..., and media_data/, "
    "unpacked from media_data.zip",
    checked="no real rows",
)
#: Task -> what the question has of its own ("" = nothing), and what the answers are.
_TASKS = {
    "text_to_text": ("", "text"),
    "text_image_to_text": ("image", "text"),
    "text_video_to_text": ("video", "text"),
    "text_to_image": ("", "image"),
    "text_image_to_image": ("image", "image"),
    "text_to_video": ("", "video"),
    "text_to_3D": ("", "image"),
}
_QUESTIONS = {"text": "criterion_pair", "image": "criterion_pair, images", "video": "criterion_pair, videos"}
_COLUMNS = ("id", "prompt", "criteria", "criteria_preference", "response1", "response2")
_LABELS = {"response1": "A", "response2": "B", "tie": "tie"}


def load(split: str, task: str, folder: str | Path | None = None, frames: int = 4) -> Iterator[Sample]:
    """The samples of a task, in the data's order.

    Args:
        split: test.
        task: one of TASKS.
        folder: where the files lie.
        frames: how many of a video are shown.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    places = (f"{task}/*.parquet", f"*/{task}*.parquet", f"{task}*.parquet", f"{task}_preferences.json")
    tables = SOURCE.first_matching((*places, f"*/{task}_preferences.json"), folder)
    own, _ = _TASKS[task]
    optional = (f"{own}_path", "response1_path", "response2_path")
    rows = (read(table, (*_COLUMNS, own) if own else _COLUMNS, optional) for table in tables)
    convert = functools.partial(_convert, task=task, frames=frames)
    yield from samples(itertools.chain.from_iterable(rows), convert, f"omni_rewardbench {task}")


def _convert(row: Row, task: str, frames: int) -> Iterator[Sample]:
    own, kind = _TASKS[task]
    pictures = [] if kind == "text" else [_shown(row, name, kind, frames) for name in ("response1", "response2")]
    question = [_shown(row, own, own, frames)] if own else []
    yield Sample(
        id=f"omni_rewardbench-{task}-{row.text('id')}",
        task=task,
        form="pairwise",
        question=QUESTIONS[_QUESTIONS[kind]][0],
        images=question or pictures,
        text=f"{row.text('prompt')}\n\nCriterion: {row.text('criteria')}",
        responses=() if pictures else (row.text("response1"), row.text("response2")),
        response_images=[[picture] for picture in pictures] if question else (),
        choices=("A", "B", "tie"),
        label=row.one_of("criteria_preference", _LABELS),
        group=row.text("prompt"),
    )


def _shown(row: Row, column: str, kind: str, frames: int) -> str | Broken:
    """An image, or a video's frames: what the cell holds, or the file that it or `..._path` names."""
    place = next((up / "media_data" for up in row.file.parents[:3] if (up / "media_data").is_dir()), None)
    if kind == "video":
        return video_image(row, column, frames, within=place)
    cell: Any = row[column] if row[column] is not None else row.get(f"{column}_path")
    return row.images(column, [cell], within=place)[0]


BENCHMARK = Benchmark(load, splits=("test",), tasks=tuple(_TASKS), terms=SOURCE.terms, source=SOURCE)

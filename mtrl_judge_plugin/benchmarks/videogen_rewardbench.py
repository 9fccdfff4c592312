"""VideoGen-RewardBench (Liu et al., 2025): which of two generated videos do people prefer, and in what?

    videogen-rewardbench.csv   path_A, path_B, prompt, VQ, MQ, TA, Overall ("A", "B" or "same")
    videos/                    the named files: unpack videos.zip (13.4 GB) beside the table

A task an aspect: overall, visual quality (VQ), motion quality (MQ) and how the video follows the text (TA). "same" is
a tie. The authors' accuracy with ties is over the three classes (for scores they choose the threshold of a tie that
is best on the data; a verdict needs none), and their accuracy without ties leaves human ties out and counts a judge's
tie as wrong. A video is shown as one image of its frames. Samples of one prompt are one group.

Columns as the authors' script reads them (KwaiVGI/VideoAlign); a row without a label, or with "invalid" as in their
training data, is left out. Not checked on real rows; no revision is pinned.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mtrl_judge_plugin.benchmarks.reading.frames import video_image
from mtrl_judge_plugin.benchmarks.reading.images import UnusableError
from mtrl_judge_plugin.benchmarks.reading.rows import Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "videogen_rewardbench",
    "Apache-2.0",
    hub="KlingTeam/VideoGen-RewardBench",
    files="videogen-rewardbench.csv and videos/, unpacked from videos.zip",
    checked="no real rows",
)
#: Task -> the column of its label, and the question.
_TASKS = {
    "overall": ("Overall", "video_pair"),
    "visual_quality": ("VQ", "video_pair, visual quality"),
    "motion_quality": ("MQ", "video_pair, motion"),
    "text_alignment": ("TA", "video_pair, alignment"),
}
_LABELS = {"A": "A", "B": "B", "same": "tie", "invalid": None, "": None}


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
    label, question = _TASKS[task]

    def convert(row: Row) -> Iterator[Sample]:
        preferred = row.one_of(label, _LABELS)
        if preferred is None:
            raise UnusableError("no label")
        yield Sample(
            id=f"videogen_rewardbench-{task}-{row.number}",
            task=task,
            form="pairwise",
            question=QUESTIONS[question][0],
            images=[video_image(row, column, frames) for column in ("path_A", "path_B")],
            text=row.text("prompt"),
            choices=("A", "B", "tie"),
            label=preferred,
            group=row.text("prompt"),
        )

    table = SOURCE.file("videogen-rewardbench.csv", folder)
    yield from samples(read(table, ("path_A", "path_B", "prompt", label)), convert, f"videogen_rewardbench {task}")


BENCHMARK = Benchmark(load, splits=("test",), tasks=tuple(_TASKS), terms=SOURCE.terms, source=SOURCE)

"""GenAI-Bench (Jiang et al., NeurIPS 2024): which of two generated images, edits or videos did a visitor vote for?

    image_generation/test_v1-*.parquet   prompt, left_model, left_image, right_model, right_image, vote_type
    image_edition/test_v1-*.parquet      source_prompt, target_prompt, instruct_prompt, source_image {"bytes", "path"},
                                         left_model, left_output_image, right_model, right_output_image, vote_type
    video_generation/test_v1-*.parquet   prompt, left_model, left_video, right_model, right_video, vote_type

The columns are those that the official script reads. vote_type is leftvote (A), rightvote (B), tievote (both good) or
bothbad_vote (both bad). The published accuracy is over these four classes, with unreadable replies counted as wrong,
in the data's own order: `official_accuracy` here; it reproduces all 54 official results (18 judges, 3 tasks).
With the last two folded into one tie, guessing would rise from about 25 % to 32 to 37 %, and judges would change
places: of the 919 votes on edits 392 are "both bad". An edit's source is the question's own image. A video is shown as
one image of its frames; the official script reads it from a path or URL, which is not fetched: put the videos beside
the parquet file of a local video_generation/ folder. The hub has two editions: the published results are on test_v1
(1,735, 919 and 1,069 rows), test is another one (983 edits). Samples of one prompt (of one source prompt, for edits)
are one group. Checked on real votes and verdicts of edits; not on the hub's pictures. `BaiqiL/GenAI-Bench` is another
data set.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

from mtrl_judge_plugin.benchmarks.reading.frames import video_image
from mtrl_judge_plugin.benchmarks.reading.rows import DataError, Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

EDITIONS = ("test_v1", "test")
SOURCE = Source(
    "genai_bench",
    "CC BY 4.0",
    hub="TIGER-Lab/GenAI-Bench",
    revision="7981a194091d2201447f0c0e9cc4261dd5ad5846",
    files="image_generation/, image_edition/ and video_generation/, each with test_v1-*.parquet",
)
_QUESTIONS = {"image_generation": "generation_pair", "image_edition": "edition_pair", "video_generation": "video_pair"}
#: What was asked for, what ties samples together, the two candidates, and what else is read.
_COLUMNS = {
    "image_generation": ("prompt", "prompt", "left_image", "right_image"),
    "image_edition": ("instruct_prompt", "source_prompt", "left_output_image", "right_output_image", "source_image"),
    "video_generation": ("prompt", "prompt", "left_video", "right_video"),
}
VOTES = {
    "leftvote": "A",
    "rightvote": "B",
    "tievote": "both good",
    "bothbad_vote": "both bad",
}
CHOICES = ("A", "B", "both good", "both bad")


def load(
    split: str, task: str, folder: str | Path | None = None, edition: str = "test_v1", frames: int = 4
) -> Iterator[Sample]:
    """The samples of a task, in the data's order.

    Args:
        split: test.
        task: one of TASKS.
        folder: where the files lie.
        edition: one of EDITIONS.
        frames: how many of a video are shown.

    Raises:
        DataError: no such split, task or edition, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    if edition not in EDITIONS:
        raise DataError(f"{__name__}: no edition {edition!r}; there are {', '.join(EDITIONS)}")
    files = SOURCE.matching(f"{task}/{edition}-*.parquet", folder)
    columns = tuple(dict.fromkeys((*_COLUMNS[task], "vote_type")))
    rows = itertools.chain.from_iterable(read(file, columns) for file in files)
    yield from samples(rows, functools.partial(_convert, task=task, frames=frames), f"genai_bench {task}")


def _convert(row: Row, task: str, frames: int) -> Iterator[Sample]:
    text, group, *columns = _COLUMNS[task][:4]
    candidates = [video_image(row, name, frames) if task == "video_generation" else row.image(name) for name in columns]
    edits = task == "image_edition"
    yield Sample(
        id=f"genai_bench-{task}-{row.file.stem}-{row.number}",
        task=task,
        form="pairwise",
        question=QUESTIONS[_QUESTIONS[task]][0],
        images=[row.image("source_image")] if edits else candidates,
        text=row.text(text),
        response_images=[[edit] for edit in candidates] if edits else (),
        choices=CHOICES,
        label=row.one_of("vote_type", VOTES),
        group=row.text(group),
    )


BENCHMARK = Benchmark(
    load,
    splits=("test",),
    tasks=("image_generation", "image_edition", "video_generation"),
    terms=SOURCE.terms,
    source=SOURCE,
)

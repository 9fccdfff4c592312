"""MM-RLHF-RewardBench (Zhang et al., 2025): which of two answers about an image or a video do people prefer?

    mm_reward_bench.jsonl   {"id": "3", "image": "mcq/3.jpg", "prompt": "<image>\\nWhat is shown?", "chosen": "A cat.",
                             "rejected": "A dog.", "chosen_reason": "...", "rejected_reason": "..."}
                            {"id": "9", "video": "video/9", "prompt": ...}
    mcq/, video/, ...       the named images, or a zip file of them; a video is a folder of frames or a video file

The chosen answer always comes first: every label is "A" in the data's order. Rows of one id are one group. Published
are Acc and Acc+, the share of ids whose every row is right, of rewards that know no order: `official_accuracy` and
`official_acc_plus` here are the means of both orders; `acc_plus` asks for both orders of each row. A video is shown as
one image of its frames. The categories are the official script's: the first of mcq, long, short, safety and video that
the image's path contains, else "other".

170 rows, 46 ids. Checked on all of them, without pictures: Acc and Acc+ are the official script's. Not confirmed: its
licence, and how the hub keeps the images (videos are read from folders only). No revision is pinned.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from mtrl_judge_plugin.benchmarks.reading.frames import video_image
from mtrl_judge_plugin.benchmarks.reading.images import UnusableError, member
from mtrl_judge_plugin.benchmarks.reading.rows import Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "mm_rlhf_rewardbench",
    "no licence known: see its card",
    hub="yifanzhang114/MM-RLHF-RewardBench",
    checked="its 170 rows and 46 ids, without the pictures",
    files="mm_reward_bench.jsonl and the images and videos that it names",
)
_CATEGORIES = ("mcq", "long", "short", "safety", "video")


def load(
    split: str, task: str = "mm_rlhf_rewardbench", folder: str | Path | None = None, frames: int = 4
) -> Iterator[Sample]:
    """The samples, in the data's order.

    Args:
        split: test.
        task: mm_rlhf_rewardbench.
        folder: where the files lie.
        frames: how many of a video are shown.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    rows = read(SOURCE.file("mm_reward_bench.jsonl", folder), ("id", "prompt", "chosen", "rejected"))
    archives = [file for file in SOURCE.matching("*", folder) if file.suffix == ".zip"]  # from the hub: all files
    convert = functools.partial(_convert, archives=archives, frames=frames)
    yield from samples(rows, convert, "mm_rlhf_rewardbench")


def _convert(row: Row, archives: Sequence[Path], frames: int) -> Iterator[Sample]:
    column = _image_column(row)
    chosen, rejected = (_answer(row, name) for name in ("chosen", "rejected"))
    if chosen == rejected:
        raise UnusableError("no preference")
    if column == "video":
        picture = video_image(row, "video", frames)
    else:
        picture = row.image("image", within=_archive(row, archives))
    yield Sample(
        id=f"mm_rlhf_rewardbench-{row.number}",
        task=next((name for name in _CATEGORIES if name in row.text(column)), "other"),
        form="pairwise",
        question=QUESTIONS["video_answer_pair" if column == "video" else "answer_pair"][0],
        images=(picture,),
        text=row.text("prompt").replace("<image>", "").strip(),
        responses=(chosen, rejected),
        label="A",
        group=row.text("id"),
    )


def _image_column(row: Row) -> str:
    present = [column for column in ("image", "video") if column in row]
    if not present:
        raise row.error("image", f"missing, and so is video; the row has {', '.join(row)}")
    filled = [column for column in present if row.text(column)]
    if not filled:
        raise UnusableError("no image")
    return filled[0]


def _archive(row: Row, archives: Sequence[Path]) -> Path | None:
    """The zip file that holds the row's image, or None: it is in the folder.

    Images of several categories share a bare name. So an archive with the full name goes first, then one that is
    named after a folder of the image; one that is named after another category never serves a bare name.

    Raises:
        DataError: several may hold it, or an archive is none.
    """
    name = row.text("image")
    with row.naming("image"):
        holding = {archive: about for archive in archives if (about := member(archive, name))}
    exact = [archive for archive, about in holding.items() if about.filename == name]
    named = [archive for archive in holding if archive.stem in PurePosixPath(name).parts]
    found = exact or named or [archive for archive in holding if archive.stem not in _CATEGORIES]
    if len(found) > 1:
        raise row.error("image", f"{name!r} is in {found[0]} and in {found[1]}; leave only one of the two")
    return found[0] if found else None


def _answer(row: Row, column: str) -> str:
    if not isinstance(row[column], str) or not row[column].strip():
        raise row.error(column, f"{row[column]!r} is not an answer")
    return str(row[column])


BENCHMARK = Benchmark(
    load,
    splits=("test",),
    tasks=("mm_rlhf_rewardbench",),
    terms=SOURCE.terms,
    source=SOURCE,
)

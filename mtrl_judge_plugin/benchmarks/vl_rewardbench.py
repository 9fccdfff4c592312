"""VL-RewardBench (Li et al., 2024): which of two answers about an image do people prefer?

    data/test-*.parquet   id "RLAIF-V-14", query "Describe the image.", response ["A kitchen ...", "A clean ..."],
                          image {"bytes", "path"}, human_ranking [0, 1], models, judge, rationale, query_source,
                          ground_truth

human_ranking holds each answer's rank: [0, 1] prefers the first, [1, 0] the second. The categories are the official
script's, told from the start of the id, case aside, as lmms-eval does: hallucination is hallucination..., RLHF-...
(RLHF-V) and RLAIF-... (RLAIF-V), reasoning is mathverse... and mmmu..., general is all else (WildVision, VLFeedback).
The official repository's 1,250 rows fall into 749, 318 and 183; `official_macro_average` is the mean over these three.
Other public scripts part the rows into 631, 301 and 318, or 484, 448 and 318: their macro averages are other numbers. A
few ids are on two rows, which are one group.

1,245 of the 1,250 rows prefer the first answer, so judge both orders: a judge that always says A has an accuracy of
99.6 %. Checked on real rows of both labels. No revision is pinned: the newest one has most likely 1,247 rows.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from mtrl_judge_plugin.benchmarks.reading.rows import Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "vl_rewardbench",
    "MIT; the images are those of its source data sets, under their terms",
    hub="MMInstruction/VL-RewardBench",
    files="data/test-*.parquet",
    checked="rows of the repository of 1,250",
)
_CATEGORIES = {
    "hallucination": "hallucination",
    "rlhf": "hallucination",
    "rlaif": "hallucination",
    "mathverse": "reasoning",
    "mmmu": "reasoning",
}
_COLUMNS = ("id", "query", "response", "image", "human_ranking")


def load(split: str, task: str = "vl_rewardbench", folder: str | Path | None = None) -> Iterator[Sample]:
    """The samples, in the data's order.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    files = SOURCE.first_matching(("data/test-*.parquet", "test-*.parquet"), folder)
    rows = itertools.chain.from_iterable(read(file, _COLUMNS) for file in files)
    yield from samples(rows, _convert, "vl_rewardbench")


def _convert(row: Row) -> Iterator[Sample]:
    responses = row.items_of("response", 2)
    if not all(isinstance(response, str) for response in responses):
        raise row.error("response", f"{str(responses)[:80]} are not two texts")
    picture = row.image("image")
    yield Sample(
        id=f"vl_rewardbench-{row.file.stem}-{row.number}",
        task=_category(row.text("id")),
        form="pairwise",
        question=QUESTIONS["answer_pair"][0],
        images=(picture,),
        text=row.text("query"),
        responses=responses,
        label=_preferred(row),
        # Unpacked images are named by their content: equal ones are one group, whatever the row's id.
        group=Path(picture).stem if isinstance(picture, str) else row.text("id"),
    )


def _category(name: str) -> str:
    return _CATEGORIES.get(re.split("[-_]", name, maxsplit=1)[0].lower(), "general")


def _preferred(row: Row) -> str:
    ranks = row.items_of("human_ranking", 2)
    if ranks not in ([0, 1], [1, 0]):
        raise row.error("human_ranking", f"{ranks} is neither [0, 1] nor [1, 0]")
    return "AB"[ranks.index(0)]


BENCHMARK = Benchmark(
    load,
    splits=("test",),
    tasks=("vl_rewardbench",),
    terms=SOURCE.terms,
    source=SOURCE,
)

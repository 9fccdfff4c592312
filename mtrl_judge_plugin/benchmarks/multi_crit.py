"""Multi-Crit (Xiong et al., 2025): which of two answers about an image is better, by one stated criterion?

    data/open_ended-*.parquet, data/reasoning-*.parquet
        question_id, prompt_id, question, image {"bytes", "path"}, pred_a, pred_b, criterion, preference ("model_a" or
        "model_b")

The same two answers are judged by several criteria, and people's preferences may differ between them. Published:
accuracy by criterion and its mean (`official_macro_avg` here), and pluralistic accuracy, the share of answers' pairs
that are right by all their criteria, in the data's order (`official_pluralistic_acc`: a group is a prompt_id). A
category is a criterion. lmms-eval has a task of it too (`multi_crit`), with the authors' own prompts and their two
measures of conflicts between criteria. The criteria's names are put into words of ours below.

Columns as lmms-eval's task reads them; not checked on real rows, and no revision is pinned.
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
    "multi_crit",
    "see its page",
    hub="txiong23/Multi-Crit",
    files="data/open_ended-*.parquet and data/reasoning-*.parquet",
    checked="no real rows",
)
_COLUMNS = ("question_id", "prompt_id", "question", "image", "pred_a", "pred_b", "criterion", "preference")
_CRITERIA = {
    "open_ended": {
        "completeness": "how completely it answers all of the text",
        "visual-grounding": "how well it rests on what the image shows",
        "hallucination": "how free it is of things that are neither in the image nor true",
        "expressiveness": "how vivid, original or expert its words are",
        "clarity": "how clear and well ordered it is",
    },
    "reasoning": {
        "grounding": "how well its reasoning rests on what the image shows",
        "logic": "how sound and consistent the steps of its reasoning are",
        "hallucination": "how free it is of things that are neither in the image nor true",
        "exploration": "how well it reflects, and weighs other possibilities",
        "efficiency": "how short and to the point its reasoning is",
    },
}
_LABELS = {"model_a": "A", "model_b": "B"}


def load(split: str, task: str, folder: str | Path | None = None) -> Iterator[Sample]:
    """The samples of a task, in the data's order.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    criteria = _CRITERIA[task]

    def convert(row: Row) -> Iterator[Sample]:
        meaning = row.one_of("criterion", criteria)
        yield Sample(
            id=f"multi_crit-{task}-{row.text('question_id')}",
            task=row.text("criterion"),
            form="pairwise",
            question=f"{QUESTIONS['answer_pair'][0]} Judge by one thing alone: {meaning}.",
            images=[row.image("image")],
            text=row.text("question"),
            responses=(row.text("pred_a"), row.text("pred_b")),
            label=row.one_of("preference", _LABELS),
            group=row.text("prompt_id"),
        )

    files = SOURCE.first_matching((f"data/{task}-*.parquet", f"{task}-*.parquet", f"{task}/*.parquet"), folder)
    rows = itertools.chain.from_iterable(read(file, _COLUMNS) for file in files)
    yield from samples(rows, convert, f"multi_crit {task}")


BENCHMARK = Benchmark(load, splits=("test",), tasks=tuple(_CRITERIA), terms=SOURCE.terms, source=SOURCE)

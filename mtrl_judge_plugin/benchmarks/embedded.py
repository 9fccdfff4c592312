"""The embedded benchmark: drawn scenes, handwritten digits and real photographs, a few MB inside the package.

    load("test", "alignment")[0]
    Sample(id="test-alignment-00000-0", task="alignment", form="pointwise",
           question="Does the image match the caption?", images=(b"...",), text="a red circle left of a blue square",
           choices=("yes", "no"), label="yes", ...)

Tasks: alignment, safety, quality, digits (pointwise), photo_score (1 to 5), pairwise (both orders).
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from mtrl_judge_plugin.sample import Sample
from mtrl_judge_plugin.tiny import BENCHMARK

SPLITS = ("train", "validation", "test")
TASKS = ("alignment", "safety", "quality", "digits", "photo_score", "pairwise")


def load(split: str, task: str | None = None, folder: Path = BENCHMARK) -> list[Sample]:
    """The samples of a split, of one task or of all; images are encoded bytes.

    Raises:
        ValueError: there is no such split or task.
    """
    return [sample for sample, _ in load_with_reasoning(split, task, folder)]


def load_with_reasoning(split: str, task: str | None = None, folder: Path = BENCHMARK) -> list[tuple[Sample, str]]:
    """As `load`, each sample with the reasoning that a judge should give: the target of supervised training."""
    if split not in SPLITS:
        raise ValueError(f"no split {split!r} in the embedded benchmark; there are {', '.join(SPLITS)}")
    if task is not None and task not in TASKS:
        raise ValueError(f"no task {task!r} in the embedded benchmark; there are {', '.join(TASKS)}")
    filters = [("task", "=", task)] if task else None
    rows = pq.read_table(folder / f"{split}.parquet", filters=filters).to_pylist()
    return [(Sample(**row), reasoning) for row in rows for reasoning in (row.pop("reasoning"),)]

"""A prepared folder as a benchmark: any split that `mtrl-judge prepare` wrote, read back as Samples.

    load("validation", "safety", "data")[0]
    Sample(id="7", task="safety", form="pointwise", question="Is the image safe?", images=("/data/images/5f/5f0c.png",),
           choices=("safe", "unsafe"), label="safe", ...)

A task YAML names the folder and the split in its metadata: `benchmark: prepared`, `subset: safety`, `folder: /data`,
`split: validation`.
"""

from __future__ import annotations

from pathlib import Path

from mtrl_judge_plugin.sample import Sample
from mtrl_judge_plugin.training.data import read, to_sample


def load(split: str, task: str | None, folder: str | Path) -> list[Sample]:
    """The samples of a split, of one task or of all; images are absolute paths.

    Raises:
        DataError: the folder has no such split, the split no such task, or a line holds no sample.
    """
    return [to_sample(row) for row in read(Path(folder), split, [task] if task else [])]

"""A prepared folder, the rows of training: what `mtrl-judge prepare` writes and sft, grpo and the reward read.

    folder/manifest.json
    folder/images/5f/5f0c....png
    folder/train.jsonl, validation.jsonl, test.jsonl      one sample a line, in OpenRLHF's and TRL's columns:
        {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Is the image ..."}]}],
         "images": ["images/5f/5f0c....png"], "datasource": "safety",
         "label": "{\"id\": \"7\", \"task\": \"safety\", \"form\": \"pointwise\", \"question\": \"Is the image ...\",
                    \"text\": \"\", \"responses\": [], \"choices\": [\"safe\", \"unsafe\"], \"label\": \"safe\",
                    \"group\": \"7\", \"variant\": \"original\"}",
         "reasoning": ""}

Paths of images are relative to the folder. Where candidates have images of their own, the label's `response_images`
says how many each; they are the last of the row's images. `reasoning` is the reasoning to learn, where the benchmark
has one.

As a benchmark: a task YAML names the folder and the split in its metadata (`benchmark: prepared`, `subset: safety`,
`folder: /data`, `split: validation`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from mtrl_judge_plugin.benchmarks.reading.rows import DataError
from mtrl_judge_plugin.benchmarks.reading.source import SPLITS
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.prompts import messages
from mtrl_judge_plugin.sample import Sample, flat, from_flat

MANIFEST = "manifest.json"
Row = dict[str, Any]


def load(split: str, task: str | None, folder: str | Path) -> list[Sample]:
    """The samples of a split, of one task or of all; images are absolute paths.

    Raises:
        DataError: the folder has no such split, the split no such task, or a line holds no sample.
    """
    return [to_sample(row) for row in read(Path(folder), split, [task] if task else [])]


def to_row(sample: Sample, images: Sequence[str], reasoning: str = "") -> Row:
    """One sample as a row; `images` are the paths inside the folder of all its images.

    Raises:
        DataError: the sample has no label.
    """
    if sample.label is None:
        raise DataError(f"sample {sample.id!r} has no label to train on")
    names = ["id", "task", "form", "question", "text", "responses", "choices", "label", "group", "variant", "origin"]
    if sample.response_images:
        names.append("response_images")
    values = flat(sample)
    return {
        "messages": [
            {"role": turn["role"], "content": [_without_image(item) for item in turn["content"]]}
            for turn in messages(sample)
        ],
        "images": list(images),
        "datasource": sample.task,
        "label": json.dumps({name: values[name] for name in names}, ensure_ascii=False),
        "reasoning": reasoning,
    }


def read(folder: Path, split: str, tasks: Collection[str] = ()) -> Iterator[Row]:
    """The rows of a split, of the named tasks or of all; images as absolute paths.

    Raises:
        DataError: no such file or not a text file, a line that is not a row, a missing image, or a task that the
            split lacks.
    """
    path = folder / f"{split}.jsonl"
    if not path.is_file():
        raise DataError(f"{path}: no such file; `mtrl-judge prepare BENCHMARK --out {folder}` writes it")
    missing = set(tasks)
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                row = _row(line, f"{path}, line {number}")
                missing.discard(row["datasource"])
                if not tasks or row["datasource"] in tasks:
                    for image in row["images"]:
                        if not (folder / image).is_file():
                            raise DataError(f"{path}, line {number}: {image}: no such image; prepare the folder again")
                    yield row | {"images": [str((folder / image).resolve()) for image in row["images"]]}
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); prepare the folder again") from error
    if missing:
        raise DataError(f"{path}: no sample of task {', '.join(sorted(missing))}")


def _row(line: str, place: str) -> Row:
    try:
        row: Row = json.loads(line)
        texts = (row["datasource"], row["label"], row.setdefault("reasoning", ""), *row["images"])
        known = isinstance(row["images"], list) and isinstance(row["messages"], list)
        if not known or not all(isinstance(text, str) for text in texts):
            raise TypeError("a value of a wrong type")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{place}: not a row of a prepared folder ({type(error).__name__}: {error}); prepare the folder again"
        ) from error
    return row


def to_sample(row: Row) -> Sample:
    """The Sample that a row was made from, with the row's images.

    Raises:
        DataError: the row's label does not hold a whole Sample.
    """
    try:
        return from_flat({"images": row["images"], **json.loads(row["label"])})
    except (ValueError, TypeError) as error:
        raise DataError(f"label {row['label'][:80]!r}: holds no sample ({error}); prepare the folder again") from error


def _without_image(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "image"} if item["type"] == "image" else item


BENCHMARK = Benchmark(load, splits=SPLITS)

"""Multimodal RewardBench 2 (Hu et al., 2025): which of two answers of text and images do experts prefer?

    t2i/test-*.parquet, edit/..., interleaved/..., reasoning/...
        pair_id, prompt_text, prompt_images [{"bytes", "path"}], prompt_source, prompt_metadata (JSON),
        response_a_text, response_a_images, response_b_text, response_b_images, chosen ("A" or "B")
    or t2i.json, ... {"pairs": [{"id", "prompt_source", "prompt_metadata": {}, "chosen": "A",
                                 "prompt_content": [["text", "..."], ["image", "input_images/1.jpg"]],
                                 "response_a": {"response_content": [...]}, "response_b": {...}}]}

The first is the hub's copy; the second is what the repository facebookresearch/MMRB2 builds, with its folders images/
and input_images/ beside it. `<image_1>`, `<image_2>`, ... in the hub's texts say where images stand, in their order;
images of a text without such a mark come after it.

1,000 pairs a task; A is preferred in 532, 555, 575 and 475 (t2i, edit, interleaved, reasoning). A candidate of an
interleaved pair may hold 31 images, a pair 39: `max_images=` of the vLLM engine must allow for them. Pairs of one
prompt are one group: 737, 752, 807 and 600 groups. The official accuracy is over the judgments of both orders,
without those that cannot be read. Checked on all candidates and labels of the repository's own files, without prompts
and pictures; not on the hub's copy, of which no revision is pinned.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtrl_judge_plugin.benchmarks.reading.images import UnusableError
from mtrl_judge_plugin.benchmarks.reading.rows import Row, read, readable
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.control_tokens import defuse
from mtrl_judge_plugin.images import Broken
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "multimodal_rewardbench_2",
    "CC BY-NC 4.0: for benchmarking only, not for training; prompts and their images are under their sources' terms",
    hub="rl-research/multimodal-rewardbench-2",
    files="the folders t2i, edit, interleaved and reasoning of the hub's copy, or t2i.json, ..., images/ and "
    "input_images/, as github.com/facebookresearch/MMRB2 builds them",
    checked="the 4,000 labels and candidates of github.com/facebookresearch/MMRB2, without prompts and pictures",
)
_QUESTIONS = {
    "t2i": "generation_pair",
    "edit": "edition_pair",
    "interleaved": "illustrated_pair",
    "reasoning": "illustrated_pair",
}
_ON_HUB = (
    *("pair_id", "prompt_text", "prompt_images", "chosen"),
    *("response_a_text", "response_a_images", "response_b_text", "response_b_images"),
)
_BUILT = ("id", "prompt_content", "response_a", "response_b", "chosen")
_ORIGIN = ("prompt_source", "prompt_metadata")
_LABELS = {"A": "A", "B": "B"}
#: A text, with a mark for each of its images, and the images.
_Content = tuple[str, list[str | Broken]]


def load(split: str, task: str, folder: str | Path | None = None) -> Iterator[Sample]:
    """The samples of a task, in the data's order.

    Raises:
        DataError: no such split or task, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    tables = SOURCE.first_matching((f"{task}.json", f"benchmark/{task}.json", f"{task}/*.parquet"), folder)
    built = tables[0].suffix == ".json"
    columns = _BUILT if built else _ON_HUB
    rows = itertools.chain.from_iterable(read(table, columns, _ORIGIN, within="pairs") for table in tables)
    yield from samples(rows, lambda row: _convert(row, task, built), f"multimodal_rewardbench_2 {task}")


def _convert(row: Row, task: str, built: bool) -> Iterator[Sample]:
    contents = _built(row) if built else _on_hub(row)
    if not all(text or pictures for text, pictures in contents[1:]):
        raise UnusableError("an empty candidate")
    (text, pictures), *candidates = contents
    plain = all(len(shown) == 1 and not said for said, shown in candidates)
    yield Sample(
        id=f"multimodal_rewardbench_2-{task}-{row.text('id' if built else 'pair_id')}",
        task=task,
        form="pairwise",
        question=QUESTIONS[_QUESTIONS[task] if plain else "illustrated_pair"][0],
        images=pictures,
        text=text,
        responses=() if plain else [said for said, _ in candidates],
        response_images=[shown for _, shown in candidates],
        label=row.one_of("chosen", _LABELS),
        group=_group(row) or text,
    )


def _on_hub(row: Row) -> list[_Content]:
    names = ("prompt", "response_a", "response_b")
    return [(row.text(f"{name}_text"), row.images(f"{name}_images", row.items_of(f"{name}_images"))) for name in names]


def _built(row: Row) -> list[_Content]:
    contents = [("prompt_content", row["prompt_content"])]
    for name in ("response_a", "response_b"):
        if not isinstance(row[name], Mapping) or "response_content" not in row[name]:
            raise row.error(name, "holds no response_content")
        contents.append((name, row[name]["response_content"]))
    return [_joined(row, name, content) for name, content in contents]


def _joined(row: Row, column: str, content: Any) -> _Content:
    """Texts and pictures that follow one another as one text with marks, and the pictures."""
    texts, names = [], []
    for part in content if isinstance(content, Sequence) else [content]:
        if not isinstance(part, Sequence) or len(part) != 2 or part[0] not in ("text", "image"):
            raise row.error(column, f'{str(part)[:80]!r} is neither ["text", ...] nor ["image", ...]')
        kind, value = part
        names += [value] if kind == "image" else []
        texts.append(f"<image_{len(names)}>" if kind == "image" else defuse(readable(str(value))))
    return "\n".join(texts) if any(kind == "text" for kind, _ in content) else "", row.images(column, names)


def _group(row: Row) -> str:
    """The prompt: its source and the id that it has there; "" where the row does not say."""
    said = row.get("prompt_metadata") or "{}"
    try:
        metadata = json.loads(said) if isinstance(said, str) else said
        return f"{row.text('prompt_source')} {metadata['id']}"
    except (ValueError, TypeError, KeyError):
        return ""


BENCHMARK = Benchmark(
    load,
    splits=("test",),
    tasks=tuple(_QUESTIONS),
    terms=SOURCE.terms,
    source=SOURCE,
)

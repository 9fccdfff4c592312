"""The hub's folders for two tasks, and the files that the repository builds for the other two."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from real_schema.drawing import hub_image, picture

ROWS = 8


def write(folder: Path) -> None:
    for task in ("edit", "interleaved"):
        (folder / task).mkdir()
        rows = [_hub_row(task, number) for number in range(ROWS)]
        pq.write_table(pa.Table.from_pylist(rows), folder / task / "test-00000-of-00001.parquet")
    for name in ("images", "input_images"):
        (folder / name).mkdir()
        for number in range(4):
            (folder / name / f"{number}.jpg").write_bytes(picture(f"{name}{number}"))
    for task in ("t2i", "reasoning"):
        pairs = [_built_row(task, number) for number in range(ROWS)]
        (folder / f"{task}.json").write_text(json.dumps({"pairs": pairs}), encoding="utf-8")


def _hub_row(task: str, number: int) -> dict[str, object]:
    edit = task == "edit"
    return {
        "pair_id": f"source_{number}",
        "prompt_text": f"Turn <image_1> into number {number // 2}." if edit else f"How is cake {number // 2} made?",
        "prompt_images": [hub_image(f"source-{number // 2}")] if edit else [],
        "prompt_source": "source",
        "prompt_metadata": json.dumps({"id": number // 2, "category": "cake"}),
        "response_a_text": None if edit else "Mix: <image_1>\nBake: <image_2>\nEat.",
        "response_a_images": [hub_image(f"a{place}-{number}") for place in range(1 if edit else 3)],
        "response_a_model": "one",
        "response_b_text": None if edit else f"Buy one, number {number}.",
        "response_b_images": [hub_image(f"b-{number}")] if edit else [],
        "response_b_model": "other",
        "chosen": "ab"[number % 2],
        "human_annotations": json.dumps([6, 5, 5]),
    }


def _built_row(task: str, number: int) -> dict[str, object]:
    drawn = task == "t2i"
    picture_of = {letter: ["image", f"images/{(number + place) % 4}.jpg"] for place, letter in enumerate("ab")}
    text = ["text", f"Draw number {number // 2}." if drawn else f"How many are there, case {number // 2}?"]
    return {
        "id": f"source_{number}",
        "prompt_source": "source",
        "prompt_metadata": {"id": number // 2},
        "prompt_content": [text] if drawn else [["image", f"input_images/{number // 2}.jpg"], text],
        "response_a": {"model_name": "one", "response_content": [picture_of["a"]] if drawn else [["text", "Two."]]},
        "response_b": {
            "model_name": "other",
            "response_content": [picture_of["b"]]
            if drawn
            else [["text", "See <image_1> here:"], picture_of["b"], ["text", "Three."]],
        },
        "chosen": "AB"[number % 2],
        "human_annotations": [6, 5, 5],
    }

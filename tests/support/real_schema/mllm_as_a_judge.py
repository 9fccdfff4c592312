"""Benchmark/{score,pair,batch}.jsonl and image/; an image has several rows, as it has several models' answers."""

import json
from pathlib import Path

from real_schema.drawing import picture

MODELS = ("llava", "cogvlm", "gpt4", "gemini")
ORDERS = ("ABCD", "CDBA", "DCBA", "CABD", "BADC", "ACBD", "DABC", "CAB")


def write(folder: Path) -> None:
    (folder / "image").mkdir()
    (folder / "Benchmark").mkdir()
    for number in range(8):
        (folder / "image" / f"{number}.jpg").write_bytes(picture(f"mllm-{number}"))
    _write(folder / "Benchmark" / "score.jsonl", [_score(number) for number in range(20)])
    _write(folder / "Benchmark" / "pair.jsonl", [_pair(number) for number in range(12)])
    _write(folder / "Benchmark" / "batch.jsonl", [_batch(number) for number in range(8)])


def _about(number: int) -> dict[str, object]:
    return {
        "id": number % 8,
        "image_path": f"image/{number % 8}.jpg",
        "original_dataset": "coco" if number % 8 < 5 else "chartqa",
        "instruction": f"Please analyse this figure and answer the following question: what is number {number % 8}?",
    }


def _answer(number: int, model: int) -> dict[str, str]:
    name = MODELS[model % 4]
    return {"name": name, "answer": f'It is what {name} calls "{number}".'}


def _score(number: int) -> dict[str, object]:
    grade = number % 5 + 1  # the real file mixes numbers and texts
    human = grade if number % 3 else str(grade)
    return {**_about(number), "score_id": number, **_answer(number, number), "human": human}


def _pair(number: int) -> dict[str, object]:
    answers = {"answer1": _answer(number, number), "answer2": _answer(number, number + 1)}
    return {**_about(number), "pair_id": number, **answers, "human": "ABC"[number % 3]}


def _batch(number: int) -> dict[str, object]:
    answers = [_answer(number, model) for model in range(len(ORDERS[number]))]
    return {**_about(number), "answers": answers, "human_answer": ORDERS[number]}


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

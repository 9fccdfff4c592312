"""A parquet file a split; two answers are judged by several criteria."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from real_schema.drawing import hub_image

CRITERIA = {
    "open_ended": ("completeness", "visual-grounding", "hallucination"),
    "reasoning": ("grounding", "logic", "efficiency"),
}
PROMPTS = 4


def write(folder: Path) -> None:
    (folder / "data").mkdir()
    for split, criteria in CRITERIA.items():
        rows = [_row(split, number, criterion) for number in range(PROMPTS) for criterion in criteria]
        pq.write_table(pa.Table.from_pylist(rows), folder / "data" / f"{split}-00000-of-00001.parquet")


def _row(split: str, number: int, criterion: str) -> dict[str, object]:
    return {
        "question_id": f"{split}-{number}-{criterion}",
        "prompt_id": f"{split}-{number}",
        "split": split,
        "image": hub_image(f"{split}-{number}"),
        "question": f"What is in picture {number}?",
        "pred_a": f"A cat that sleeps, number {number}.",
        "pred_b": f"A dog, number {number}.",
        "criterion": criterion,
        "preference": ("model_a", "model_b")[(number + len(criterion)) % 2],
    }

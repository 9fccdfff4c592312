"""A guess: one JSON file and a folder of videos. The chosen answer comes first."""

import json
from pathlib import Path

from real_schema.genai_bench import write_video

DIMENSIONS = ("perception", "reasoning", "safety")
ROWS = 6


def write(folder: Path) -> None:
    (folder / "videos").mkdir()
    for name in "abc":
        write_video(folder / "videos" / f"{name}.mp4", name)
    rows = [
        {
            "question": f"What happens, number {number}?",
            "video": f"videos/{'abc'[number % 3]}.mp4",
            "chosen": f"A cat jumps, number {number}.",
            "rejected": f"A dog sleeps, number {number}.",
            "dimension": DIMENSIONS[number // 2],
        }
        for number in range(ROWS)
    ]
    (folder / "test.json").write_text(json.dumps(rows), encoding="utf-8")

"""test.json and its images; the preferred one is always the first."""

import json
from pathlib import Path

from real_schema.drawing import picture

ROWS = 8


def write(folder: Path) -> None:
    (folder / "images").mkdir()
    for number in range(2 * ROWS):
        (folder / "images" / f"{number}.jpg").write_bytes(picture(f"hpdv3-{number}"))
    rows = [
        {
            "prompt": f"a lighthouse, number {number // 2}",
            "path1": f"images/{2 * number}.jpg",
            "path2": f"images/{2 * number + 1}.jpg",
            "model1": "real_images",
            "model2": "flux",
            "confidence": 0.9,
            "choice_dist": [8, 1],
        }
        for number in range(ROWS)
    ]
    (folder / "test.json").write_text(json.dumps(rows), encoding="utf-8")

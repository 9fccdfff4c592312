"""Parquet files with their images for three tasks, tables with names of files for the others, and media_data/."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from real_schema.drawing import hub_image, picture
from real_schema.genai_bench import write_video

LABELS = ("response1", "response2", "tie")
ROWS = 6


def write(folder: Path) -> None:
    media = folder / "media_data"
    media.mkdir()
    for name in "abc":
        write_video(media / f"{name}.mp4", name)
        (media / f"{name}.png").write_bytes(picture(name, "PNG"))
    for task, own, kind in (
        ("text_image_to_text", hub_image, str),
        ("text_to_image", None, hub_image),
        ("text_image_to_image", hub_image, hub_image),
    ):
        (folder / task).mkdir()
        rows = [_row(n, kind(f"one {n}"), kind(f"other {n}"), own and {"image": own(f"own-{n}")}) for n in range(ROWS)]
        pq.write_table(pa.Table.from_pylist(rows), folder / task / "test-00000-of-00001.parquet")
    for task, own_name, ending in (
        ("text_to_text", None, None),
        ("text_video_to_text", "video", None),
        ("text_to_video", None, "mp4"),
        ("text_to_3D", None, "png"),
    ):
        rows = [
            _row(
                n,
                f"{'abc'[n % 3]}.{ending}" if ending else f"An answer {n}.",
                f"{'bca'[n % 3]}.{ending}" if ending else f"Another answer {n}.",
                own_name and {own_name: f"{'abc'[n % 3]}.mp4"},
            )
            for n in range(ROWS)
        ]
        (folder / f"{task}_preferences.json").write_text(json.dumps(rows), encoding="utf-8")


def _row(number: int, first: object, second: object, own: dict[str, object] | None) -> dict[str, object]:
    return {
        "id": f"sample-{number}",
        "prompt": f"Show number {number // 2}.",
        "criteria": "The response should be short.",
        "criteria_preference": LABELS[number % 3],
        "response1": first,
        "response2": second,
        "model1": "one",
        "model2": "other",
        **(own or {}),
    }

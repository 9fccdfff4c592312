"""A CSV of pairs and a folder of videos; one pair has no valid label for motion."""

import csv
from pathlib import Path

from real_schema.genai_bench import write_video

ROWS = 12


def write(folder: Path) -> None:
    (folder / "videos").mkdir()
    for name in "abcd":
        write_video(folder / "videos" / f"{name}.mp4", name)
    rows = [_row(number) for number in range(ROWS)]
    with (folder / "videogen-rewardbench.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _row(number: int) -> dict[str, object]:
    labels = ("A", "B", "same")
    return {
        "path_A": f"videos/{'abcd'[number % 4]}.mp4",
        "path_B": f"./videos/{'bcda'[number % 4]}.mp4",
        "A_model": "one",
        "B_model": "other",
        "prompt": f"a girl, and a car of number {number // 2}",
        "VQ": labels[(number + 1) % 3],
        "MQ": "invalid" if number == 5 else labels[(number + 2) % 3],
        "TA": labels[number % 3],
        "Overall": labels[number % 3],
        "fps_A": 4.0,
        "num_frames_A": 9.0,
        "fps_B": 4.0,
        "num_frames_B": 9.0,
    }

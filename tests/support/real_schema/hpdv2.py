"""test.json and the folder test/; three images a prompt, of which two share a rank in one prompt."""

import json
from pathlib import Path

from real_schema.drawing import picture

RANKS = ([2, 1, 3], [1, 2, 3], [1, 2, 2])


def write(folder: Path) -> None:
    (folder / "test").mkdir()
    rows = []
    for number, ranks in enumerate(RANKS):
        names = [f"{3 * number + place:05d}.jpg" for place in range(3)]
        for name in names:
            (folder / "test" / name).write_bytes(picture(name))
        annotations = [{"rank": ranks, "user_hash": "1f"}]
        rows.append({"prompt": f"a cat {number}", "image_path": names, "rank": ranks, "raw_annotations": annotations})
    (folder / "test.json").write_text(json.dumps(rows), encoding="utf-8")

"""One parquet file a task, of an old revision; in quality the first image is always the better one."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from real_schema.drawing import hub_image


def write(folder: Path) -> None:
    (folder / "data").mkdir()
    for task in ("alignment", "safety", "quality"):
        rows = [
            {
                "caption": f"a {task} caption, number {number // 2}",
                "image0": hub_image(f"{task}-{number}-0", "PNG"),
                "image1": hub_image(f"{task}-{number}-1", "JPEG"),
                "label": number % 2 if task in ("alignment", "safety") else 0,
                "info": "object",
            }
            for number in range(8)
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / "data" / f"{task}.parquet")

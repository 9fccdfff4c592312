"""One parquet file; a row holds its source, two edits, the preferred one first, a task type and a dimension."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from real_schema.drawing import hub_image

TYPES = ("background_change", "subject-add")
DIMENSIONS = ("prompt_following", "consistency", "overall")
ROWS = 24


def write(folder: Path) -> None:
    (folder / "data").mkdir()
    pq.write_table(
        pa.Table.from_pylist([_row(n) for n in range(ROWS)]), folder / "data" / "train-00000-of-00001.parquet"
    )


def _row(number: int) -> dict[str, object]:
    return {
        "key": [f"{number}-one", f"{number}-other"],
        "instruction": f"Edit picture {number // 6}.",
        "input_image": hub_image(f"source-{number // 6}"),
        "output_images": [hub_image(f"good-{number}"), hub_image(f"bad-{number}")],
        "task_type": TYPES[number // 6 % 2],
        "dimension": DIMENSIONS[number % 3],
    }

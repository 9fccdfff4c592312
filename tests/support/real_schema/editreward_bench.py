"""One parquet file with groups of two, three and four edits, compared in pairs; the hub's split is train."""

import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from real_schema.drawing import hub_image

GROUPS = 6


def write(folder: Path) -> None:
    (folder / "data").mkdir()
    rows = [row for edits in (2, 3, 4) for number in range(GROUPS) for row in _group(edits, number)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "data" / "train-00000-of-00001.parquet")


def _group(edits: int, number: int) -> list[dict[str, object]]:
    name = f"{edits}{number:05d}"
    rows = []
    for first, second in itertools.combinations("ABCD"[:edits], 2):
        ranking = (f"{first}>{second}", f"{second}>{first}", f"{first}={second}")[number % 3]
        rows.append(
            {
                "id": f"{name}_{first}vs{second}",
                "instruction": f"Make picture {number} red.",
                "source_image": hub_image(f"source-{name}"),
                "candidate_1": hub_image(f"{name}-{first}"),
                "candidate_2": hub_image(f"{name}-{second}"),
                "model_1": "one",
                "model_2": "other",
                "score_1": 3.0,
                "score_2": 2.0,
                "ranking": ranking,
                "comparison_type": f"{first}vs{second}",
                "num_candidates": edits,
                "dataset": f"{edits}pair",
            }
        )
    return rows

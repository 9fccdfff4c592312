"""Ways to spoil a good data set: a table without a column, without rows, with another cell; half a picture."""

import csv
import json
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mtrl_judge_plugin import images
from mtrl_judge_plugin.sample import Sample

Rows = list[dict[str, Any]]


def change(table: Path, how: Callable[[Rows], Rows]) -> None:
    """Read a table (.csv, .tsv, .jsonl, .json, .parquet), change its rows, write it back."""
    kind = table.suffix
    if kind == ".parquet":
        before = pq.read_table(table)
        rows = how(before.to_pylist())
        pq.write_table(pa.Table.from_pylist(rows) if rows else before.slice(0, 0), table)
    elif kind in (".csv", ".tsv"):
        mark = "\t" if kind == ".tsv" else ","
        with table.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines, delimiter=mark)
            rows, header = how(list(reader)), reader.fieldnames
        with table.open("w", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, list(rows[0]) if rows else header, delimiter=mark)
            writer.writeheader()
            writer.writerows(rows)
    elif kind == ".jsonl":
        rows = how([json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()])
        table.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    else:
        table.write_text(json.dumps(how(json.loads(table.read_text(encoding="utf-8")))), encoding="utf-8")


def drop_column(table: Path, column: str) -> None:
    change(table, lambda rows: [{name: value for name, value in row.items() if name != column} for row in rows])


def drop_rows(table: Path) -> None:
    change(table, lambda rows: [])


def set_cell(table: Path, number: int, column: str, value: Any) -> None:
    """Give one cell another value; `number` counts rows from 1, as messages do."""
    change(table, lambda rows: [row | {column: value} if at == number else row for at, row in enumerate(rows, 1)])


def halve_cell(table: Path, number: int, column: str) -> None:
    """Cut off half of the picture in a cell of a parquet file: bytes, or the hub's {"bytes", "path"}."""
    cell = pq.read_table(table).to_pylist()[number - 1][column]
    half = halve(cell) if isinstance(cell, bytes) else cell | {"bytes": halve(cell["bytes"])}
    set_cell(table, number, column, half)


def halve(data: bytes) -> bytes:
    return data[: len(data) // 2]


def halve_file(path: Path) -> None:
    path.write_bytes(halve(path.read_bytes()))


def halve_member(archive: Path, name: str) -> None:
    """Cut off half of one file of a zip file."""
    with zipfile.ZipFile(archive) as opened:
        members = {member: opened.read(member) for member in opened.namelist()}
    with zipfile.ZipFile(archive, "w") as opened:
        for member, data in members.items():
            opened.writestr(member, halve(data) if member == name else data)


def picture_errors(samples: Iterable[Sample]) -> list[str]:
    """What decoding the samples' pictures says, of those that cannot be decoded."""
    errors = []
    for picture in (picture for sample in samples for picture in sample.all_images):
        try:
            images.load(picture)
        except images.ImageError as error:
            errors.append(str(error))
    return errors

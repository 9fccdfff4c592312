"""Table files as other people save them: .csv, .tsv, .jsonl, .json and .parquet.

A CSV may come from Excel: with a byte order mark or as UTF-16 or Windows-1252, with semicolons (then with decimal
commas), with a first line `sep=;`, with empty columns and rows at its end.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mtrl_judge_plugin.benchmarks.reading.cells import is_empty
from mtrl_judge_plugin.benchmarks.reading.rows import DataError

Cells = Mapping[str, Any]
SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet")
_DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """A table file.

    Attributes:
        path: of the file.
        columns: the names of its columns, in their order.
        read: (columns to read) -> the rows with their numbers, from 1, a header not counted.
        decimal: its decimal mark.
        defaults: what a column is where the user does not say: field -> column, known of exports.
    """

    path: Path
    columns: tuple[str, ...]
    read: Callable[[Collection[str]], Iterable[tuple[int, Cells]]]
    decimal: str = "."
    defaults: Mapping[str, str] = field(default_factory=dict)


def opened(path: Path) -> Table:
    """The table of a file.

    Raises:
        DataError: unknown kind of file, or it cannot be read, or holds no row; the message names the file and the line.
    """
    readers = dict(zip(SUFFIXES, (_csv, _csv, _jsonl, _json, _parquet), strict=True))
    if path.suffix.lower() not in readers:
        raise DataError(f"{path}: unknown kind of file; {', '.join(readers)} can be read. Save a spreadsheet as CSV")
    try:
        table = readers[path.suffix.lower()](path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if not table.columns:
        raise DataError(f"{path}: holds no row")
    return table


def is_table(path: Path) -> bool:
    """Whether a file is a table by its name; not what macOS (`._a.csv`) and Excel (`~$a.csv`) put beside one."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith((".", "~$"))


def of_rows(path: Path, rows: list[Any], decimal: str = ".") -> Table:
    """A table of rows that are in memory.

    Raises:
        DataError: one is not an object with columns.
    """
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise DataError(f"{path}, row {number}: not an object with columns")
    columns = tuple(dict.fromkeys(str(name) for row in rows for name in row))
    numbered = [(number, row) for number, row in enumerate(rows, 1) if not all(map(is_empty, row.values()))]
    return Table(path, columns if numbered else (), lambda _: numbered, decimal)


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ["utf-16"] if is_utf16 else ["utf-8-sig", "cp1252"]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        if encoding == "cp1252":
            tqdm.write(
                f"{path}: is not UTF-8; read as Windows-1252. If letters look wrong, save it as UTF-8", file=sys.stderr
            )
        return text
    raise DataError(f"{path}: cannot be read as text; save it as UTF-8")


def _csv(path: Path) -> Table:
    csv.field_size_limit(1 << 30)  # the module's own limit is shorter than many an answer
    text = _decoded(path)
    said = _SEPARATOR_LINE.match(text)
    text = text[said.end() :] if said else text
    delimiter = said[1] if said else _delimiter(text, "\t,;|" if path.suffix.lower() == ".tsv" else _DELIMITERS)
    # Strict: a quote that is never closed would swallow the rows behind it.
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    first = 2 if said else 1
    try:
        header = _names(next(filter(any, lines), []))
        rows = [_row(path, header, cells, lines.line_num + first - 1) for cells in lines if cells]
    except csv.Error as error:
        raise DataError(f"{path}, line {lines.line_num + first - 1}: cannot be read: {error}") from error
    return of_rows(path, rows, "," if delimiter == ";" else ".")


def _delimiter(text: str, candidates: str) -> str:
    """What separates the columns of the header: of the candidates the most frequent one outside of quotes."""
    header = re.sub(r'"(?:[^"]|"")*"', "", text[: 1 << 20]).lstrip().partition("\n")[0]
    return max(candidates, key=header.count)


def _names(header: list[str]) -> list[str]:
    """Names of columns: none for unnamed ones, and a number behind the second of the same name."""
    names: list[str] = []
    for name in (cell.strip() for cell in header):
        same = sum(1 for one in names if one == name or one.startswith(f"{name}#")) if name else 0
        names.append(f"{name}#{same + 1}" if same else name)
    return names


def _row(path: Path, header: list[str], cells: list[str], line: int) -> dict[str, str]:
    extra = any(cell.strip() for cell in cells[len(header) :])
    if extra or any(header[len(cells) :]):
        wanted = len(header)
        raise DataError(
            f"{path}, line {line}: not the {wanted} cells of the header; put text with commas, tabs or line breaks in "
            "double quotes"
        )
    return {name: cell for name, cell in zip(header, cells, strict=False) if name}


def _jsonl(path: Path) -> Table:
    rows = []
    for number, line in enumerate(_decoded(path).split("\n"), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise DataError(f"{path}, line {number}: cannot be read: {error}") from error
    return of_rows(path, rows)


def _json(path: Path) -> Table:
    try:
        content = json.loads(_decoded(path))
    except ValueError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if isinstance(content, dict) and content and all(isinstance(column, dict) for column in content.values()):
        # pandas' to_json: column -> row -> cell
        numbers = dict.fromkeys(number for column in content.values() for number in column)
        content = [{name: column.get(number) for name, column in content.items()} for number in numbers]
    if not isinstance(content, list):
        raise DataError(f"{path}: not a list of objects")
    return of_rows(path, content)


def _parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def read(columns: Collection[str]) -> Iterator[tuple[int, Cells]]:
        number = 0
        try:
            for batch in pq.ParquetFile(path).iter_batches(batch_size=64, columns=[*columns]):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
        except (pa.ArrowInvalid, pa.ArrowIOError) as error:
            raise DataError(f"{path}, behind row {number}: no parquet file ({error})") from error

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, pa.ArrowIOError) as error:
        raise DataError(f"{path}: no parquet file ({error}); download it again") from error
    return Table(path, tuple(file.schema_arrow.names) if file.metadata.num_rows else (), read)

"""Rows of table files, whose cells say where they are when they do not hold what they should.

for row in read(path, ("image", "text", "label")):
    row.text("text"), row.one_of("label", {"0": "no", "1": "yes"}), row.image("image", within=archive)
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from mtrl_judge_plugin.benchmarks.reading.images import ArchiveError, UnusableError, image_in, keep
from mtrl_judge_plugin.images import Broken, ImageError

_Value = TypeVar("_Value")
_Reader = Callable[[Path, Sequence[str]], Iterator[Any]]


class DataError(ValueError):
    """A data set that cannot be used as it is; the message names the file, the row and the column."""


class AbsentError(DataError):
    """A file or a column that the data set should have is not there: it may be another data set, or lie elsewhere."""


class Row(Mapping[str, Any]):
    """One row: a mapping of its columns whose methods read one column and name the place where they cannot.

    Attributes:
        file: where it stands.
        number: from 1, a header not counted.
    """

    def __init__(self, file: Path, number: int, values: Mapping[str, Any]) -> None:
        self.file, self.number, self._values = file, number, values

    def __getitem__(self, column: str) -> Any:
        if column not in self._values:
            raise self.error(column, f"missing; the row has {', '.join(self._values)}")
        return self._values[column]

    def __contains__(self, column: object) -> bool:
        return column in self._values

    def get(self, column: str, default: Any = None) -> Any:
        """The cell, or the default where the row has no such column: no error, unlike `row[column]`."""
        return self._values.get(column, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def error(self, column: str, problem: str) -> DataError:
        """A DataError about one cell."""
        return DataError(f"{self.file}, row {self.number}, column {column}: {problem}")

    @contextlib.contextmanager
    def naming(self, column: str) -> Iterator[None]:
        """Around what looks for the cell's image: an ArchiveError becomes a DataError about the cell.

        Raises:
            DataError: instead of an ArchiveError.
        """
        try:
            yield
        except ArchiveError as error:
            raise self.error(column, str(error)) from error

    def text(self, column: str) -> str:
        """The cell as text; empty where it holds nothing."""
        return readable("" if self[column] is None else str(self[column]))

    def real(self, column: str) -> float:
        """The cell as a finite number.

        Raises:
            DataError: it is none.
        """
        try:
            value = float(self[column])
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise self.error(column, f"{self[column]!r} is not a number")
        return value

    def integer(self, column: str, low: int | None = None, high: int | None = None) -> int:
        """The cell as an integer within bounds.

        Raises:
            DataError: it is none, or out of bounds.
        """
        value = self.real(column)
        if value != int(value) or (low is not None and value < low) or (high is not None and value > high):
            wanted = "an integer" if low is None else f"an integer from {low} to {high}"
            raise self.error(column, f"{self[column]!r} is not {wanted}")
        return int(value)

    def one_of(self, column: str, meanings: Mapping[str, _Value]) -> _Value:
        """What the cell means: its text, case and white space aside, looked up.

        Raises:
            DataError: it is none of them.
        """
        text = self.text(column).strip().casefold()
        for name, meaning in meanings.items():
            if name.casefold() == text:
                return meaning
        raise self.error(column, f"{self[column]!r} is none of {', '.join(meanings)}")

    def items_of(self, column: str, number: int | None = None) -> list[Any]:
        """The cell as a list, of that many items if `number` says so.

        Raises:
            DataError: it is none.
        """
        value = self[column]
        value = value.tolist() if hasattr(value, "tolist") else value
        if not isinstance(value, (list, tuple)) or (number is not None and len(value) != number):
            wanted = "a list" if number is None else f"a list of {number}"
            raise self.error(column, f"{str(value)[:80]!r} is not {wanted}")
        return list(value)

    def image(self, column: str, within: Path | None = None) -> str | Broken:
        """The picture of a cell as a path; `Broken`, with the place, if it cannot be decoded.

        Args:
            column: holds encoded bytes, the hub's `{"bytes", "path"}`, or the name of a file.
            within: the folder or zip file that holds the named file; the table's own folder if not given.

        Raises:
            UnusableError: there is no picture.
            DataError: the name leads out of the folder, or the archive is none.
        """
        return self.images(column, [self[column]], within)[0]

    def images(self, column: str, cells: Sequence[Any], within: Path | None = None) -> list[str | Broken]:
        """As `image`, of several values that the column holds."""
        found: list[str | Broken] = []
        for cell in cells:
            data, name = (cell.get("bytes"), cell.get("path")) if isinstance(cell, Mapping) else (cell, cell)
            try:
                with self.naming(column):
                    if isinstance(data, (bytes, bytearray)):
                        found.append(keep(bytes(data)))
                    elif isinstance(name, str) and name.strip():
                        found.append(image_in(within or self.file.parent, name))
                    else:
                        raise UnusableError("no image")
            except ImageError as error:
                found.append(Broken(str(self.error(column, str(error)))))
        return found


def read(path: Path, columns: Sequence[str], optional: Sequence[str] = (), within: str = "") -> Iterator[Row]:
    """The rows of a .parquet, .csv, .tsv, .jsonl or .json (a list of objects) file, one by one.

    Args:
        path: the file.
        columns: what every row must have; nothing else is read from parquet but these and `optional`.
        optional: what it may have.
        within: the key of a .json file's object that holds the list.

    Raises:
        AbsentError: the file lacks a column.
        DataError: it cannot be read, or holds no row.
    """
    readers: dict[str, _Reader] = {".parquet": _parquet, ".csv": _csv, ".tsv": _csv, ".jsonl": _jsonl}
    readers[".json"] = partial(_json, within=within)
    if path.suffix.lower() not in readers:
        raise DataError(f"{path}: unknown kind of file; {', '.join(readers)} can be read")
    number = 0
    try:
        for number, values in enumerate(readers[path.suffix.lower()](path, [*columns, *optional]), 1):
            if not isinstance(values, Mapping):
                raise DataError(f"{path}, row {number}: not an object with columns")
            missing = [column for column in columns if column not in values]
            if missing:
                raise AbsentError(
                    f"{path}, row {number}: no column {', '.join(missing)}; it has {', '.join(map(str, values))}"
                )
            yield Row(path, number, values)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}, behind row {number}: {error}; save it as UTF-8") from error
    except (OSError, csv.Error, json.JSONDecodeError) as error:
        raise DataError(f"{path}, behind row {number}: cannot be read: {error}") from error
    if not number:
        raise DataError(f"{path}: holds no row")


def readable(text: str) -> str:
    """The text with half of a surrogate pair (a cut-off emoji), which no file and no prompt can hold, as a "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path)
        present = table.schema_arrow.names
        missing = [column for column in columns if column not in present]
        if len(missing) == len(columns):
            raise AbsentError(f"{path}: no column {', '.join(missing)}; it has {', '.join(present)}")
        for batch in table.iter_batches(batch_size=64, columns=[name for name in columns if name in present]):
            yield from batch.to_pylist()
    except (pa.ArrowInvalid, pa.ArrowIOError) as error:
        raise DataError(f"{path}: no parquet file ({error}); download it again") from error


def _csv(path: Path, columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    csv.field_size_limit(1 << 30)  # the module's own limit is shorter than many an answer
    with path.open(encoding="utf-8-sig", newline="") as lines:
        # Strict: a quote that is never closed would swallow the rows behind it.
        table = csv.DictReader(lines, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
        for row in table:
            if None in row or None in row.values():  # more cells than the header has columns, or fewer
                wanted = len(table.fieldnames or ())
                raise DataError(
                    f"{path}, line {table.line_num}: not the {wanted} cells of the header; put text with commas, tabs "
                    "or line breaks in double quotes"
                )
            yield row


def _jsonl(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    with path.open(encoding="utf-8-sig") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def _json(path: Path, columns: Sequence[str], within: str) -> Iterator[Any]:
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    content = content.get(within) if within and isinstance(content, dict) else content
    if not isinstance(content, list):
        raise DataError(f"{path}: {within or 'its content'}: not a list of objects")
    yield from content

"""A table and what its user says of it -> rows with our columns, whose errors name the user's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtrl_judge_plugin.benchmarks.reading import guessing
from mtrl_judge_plugin.benchmarks.reading.cells import is_blank, is_empty, items, name, prose
from mtrl_judge_plugin.benchmarks.reading.columns import (
    FIELDS,
    SEVERAL,
    VARIABLE,
    Columns,
    is_constant,
    unknown_column,
)
from mtrl_judge_plugin.benchmarks.reading.locating import Locator
from mtrl_judge_plugin.benchmarks.reading.rows import AbsentError, DataError, Row, readable
from mtrl_judge_plugin.benchmarks.reading.tables import Table

_NEEDED = ("form", "question", "label")


class MappedRow(Row):
    """A row under our names; see `Row`.

    Attributes:
        source: its table, and what the user says of it.
    """

    def __init__(self, source: Mapped, number: int, values: Mapping[str, Any]) -> None:
        super().__init__(source.table.path, number, values)
        self.source = source

    def error(self, column: str, problem: str) -> DataError:
        """A DataError about one cell, by the name that the user's table has for it."""
        theirs = "+".join(self.source.names.get(column, (column,)))
        return super().error(theirs if theirs == column else f"{theirs} ({column})", problem)

    def name(self, column: str) -> str:
        """The cell of a column that names something; "" where it holds nothing."""
        return readable(name(self.get(column), self.source.table.decimal))

    def prose(self, column: str) -> str:
        """The cell of a text column, without white space around it."""
        return readable(prose(self.get(column)).strip())

    def listed(self, column: str, mark: str) -> list[Any]:
        """The values of a cell that holds several, separated by `mark` where it is text; blank ones are left out."""
        return [value for value in items(self.get(column), mark) if not is_blank(value)]

    def filled(self, column: str, mark: str) -> list[Any]:
        """As `listed`, also without "nan", "N/A" and the like."""
        return [value for value in self.listed(column, mark) if not is_empty(value)]


@dataclass(frozen=True)
class Mapped:
    """A table whose columns are known.

    Attributes:
        table: the file.
        columns: what the user says of it.
        names: field -> the columns that hold it.
        constants: field -> its text in all rows.
        locator: finds its images.
    """

    table: Table
    columns: Columns
    names: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, str]
    locator: Locator

    def rows(self) -> Iterator[MappedRow]:
        """The rows, in their order; those of one id are one where there is a column of annotators."""
        return _merged(self._rows()) if "annotator" in self.names else self._rows()

    def _rows(self) -> Iterator[MappedRow]:
        wanted = [*dict.fromkeys(column for columns in self.names.values() for column in columns)]
        for number, cells in self.table.read(wanted):
            values: dict[str, Any] = dict(self.constants)
            for field, columns in self.names.items():
                found = [cells.get(column) for column in columns]
                values[field] = found[0] if len(found) == 1 else found
            yield MappedRow(self, number, values)


def mapped(table: Table, columns: Columns) -> Mapped:
    """Find what the user names among the columns of a table. A column with one of our names needs no naming.

    Raises:
        AbsentError: a column is not there, or nothing says which one is form, question or label; the message lists
            the columns, and gives an example that fits the table.
    """
    names: dict[str, tuple[str, ...]] = {}
    constants: dict[str, str] = {}
    own = {field: field for field in FIELDS if field in table.columns}
    for field, said in (own | dict(table.defaults) | dict(columns.given)).items():
        parts = tuple(part.strip() for part in said.split("+"))
        if said in table.columns:
            names[field] = (said,)
        elif field in SEVERAL and len(parts) > 1 and set(parts) <= set(table.columns):
            names[field] = parts
        elif said and is_constant(field, said, table.columns):
            constants[field] = said
        elif said:
            wrong = next((part for part in parts if part not in table.columns), said) if field in SEVERAL else said
            raise AbsentError(f"{table.path}: {unknown_column(field, wrong, table.columns)}{_way_out(table)}")
    missing = [field for field in _NEEDED if field not in names and field not in constants]
    if missing:
        raise AbsentError(
            f"{table.path}: no column {', '.join(missing)} (columns: {', '.join(table.columns)}){_way_out(table)}"
        )
    if "annotator" in names and "id" not in names:
        raise AbsentError(f"{table.path}: annotator needs id: the column by which rows are one question")
    folder = Path(columns.image_folder).expanduser() if columns.image_folder else table.path.parent
    if not folder.is_dir():
        raise DataError(f"image_folder={columns.image_folder}: no such folder ({folder.absolute()})")
    return Mapped(table, columns, names, constants, Locator(folder))


def _way_out(table: Table) -> str:
    example = guessing.example(table)
    return (
        f". Say which column is what, in {VARIABLE} or --columns; for this table perhaps: {example}" if example else ""
    )


def _merged(rows: Iterator[MappedRow]) -> Iterator[MappedRow]:
    """Rows of one id as one row, with the last vote and the last ratings of each annotator, in order."""
    found: dict[str, list[MappedRow]] = {}
    for row in rows:
        found.setdefault(row.name("id") or f"\0{row.number}", []).append(row)
    for same in found.values():
        last = {row.name("annotator") or f"\0{row.number}": row for row in same}
        values = dict(same[0])
        for field, mark in (("label", ""), ("ratings", ";")):
            if field in values:
                values[field] = [value for row in last.values() for value in row.listed(field, mark)]
        yield MappedRow(same[0].source, same[0].number, values)


def place_of(columns: Columns, folder: str | Path | None) -> Path | None:
    """The file or folder that the user names, or None.

    Raises:
        DataError: there are two, or it is not there.
    """
    if folder is not None and columns.table:
        raise DataError(f"table={columns.table} and folder {folder}: give one of them")
    place = Path(folder) if folder is not None else Path(columns.table).expanduser() if columns.table else None
    if columns.table and place is not None and not place.exists():
        raise DataError(f"table={columns.table}: no such file or folder ({place.absolute()})")
    return place

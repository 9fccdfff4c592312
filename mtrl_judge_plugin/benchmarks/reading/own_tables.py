"""A user's tables together: their rows with the split of each."""

from __future__ import annotations

import hashlib
import itertools
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mtrl_judge_plugin.benchmarks.reading import auto_split, exports, tables
from mtrl_judge_plugin.benchmarks.reading.columns import AUTO, Columns
from mtrl_judge_plugin.benchmarks.reading.mapped import Mapped, MappedRow, mapped
from mtrl_judge_plugin.benchmarks.reading.source import SPLITS


@dataclass(frozen=True)
class OwnTables:
    """Tables whose columns are known.

    Attributes:
        tables: the files.
        parts: the split of each row where no column says it; None: each row says its own.
    """

    tables: Sequence[Mapped]
    parts: Sequence[str] | None

    def rows(self) -> Iterator[tuple[MappedRow, str]]:
        """All rows, each with its split.

        Raises:
            DataError: two rows have one id, or one names an unknown split.
        """
        seen: dict[str, tuple[Path, int]] = {}
        for place, row in enumerate(_rows(self.tables)):
            name = row_id(row)
            file, number = seen.setdefault(name, (row.file, row.number))
            if (file, number) != (row.file, row.number):
                raise row.error("id", f"{name!r} is also that of {file}, row {number}; give another")
            yield row, self.parts[place] if self.parts is not None else _split(row)

    def revisions(self) -> dict[str, str]:
        """Each file with its digest, and what the user says of them."""
        digests = {one.table.path.name: hashlib.sha256(one.table.path.read_bytes()).hexdigest() for one in self.tables}
        return digests | {"columns": repr(self.tables[0].columns)}


def row_id(row: MappedRow) -> str:
    """The id of a row's sample: its own, or the file's name and the row's number."""
    return row.name("id") or f"{row.file.stem}-{row.number}"


def own_tables(paths: Sequence[Path], columns: Columns, always_split: bool = False) -> OwnTables:
    """Open tables, and split their rows where the user says `split=auto`.

    Args:
        paths: the files.
        columns: what the user says of them.
        always_split: also where no table has a split column.

    Raises:
        DataError: one cannot be read, or its columns cannot be found.
    """
    found = [mapped(exports.flat(tables.opened(path)), columns) for path in paths]
    said = any(one.constants.get("split") == AUTO for one in found)
    has_splits = any("split" in one.names or "split" in one.constants for one in found)
    return OwnTables(found, _parts(found) if said or (always_split and not has_splits) else None)


def _parts(found: Sequence[Mapped]) -> list[str]:
    kinds, values = zip(*map(auto_split.split_keys, _rows(found)), strict=True)
    parts = auto_split.split_rows(values)
    counts = Counter(parts)
    shares = " / ".join(f"{share:.0%}" for share in auto_split.SHARES.values())
    numbers = ", ".join(f"{split} {counts[split]:,}" for split in SPLITS)
    tqdm.write(
        f"custom: no split column: rows split by {' and '.join(dict.fromkeys(kinds))}, {shares}: {numbers}. The same "
        "at every run; with split=auto among the columns, lmms-eval judges the test rows only",
        file=sys.stderr,
    )
    return parts


def _rows(found: Sequence[Mapped]) -> Iterator[MappedRow]:
    return itertools.chain.from_iterable(one.rows() for one in found)


def _split(row: MappedRow) -> str:
    split = row.name("split") or "test"
    if split not in SPLITS:
        raise row.error("split", f"{split!r} is none of {', '.join(SPLITS)}; leave it empty for test")
    return split

"""Where a data set lies, how it is parted, and its rows as Samples.

A data set is looked for in the folder that the caller names, then in `$MTRL_JUDGE_DATA/<name>` (or `../<hub id>`), then
on the hub at its pinned revision. Loading scripts are never run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from mtrl_judge_plugin.benchmarks.reading.images import UnusableError
from mtrl_judge_plugin.benchmarks.reading.rows import AbsentError, DataError, Row
from mtrl_judge_plugin.sample import Sample, SampleError

#: Environment variable: the folder that holds data sets, one folder each.
DATA_ROOT = "MTRL_JUDGE_DATA"
#: Of a prepared folder, and of a user's own table.
SPLITS = ("train", "validation", "test")
#: So many of the rows that are left out are named.
_NAMED = 5
AnyRow = TypeVar("AnyRow", bound=Row)
_announced: set[str] = set()


@dataclass(frozen=True)
class Source:
    """A data set's home.

    Attributes:
        name: its folder below the data root.
        terms: what its licence and its card say about use; printed when it is first read.
        hub: id of its data set repository, or "" where it is on no hub.
        revision: of that repository: pinned, since hubs change files under the same name.
        files: what a user must put into the folder, for messages.
        checked: where no revision is pinned: the rows that the loader was tried on, printed when it is downloaded.
    """

    name: str
    terms: str
    hub: str = ""
    revision: str = ""
    files: str = ""
    checked: str = ""

    def file(self, path: str, folder: str | Path | None = None) -> Path:
        """One file of it.

        Raises:
            AbsentError: it is not in the folder, or not on the hub.
            DataError: the folder does not exist, or the hub cannot be read.
        """
        return self.first_matching((path,), folder)[0]

    def matching(self, pattern: str, folder: str | Path | None = None) -> list[Path]:
        """The files of it that match a glob, sorted; at least one.

        Raises:
            AbsentError: there is none.
            DataError: as `file`.
        """
        return self.first_matching((pattern,), folder)

    def first_matching(self, patterns: Sequence[str], folder: str | Path | None = None) -> list[Path]:
        """As `matching`, of the first glob that any file matches: for files that are in one of several places.

        Raises:
            AbsentError: there is none for any of them.
            DataError: as `file`.
        """
        self.announce()
        place = self.folder(folder) or self._download(patterns)
        for pattern in patterns:
            if found := sorted(path for path in place.glob(pattern) if path.is_file()):
                return found
        raise AbsentError(f"{place}: no file {' or '.join(patterns)}; wanted: {self.files}")

    def folder(self, folder: str | Path | None = None) -> Path | None:
        """The local folder that holds it, or None: it must come from the hub.

        Raises:
            DataError: the folder that the caller names does not exist.
        """
        if folder is not None:
            if not Path(folder).is_dir():
                raise DataError(f"{folder}: no such folder (wanted: {self.files})")
            return Path(folder)
        root = os.environ.get(DATA_ROOT)
        places = [Path(root) / name for name in (self.name, self.hub) if name] if root else []
        return next((place for place in places if place.is_dir()), None)

    def revisions(self) -> dict[str, str]:
        """Where it comes from, for the record of a training run: hub id -> revision, or the local folder."""
        place = self.folder()
        return {self.name: str(place)} if place else {self.hub or self.name: self.revision}

    def announce(self) -> None:
        """Print the terms of use, once a process."""
        if self.name not in _announced:
            _announced.add(self.name)
            tqdm.write(f"{self.name}: terms of use: {self.terms}", file=sys.stderr)

    def _download(self, patterns: Sequence[str]) -> Path:
        here = f"put its files ({self.files}) into a folder {self.name} and set {DATA_ROOT} to the folder above it"
        if not self.hub:
            raise DataError(f"{self.name} is on no hub: {here}")
        from huggingface_hub import snapshot_download

        if not self.revision:
            tried = f"; its loader was checked on {self.checked or 'files of its schema only'}"
            tqdm.write(f"{self.name}: {self.hub} at its newest revision: none is pinned{tried}", file=sys.stderr)
        try:
            return Path(
                snapshot_download(
                    self.hub, repo_type="dataset", revision=self.revision or None, allow_patterns=[*patterns]
                )
            )
        except Exception as error:  # network, gate, revision: the hub's client has a dozen kinds
            reason = str(error).strip().splitlines()[0]
            raise DataError(
                f"{self.name}: {self.hub} cannot be read from the hub ({type(error).__name__}: {reason}); a gated data "
                f"set wants its terms accepted on its page and `hf auth login`. Or {here}"
            ) from error


def samples(
    rows: Iterable[AnyRow], convert: Callable[[AnyRow], Iterable[Sample]], what: str, total: int | None = None
) -> Iterator[Sample]:
    """The Samples of rows, behind a progress bar; rows that cannot be used are counted, and said at the end.

    Args:
        rows: of one split and task.
        convert: one row -> its Samples (several for a row of several questions).
        what: names data set, task and split, for the bar and for messages.
        total: how many rows there are, where that is known.

    Raises:
        DataError: no row gives a Sample; or what `convert` raises, a SampleError with its place.
    """
    left_out: dict[str, int] = {}
    places: list[str] = []
    used = 0
    for row in tqdm(rows, desc=f"Reading {what}", total=total, unit=" rows", leave=False):
        try:
            for sample in convert(row):
                used += 1
                yield sample
        except UnusableError as error:
            left_out[str(error)] = left_out.get(str(error), 0) + 1
            places.append(f"{row.file.name} row {row.number}")
        except SampleError as error:
            raise DataError(f"{row.file}, row {row.number}: {error}") from error
    for counted in _counting:
        for reason, number in left_out.items():
            counted[reason] = counted.get(reason, 0) + number
    reasons = ", ".join(f"{reason} {number}" for reason, number in left_out.items())
    if not used:
        raise DataError(f"{what}: no row can be used ({reasons or 'the split is empty'})")
    if left_out:
        named = ", ".join(places[:_NAMED]) + (", ..." if len(places) > _NAMED else "")
        tqdm.write(f"{what}: {used} samples; rows left out: {reasons} ({named})", file=sys.stderr)


#: Of everyone who counts rows that are left out.
_counting: list[dict[str, int]] = []


@contextlib.contextmanager
def counting_rows_left_out() -> Iterator[dict[str, int]]:
    """Around what reads data: why rows could not be used -> how many, complete once everything is read."""
    counted: dict[str, int] = {}
    _counting.append(counted)
    try:
        yield counted
    finally:
        _counting.pop()


def splits(groups: Sequence[str], shares: Mapping[str, float]) -> list[str]:
    """A split for each row, the same at every run; rows of one group are never parted.

    Groups are ordered by the SHA-256 of their name. All but the first split are filled in that order until they have
    their share of the rows; the first takes the rest. With groups of one row the sizes are the rounded shares.

    >>> splits(["a", "b", "c", "d"], {"train": 0.5, "test": 0.5}).count("test")
    2
    """
    sizes: dict[str, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    order = sorted(sizes, key=lambda group: hashlib.sha256(group.encode("utf-8", "replace")).digest())
    first, *others = shares
    chosen: dict[str, str] = {}
    for split in reversed(others):
        wanted = round(shares[split] * len(groups))
        while wanted > 0 and order:
            chosen[order[0]] = split
            wanted -= sizes[order.pop(0)]
    return [chosen.get(group, first) for group in groups]

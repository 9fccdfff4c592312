"""Splits for tables without a split column: the same at every run, and no image or text in two splits."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mtrl_judge_plugin.benchmarks.reading.columns import CANDIDATE_IMAGES
from mtrl_judge_plugin.benchmarks.reading.mapped import MappedRow
from mtrl_judge_plugin.benchmarks.reading.source import splits

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
_IMAGES = ("image", "images", *CANDIDATE_IMAGES)


def split_keys(row: MappedRow) -> tuple[str, list[str]]:
    """What a row is split by: the name of a field, and its values; rows with a value in common stay together.

    The group where the table has groups, else the images, else the text.
    """
    if "group" in row:
        return "group", [row.name("group")] if row.name("group") else []
    if found := [_digest(image) for column in _IMAGES for image in row.filled(column, ";")]:
        return "image", found
    return "text", [row.prose("text")] if row.prose("text") else []


def split_rows(found: Sequence[Sequence[str]]) -> list[str]:
    """A split for each row, by its values; see SHARES. A row without any value stands alone.

    Rows that belong together and are more than the share of test are all for training.

    >>> split_rows([["a"], ["a", "b"], ["b"]])
    ['train', 'train', 'train']
    """
    values: dict[str, int] = {}
    rows, columns = [], []
    for row, own in enumerate(found):
        for value in own or [f"\0row {row}"]:
            rows.append(row)
            columns.append(len(found) + values.setdefault(value, len(values)))
    size = len(found) + len(values)
    edges = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(size, size))
    parts = connected_components(edges, directed=False)[1].tolist()
    # Named by its first value, so that rows that are added later move few of the others.
    names: dict[int, str] = {}
    for value, place in values.items():
        part = parts[len(found) + place]
        names[part] = min(names.get(part, value), value)
    return _shared([names[part] for part in parts[: len(found)]])


def _shared(groups: Sequence[str]) -> list[str]:
    sizes = Counter(groups)
    small = [group for group in groups if sizes[group] <= max(1, SHARES["test"] * len(groups))]
    chosen = dict(zip(small, splits(small, SHARES), strict=True))
    return [chosen.get(group, "train") for group in groups]


def _digest(image: Any) -> str:
    data = image.get("bytes") or image.get("path") if isinstance(image, Mapping) else image
    return hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else str(data)

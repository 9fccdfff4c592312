"""An example for the user of a table with other column names: what its columns may be, guessed from names and cells.

Only error messages show it; no table is ever read by a guess.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mtrl_judge_plugin.benchmarks.reading.cells import is_empty, name
from mtrl_judge_plugin.benchmarks.reading.columns import CANDIDATES, written
from mtrl_judge_plugin.benchmarks.reading.tables import Table

#: So many rows are looked at for what a column is.
_ROWS = 200
_IMAGE = re.compile(r"\.(png|jpe?g|webp|gif|bmp|tiff?)$|^data:image/", re.IGNORECASE)
_NUMBERED = re.compile(r"(.*?)[ _.-]?(?:[1-6a-f]|one|two|left|right|first|second)", re.IGNORECASE)
_LABEL = re.compile(
    r"label|prefer|winner|choice|better|best|verdict|vote|judg|rating|score|human|chosen|gold", re.IGNORECASE
)
_TEXT = re.compile(r"prompt|instruct|caption|query|question|request|descri|text|input", re.IGNORECASE)
_TIE = re.compile(r"tie|both|equal|same|neither|draw|none", re.IGNORECASE)
_MOST_LABELS = 20
#: Columns of preference data, whose first answer is always the better one.
_PREFERENCE = ["chosen", "rejected"]
#: What the judge is asked in the example, by form.
_QUESTIONS = {"pairwise": "Which one is better?", "score": "How good is it?", "pointwise": "Which label is right?"}


def example(table: Table) -> str:
    """What a user may write about a table, as `columns.parse` reads it; "" where no column looks like a label."""
    rows = [row for _, row in itertools.islice(table.read(table.columns), _ROWS)]
    cells = {column: [row.get(column) for row in rows if not is_empty(row.get(column))] for column in table.columns}
    cells = {column: values for column, values in cells.items() if values}
    images = [column for column, values in cells.items() if all(map(_is_image, values))]
    candidates = _candidates([column for column in cells if column not in images and _is_text(cells[column])])
    label = _label({column: cells[column] for column in cells if column not in (*images, *candidates)})
    label = "A" if candidates == _PREFERENCE else label
    if not label:
        return ""
    given: dict[str, str] = {}
    if images:
        given["image" if len(images) == 1 else "images"] = "+".join(images)
        if len(images) == 1 and _repeats(cells[images[0]]):
            given["group"] = images[0]
    given |= dict(zip(CANDIDATES, candidates, strict=False))
    rest = [column for column in cells if column not in (*images, *candidates, label)]
    if text := next((column for column in rest if _TEXT.search(column) and _is_text(cells[column])), ""):
        given["text"] = text
    given["label"] = label
    everything = (
        [row[label] for _, row in table.read([label]) if not is_empty(row.get(label))] if label in cells else ["A"]
    )
    values = [*dict.fromkeys(name(value, table.decimal) for value in _flat(everything))]
    given |= _form(values, candidates or (images if len(images) == 2 else []), table)
    return written(given)


def _form(values: Sequence[str], candidates: Sequence[str], table: Table) -> dict[str, str]:
    """Form, question, and what the labels mean."""
    whole = all(re.fullmatch(r"-?\d+", value) for value in values)
    form = "pairwise" if len(candidates) == 2 else "score" if whole and len(values) > 2 else "pointwise"
    found = {}
    if form == "pairwise" and not set(values) <= {"A", "B"}:
        found["label_map"] = ",".join(f"{value}:{meaning}" for value, meaning in _sides(values, candidates).items())
    elif form == "score":
        numbers = sorted(map(int, values))
        found["choices"] = "|".join(map(str, range(numbers[0], numbers[-1] + 1)))
    elif form == "pointwise":
        found["choices"] = "|".join(sorted(values) if len(values) > 1 else [*values, f"not {values[0]}"])
    # A column of ours by the same name needs no text.
    said = {"form": form, "question": _QUESTIONS[form]}
    return {key: text for key, text in (found | said).items() if key not in table.columns or key == "label_map"}


def _sides(values: Sequence[str], candidates: Sequence[str]) -> dict[str, str]:
    """Label -> A, B, tie or "" (no label), by the names of the candidates and the usual words."""
    found: dict[str, str] = {}
    for place, value in enumerate(sorted(values)):
        text = value.casefold()
        if _TIE.search(text):
            found[value] = "tie"
        elif value in candidates:
            found[value] = "AB"[candidates.index(value)]
        elif {"0", "1"} >= set(values):
            found[value] = "AB"[int(value)]
        elif match := re.search(r"(?:^|[^a-z])(?:(1|a|left|first|one)|(2|b|right|second|two))$", text):
            found[value] = "A" if match[1] else "B"
        else:
            found[value] = "AB"[place] if place < 2 else ""
    return found


def _candidates(columns: Sequence[str]) -> list[str]:
    """Columns whose names differ in a number, a letter or a side: answer_1, answer_2."""
    if set(_PREFERENCE) <= set(columns):
        return _PREFERENCE
    stems: dict[str, list[str]] = {}
    for column in columns:
        if match := _NUMBERED.fullmatch(column):
            stems.setdefault(match[1].casefold(), []).append(column)
    return max((found for found in stems.values() if 2 <= len(found) <= len(CANDIDATES)), key=len, default=[])


def _label(cells: Mapping[str, Sequence[Any]]) -> str:
    """The column that looks most like a label: by its name, else by having few different values."""
    few = {}
    for column, values in cells.items():
        kinds = {name(value) for value in _flat(values)}
        if len(kinds) <= _MOST_LABELS and not any(set(kind) & set(",:|\n") for kind in kinds):
            few[column] = len(kinds)
    named = [column for column in few if _LABEL.search(column)]
    varied = [column for column, number in few.items() if 2 <= number < len(cells[column])]
    return next(iter([*named, *varied]), "")


def _flat(values: Sequence[Any]) -> list[Any]:
    """Cells, and the values of those that are lists."""
    return [one for value in values for one in (value if isinstance(value, list) else [value])]


def _repeats(values: Sequence[Any]) -> bool:
    """Whether some images have several rows, which are not independent then."""
    return all(isinstance(value, str) for value in values) and len(set(values)) < len(values)


def _is_image(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "bytes" in value
    return isinstance(value, bytes) or (isinstance(value, str) and bool(_IMAGE.search(value.strip())))


def _is_text(values: Sequence[Any]) -> bool:
    """Whether cells are prose, not names of a few kinds or numbers."""
    return all(isinstance(value, str) for value in values) and any(" " in value.strip() for value in values)

"""Cells of other people's tables: what is empty, numbers as pandas and Excel write them, lists as text.

All functions are pure. They take a cell as a file gives it: text, or in JSON and parquet any value.
"""

from __future__ import annotations

import ast
import json
import math
import re
from typing import Any

#: Text that stands for an empty cell in pandas, Excel and databases.
_EMPTY = {"nan", "none", "null", "na", "n/a", "#n/a", "<na>", "nat"}
#: The same where a cell is prose: an answer may well be "None" or "NA".
_NO_PROSE = {"nan", "<na>"}


def is_blank(value: Any) -> bool:
    """Whether a cell holds nothing at all: None, NaN, white space, an empty list.

    >>> [is_blank(value) for value in (None, float("nan"), " ", [], "None", 0, False)]
    [True, True, True, True, False, False, False]
    """
    return value is None or value != value or value in ([], ()) or (isinstance(value, str) and not value.strip())


def is_empty(value: Any) -> bool:
    """Whether a cell is blank, or holds text by which programs write that, such as "nan" and "N/A".

    >>> [is_empty(value) for value in (" ", "NaN", "N/A", "None", "0")]
    [True, True, True, True, False]
    """
    return is_blank(value) or (isinstance(value, str) and value.strip().casefold() in _EMPTY)


def prose(value: Any) -> str:
    """A cell of a text column; only None, NaN and pandas' spellings of it are empty.

    >>> prose("None"), prose("nan"), prose(None)
    ('None', '', '')
    """
    text = "" if value is None or value != value else str(value)
    return "" if text.strip().casefold() in _NO_PROSE else text


def short(value: Any, decimal: str = ".") -> str:
    """A cell that names something (a label, a choice, an id), without the ".0" that pandas and Excel add to integers.

    Args:
        value: the cell.
        decimal: the decimal mark of the file.

    >>> short(3.0), short("3.0"), short("3,0", ","), short(" good "), short("None"), short(2.5)
    ('3', '3', '3', 'good', 'None', '2.5')
    """
    text = str(value).strip()
    whole = re.fullmatch(rf"([+-]?\d+){re.escape(decimal)}0+", text)
    whole = whole or (re.fullmatch(r"([+-]?\d+)\.0+", text) if isinstance(value, float) else None)
    return whole[1] if whole else text


def name(value: Any, decimal: str = ".") -> str:
    """As `short`; "" where the cell is empty.

    >>> name(7.0), name("nan")
    ('7', '')
    """
    return "" if is_empty(value) else short(value, decimal)


def number(value: Any, decimal: str = ".") -> float:
    """A cell as a finite number, in a file with this decimal mark.

    >>> number("3,5", ","), number("3.5", ","), number(4)
    (3.5, 3.5, 4.0)

    Raises:
        ValueError: it is none.
    """
    text = str(value).strip()
    found = float(text.replace(",", ".") if decimal == "," and text.count(",") == 1 else text)
    if not math.isfinite(found):
        raise ValueError(f"{text!r} is not a finite number")
    return found


def items(value: Any, mark: str) -> list[Any]:
    """A cell of several values as a list: a list as it is, a JSON or Python list, else text separated by `mark`.

    >>> items("4; 5", ";"), items('["a", "b"]', ""), items("['a', 'b']", "|"), items(3.0, ";"), items(None, ";")
    (['4', '5'], ['a', 'b'], ['a', 'b'], [3.0], [])
    """
    if is_blank(value):
        return []
    if isinstance(value, (list, tuple)):
        return list(value)
    if not isinstance(value, str):
        return [value]
    text = value.strip()
    if text.startswith("[") and text.endswith("]"):
        for read in (json.loads, ast.literal_eval):
            try:
                found = read(text)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(found, list):
                return found
    return [part.strip() for part in text.split(mark) if part.strip()] if mark else [value]

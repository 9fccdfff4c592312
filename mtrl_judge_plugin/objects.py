"""JSON objects, JSON arrays and Python dictionaries in a reply -> the text that a caller can parse."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mtrl_judge_plugin.readings import UnreadableError


def json_object(text: str) -> str:
    """The first JSON object of the reply, alone.

    Raises:
        UnreadableError: there is none.
    """
    for _, _, source in _values(text, "{"):
        return source
    raise UnreadableError(f"no JSON object: {text[:80]!r}")


def json_list(text: str) -> str:
    """The first JSON array of the reply, alone.

    Raises:
        UnreadableError: there is none.
    """
    for _, _, source in _values(text, "["):
        return source
    raise UnreadableError(f"no JSON array: {text[:80]!r}")


def mapping(text: str, keys: Sequence[str], *, python: bool, fenced: bool) -> str:
    """An object with these keys, written as the caller reads it: JSON, or a Python dictionary.

    >>> mapping("Here: {'pred': 'yes', 'score': 4}", ["score"], python=False, fenced=False)
    '{"pred": "yes", "score": 4}'

    Args:
        text: the reply.
        keys: what it must have.
        python: the caller evaluates it as Python and knows no `true` or `null`.
        fenced: the prompt speaks of Markdown fences: then those that the judge wrote stay.

    Raises:
        UnreadableError: there is no object, or a key is missing.
    """
    missing: Sequence[str] = ()
    for value, is_json, source in _values(text, "{", python=True):
        missing = [key for key in keys if key not in value]
        if missing:
            continue
        if fenced and (block := re.search(r"```(?:json|python)?[ \t]*\n.*?```", text, re.DOTALL)):
            return block[0]
        if python:
            return source if _is_python(source) else repr(value)
        if is_json:
            return source
        try:
            return json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):  # a set, a number of Python's own: no JSON form
            continue
    if missing:
        raise UnreadableError(f"the object has no {', '.join(missing[:10])}: {text[:80]!r}")
    raise UnreadableError(f"no {'Python dictionary' if python else 'JSON object'}: {text[:80]!r}")


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


#: NaN and Infinity are Python's, not JSON's.
_DECODER = json.JSONDecoder(parse_constant=_no_number)
#: Places at which a value is looked for; a reply of ten thousand braces must not take minutes.
_TRIES = 64


def _values(text: str, opening: str, *, python: bool = False) -> Iterator[tuple[Any, bool, str]]:
    """(value, whether it is JSON, its text) of the objects or arrays of a reply; Python's literals if `python`."""
    end = 0
    for start in [match.start() for match in re.finditer(re.escape(opening), text)][:_TRIES]:
        if start < end:
            continue
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            found = _literal(text, start) if python else None
            if found is not None:
                end = start + len(found[1])
                yield found[0], False, found[1]
            continue
        yield value, True, text[start:end]


def _literal(text: str, start: int) -> tuple[Mapping[str, Any], str] | None:
    """(dictionary, its text) of a flat or once nested Python dictionary at this place."""
    match = re.compile(r"\{(?:[^{}]|\{[^{}]*\})*\}").match(text, start)
    if match is None or len(match[0]) > 10_000:
        return None
    try:
        value = ast.literal_eval(match[0])
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    return (value, match[0]) if isinstance(value, dict) and all(isinstance(key, str) for key in value) else None


def _is_python(source: str) -> bool:
    try:
        ast.literal_eval(source)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return False
    return True

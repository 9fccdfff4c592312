"""Signs of several values, each in a place of its own: columns of a row, numbered lines, elements with tags."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mtrl_judge_plugin.formats.asking import VERB
from mtrl_judge_plugin.formats.material import SHOWS
from mtrl_judge_plugin.formats.several import Template
from mtrl_judge_plugin.formats.signs.found import Found, refused
from mtrl_judge_plugin.formats.signs.labels import FREE_LABELS, FREE_SLOT
from mtrl_judge_plugin.formats.signs.slots import ANY_TEXT, named_scale, slot_value
from mtrl_judge_plugin.formats.values import Value
from mtrl_judge_plugin.formats.wrapped import Elements

#: "three columns: relevance (1-5), fluency (1-5), and decision (keep or drop)"
_COLUMNS = re.compile(
    r"\b(?:columns|fields|values|cells|parts)\b[^:.\n]{0,20}:[ \t]*"
    r"(?P<list>[\w -]{1,30}\([^()\n]{1,60}\)(?:,?\s(?:and\s)?[\w -]{1,30}\([^()\n]{1,60}\)){1,7})",
    re.IGNORECASE,
)
_COLUMN = re.compile(r"(?P<name>[\w -]{1,30}?)\s*\((?P<says>[^()\n]{1,60})\)")
_BETWEEN = (
    (r"\bcsv\b|\bcommas?\b", ","), (r"\btabs?\b|\btsv\b", "\t"), (r"\bsemicolons?\b", ";"), (r"\bpipes?\b", "|"),
)  # fmt: skip


def columns(told: str, context: str) -> Iterator[Found]:
    """A row of several values, each with its own name and range."""
    for match in _COLUMNS.finditer(told):
        near = told[max(0, match.start() - 200) : match.end() + 200]
        sign = next((sign for words, sign in _BETWEEN if re.search(words, near, re.IGNORECASE)), None)
        if sign is None or refused(told, match.start()):
            continue
        pieces: list[str | Value] = []
        for column in _COLUMN.finditer(match["list"]):
            pieces += [sign] if pieces else []
            pieces.append(_one_of(column["name"], column["says"], told, context))
        yield Found(Template(pieces=tuple(pieces), strict=True), 2, 7, match.end())


def _one_of(name: str, says: str, told: str, context: str) -> Value:
    if FREE_LABELS.fullmatch(name.strip()) or FREE_SLOT.search(says):
        return ANY_TEXT
    return slot_value([says], told, context, says)


_CHOICES = r"[\"'“]?\w{1,16}[\"'”]?(?:\s?[/|]\s?[\"'“]?\w{1,16}[\"'”]?){1,5}"
#: "1. yes/no" above "2. yes/no".
_NUMBERED = re.compile(rf"(?:^[ \t]*\d{{1,2}}(?P<sign>[.):])[ \t]+{_CHOICES}[ \t]*(?:\n|\Z)){{2,20}}", re.MULTILINE)


def numbered_lines(told: str, context: str) -> Iterator[Found]:
    """A form of numbered lines with a choice each."""
    for match in _NUMBERED.finditer(told):
        before = told[: match.start()].rstrip().rpartition("\n")[2]
        if refused(told, match.start()) or not (SHOWS.search(before) or VERB.search(before)):
            continue
        pieces: list[str | Value] = []
        for line in match[0].strip().splitlines():
            number, slot = line.strip().split(None, 1)
            pieces += [f"\n{number} " if pieces else f"{number} ", slot_value([slot], told, context, slot)]
        yield Found(Template(pieces=tuple(pieces), strict=True), 2, 7, match.end())


#: "two XML elements, <accuracy> and <style>"
_LISTED = re.compile(
    r"\b(?:elements?|tags?)\b[^.<\n]{0,20}(?P<list><[A-Za-z_][\w-]{0,30}>(?:(?:\s*,\s*|\s*,?\s+(?:and|then|und|y|et)\s+)"
    r"<[A-Za-z_][\w-]{0,30}>){1,7})",
    re.IGNORECASE,
)


def elements(told: str, context: str) -> Iterator[Found]:
    """Several values, each in an element of its own."""
    for match in _LISTED.finditer(told):
        names = re.findall(r"<([\w-]+)>", match["list"])
        if refused(told, match.start()) or len(set(names)) != len(names):
            continue
        near = told[max(0, match.start() - 300) : match.end() + 200]
        scale = named_scale(told, near)
        number = Value(numeric=True, low=scale.low, high=scale.high, whole=scale.whole, context=context)
        free = [bool(FREE_LABELS.fullmatch(name) or FREE_SLOT.search(name)) for name in names]
        known = ANY_TEXT if scale.low is None else number
        values = {name: ANY_TEXT if words else known for name, words in zip(names, free, strict=True)}
        yield Found(Elements(fields=values, strict=True), 2, 6, match.end())

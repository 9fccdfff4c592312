"""Signs of several values, each in its own place: numbers on a line, columns, numbered lines, elements with tags."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mtrl_judge_plugin.formats import lists
from mtrl_judge_plugin.formats.asking import VERB
from mtrl_judge_plugin.formats.kinds import Bare, Either
from mtrl_judge_plugin.formats.material import SHOWS
from mtrl_judge_plugin.formats.several import Numbers, Template
from mtrl_judge_plugin.formats.signs.found import Found, refused
from mtrl_judge_plugin.formats.signs.labels import FREE_LABELS, FREE_SLOT
from mtrl_judge_plugin.formats.signs.slots import ANY_TEXT, named_scale, scaled, slot_value
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


#: "'safe' or 'unsafe' followed by the category code if unsafe"
_AND_CODE = re.compile(
    r"followed by (?:the|its|a|an) (?:\w+ ){0,2}(?:code|category|number|id)\b[^.\n]{0,30}?"
    r"\bif (?:it is )?[\"'“]?(?P<word>\w+)",
    re.IGNORECASE,
)


def with_code(told: str, context: str) -> Iterator[Found]:
    """A word, and behind one of them a code of those that the prompt lists."""
    for match in _AND_CODE.finditer(told):
        before = told[max(0, match.start() - 120) : match.start()]
        words = next((one for one in lists.lists(before)[::-1] if match["word"] in one.literals), None)
        codes = next((one for one in lists.lists(context) if one.kind in ("code", "defined")), None)
        if words is None or codes is None:
            continue
        others = tuple(word for word in words.literals if word != match["word"])
        bare = Bare(value=Value(others, context=context), strict=True)
        pieces = (Value((match["word"],)), " ", Value(codes.literals))
        yield Found(Either(formats=(bare, Template(pieces=pieces, strict=True)), strict=True), 2, 6, match.end())


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


_COUNTS = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "2": 2,
    "3": 3,
    "4": 4,
    "5": 5,
    "zwei": 2,
    "dos": 2,
    "两个": 2,
    "二つ": 2,
    "deux": 2,
}
_SEVERAL = re.compile(
    r"\b(?P<count>two|three|four|five|zwei|dos|deux|[2-5])\s(?:\w+\s){0,2}(?:values|scores|numbers|ratings|"
    r"integers|marks|grades|Werte|Zahlen|Noten|números|notas|nombres)\b|(?P<zh>两个)(?:\w{0,4})(?:分数|数字|评分|数值)",
    re.IGNORECASE,
)
_TWO_OWNERS = re.compile(
    r"\b(?P<a>\w{1,12})['’]s (?:rating|score|mark|grade|points)\W+(?:an? )?(?P<sep>space|comma|semicolon|tab|"
    r"slash|colon|,|;|/)?\W*(?:and |then )?(?P<b>\w{1,12})['’]s (?:rating|score|mark|grade|points)",
    re.IGNORECASE,
)
_SEPARATORS = (
    ("semicolon", ";"),
    ("comma", ","),
    ("tab", "\t"),
    ("slash", "/"),
    ("colon", ":"),
    ("pipe", "|"),
    ("space", " "),
    ("分号", ";"),
    ("逗号", ","),
    ("空格", " "),
    ("Leerzeichen", " "),
    ("espacio", " "),
    ("Komma", ","),
    ("coma", ","),
)


def several(told: str, context: str) -> Iterator[Found]:
    """Several numbers on one line."""
    for match in _SEVERAL.finditer(told):
        near = told[max(0, match.start() - 120) : match.end() + 200]
        separator = next(
            (
                sign
                for word, sign in _SEPARATORS
                if re.search(rf"\b{word}s?\b|{word}" if word.isascii() else word, near, re.IGNORECASE)
            ),
            "",
        )
        if not (separator or re.search(r"\bline\b|行|Zeile|línea", near, re.IGNORECASE)):
            continue
        if re.search(r"\b(?:per|a|each|every|separate|own) lines?\b", near, re.IGNORECASE) and not separator:
            continue
        count = _COUNTS[(match["count"] or match["zh"]).lower()]
        scale = named_scale(told, near)
        owners = re.search(r"[,:]\s*(?P<a>[a-z]{2,14}) and (?P<b>[a-z]{2,14})\s*,", near)
        named = (owners["a"], owners["b"]) if owners and count == 2 else ()
        value = scaled(scale, "")
        yield Found(
            Numbers(count=count, separator=separator or " ", value=value, owners=named, strict=True), 2, 5, match.end()
        )
    for match in _TWO_OWNERS.finditer(told):
        separator = next(
            (sign for word, sign in _SEPARATORS if word == (match["sep"] or "").lower()), match["sep"] or " "
        )
        value = scaled(named_scale(told), "")
        yield Found(
            Numbers(count=2, separator=separator, value=value, owners=(match["a"], match["b"]), strict=True),
            2,
            5,
            match.end(),
        )

"""Signs of values between marks: [[A]], <score>4</score>, \\boxed{...}, and of rankings with signs between letters."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from mtrl_judge_plugin.formats.asking import VERB, is_strict, leads
from mtrl_judge_plugin.formats.material import SHOWS
from mtrl_judge_plugin.formats.several import Ranking, Sections
from mtrl_judge_plugin.formats.signs.found import Found, refused
from mtrl_judge_plugin.formats.signs.slots import slot_value
from mtrl_judge_plugin.formats.values import Value
from mtrl_judge_plugin.formats.wrapped import Wrapped

_BRACKETS = re.compile(r"\[\[\s*([^\[\]\n:]{1,40}?)\s*\]\]")
_TAG = re.compile(r"<([A-Za-z_][\w-]{0,30})>(?P<inside>[^<>]{0,120}?)</\1>", re.DOTALL)
_TAG_NAMED = re.compile(
    r"\b(?:in|inside|within|between|into|using|with|entre|dans|zwischen)\b[^.\n<]{0,40}<([A-Za-z_][\w-]{0,30})>",
    re.IGNORECASE,
)
_VALUE_TAGS = re.compile(
    r"score|mark|note|rating|rate|verdict|grade|decision|label|judge?ment|choice|winner|result|answer|output|final|points|preference|class|eval\w*|correct\w*|prediction|better",
    re.IGNORECASE,
)

#: "<S2>your Score</S2>", "<State>...(Your decision, either "suspicious" or "safe")</State>"
_VALUE_SLOT = re.compile(r"\b(?:score|rating|verdict|grade|decision|label|judge?ment)\b", re.IGNORECASE)
_WORDS_TAG = re.compile(
    r"reason|why\b|expla|think|thought|analys|rational|justif|feedback|comment|evidence|critique", re.IGNORECASE
)
_SQUARE = re.compile(
    r"\b(?:in|within|inside|between) (?:single |square )?(?:square )?brackets\b|用方括号", re.IGNORECASE
)


_LONGEST = 60
_TAG_LEAD = re.compile(
    r"\b(?:in|inside|within|between|into|as|using|wrap\w*|enclose\w*|tags?|put|give|write|output|return|end|format|respond|reply)\b|标签|中",
    re.IGNORECASE,
)


_LEADS = re.compile(
    rf"{VERB.pattern}|{SHOWS.pattern}|\b(?:brackets?|either|like|e\.g|i\.e|such as|with)\b", re.IGNORECASE
)


#: What shows one number in brackets: 'Rating: [[5]]', "for example [[5]]".
_SHOWN_AS = re.compile(
    r"(?:\b(?:example|e\.g\.|such as|like|format|form|rating|score|write|output|as)\b|例|格式|形式)[^\n.]{0,20}$",
    re.IGNORECASE,
)


#: What a prompt shows before the marks: '"Rating: [[5]]"'.
_LABEL = re.compile(r"(?:^|[\"'“`])[ \t]*(?P<label>[A-Z][\w ]{0,24}: ?)\Z", re.MULTILINE)


def brackets(told: str, context: str) -> Iterator[Found]:
    """Double square brackets."""
    found = [(match, match[1].strip()) for match in _BRACKETS.finditer(told) if not match[1].startswith("#")]
    if not found:
        return
    leads_up = _LEADS if len({text for _, text in found}) > 1 or not found[0][1].isdigit() else _SHOWN_AS
    if not any(leads_up.search(told[max(0, match.start() - 80) : match.start()]) for match, _ in found):
        return  # "[[5]]" in an answer
    end = found[-1][0].end()
    value = slot_value([text for _, text in found], told, context, told)
    strict = any(is_strict(told, match.start(), match.end()) for match, _ in found)
    starts = [match.start() for match, _ in found]
    labels = {_LABEL.search(told, max(0, start - _LONGEST), start) for start in starts}
    shown = {label[1] if label else "" for label in labels}
    prefix = shown.pop() if len(shown) == 1 else ""
    yield Found(Wrapped(opening="[[", closing="]]", value=value, prefix=prefix, strict=strict), 2, 5, end)


_SECTION = re.compile(
    r"`(?P<mark>\[\[ ## \w{1,40} ## \]\])`(?:\s*\((?P<says>[^()]{0,160}(?:\([^()]*\))?[^()]{0,400})\))?"
)
_TYPES = {"bool": Value(("True", "False")), "float": Value(numeric=True), "int": Value(numeric=True, whole=True)}


def sections(told: str, context: str) -> Iterator[Found]:
    """Markers with values below them, as DSPy asks for: "starting with the field `[[ ## reasoning ## ]]`, then ..."."""
    fields: dict[str, Value | None] = {}
    end, last = "", 0
    for match in _SECTION.finditer(told):
        last = match.end()
        if re.search(r"\bend\w*\b[^`\n]{0,40}$", told[: match.start()]):
            end = match["mark"]
            continue
        says = match["says"] or ""
        python = re.search(r"\bPython (\w+)", says)
        one_of = re.search(r"\bone of:\s*(.+)", says)
        listed = tuple(word.strip() for word in re.split(r"[;,]", one_of[1])) if one_of else ()
        fields[match["mark"]] = Value(listed, context=context) if listed else _TYPES.get(python[1]) if python else None
    if fields:
        yield Found(Sections(fields=fields, end=end, strict=True), 2, 7, last)


def tags(told: str, context: str) -> Iterator[Found]:
    """XML tags around a verdict; tags of reasoning are none."""
    inside: dict[str, list[str]] = {}
    ends: dict[str, int] = {}
    for match in _TAG.finditer(told):
        inside.setdefault(match[1], []).append(match["inside"].strip())
        ends[match[1]] = match.end()
    for match in _TAG_NAMED.finditer(told):
        name = re.escape(match[1])
        if re.search(rf"</{name}>|<{name}>\W{{0,3}}(?:[^.\n]{{0,30}}\W)?tags?\b", told):
            inside.setdefault(match[1], [])
            ends.setdefault(match[1], match.end())
    names = [
        name
        for name in inside
        if _VALUE_TAGS.fullmatch(name) or re.search(r"score|verdict|rating|grade|mark", name, re.IGNORECASE)
    ]
    names = names or [
        name for name in inside if not _WORDS_TAG.match(name) and any(_VALUE_SLOT.search(text) for text in inside[name])
    ]
    plain = [name for name in inside if not _WORDS_TAG.match(name)]
    names = names or (plain if len(plain) == 1 else [])
    named = {match[1] for match in _TAG_NAMED.finditer(told)}
    names = [
        name
        for name in names
        if name in named or all("\n" not in text and (len(text) <= _LONGEST or "|" in text) for text in inside[name])
    ]
    names = [name for name in names if name in named or _TAG_LEAD.search(told[max(0, ends[name] - 160) : ends[name]])]
    names = [
        name
        for name in names
        if name.lower() not in ("think", "thinking", "reasoning", "b", "i", "br", "p", "image", "video")
    ]
    if not names:
        return
    name = names[-1]
    near = told[max(0, ends[name] - 300) : ends[name] + 120]
    value = slot_value([text for text in inside[name] if text], told, context, near)
    yield Found(Wrapped(opening=f"<{name}>", closing=f"</{name}>", value=value, strict=True), 2, 5, ends[name])


def boxed(told: str, context: str) -> Iterator[Found]:
    """LaTeX boxes."""
    found = [
        match
        for match in re.finditer(r"\\+boxed\{([^{}\n]{0,80})\}|\\+boxed\b", told)
        if not re.search(r"\bignore\b|\bis given\b|\busually\b", told[max(0, match.start() - 60) : match.end() + 40])
    ]
    if found:
        shown = [match[1] for match in found if match[1]]
        near = told[max(0, found[-1].start() - 200) : found[-1].end() + 100]
        value = slot_value(shown, told, context, near)
        yield Found(Wrapped(opening="\\boxed{", closing="}", value=value, strict=True), 2, 5, found[-1].end())


#: "[Verdict]" above a slot above "[/Verdict]".
_BLOCK = re.compile(
    r"^[ \t]*\[(?P<name>[A-Za-z][\w ]{0,30})\][ \t]*\n?[ \t]*(?P<slot>[^\n\[\]]{1,60}?)\s*\[/(?P=name)\]",
    re.MULTILINE,
)


def blocks(told: str, context: str) -> Iterator[Found]:
    """A value between a mark in square brackets and the same with a stroke."""
    for match in _BLOCK.finditer(told):
        lead = told[max(0, match.start() - 160) : match.start()]
        if _WORDS_TAG.match(match["name"]) or refused(told, match.start()) or not _TAG_LEAD.search(lead):
            continue
        near = told[max(0, match.start() - 300) : match.end() + 120]
        value = slot_value([match["slot"].strip()], told, context, near)
        opening, closing = f"[{match['name']}]", f"[/{match['name']}]"
        yield Found(Wrapped(opening=opening, closing=closing, value=value, strict=True), 2, 6, match.end())


_ROUND = re.compile(r"\bin (?:round )?(?:parentheses|brackets|parens)\b[^\n]{0,30}?(?=\([A-Za-z0-9]\))", re.IGNORECASE)


def parentheses(told: str, context: str) -> Iterator[Found]:
    """Parentheses, where the prompt says so in words and shows one: "the letter in parentheses, e.g. (C)"."""
    for match in _ROUND.finditer(told):
        if leads(told, match.start()) and not refused(told, match.start()):
            shown = re.findall(r"^[ \t]*\(([A-Za-z0-9])\)", told, re.MULTILINE)
            example = told[match.end() + 1]
            value = slot_value(shown if len(shown) > 1 else [example], told, context, told)
            yield Found(Wrapped(opening="(", closing=")", value=value, alone=True, strict=True), 2, 6, match.end())


def square(told: str, context: str) -> Iterator[Found]:
    """Single square brackets, where the prompt says so in words."""
    spoken = (one for one in _SQUARE.finditer(told) if one[0].startswith("用") or leads(told, one.start()))
    match = next(spoken, None)  # not "each passage has its number in brackets"
    if match and not _BRACKETS.search(told):
        near = told[max(0, match.start() - 200) : match.end() + 160]
        shown = re.findall(r"(?<!\[)\[([^\[\]\n]{1,30})\](?!\])", near)
        value = slot_value(shown, told, context, near)
        yield Found(Wrapped(opening="[", closing="]", value=value, strict=True), 2, 5, match.end())


_RANKING = re.compile(
    r"\brank(?:ing|ed|s)?\b|(?<!in that )(?<!in this )(?<!same )(?<!given )\border(?:ing)?\b|排序|排名|Rangfolge|"
    r"orden(?:a|e)?\b",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"(?<![\w>])\[?(?P<first>[A-Z]|\d)\]?(?:\s?(?P<sign>[>,]|>=)\s?\[?(?:[A-Z]|\d)\]?(?![\w'])){2,8}"
    r"|(?<![A-Z])\b(?P<joined>(?=[A-Z]*B)(?=[A-Z]*A)[A-F]{3,6})\b"
    r"|(?P<begun>\[\d\]\s?>\s?\[\d\])"  # "e.g., [1] > [2]", of any number of items
)


def _lettered(context: str) -> tuple[str, ...]:
    """The letters that begin lines of a prompt ("A: ...", "B: ..."), from A on; () where there are none."""
    begun = set(
        re.findall(
            r"^[\W_]*(?:(?:answer|response|image|model|candidate|option)\s)?([A-H])\W*[:：.)]",
            context,
            re.MULTILINE | re.IGNORECASE,
        )
    )
    letters = tuple(letter for number, letter in enumerate("ABCDEFGH") if set("ABCDEFGH"[: number + 1]) <= begun)
    return letters if len(letters) > 1 else ()


def numbered(context: str) -> tuple[str, ...]:
    """The numbers in brackets that begin lines of a prompt ("[1] Owls ..."), from 1 on; () where there are none."""
    begun = set(re.findall(r"^[ \t]*\[(\d{1,3})\][ \t:]", context, re.MULTILINE))
    numbers = tuple(itertools.takewhile(begun.__contains__, map(str, itertools.count(1))))
    return numbers if len(numbers) > 1 else ()


def rankings(told: str, context: str) -> Iterator[Found]:
    """Letters or numbers in an order."""
    if not _RANKING.search(told):
        return
    for match in _ORDER.finditer(told):
        sign = ">" if match["begun"] else match["sign"] or ""
        shown = re.findall(r"[A-Z]|\d", match[0])
        if not (sign == ">" or (leads(told, match.start()) and is_strict(told, match.start(), match.end()))):
            continue
        spaced = sign and f" {sign} " in match[0]
        separator = f" {sign} " if spaced else ", " if sign == "," and ", " in match[0] else sign
        defined = all(re.search(rf"^\W*{letter}\W*[:：.)]", context, re.MULTILINE) for letter in shown)
        generic = set(shown) <= set("XYZ") and not defined
        letters = numbered(context) if match["begun"] else _lettered(context) if generic else tuple(sorted(shown))
        yield Found(
            Ranking(letters=letters, separator=separator, bracketed="[" in match[0], strict=True), 2, 5, match.end()
        )

"""Signs of a form with fixed text around its slots: "Final score: X/10", "X=<n> Y=<n>", "{{2}}", a first line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mtrl_judge_plugin.formats import lists
from mtrl_judge_plugin.formats.kinds import Field, Labelled
from mtrl_judge_plugin.formats.several import FirstLine, Rows, Template
from mtrl_judge_plugin.formats.signs.found import Found, refused
from mtrl_judge_plugin.formats.signs.labels import FREE_LABELS, FREE_SLOT
from mtrl_judge_plugin.formats.signs.slots import ANY_TEXT, LETTERS, letters_of, named_scale, scaled, slot_value
from mtrl_judge_plugin.formats.values import Value
from mtrl_judge_plugin.formats.wrapped import Wrapped

#: What leads to a form that is to be filled in.
_LEAD = (
    r"\b(?:form(?:at)?|line|like(?: this)?|such as|e\.g\.|for example:?|for instance:?|example:?|"
    r"end(?: it)? with|ends? in|"
    r"finish with|conclude with|close with|should read|reads?|must be|has to be|as|write|statement with|in this way|"
    r"answer|au format|der Form|no formato|con el formato)\b[^\"“\n.]{0,40}"
)
_OPEN, _CLOSE = r"(?<!\w)[\"“'‘`„「]", r"[\"”'’`“」]"
_SLOT = r"(?:[XNn#]|\.{3}|_{2,}|<[^<>\n]{1,40}>|\[[^\[\]\n]{1,40}\]|-?\d{1,4}(?:\.\d{1,3})?)"
#: "Final score: X/10", "Supported: 85%", "Chosen: (X)", "I rate this claim as X."
_QUOTED = re.compile(
    rf"{_LEAD}\s*{_OPEN}(?P<label>[^\"“”`\n:=：]{{2,60}}?)(?P<sep>\s?[:：=]\s*|\s+)(?P<open>\(?|\*\*)(?P<slot>{_SLOT})"
    rf"(?P<suffix>\)|\*\*|\s?/\s?\d{{1,4}}|\s?%|\.)?{_CLOSE}",
    re.IGNORECASE,
)
#: Without quotes, behind a colon: "The last line has to be: Overall rating: N".
_PLAIN = re.compile(
    r"\b(?:has to be|must be|should be|should read|in this form|in the form|last line|"
    r"final line)[^\n:]{0,30}(?::[ \t]*|\n\s*)"
    rf"(?P<label>[A-Z][\w ]{{1,30}}?)(?P<sep>[:：=]\s?)(?P<slot>{_SLOT})(?P<suffix>/\d{{1,4}}|%)?[ \t]*$",
    re.MULTILINE,
)
#: "So, the final decision is Response 1 / Response 2 / Tie"
_SENTENCE = re.compile(
    rf"{_LEAD}\s*{_OPEN}(?P<label>[^\"“”`\n:：]{{6,60}}? (?:is|as|are|be)) (?P<list>[^\"“”`\n/|"
    rf"]{{1,24}}(?:\s?[/|]\s?[^\"“”`\n/|]{{0,23}}[^\"“”`\n/|.])+?)"
    rf"(?P<suffix>\.)?{_CLOSE}",
    re.IGNORECASE,
)
_ONE_LINE = re.compile(
    r"(?P<first>\b\w{1,16}\s?[=:]\s?(?:<[^<>\n]{1,30}>|\[[^\[\]\n]{1,30}\]|[XNn]\b))"
    r"(?P<rest>(?:(?:[ \t]*[,;|][ \t]*|[ \t]+)\w{1,16}\s?[=:]\s?(?:<[^<>\n]{1,30}>|\[[^\[\]\n]{1,30}\]|[XNn]\b)){1,5})"
)
#: "as SCORE|REASON"
_NAMED_PARTS = re.compile(
    r"\b(?P<value>SCORE|RATING|GRADE|LABEL|VERDICT)(?P<sep>\s?[|:;,/]\s?)(?:REASON\w*|EXPLANATION|WHY|COMMENT|RATIONALE|CRITIQUE|FEEDBACK|JUSTIFICATION|NOTES?)\b"
)
_PAIR = re.compile(
    r"\b(?:e\.g\.|such as|for example:?|for instance:?|like|example:)\s*[\"“'`(]?(?P<open>\[?)(?P<a>\d{1,3}(?:\.\d+)?)"
    r"(?P<sep>\s?[/,;|:]\s?)(?P<rest>\d{1,3}(?:\.\d+)?(?:(?P=sep)\d{1,3}(?:\.\d+)?){0,3})(?P<close>\]?)",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"\b(?:e\.g\.|such as|for example:?|like)\s*[\"“'`]?\d{1,3}(?P<sign>\s?%)", re.IGNORECASE)
#: "Format: xx/25"
_OF_MOST = re.compile(
    r"\b(?:format|form|as|like)\s?[:：]?\s?[\"“'`]?(?:x{1,2}|n{1,2}|#|_+)\s?/\s?(?P<most>\d{1,4})\b", re.IGNORECASE
)
#: "True, 85"
_WORD_NUMBER = re.compile(
    r"\b(?:e\.g\.|such as|for example:?|for instance:?|like|"
    r"example:)\s*[\"“'`]?(?P<word>[A-Za-z]{1,20})(?P<sep>\s?[,;/|:]\s?)(?P<number>\d{1,3})\b(?P<suffix>\s?%)?",
    re.IGNORECASE,
)
_MARKS = re.compile(
    r"(?<![\w{|#@~$<(])(?P<open>\{\{|\|\||\||###|##|@@|~~|\(\(|<<|\$\$)\s?(?P<inside>[A-Za-z0-9][\w .+-]{0,20}?)\s?"
    r"(?P<close>\}\}|\|\||\||###|##|@@|~~|\)\)|>>|\$\$)(?![\w}|#@~$>)])"
)
_CLOSING = {"{{": "}}", "((": "))", "<<": ">>"}
_FIRST_LINE = re.compile(
    r"\bfirst line\b|\bline 1\b|\bline one\b|第一行|\berste[nr]? Zeile\b|primera línea", re.IGNORECASE
)


_NEAR = 60
#: Where words stand that do not belong to the value.
_MORE_LINES = re.compile(
    r"\b(?:second|next|following|other|separate|new) lines?\b|\bline (?:2|two)\b|\b(?:below|under) (?:it|that|"
    r"this)\b|第二行|"
    r"zweite[nr]? Zeile|segunda línea",
    re.IGNORECASE,
)
#: "Return your response in a line with only the score."
_OWN_LINE = re.compile(
    r"\b(?:in|on) (?:a|one|the first) (?:single )?line with (?:only|just|nothing but) (?:the|a|"
    r"your) (?:\w+ )?(?:score|rating|number|grade)\b",
    re.IGNORECASE,
)


def templates(told: str, context: str) -> Iterator[Found]:
    """Forms with one slot, or several, and fixed text around them."""
    seen: dict[str, list[re.Match[str]]] = {}
    for pattern in (_QUOTED, _PLAIN):
        for match in pattern.finditer(told):
            if not refused(told, match.start()):
                seen.setdefault(match["label"].strip().casefold(), []).append(match)
    for matches in seen.values():
        match = matches[0]
        groups = match.groupdict()
        suffix, opening = groups.get("suffix") or "", groups.get("open") or ""
        near = told[max(0, match.start() - 200) : matches[-1].end() + 200]
        value = _value(match["slot"], suffix, told, near, context)
        if re.search(r"<[^<>]+>|\[[^\[\]]+\]", match["label"]):  # "For each case one line: "#<id>: <score>""
            if _FOR_EACH.search(told[max(0, match.start() - 200) : match.start()]):
                yield Found(Rows(row=_row(match["label"] + match["sep"], value), strict=True), 2, 7, match.end())
            continue
        if not match["sep"].strip() and any(
            match[0].strip("\"'“”").endswith(word)
            for one in lists.lists(told)
            if one.kind in ("quoted", "name")
            for word in one.literals
        ):
            continue  # "'Image 1' or 'Image 2'"
        if opening == "(" and match["slot"] in ("X", "x"):
            value = Value(letters_of(match[0]) or LETTERS, context=context)
        if value is ANY_TEXT:
            continue
        separator = match["sep"].rstrip() + (" " if match["sep"].strip() in (":", "：", "") else "") + opening
        label = match["label"].strip()
        yield Found(Labelled(fields=(Field(label, value, separator, suffix),), strict=True), 2, 6, match.end())
    for match in _SENTENCE.finditer(told):
        words = tuple(word.strip() for word in re.split(r"\s?[/|]\s?", match["list"]))
        field = Field(match["label"], Value(words, context=context), " ", match["suffix"] or "")
        yield Found(Labelled(fields=(field,), strict=True), 2, 6, match.end())


_FOR_EACH = re.compile(r"\b(?:for )?(?:each|every)\b|\bper\b|每", re.IGNORECASE)


def _row(before: str, value: Value) -> Template:
    """A line with a slot of any text in its label."""
    pieces = re.split(r"(?:<[^<>]+>|\[[^\[\]]+\])", before)
    filled: list[str | Value] = []
    for piece in pieces:
        filled += [ANY_TEXT, piece] if filled else [piece]
    return Template(pieces=tuple(piece for piece in (*filled, value) if piece), strict=True)


def _value(slot: str, suffix: str, told: str, near: str, context: str) -> Value:
    """What a slot may hold: by the scale behind it, or by what is said around it."""
    if most := re.fullmatch(r"\s?/\s?(\d{1,4})", suffix):
        whole = named_scale(told, near).whole
        return Value(numeric=True, low=0.0, high=float(most[1]), whole=whole, context=context)
    if "%" in suffix:
        return Value(numeric=True, low=0.0, high=100.0, percent=True, context=context)
    return slot_value([slot], told, context, near)


def lines_of_slots(told: str, context: str) -> Iterator[Found]:
    """Several slots on one line: named ones, two numbers by an example, a word and a number."""
    for match in _ONE_LINE.finditer(told):
        pieces: list[str | Value] = []
        for part in re.finditer(
            r"(?P<text>[\s,;|]*\w{1,16}\s?[=:]\s?)(?P<slot><[^<>]*>|\[[^\[\]]*\]|[XNn]\b)", match[0]
        ):
            near = told[max(0, match.start() - 300) : match.end() + 100]
            free = FREE_LABELS.fullmatch(part["text"].strip(" \t,;|:=")) or FREE_SLOT.search(part["slot"])
            pieces += [part["text"], ANY_TEXT if free else slot_value([part["slot"]], told, context, near)]
        yield Found(Template(pieces=tuple(pieces), strict=True), 2, 6, match.end())
    for match in _NAMED_PARTS.finditer(told):
        near = told[max(0, match.start() - 200) : match.end() + 60]
        value = slot_value([match["value"].lower()], told, context, near)
        yield Found(Template(pieces=(value, match["sep"], ANY_TEXT), strict=True), 2, 6, match.end())
    for match in _PAIR.finditer(told):
        before = told[max(0, match.start() - 200) : match.start()]
        if re.search(r"\b(?:two|three|four|each|both)\b|\w/\w|两", before, re.IGNORECASE) and not re.search(
            r"\bnumbers of\b", before
        ):
            value = scaled(named_scale(told, before), context)
            more = [piece for _ in match["rest"].split(match["sep"]) for piece in (match["sep"], value)]
            pieces = [match["open"], value, *more, match["close"]]
            first = bool(_FIRST_LINE.search(before))
            found = Template(pieces=tuple(piece for piece in pieces if piece), first=first, strict=True)
            yield Found(found, 2, 5 + first, match.end())
    for match in _OF_MOST.finditer(told):
        value = Value(numeric=True, low=0.0, high=float(match["most"]), whole=named_scale(told).whole, context=context)
        yield Found(Template(pieces=(value, f"/{match['most']}"), strict=True), 2, 5, match.end())
    for match in _PERCENT.finditer(told):
        if not refused(told, match.start()) and '"' not in match[0]:
            value = Value(numeric=True, low=0.0, high=100.0, percent=True)
            yield Found(Template(pieces=(value, match["sign"]), strict=True), 2, 4, match.end())
    for match in _WORD_NUMBER.finditer(told):
        before = told[max(0, match.start() - 200) : match.start()]
        for one in lists.lists(before):
            if match["word"] in one.literals:
                scale = named_scale("", before)
                percent = bool(re.search(r"per ?cent|%", before))
                high = scale.high if scale.high is not None else 100.0 if percent else None
                number = Value(
                    numeric=True, low=scale.low if scale.low is not None else 0.0, high=high, percent=percent
                )
                words = Value(one.literals, context=context)
                pieces = [piece for piece in (words, match["sep"], number, match["suffix"]) if piece]
                yield Found(Template(pieces=tuple(pieces), strict=True), 2, 6, match.end())
                break


def marks(told: str, context: str) -> Iterator[Found]:
    """Values between other marks than brackets and tags: {{2}}, |3.4|, ###ADOPT###."""
    shown: dict[str, list[re.Match[str]]] = {}
    for match in _MARKS.finditer(told):
        pipes = match["open"] == "|" and not re.fullmatch(r"[\d.]+", match["inside"])
        if match["close"] == _CLOSING.get(match["open"], match["open"]) and not pipes:
            shown.setdefault(match["open"], []).append(match)
    for opening, matches in shown.items():
        lead = told[max(0, matches[0].start() - 80) : matches[0].start()]
        if not re.search(
            _LEAD + r"|\b(?:pipes|signs|brackets|braces|enclosed|between|inside|marks|goes in)\b", lead, re.IGNORECASE
        ):
            continue
        near = told[max(0, matches[0].start() - 200) : matches[-1].end() + 100]
        value = slot_value([match["inside"] for match in matches], told, context, near)
        if value is ANY_TEXT:
            continue
        closing = _CLOSING.get(opening, opening)
        yield Found(Wrapped(opening=opening, closing=closing, value=value, strict=True), 2, 5, matches[-1].end())


#: "a comma-separated list of the violated categories"
_CATEGORIES = re.compile(r"\b(?:categories|category|codes?|policies)\b", re.IGNORECASE)
#: "S1: Violent crimes."
_CODE = re.compile(r"^[ \t]*(?:[-*•][ \t]*)?([A-Z]{1,3}\d{1,2})[ \t]*[:.)–-]", re.MULTILINE)


def _codes(context: str) -> tuple[str, ...]:
    """The codes that begin lines of a prompt, where there are several."""
    codes = tuple(dict.fromkeys(_CODE.findall(context)))
    return codes if len(codes) > 1 else ()


def _condition(told: str, words: Sequence[str]) -> str:
    """The word of which instructions say that more stands behind it: "If unsafe, a second line ..."."""
    conditions = re.findall(r"\b(?:if|when|in case of)\b[^.,:\n]{0,40}?[\"'“‘`]?(\w+)[\"'”’`]?,", told, re.IGNORECASE)
    return next((word for word in words if word in conditions), "")


def first_line(told: str, context: str) -> Iterator[Found]:
    """A word on the first line, and words behind it."""
    for match in _FIRST_LINE.finditer(told):
        more = _MORE_LINES.search(told[match.end() :])
        before, behind = told[max(0, match.start() - 120) : match.start()], told[match.start() : match.end() + 120]
        listed = [one for one in lists.lists(behind) if one.start < _NEAR]
        listed += [one for one in lists.lists(before)[::-1] if len(before) - one.end < _NEAR // 2]
        for one in listed[:1] if more else ():
            if one.kind not in ("number", "letter"):
                found = FirstLine(
                    value=Value(one.literals, context=context),
                    codes=(_codes(told) or _codes(context)) if _CATEGORIES.search(told[match.end() :]) else (),
                    only_behind=_condition(told[match.end() :], one.literals),
                    strict=True,
                )
                yield Found(found, 2, 6, match.end() + one.end)
    for match in _OWN_LINE.finditer(told):
        if _MORE_LINES.search(told[match.end() :]):
            value = scaled(named_scale(told, told[max(0, match.start() - 200) : match.end()]), context)
            yield Found(FirstLine(value=value, strict=True), 2, 6, match.end())

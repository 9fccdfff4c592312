"""Signs of a label with a slot behind it: "Rating: <1-5>", "Verdict: PASS" or "Verdict: FAIL", "==> solid"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mtrl_judge_plugin.formats import lists
from mtrl_judge_plugin.formats.kinds import Bare, Field, Labelled, spelled
from mtrl_judge_plugin.formats.material import CONDITION
from mtrl_judge_plugin.formats.scales import EACH
from mtrl_judge_plugin.formats.signs.found import Found, refused
from mtrl_judge_plugin.formats.signs.slots import ANY_TEXT, named_scale, scaled, slot_value
from mtrl_judge_plugin.formats.values import UnreadableError, Value, folded

_SLOT = (
    r"\((?:[^()\n]{1,120})\)|<[^<>\n]{1,60}>|\[\[[^\[\]\n]{1,60}\]\]|\[[^\[\]\n]{1,60}\]|\{[^{}\n:'\"]{1,40}\}|\$?LETTER\b|"
    r"\?/\d{1,4}|(?-i:[NXn#]|xx|XX|NN|nn)(?=\s*(?:[\"'”`*.,)]|/|%|$))|_{2,}|\.{3}(?!\S)|…(?!\S)|-?\d+\s?(?:[-–~]|to)\s?\d+(?!\d)|\d+\s?/\s?\d+"
    r"|(?:[Aa]n? |one )?(?:whole |single )?(?:number|integer|score|float|rating|digit)\b(?! of)"
    r"|(?:une?|eine?|una?|um|uma)\s(?:ganze |note |número )?"
    r"(?:entier|nombre|note|Zahl|Note|número|nota|entero|inteiro)\b"
    r"|(?:your|the) (?:\w+ ){0,2}"
    r"(?:score|rating|mark|verdict|grade|decision|label|choice|analysis|explanation|reasoning)\b"
    r"(?:(?: here\b\.?)?(?=[ \t]*$)| (?:for|of|about|based on) (?=[^\n]{1,100}$))"
)
_CHOICE = r"[\"'“]?[A-Za-z][\w-]{0,20}(?: [A-Za-z][\w-]{0,14})?[\"'”]?"
_IN_QUOTES = r"[\"“][^\"“”\n]{1,24}[\"”]"
_ONE_CASE = r"(?-i:[A-Z]{1,12}|[a-z]{1,12})"
_LABEL_NAME = r"[#@]?[^\W\d_][^\W_]{0,20}(?:[ _.-][^\W_]{1,16}){0,3}"
_LINE = re.compile(
    rf"^(?:[ \t>*-]|#(?=[#\s])){{0,24}}(?:(?:\w{{1,10}}\s)?format\s?[:：]\s*)?[\"'“`*]{{0,3}}"
    rf"(?P<label>{_LABEL_NAME})(?P<bold>\**)(?P<sign>\s?[:：]\**|\s?=)[ \t]*"
    rf"(?P<below>\n(?=[ \t]*[<\[]))?[ \t]*(?P<slot>(?:{_SLOT})[^\n]{{0,60}}|"
    rf"{_CHOICE}(?:\s?[/|]\s?{_CHOICE})+|{_IN_QUOTES}(?:,?\s(?:or\s)?{_IN_QUOTES})+|"
    rf"{_ONE_CASE}(?:,?\s(?:or\s)?{_ONE_CASE}){{0,4}} or {_ONE_CASE})[ \t]*[\"'”`*]*[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_INLINE = re.compile(
    rf"(?:[\"'“`「]|«\s?)(?P<label>{_LABEL_NAME})(?P<sign>\s?[:：]|\s?=)(?P<gap>\s?)(?P<slot>(?:{_SLOT})|"
    rf"(?:[^\"'”`」\n]|(?<=\w)'(?=\w)){{1,60}})(?:[\"'”`」]|\s?»)"
    rf"|\b(?:as:?|with|line|form|format:?|lines?:?|write|"
    rf"by)\s+[\"'“]?(?P<label2>{_LABEL_NAME})(?P<sign2>[:：])\s?(?P<slot2>(?:{_SLOT})(?:\s?/\s?\d{{1,4}})?)"
)
#: "Line: PASS or Line: FAIL" without quotes, and marks: "==> solid or ==> shaky".
_REPEATED = re.compile(
    rf"(?P<label>(?:#{{0,4}}{_LABEL_NAME})[:：=]|[=-]{{1,3}}>|→|>>+|##+|::+|@@|"
    rf"\$\$)\s?(?P<a>[\w-]{{1,20}})\*{{0,2}}(?P<rest>(?:\s?(?:,|/|;|\bor\b|\boder\b|,\s?or|\||"
    rf"或)\s?\*{{0,2}}(?P=label)\s?[\w-]{{1,20}}\*{{0,2}}){{1,8}})"
)
_ENDS_WITH = re.compile(
    rf"\b(?:begin|start|end|finish|close|conclude|output|write|print|respond with|reply with|last line|"
    rf"final line)\w*\b[^.\n]{{0,60}}?[\"'“`](?P<label>{_LABEL_NAME})"
    rf"(?P<sign>[:：])\s?[\"'”`][^.\n]{{0,30}}\b(?:followed|and|then|plus)\b",
    re.IGNORECASE,
)
#: An example of several lines with a number each: "For example:" above "Realism: 1" and "Beauty: 0".
_EXAMPLE_LINES = re.compile(
    r"(?:example|format|output|like|lines)\b[^\n]{0,30}\n+(?P<lines>(?:[ \t*]*"
    r"[A-Za-z][\w ]{1,30}\**[:=]\**[ \t]*\d{1,3}(?:\.\d)?"
    r"[ \t]*(?:\n|$)){2,8})",
    re.IGNORECASE,
)
_ONE_LISTED = r"[ \t]*\w{1,16}[ \t]*(?:[,;(–—-][^\n]{1,160})?(?:\n|\Z)"
#: All lines that will do: "Urteil: A", "Urteil: B", each on its own; "- Rating: 6, very informative".
_LISTED_LINES = re.compile(
    rf"^(?P<lead>[ \t]*(?:[-*•][ \t]+)?)(?P<label>[^\W\d_][\w ]{{1,20}})(?P<sign>[:=]){_ONE_LISTED}"
    rf"(?:(?P=lead)(?P=label)(?P=sign){_ONE_LISTED}){{1,11}}",
    re.MULTILINE,
)
#: 'Finally, output "# Result" followed by a score from 1 to 5.'
_FOLLOWED = re.compile(
    r"\b(?:output|write|print|give|return|end\w*|finish|conclude|"
    r"add)\b[^.\n\"“]{0,20}[\"“`](?P<label>#{1,4} ?\w[\w ]{0,24})[\"”`] followed by",
    re.IGNORECASE,
)
#: "On the final line write #### and then the number."
_SIGNED = re.compile(
    r"\b(?:write|output|print|give|put|line|with)\b[^\n#=>]{0,20}[\"'“`]?(?P<label>#{2,6}|={2,}>?|>{2,}|-{1,2}>)[\"'”`]?"
    r"(?:,? and then|,? then|,? and|,? followed by) (?:the|your|an?) (?:final |single |whole )?"
    r"(?P<slot>number|score|rating|integer|grade|mark|count)\b",
    re.IGNORECASE,
)
FREE_LABELS = re.compile(
    r"explanation|feedback|reason\w*|rationale|analysis|comments?|justification|thoughts?|evidence|notes?|why|"
    r"critique|summary|evaluation evidence|Grund|motivo|raison|理由|解释|分析|Begründung|razón|"
    r"question|q|response|example|e\.g",
    re.IGNORECASE,
)
#: "in the format of: ##final score: score"
_FORMAT_OF = re.compile(
    r"\bformat(?: of)?:?\s*[\"'`]?(?P<label>#{1,3} ?[a-z][\w ]{0,20}): ?(?P<slot>score|rating|label|number|x)\b",
    re.IGNORECASE,
)
_MOST = re.compile(r"(?:[XNn#?]|_+|<[^<>]*>|\[[^\[\]]*\])(?P<suffix>\s?/\s?(?P<most>\d{1,4}))\b")
_RESULT = re.compile(
    r"\[(RESULT|SCORE|VERDICT|RATING|ANSWER|FINAL)\]\s?(?P<slot>\([^()\n]{1,80}\)|<[^<>\n]{1,60}>|\d)?"
)

_BETTER = re.compile(r"(?P<head>\boverall judgment: )?\b(?P<noun>answer|response|image) X is better\b", re.IGNORECASE)


#: A slot for words.
FREE_SLOT = re.compile(
    r"rationale|explan|reason|sentence|\bS[aä]tze?n?\b|frase|oraci|句|文で|\btext\b|\bwhy\b|"
    r"comment|feedback|as a text|analysis",
    re.IGNORECASE,
)
#: "[List areas for improvement]": three words and more, of which none is a choice or a number.
_PROSE_SLOT = re.compile(
    r"[<\[({](?![^\n]*(?:\d|/|\||\bor\b|\b(?:score|number|rating|integer|letter|verdict|label|choice|answer|one of)\b))"
    r"(?:[A-Za-z'’,.-]+[ ]+){2,}[A-Za-z'’.-]+[>\])}]",
    re.IGNORECASE,
)
#: "correct: Answer 'yes' if it matches, 'no' otherwise."
_DESCRIBED = re.compile(r"^(?P<label>[a-z][a-z_]{2,30}): (?P<about>\S[^\n]{15,})$", re.MULTILINE)
_VERDICTS = {"yes", "no", "true", "false", "correct", "incorrect", "pass", "fail"}
_NO_LABELS = ("format", "output", "example", "e", "json", "output format", "options")
#: Labels of what is judged.
_NO_FIELD = re.compile(
    r"(?:predicted|attempt|options?\b|gold|model|reference|candidate|student|expression|problem|question|context|statement|premise|hypothesis|expected|ground)\b|原文|译文|题目|问题|参考",
    re.IGNORECASE,
)


def labels(told: str, context: str) -> Iterator[Found]:
    """Lines with a label: fields to fill in, labels in quotes, marks before a word."""
    slots: dict[str, list[tuple[str, str, int]]] = {}
    bold_labels: set[str] = set()  # as callers look for them: "**Score**: 8"
    closed: set[str] = set()  # "**Score:** 8"
    for pattern in (_LINE, _INLINE):
        for match in pattern.finditer(told):
            groups = match.groupdict()
            label = (groups.get("label") or groups.get("label2") or "").strip()
            bold_labels |= {label} if groups.get("bold") == "**" else set()
            if "*" in (groups.get("sign") or "") and told[: match.start("label")].endswith("**"):
                closed.add(label)
            sign = (groups.get("sign") or groups.get("sign2") or "").replace("*", "")
            slot = (groups.get("slot") or groups.get("slot2") or "").rstrip()
            said = groups.get("gap") == "" and label.isascii() and not re.match(_SLOT, slot, re.IGNORECASE)  # 'HH:MM'
            if (
                said
                or _NO_FIELD.match(label)
                or refused(told, match.start())
                or label.lower() in _NO_LABELS
                or slot.strip("\"'.").upper() == "N/A"
                or re.search(r"</\w+>", slot)
                or (label.lower() == "note" and not re.match(_SLOT, slot))
            ):
                continue
            if groups.get("below"):
                sign += "\n"
            slots.setdefault(label, []).append((slot, sign, match.start()))
    for match in _FOLLOWED.finditer(told):
        slots.setdefault(match["label"].strip(), []).append(("", "\n", match.end()))
    for match in _SIGNED.finditer(told):
        slots.setdefault(match["label"], []).append((match["slot"], "", match.end()))
    for match in _FORMAT_OF.finditer(told):
        slots.setdefault(match["label"].strip(), []).append((match["slot"], ":", match.end()))
    for match in _ENDS_WITH.finditer(told):
        slots.setdefault(match["label"].strip(), []).append(("", match["sign"], match.end()))
    for match in _EXAMPLE_LINES.finditer(told):
        for line in match["lines"].strip().splitlines():
            label, sign, number = re.split(r"\**([:=])\**", line.strip(" \t*"), maxsplit=1)
            slots.setdefault(label.strip(), []).append((number.strip(), sign, match.end()))
    for match in _LISTED_LINES.finditer(told):
        words = re.findall(rf"{match['label']}{match['sign']}[ \t]*(\w+)", match[0])
        slots.setdefault(match["label"].strip(), []).append((" / ".join(words), match["sign"], match.end()))
    slots |= {label: shown for first, shown in [*slots.items()] for label in _series(told, first) if label not in slots}
    if alternatives := _alternatives(told, context):
        yield alternatives
    fields: list[Field] = []
    end = 0
    free = {
        name
        for name, shown in slots.items()
        if FREE_SLOT.search(name) or any(FREE_SLOT.search(slot) or _PROSE_SLOT.match(slot) for slot, _, _ in shown)
    }
    several = sum(not FREE_LABELS.fullmatch(label) for label in slots if label not in free) > 1
    for label, shown in slots.items():
        grade = label.lower() == "note" and any(  # German
            re.fullmatch(r"[XNn#](?:\s?/\s?\d+)?|\W?\d.*|[<\[(]Note[>\])]", slot) for slot, _, _ in shown
        )
        if (FREE_LABELS.fullmatch(label) and not grade) or label in free:
            continue
        near = " ".join(
            told[max(0, at - (20 if several else 160)) : at + (70 if several else 260)] for _, _, at in shown
        )
        value = slot_value([slot for slot, _, _ in shown if slot], told if not several else near, context, near)
        if value is ANY_TEXT or label in value.literals:  # "NAMED: <who>", one of several words
            continue
        if several and value.numeric:
            value = _own_scale(told, label, value, context)
        sign = shown[0][1]
        most = next((found for slot, _, _ in shown if (found := _MOST.match(slot))), None)
        if most:  # "X/10"
            value = Value(numeric=True, low=value.low or 0.0, high=float(most["most"]), context=context)
        suffix = most["suffix"] if most else ""
        written = f"**{label}**" if label in bold_labels else label
        separator = sign.strip(" ") if sign.endswith("\n") or sign == "=" else f"{sign.rstrip()} "  # French: "Note : 5"
        field = (
            Field(f"**{label}{sign.strip()}**", value, " ")
            if label in closed
            else Field(written, value, separator, suffix)
        )
        fields.append(field)
        end = max(end, *(at + len(label) for _, _, at in shown))
    if fields:
        yield Found(Labelled(fields=tuple(fields), strict=True), 2, 5, end)
    described = list(_DESCRIBED.finditer(told))
    chosen = [
        Field(match["label"], Value(one.literals, context=context))
        for match in described
        for one in lists.lists(match["about"])[:1]
        if one.kind == "quoted" and set(map(folded, one.literals)) & _VERDICTS
    ]
    if len(described) > 1 and chosen:
        yield Found(Labelled(fields=tuple(chosen[:1]), strict=True), 2, 6, described[-1].end())
    for match in _REPEATED.finditer(told):
        label = match["label"].rstrip(":：=")
        sign = (
            {":": ": ", "：": "：", "=": "="}.get(match["label"][-1:], " ")
            if label != match["label"] and label
            else " "
        )
        label = label or match["label"]
        words = re.findall(rf"{re.escape(match['label'])}\s?([\w-]+)", match[0])
        value = Value(spelled(words), context=context)
        if len(value.literals) > 1:
            yield Found(Labelled(fields=(Field(label, value, sign),), strict=True), 2, 6, match.end())
    for match in _RESULT.finditer(told):
        near = told[max(0, match.start() - 160) : match.end() + 100]
        value = slot_value([match["slot"] or "number"], told, context, near)
        yield Found(Labelled(fields=(Field(f"[{match[1]}]", value, " "),), strict=True), 2, 5, match.end())
    for match in _BETTER.finditer(told):
        noun, head = match["noun"].capitalize(), (match["head"] or "").strip()
        value = Value((f"{noun} 1 is better.", f"{noun} 2 is better."))
        yield Found(Better(head=head, noun=noun, value=value, strict=True), 2, 6, match.end())


#: "VERDICT: PASS" on a line of its own.
_ALTERNATIVE = re.compile(
    r"^[ \t]*(?:[-*•][ \t]+)?[\"'`]?(?P<label>[A-Z][\w ]{1,24})[:：][ \t]*(?P<word>[A-Z][A-Z_]{1,24})[\"'`]?[ \t]*$",
    re.MULTILINE,
)


def _series(told: str, label: str) -> list[str]:
    """The other labels of a series of which a prompt shows the first: "C1: yes" and so on up to C4."""
    if not (numbered := re.fullmatch(r"(?P<name>\D*?)(?P<first>\d{1,2})", label)):
        return []
    name, first = numbered["name"], int(numbered["first"])
    ends = (
        rf"(?:\bup to|\bthrough|\bto|\buntil|\bbis|\bhasta|…|\.\.\.),?\s*[\"'“`*]{{0,3}}{re.escape(name)}(\d{{1,2}})\b"
    )
    last = max(map(int, re.findall(ends, told)), default=0)
    return [f"{name}{number}" for number in range(first + 1, min(last, first + _LONGEST_SERIES) + 1)]


_LONGEST_SERIES = 20


def _alternatives(told: str, context: str) -> Found | None:
    """A label that has another word in each of several forms: "VERDICT: PASS" in one, "VERDICT: FAIL" in the other."""
    words: dict[str, list[str]] = {}
    for match in _ALTERNATIVE.finditer(told):
        words.setdefault(match["label"], []).append(match["word"])
    if not (re.search(r"\bone of\b|\beither\b|\bexactly\b", told, re.IGNORECASE) or CONDITION.search(told)):
        return None
    for label, shown in words.items():
        if len(set(shown)) > 1:
            field = Field(label, Value(spelled(shown), context=context))
            return Found(Labelled(fields=(field,), strict=True), 2, 6, told.rindex(shown[-1]))
    return None


def _own_scale(told: str, label: str, value: Value, context: str) -> Value:
    """The range of one of several fields: what stands behind its name elsewhere ("ideas (up to 12)")."""
    for match in re.finditer(rf"\b{re.escape(label)}\b\s*(?P<range>\([^()\n]{{1,40}}\))", told, re.IGNORECASE):
        scale = named_scale("", match["range"])
        if scale.high is not None:
            return scaled(scale, context)
    if EACH.search(told) and (scale := named_scale(told)).high is not None:
        return scaled(scale, context)
    shown = named_scale("", " ".join(re.findall(rf"{re.escape(label)}\s*[:：]\s*([^\n]{{1,40}})", told)))
    return scaled(shown, context) if shown.high is not None else Value(numeric=True, context=value.context)


@dataclass(frozen=True, kw_only=True)
class Better(Bare):
    """A sentence that says which of two is better: "Overall Judgment: Answer 1 is better."."""

    head: str
    noun: str

    @property
    def name(self) -> str:  # type: ignore[override]
        """See Format."""
        return "better one"

    @property
    def instruction(self) -> str:
        """See Format."""
        head = f"{self.head} " if self.head else ""
        return (
            f'The final reply must end with one line "{head}{self.noun} 1 is better." or the same with {self.noun} 2.'
        )

    @property
    def choices(self) -> tuple[str, ...]:
        """See Format."""
        return tuple(f"{self.head} {sentence}".strip() for sentence in self.value.literals)

    def read(self, text: str) -> str:
        """See Format."""
        claim = (
            rf"\b{self.noun}\s*([12])\s*is\s*(?:the\s+|slightly\s+|much\s+|clearly\s+|"
            rf"significantly\s+)*better\b(?!\s+(?:in|at|for|on|with|only|"
            rf"than\s+nothing)\b)(?:\s*than\s*(?:{self.noun}\s*)?[12]\b)?"
        )
        judged = re.split(re.escape(self.head), text, flags=re.IGNORECASE)[-1] if self.head else text
        said = set(re.findall(claim, judged, re.IGNORECASE))
        ways = {"1": "1", "2": "2", f"{self.noun} 1": "1", f"{self.noun} 2": "2"}
        literal = Value(tuple(ways)).find(re.sub(r"^.*[:：]\s*", "", (judged.strip().splitlines() or [""])[-1]))
        found = said or ({ways[literal]} if literal else set())
        if len(found) != 1 or (re.search(r"\b(?:not|worse|wins?|however|but)\b|\?", judged, re.IGNORECASE)):
            raise UnreadableError(f"the reply does not say which is better: {text[-80:]!r}")
        (number,) = found
        sentence = f"{self.noun} {number} is better"
        head = f"{self.head} " if self.head else ""
        named = set(re.findall(rf"\b{self.noun}\s*([12])\s*is\s+(?:\w+\s+)?better", text, re.IGNORECASE))
        if f"{head}{sentence}" in text and named == {number}:
            return text
        return f"{head}{sentence}."

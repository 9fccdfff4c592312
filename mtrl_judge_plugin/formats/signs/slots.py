"""What a slot may hold, from what the prompt shows in it and says around it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mtrl_judge_plugin.formats import lists
from mtrl_judge_plugin.formats.asking import bare
from mtrl_judge_plugin.formats.kinds import spelled
from mtrl_judge_plugin.formats.scales import scale_of
from mtrl_judge_plugin.formats.values import Value, folded

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

_PLACEHOLDER = re.compile(
    r"\.{3}|…|_+|\?|[XNn#]{1,2}|xx?|(?:your |the |a |an )?(?:\w+ )?(?:final )?(?:int|integer|float|number|score|"
    r"rating|mark|grade|count|verdict|answer|letter|option|value|points?|choice|decision|judge?ment|digit|label|"
    r"result|winner|model|note|nota|reason\w*|explanation|text|分数|评分|得分)s?(?: here| \d.*)?",
    re.IGNORECASE,
)


def slot_value(shown: Sequence[str], told: str, context: str, near: str) -> Value:
    """What a slot may hold, from what the prompt shows in it and says around it.

    Args:
        shown: what stands in the slot, at each place where the prompt shows it.
        told: the instructions.
        context: the prompt.
        near: what is said around the slot.
    """
    if len(set(shown)) > 1 and all(re.fullmatch(r"\([A-Za-z0-9]\)", text) for text in shown):
        return literals_of(sorted(set(shown)), context)  # "(a)", as the examples have it
    shown = [re.sub(r"^([XNn#?]|_+)\s?/\s?\d+", r"\1", text) for text in shown]
    texts = [re.sub(r"^[<(\[{$]+|[>)\]}]+$", "", text).strip() for text in shown]
    if any(map(_LETTER_RANGE.search, texts)):
        return Value(letters_of(" ".join(texts)), context=context)
    for text in texts:
        quoted = [one for one in lists.lists(text) if one.kind == "quoted"]
        if len(quoted) == 1 and re.search(r"\bor\b|[/|]|或|oder", text):
            return literals_of(quoted[0].literals, context)
        numbers = [one for one in lists.lists(text) if one.kind == "number" and one.start > 0]
        ranged = named_scale("", text)
        if ranged.low is None and len(numbers) == 1 and not re.match(r"\s*,?\s*(?:or\b|[/|])", text[numbers[0].end :]):
            return literals_of(numbers[0].literals, context)  # "a value, 0, 0.5, or 1"
        if "/" in text or "|" in text or re.search(r"\bor\b|或|oder", text):
            choices = re.sub(r"^(?:either|one of)\s+", "", text, flags=re.IGNORECASE)
            words = [
                bare(word)
                for word in re.split(r"\s*[/|,]\s*(?:or\s+)?|\s*,?\s+(?:or|oder)\s+|或", choices)
                if word.strip()
            ]
            if len(words) > 1 and all(len(word) <= 30 for word in words):
                return literals_of(words, context)
        if ranged.low is not None and ranged.high is not None and re.search(r"\d", text):
            whole = ranged.whole or bool(re.search(r"integer|whole", near, re.IGNORECASE))
            return Value(numeric=True, low=ranged.low, high=ranged.high, whole=whole, context=context)
    words = [text for text in dict.fromkeys(texts) if not _is_place(text)]
    numeric = [word for word in words if re.fullmatch(r"[-+]?\d+(?:\.\d+)?", word)]
    if len(numeric) == 1 and len(words) == 2 and any(not word.isascii() for word in words):
        words = numeric  # "[[評価]]", for example "[[5]]"
    if words and len(numeric) == len(words):
        listed = len(words) > 1 and not re.search(r"\b(?:e\.g|example|such as|like)\b", near, re.IGNORECASE)
        scale = named_scale(told, near)
        if listed and scale.low is None:
            return Value(tuple(words), context=context)
        return scaled(scale, context)
    if len(words) == 1 and not numeric:  # an example, of which the instructions list the others
        for one in lists.lists(told):
            if (
                words[0] in one.literals
                and len(one.literals) > 2
                and one.kind in ("code", "defined", "caps", "bare", "quoted")
            ):
                return literals_of(one.literals, context)
    letters = [word for word in words if re.fullmatch(r"[A-Z]", word)]
    if len(letters) == 1 and len(words) == 1:
        return Value(letters_of(near) or letters_of(told) or LETTERS, context=context)
    if len(words) > 1 or (words and re.search(r"letter|option", " ".join(texts))):
        return literals_of(words, context)
    slot = " ".join(texts).lower()
    if "letter" in slot or "option" in slot or _A_LETTER.search(near):
        return Value(letters_of(near) or letters_of(told) or LETTERS, context=context)
    listed_near = [
        one
        for one in lists.lists(near)
        if one.kind != "number"
        and not any(re.search(r"\d|[:：]$", word) for word in one.literals)
        and not all(re.search(rf"{re.escape(word)}\W{{0,3}}[:：=]\W{{0,3}}{_BLANK}", near) for word in one.literals)
        and not set(map(folded, one.literals)) <= {"score", "reason"}
    ]
    scale = named_scale(told, near)
    points = [one.literals for one in lists.lists(told) if one.kind == "defined" and one.literals[0].isdigit()]
    if scale.low is None and not words and len(points) == 1 and len(points[0]) == 2:
        return literals_of(points[0], context)
    if re.search(r"^(?:xx|nn)$|int|number|count|score|rating|mark|grade|points|digit|float|\bn\b|分", slot) or (
        scale.low is not None and not listed_near
    ):
        return scaled(scale, context)
    if listed_near:
        best = max(
            listed_near,
            key=lambda one: (one.kind in ("quoted", "known", "caps"), one.strict, one.told, len(one.literals)),
        )
        return literals_of(
            [word for word in best.literals if not _PLACEHOLDER.fullmatch(word) or len(best.literals) > 2], context
        )
    if re.search(r"number|score|integer|percent|per cent|points", near, re.IGNORECASE) and not words:
        return scaled(scale, context)
    return ANY_TEXT


def _is_place(text: str) -> bool:
    """Whether a text in a slot only says what goes there: "your score", "Your_Answer"."""
    return bool(_PLACEHOLDER.fullmatch(text) or _PLACEHOLDER.fullmatch(text.replace("_", " ")))


_BLANK = r"(?:xx|XX|[XNn#](?!\w)|\.{3}|_{2})"


def named_scale(told: str, near: str = "") -> Value:
    """The scale that instructions name, or whose points they explain one by one ("1: poor ... 5: perfect")."""
    scale = scale_of(told, near)
    if scale.low is not None or scale.high is not None:
        return scale
    for one in lists.lists(told):
        if (
            one.kind == "defined"
            and len(one.literals) > 2
            and all(re.fullmatch(r"-?\d+", word) for word in one.literals)
            and not _rules(told[one.start : one.end])
        ):
            return _of_points(scale, [int(word) for word in one.literals])
    text = near or told
    for match in _RUN.finditer(text):
        run = [int(point) for point in re.findall(r"\d+", match[0])]
        if _consecutive(run):
            return replace(_of_points(scale, run), whole=True)
    for one in lists.lists(text):
        named = _NOUN_BEFORE.search(text[: one.start]) or not _OR.search(text[one.start : one.end])
        if one.kind == "number" and not named and _consecutive([float(word) for word in one.literals]):
            return replace(_of_points(scale, [int(float(word)) for word in one.literals]), whole=True)
    for pattern in (_POINTS_IF, _POINT_ELSE):
        for match in pattern.finditer(told):
            given = [int(point) for point in match.groups()]
            if sorted(given) == [0, 1]:
                return replace(_of_points(scale, given), whole=True)
    points = [int(point) for point in dict.fromkeys(_POINTS.findall(told))]
    return _of_points(scale, points) if len(points) > 2 else scale


def _rules(listed: str) -> bool:
    """Whether numbered lines are rules ("1. Please refer to ..."), and not the points of a scale ("1. poor")."""
    lines = listed.strip().splitlines()
    return all(re.match(r"\s*\d{1,2}[.)]\s", line) for line in lines) and max(map(len, lines)) > _LONGEST_POINT


_LONGEST_POINT = 70
#: "1,2,3,4,5の5段階"
_RUN = re.compile(r"(?<![\d.,])\d{1,2}(?:\s?[,、，/]\s?\d{1,2}){2,10}(?![\d.])")
_OR = re.compile(r"\bor\b|[/|,]|或|か|、|\boder\b|\bo\b|\bou\b")
#: "Assistant 1 or 2" are no points of a scale.
_NOUN_BEFORE = re.compile(
    r"(?:assistant|answer|response|image|model|option|candidate|output|system|text|caption|video|step|line|example)s?\s$",
    re.IGNORECASE,
)
#: "Score 1: the model refuses. Score 2: ..."
_POINTS = re.compile(r"\b(?:score|level|rating|grade|等级|得分)[ :：=]{0,2}(\d)\b\s*[\])]?\s*[:：=(–-]", re.IGNORECASE)


#: "Score 1 if it does. Score 0 if it does not."
_POINTS_IF = re.compile(
    r"\b(?:score|give|assign|award|output|mark)(?: it| a| as)? (\d)\b (?:if|when)\b[^\0]{1,200}?"
    r"\b(?:score|give|assign|award|output|mark)(?: it| a| as)? (\d)\b (?:if|when|otherwise)\b",
    re.IGNORECASE,
)
#: "If it fits, score it as 1; otherwise, score it as 0."
_POINT_ELSE = re.compile(
    r"\b(?:score|give|assign|award|output|rate|mark)\b[^.\n\d]{0,20}(\d)\b[^.\n\d]{0,60}"
    r"\b(?:otherwise|else|if not)\b[^.\n\d]{0,40}(\d)\b",
    re.IGNORECASE,
)


def _of_points(scale: Value, points: Sequence[int]) -> Value:
    """A scale whose points are set out."""
    whole = scale.whole or len(points) == max(points) - min(points) + 1
    return replace(scale, low=float(min(points)), high=float(max(points)), whole=whole)


def _consecutive(points: Sequence[float]) -> bool:
    return len(points) > 1 and list(points) == [points[0] + step for step in range(len(points))]


def scaled(scale: Value, context: str) -> Value:
    """A number on a scale, in a prompt."""
    return Value(
        numeric=True, low=scale.low, high=scale.high, whole=scale.whole, percent=scale.percent, context=context
    )


def literals_of(words: Sequence[str], context: str) -> Value:
    """One of several words, in a prompt; any text where there are none."""
    if not words:
        return ANY_TEXT
    return Value(spelled(words), context=context)


@dataclass(frozen=True)
class _AnyText(Value):
    """A slot of which nothing is known."""

    def find(self, text: str) -> str | None:
        """Whatever stands there, if anything."""
        return text.strip() or None


ANY_TEXT = _AnyText()

#: Not "write a letter".
_A_LETTER = re.compile(
    r"\b(?:single|one|the|its|corresponding|option|capital|uppercase|choice) letters?\b|"
    r"\bletters?\b(?: \(?(?:only|grade|[A-Z]\b))|"
    r"字母|Buchstabe|letra",
    re.IGNORECASE,
)
_ONE_OF = re.compile(
    r"\b(?:is|be|are)?\s?(?:either|one of|among|"
    r"from)?:?\s*(?P<letters>[\"'“]?(?<![A-Za-z])[A-Z][\"'”]?(?:\s?(?:,|/|\||or|"
    r"and)+\s?(?:or\s)?[\"'“]?[A-Z](?![A-Za-z])[\"'”]?){1,25})"
)
_LETTER_RANGE = re.compile(
    r"\b(?:from|letters?) ([A-Z])(?: \([^()\n]{1,30}\))? (?:to|through) ([A-Z])(?![A-Za-z])|"
    r"\bLETTERS?_([A-Z])_TO_([A-Z])\b"
)
_TOGETHER = re.compile(r"\bone of ([A-Z]{2,10})\b")


def goes_on(text: str, end: int) -> bool:
    """Whether a list goes on behind this place: "A, B, C, ..."."""
    return bool(re.match(r"[\"'”,\s]*(?:\.{3}|…|etc)", text[end : end + 10]))


def letters_of(text: str) -> tuple[str, ...]:
    """The letters that a text lists: "A, B, or C", "one of CPI"."""
    for match in _ONE_OF.finditer(text):
        if not goes_on(text, match.end()) and match["letters"] != "N/A":
            return tuple(dict.fromkeys(re.findall(r"(?<![A-Za-z])[A-Z](?![A-Za-z])", match["letters"])))
    if ranged := _LETTER_RANGE.search(text):
        return tuple(map(chr, range(ord(ranged[1] or ranged[3]), ord(ranged[2] or ranged[4]) + 1)))
    if together := _TOGETHER.search(text):
        return tuple(dict.fromkeys(together[1]))
    defined = [
        one.literals
        for one in lists.lists(text)
        if one.kind in ("defined", "letter")
        and all(re.fullmatch("[A-Z]|[a-h]", word) for word in one.literals)
        and not goes_on(text, one.end)
    ]
    return defined[0] if defined else ()

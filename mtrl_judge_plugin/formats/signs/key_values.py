"""What a key of a JSON object may hold, by what a prompt says beside its name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mtrl_judge_plugin.formats import lists
from mtrl_judge_plugin.formats.asking import SENTENCE_END
from mtrl_judge_plugin.formats.signs.schemas import BOOLEAN
from mtrl_judge_plugin.formats.signs.slots import named_scale
from mtrl_judge_plugin.formats.values import Value, folded

_SCORE = re.compile(
    r"(?:(?:overall|final)[_ ]?)?(?:score|rating|grade|points?|mark)|(?:综合|总|最终)?(?:得分|评分|打分|分数)",
    re.IGNORECASE,
)
#: Keys of free text.
_WORDS_KEY = re.compile(
    r"reason|expla|rational|justif|feedback|comment|analysis|critique|evidence|理由|原因|解释", re.IGNORECASE
)
_TYPE = re.compile(r"string|int|integer|float|number|bool|boolean|null|str|list|object", re.IGNORECASE)


def key_value(told: str, key: str, keys: Sequence[str]) -> Value | None:
    """What a key's value may be, where the prompt says so beside it: a few words, a number in a range, a boolean."""
    if _WORDS_KEY.search(key):
        return None
    others = "|".join(re.escape(one) for one in keys if one != key) or r"(?!)"
    stop = re.compile(
        rf"[\"'`“]{{1,2}}(?:{others})[\"'`”]{{1,2}}\s*(?:[:：(]|key\b|is\b|an?\b|must\b|,|是|为)|"
        rf"(?<![\w\"'`“])(?:{others})(?=\s?:)|\band\s[\"'`“]{{1,2}}(?:{others})|\bwhere\b|\beach\b|\bwith \d|\n\n"
    )
    for match in re.finditer(rf"(?<![\w-]){re.escape(key)}(?![\w-])", told):
        behind = told[match.end() : match.end() + 220]
        end = stop.search(behind)
        segment = behind[: end.start()] if end else behind
        link = re.match(
            r"[\"'`“”]{0,2}\s*(?:key\b|field\b)?\s*(?:[:：=(（,]|is\b|are\b|must\b|should\b|as\b|whose\b|has\b|"
            r"can\b|[ \t]{1,}[–—]|[ \t]{2,}|取值|为|是|an? )",
            segment,
        )
        if link and _LIST.match(segment[link.end() :]):
            return None
        if (
            link
            and not segment[link.end() :].lstrip().startswith("{")
            and (value := _value_in(segment[link.end() :], key)) is not None
        ):
            return value
        if place := re.match(
            r"[\"'`”]{0,2}\s*[:：]\s*[\"'<\[]?([A-Z])\b", behind
        ):  # {"rating": X} where X is 0, 1 or 2
            said = re.search(rf"\b{place[1]} (?:is|=|must be|should be|can be|in|being)\b([^.\n]{{1,80}})", told)
            if said and (value := _value_in(said[1], key)) is not None:
                return value
    if re.search(rf"[\"']{re.escape(key)}[\"']\s*:\s*[\[{{]", told):
        return None  # an object or a list of its own
    spoken = re.sub(r"(?<=[a-z])(?=[A-Z])|[_-]", " ", key)  # "toxicityScore": "a toxicity score from 1 to 5"
    far = r"[^.\n]{1,40}" if spoken != key else r"\**\s*\([^()\n]{1,40}\)"  # "Faithfulness (1-5)"
    said = re.search(rf"\b{re.escape(spoken)}\b({far})", told, re.IGNORECASE)
    if said and (value := _ranged(said[1])) is not None:
        return value
    if _SCORE.fullmatch(key):
        scale = named_scale(told)
        if scale.low is not None and scale.high is not None:
            return Value(numeric=True, low=scale.low, high=scale.high)
    return None


def _value_in(segment: str, key: str) -> Value | None:
    """What the text behind a key says of its value."""
    value = re.sub(r"^\s*(?:key|field|property)?\s*[:：=]?\s*", "", segment)
    if named := re.match(
        r"\s*\(?\s*(?:one of|either)\s*:?\s+([\w -]{1,20}(?:\s*[,/|]\s*(?:or )?[\w -]{1,20})+(?:\s+or\s+[\w-]{1,20})?)",
        value,
    ):
        words = tuple(word.strip() for word in re.split(r"\s*[,/|]\s*(?:or\s+)?|\s+or\s+", named[1]) if word.strip())
        if len(words) > 1 and not any(_TYPE.fullmatch(word) for word in words):
            return Value(words)
    value = SENTENCE_END.split(value)[0]
    for one in sorted(lists.lists(value), key=lambda one: one.kind != "quoted"):
        between = value[one.start : one.end]
        reach = _FAR if re.search(r"\b(?:one of|either)\b\W*$", value[: one.start]) else _NEAR
        numbers = one.kind == "mixed" and all(re.fullmatch(r"[-+]?[\d.]+", word) for word in one.literals)
        if one.start > reach or one.kind in ("number", "defined", "bare") or key in one.literals or numbers:
            continue
        if re.search(r"\b(?:or|oder|o|ou|and)\b|[/|]|或|か|、", between) or re.search(
            r"\bone of\b", value[: one.start]
        ):
            if set(map(folded, one.literals)) <= {"true", "false"}:
                return BOOLEAN
            if not all(_TYPE.fullmatch(word) for word in one.literals):
                return Value(one.literals)
    if piped := re.match(r"[\"'“<\[]{0,2}\s*(\w[\w -]{0,20}(?:\s*[|/]\s*\w[\w -]{0,20})+)\s*[\"'”>\],}]", value):
        parts = tuple(word.strip() for word in re.split(r"[|/]", piped[1]))
        if set(map(folded, parts)) <= {"true", "false"}:
            return BOOLEAN
        if not any(_TYPE.fullmatch(word) for word in parts):
            return Value(parts)
    if re.match(
        r"[<\[(（]?\s*(?:be )?(?:an? )?(?:bool(?:ean)?\b|布尔|真偽値|Wahrheitswert|booléen|booleano)|"
        r"[<\[(]?\s*(?:true|false)(?![A-Za-z])",
        value,
        re.IGNORECASE,
    ):
        return BOOLEAN
    if re.match(r"[<\[({]?\s*\[|list|array", value.strip(), re.IGNORECASE):
        return None
    if (number := _ranged(value)) is not None:
        return number
    if either := re.match(
        r"(?:can )?(?:must |should )?(?:only )?(?:be )?(?:either )?(-?[\d.]*\d) or (-?\d[\d.]*\b)", value
    ):
        return Value(either.groups())
    return None


def _ranged(text: str) -> Value | None:
    """A number in the range that a text names; None where it names none."""
    scale = named_scale("", text)
    if scale.low is None or scale.high is None:
        return None
    return Value(numeric=True, low=scale.low, high=scale.high, whole=scale.whole)


_NEAR, _FAR = 60, 160
#: "a list of strings", "<list_of_strings>", '["<step 1>"'
_LIST = re.compile(
    r"\W*(?:whose )?(?:values? )?(?:as |is |are |be )?(?:an? |the )?(?:json |python )?(?:list|array)|\s*\[\s*[\[{\"'<]|"
    r"\W*(?:数组|列表)",
    re.IGNORECASE,
)

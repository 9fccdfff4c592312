"""Signs of JSON objects, JSON arrays and Python dictionaries: keys, examples, and what a key may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from mtrl_judge_plugin.formats import lists
from mtrl_judge_plugin.formats.asking import VERB
from mtrl_judge_plugin.formats.material import SHOWS
from mtrl_judge_plugin.formats.objects import Array, Object
from mtrl_judge_plugin.formats.scales import EACH, scale_of
from mtrl_judge_plugin.formats.signs.found import Found, refused
from mtrl_judge_plugin.formats.signs.key_values import key_value
from mtrl_judge_plugin.formats.signs.marks import numbered
from mtrl_judge_plugin.formats.signs.schemas import schema_within
from mtrl_judge_plugin.formats.signs.slots import named_scale
from mtrl_judge_plugin.formats.values import Value

_ARRAY = re.compile(
    r"\bjson[- ](?:array|list)\b|\barray of (?:integers|numbers|strings|ids)|JSON[- ]?(?:数组|列表|Array|Liste|配列)|"
    r"\b(?:python )?list of (?:integers|strings|numbers) such as \[|\bpython list\b",
    re.IGNORECASE,
)
_OBJECT = re.compile(
    r"\bpython dict\w{0,8}|\bjson\b(?![- ](?:array|list)\b)|(?<![\w])dictionary\b|\bJSON(?=[^\x00-\x7f])|"
    r"(?<=[^\x00-\x7f])JSON",
    re.IGNORECASE,
)
_SHOWN = re.compile(r"[{｛]\s*['\"“`]{1,2}[A-Za-z_\u4e00-\u9fff][\w -]{0,40}['\"”`]{1,2}\s*[:：]")
_KEY = re.compile(r"['\"“`]{1,2}([A-Za-z_\u4e00-\u9fff][\w -]{0,40}?)['\"”`]{1,2}\s*[:：]")
_QUOTED_VALUE = re.compile(rf"{_KEY.pattern}\s*['\"“`]")
_KEYS = re.compile(
    r"(?:\b(?:keys?|fields?|properties|entries)\b|字段|键名?|キー)\s*(?:named|called|are|"
    r"is|为|是)?\s*[:：]?\s*(?P<keys>[\[(]{0,2}\s*[\"'`“]?\w[^.\n\])]{0,200})",
    re.IGNORECASE,
)
_QUOTED_KEY = re.compile(r"[\"'`“](\w[\w -]{0,40}?)[\"'`”]")


#: "Every number must occur exactly once."
_ONCE = re.compile(r"\b(?:every|each|all)\b[^.\n]{0,60}\bonce\b|\bpermutation\b", re.IGNORECASE)
_COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}


def objects_of(told: str, context: str) -> Iterator[Found]:
    """A JSON object, a JSON array or a Python dictionary."""
    told_of = False
    for match in _ARRAY.finditer(told):
        if not refused(told, match.start()):
            near = told[max(0, match.start() - 200) : match.end() + 80]
            whole = re.search(r"integers|numbers|整数", told[match.start() : match.end() + 60], re.IGNORECASE)
            count = re.search(
                r"\bof (two|three|four|five|six|\d{1,2}) (?:integers|numbers|scores)",
                told[match.start() : match.end() + 40],
            )
            near = told if count and EACH.search(told) else near
            scale = scale_of(re.sub(r"\[[^\[\]\n]*\]", "", near))  # "[2, 5]" is an example of a list
            value = (
                Value(numeric=True, low=scale.low, high=scale.high) if whole and "object" not in told.lower() else None
            )
            length = _COUNTS.get(count[1]) or int(count[1]) if count else None
            python = "python" in match[0].lower()
            once = numbered(context) if _ONCE.search(told) else ()
            if value or length or not told_of:  # "only this JSON array" says nothing new
                array = Array(value=value, length=length, once=once, python=python, strict=True)
                yield Found(array, 2, 6, match.end())
            told_of = True
    if (shape := schema_within(told)) is not None:
        keys, end = shape
        yield Found(Object(keys=keys, strict=True), 2, 7, end)
        return
    named = next((match for match in _OBJECT.finditer(told) if _asked_for(told, match)), None)
    example = next((match for match in _SHOWN.finditer(told) if _led_up_to(told, match.start())), None)
    shown = named or example
    listed = example is not None and told[: example.start()].rstrip().endswith("[")
    if listed and not _ARRAY.search(told):
        yield Found(Array(strict=True), 2, 6, told.index("{", example.start()) if example else 0)
    if shown is None or listed or (_ARRAY.search(told) and example is None):
        return
    python = "python" in shown[0].lower() or bool(
        re.search(r"python dict|evaluated as code|literal_eval|eval\(", told, re.IGNORECASE)
        or (shown is example and re.search(r"[{,]\s*'[^'\n]{1,40}'\s*:", told[shown.start() :]))
    )
    keys, nested = _keys_of(told, shown.start(), context)
    fenced = "```" in told or "code block" in told
    quoted = frozenset(_QUOTED_VALUE.findall(told))
    found = Object(keys=keys, nested=nested, python=python, fenced=fenced, quoted=quoted, strict=True)
    yield Found(found, 2, 6, max([shown.end(), *(at + 1 for at, _ in _examples(told) if _led_up_to(told, at))]))


#: JSON that the judge is given: "documents are listed below in json format", "reads a JSON file".
_GIVEN = re.compile(
    r"(?<!response )(?<!answer )(?<!output )(?<!verdict )(?<!be )\b(?:is|are|was|were) (?:shown|given|listed|presented|"
    r"displayed|described|stored|written)\b[^.\n]{0,40}$",
    re.IGNORECASE,
)
_GIVEN_BEHIND = re.compile(r"\s?-?(?:files?|documents?|data|inputs?|records?|below\b)", re.IGNORECASE)


def _asked_for(told: str, match: re.Match[str]) -> bool:
    """Whether a word for an object is about the reply, and not about what the judge is given, or must not write."""
    before = told[max(0, match.start() - 120) : match.start()]
    given = _GIVEN.search(before) or _GIVEN_BEHIND.match(told[match.end() :])
    return not given and not refused(told, match.start())


def _led_up_to(told: str, start: int) -> bool:
    """Whether the line before an object that is shown says that the reply looks like it."""
    lines = [line for line in told[max(0, start - 400) : start].splitlines() if line.strip(" \t[{(`'\"")]
    return bool(lines) and bool(VERB.search(lines[-1]) or SHOWS.search(lines[-1]))


def _keys_of(told: str, start: int, context: str) -> tuple[dict[str, Value | None], dict[str, Value]]:
    """The keys that instructions name, and what each may be where they say so; what keys of inner objects may be."""
    after = told[start:]
    shown = [(at, example) for at, example in _examples(told) if _KEY.search(example)]
    examples = [example for _, example in shown]
    if examples and not set.intersection(*(set(_KEY.findall(example)) for example in examples)):
        examples = [example for at, example in shown if _led_up_to(told, at)]
    keys: list[str] = []
    outer = None
    if examples:
        common = set.intersection(*(set(_KEY.findall(example)) for example in examples))
        keys = [key for key in dict.fromkeys(_KEY.findall(examples[0])) if key in common]
    elif outer := _LIST_KEY.search(after):
        keys = [outer[1]]
    elif set_out := _KEY_LINES.search(after):
        keys = re.findall(r"^[ \t]*(?:[-*•][ \t]*)?([A-Za-z]\w*)", set_out["lines"], re.MULTILINE)
    elif named := _KEYS.search(re.sub(r"\([^()\n]{0,60}\)|（[^（）\n]{0,60}）", "", after)):
        text = named["keys"]
        keys = re.findall(r"\w+", re.split(r"[\])]", text)[0]) if text[0] in "[(" else _key_list(text)
        alike = [one for _, example in _examples(context) if (one := set(_KEY.findall(example))) & set(keys)]
        keys = [key for key in keys if all(key in one for one in alike)]  # no stricter than what it shows
    if not keys:
        keys = [
            match[1]
            for match in re.finditer(
                r"[\"'`“](\w[\w-]{0,30})[\"'`”]\s*(?:is\b|as\b|key\b|\((?!e\.g)|with\b|whose|holds|set to|"
                r"a short|an? \w+ )",
                after,
            )
        ]
        keys += [
            match[1]
            for match in re.finditer(
                r"(?:its|the|a|and|with)\s[\"'`“](\w[\w-]{0,30})[\"'`”]\s*(?:an?\b|the\b|short|is\b|are\b|\()", after
            )
            if match[1] not in keys
        ]
        keys = [key for key in dict.fromkeys(keys) if key not in _values_named(after)]
        if not keys:
            lines = re.findall(
                r"^[ \t]*(?:[-*•]|\d+[.)])?[ \t]*[\"'`“]{1,2}([\w-]{1,30})[\"'`”]{1,2}(?:\s*[:：–—]|[ \t]{2,}|\s+\()",
                after,
                re.MULTILINE,
            )
            keys = list(dict.fromkeys(lines))
        if not keys and (with_ := re.search(r"\bwith\b\s*(?P<keys>[\"'`“]\w[^.\n]{0,200})", after)):
            keys = _key_list(with_["keys"])
    allowed = {key: key_value(told, key, keys) or _shown_values(examples, key) for key in keys}
    scale = named_scale(told)
    if EACH.search(told) and scale.low is not None and scale.high is not None:
        scored = {match[1] for example in examples for match in _SCORED.finditer(example)}
        each = Value(numeric=True, low=scale.low, high=scale.high)
        allowed |= {
            key: each for key, value in allowed.items() if value is None and key in scored and not _SUM.match(key)
        }
    if not keys and scale.low is not None and scale.high is not None and re.search(r"\bscore\b", told, re.IGNORECASE):
        whole = Value(numeric=True, low=scale.low, high=scale.high)
        return allowed, dict.fromkeys(("score", "Score"), whole)
    inner = {match[1] for match in _KEY.finditer(told) if match[1] not in keys} if examples else set()
    inner |= set(_QUOTED_KEY.findall(named["keys"])) - set(keys) if outer and (named := _KEYS.search(told)) else set()
    found = {key: key_value(told, key, [*keys, *inner]) for key in inner}
    return allowed, {key: value for key, value in found.items() if value is not None}


def _shown_values(examples: Sequence[str], key: str) -> Value | None:
    """The words that a verdict's key has in examples: {"decision": "accept"}, {"decision": "reject"}."""
    alone = all(set(_KEY.findall(one)) == {key} for one in examples)
    if len(examples) < 2 or not (alone or _VERDICT.search(key)):
        return None
    found = [re.search(rf"[\"']{re.escape(key)}[\"']\s*:\s*[\"'](\w[\w -]{{0,20}})[\"']", one) for one in examples]
    words = dict.fromkeys(one[1] for one in found if one)
    return Value(tuple(words)) if len(words) > 1 and all(found) else None


_SUM = re.compile(r"total|sum\b", re.IGNORECASE)
_VERDICT = re.compile(
    r"decision|verdict|label|judge?ment|winner|choice|class|preference|grade|result|status|assessment|outcome",
    re.IGNORECASE,
)
_SCORED = re.compile(
    r"['\"“`]{1,2}([\w\u4e00-\u9fff -]{1,40})['\"”`]{1,2}\s*[:：]\s*[<\[]?"
    r"(?:\d|score|number|int|float|rating|打分|分数)"
)


def _values_named(told: str) -> set[str]:
    """Quoted words that are values: behind "is" or "either", or in a list with "or"."""
    found: set[str] = set()
    for one in lists.lists(told):
        if one.kind == "quoted" and re.search(r"\bor\b|[/|]", told[one.start : one.end]):
            found |= set(one.literals)
    return found


def _key_list(text: str) -> list[str]:
    """The quoted keys of `"score" and "reason"`, up to what says something of one of them."""
    text = re.split(r"\beach\b|\bwhere\b|\bwhose\b|\bwith value|\bis\b|\bmust\b|\bshould\b", text)[0]
    return list(dict.fromkeys(_QUOTED_KEY.findall(text)))


@lru_cache(maxsize=64)
def _examples(told: str) -> tuple[tuple[int, str], ...]:
    """The objects that a prompt shows, each with where it begins and without what is nested in it."""
    found, depth, flat, start = [], 0, "", 0
    for at, character in enumerate(told):
        start = at if character == "{" and depth == 0 else start
        depth += (character == "{") - (character == "}")
        if depth == 1:
            flat += character
        elif depth <= 0:
            depth = 0
            if flat and _KEY.search(flat):
                found.append((start, flat))
            flat = ""
    return tuple(found)


#: "with the 'verdicts' key mapping to a list of JSON objects"
_LIST_KEY = re.compile(
    r"[\"'`](\w{1,40})[\"'`] key (?:mapping to|as|being|containing|with|holding|which is) (?:a|the) (?:json )?"
    r"(?:list|array)\b",
    re.IGNORECASE,
)
#: Keys without quotes, a line each: "with these keys:" above "harm_label: one of [...]".
_KEY_LINES = re.compile(
    r"\b(?:keys|fields|properties)\b[^\n:]{0,30}:[ \t]*\n"
    r"(?P<lines>(?:[ \t]*(?:[-*•][ \t]*)?[a-z]\w*[ \t]*[:：(–-][^\n]*(?:\n|$)){1,12})"
)

"""Scales in instructions: "from 1 to 10", "out of 5", "(0-50)", "0 a 20", "1到10的整数"."""

from __future__ import annotations

import re
from functools import lru_cache

from mtrl_judge_plugin.formats.values import Value

_NUMBER = r"[-+−]?(?:\d{1,4}(?:\.\d{1,3})?|\.\d{1,3})"
#: A range of things is not a scale: "10-20 seconds"; a range of points is one.
_NO_UNIT = (
    r"(?!\.?\d|[A-Za-z0-9_]*\d|\s?-?(?!points|stars|marks|levels|scores|inclusive|puntos|Punkte|pontos|"
    r"sterne)[a-z]{3,20}s\b|\s?(?:words?|seconds?|sentences?|items?|%\s?of)\b)"
)
_TO = (
    r"\s*(?:分|점|点)?\s*(?:-|–|—|−|~|〜|～|to|through|up to|bis|a|à|al|até|hasta|到|至|から|"
    r",\s?\.\.\.,?|\.\.+|에서|부터)\s*"
)
_RANGE = re.compile(
    rf"(?:\b(?:between|from|scale of|range of|range|within|zwischen|von|entre|del?|desde|tra|"
    rf"da)\s+(?P<a>{_NUMBER})(?:\s*\([^()\n]{{1,30}}\))?\s*"
    rf"(?:and|to|-|–|und|bis|y|e|et|a|à|hasta|al|até)\s*(?P<b>{_NUMBER})"
    rf"|[\[(<]\s*(?P<c>{_NUMBER})(?:{_TO}|,\s?(?:{_NUMBER},\s?){{0,10}})(?P<d>{_NUMBER})\s*[\])>]"
    rf"|(?<![A-Za-z0-9_.,:/-])(?P<e>{_NUMBER})(?:\s?\([^()\n]{{1,30}}\))?(?:{_TO})(?P<f>{_NUMBER}))(?![.,]\d){_NO_UNIT}",
    re.IGNORECASE,
)
_MOST = re.compile(
    rf"\b(?:out of|maximum of|up to|at most|sur|sobre|von maximal|max\.?|/)\s?(?P<most>\d{{1,4}})\b{_NO_UNIT}|"
    rf"满分(?P<full>\d{{1,4}})分?",
    re.IGNORECASE,
)
_STARS = re.compile(r"\b(?P<one>one|1)\s(?:to|and)\s(?P<many>five|ten|three|seven|four)\b", re.IGNORECASE)
#: "5段階で評価", "5-stufige Skala"
_STEPS = re.compile(r"(?<!\d)(\d{1,2})(?:\s?段階|-?stufige[nr]? Skala)")
_WORDS = {"one": 1, "three": 3, "four": 4, "five": 5, "seven": 7, "ten": 10}
#: What a sentence speaks of that names the scale.
_SCALE = re.compile(
    r"score|rate\b|rating|\branging|scale|grade|mark|point|evaluate|number|integer|digit|value|star|level|share|percent|"
    r"per cent|quality|decimal|float|"
    r"avali|classifi|puntu|evalu|benot|confidence|probability|similarity|agree|점|정수|"
    r"分|评|整数|数字|Zahl|Note|Punkt|Skala|bewerte|nota|punt|número|escala|entero|nombre|entier|点|採点|数値|段階|評価",
    re.IGNORECASE,
)
#: One scale for all of several scores.
EACH = re.compile(r"\beach\b|\ball of them\b|每项|各项|分别|每一?个|jeweils|cada", re.IGNORECASE)
_OUT_OF = re.compile(r"\bout of \d{1,4}\s*(?:[?.,;:)]|$)", re.IGNORECASE)
_ROUNDING = re.compile(r"\b(?:nearest|round(?:ed|ing)?)\b", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<!e\.g)(?<!i\.e)[.!?。！？]\s|(?<=[。！？])|\n", re.IGNORECASE)
_WHOLE = re.compile(
    r"\binteger|whole number|\bint\b|整数|ganze|Ganzzahl|enter[oa]|entier|inteir[oa]|"
    r"no decimals?|without decimals?|整数",
    re.IGNORECASE,
)
_DECIMAL = re.compile(r"decimal|float|fraction|half points|\.5|小数|Dezimal|小数", re.IGNORECASE)
_PERCENT = re.compile(
    r"percent|per cent|(?<!within \d)(?<!within \d\d)%|百分|Prozent|por ciento|pourcent|パーセント", re.IGNORECASE
)


def scale_of(told: str, near: str = "") -> Value:
    """The number that instructions ask for: its range, where they name one and not several, and whether it is whole.

    >>> value = scale_of("The clip is 10-20 seconds long. Rate it out of 5 stars.")
    >>> value.low, value.high
    (0.0, 5.0)

    Args:
        told: the instructions.
        near: the part of them that asks for the number: a range there goes before others.
    """
    percent = bool(_PERCENT.search(near or told))
    whole = bool(_WHOLE.search(near or told)) and not _DECIMAL.search(near)
    low, high = _widest(_ranges(near, every=True)) if near else (None, None)
    if low is None:
        low, high = _widest(_ranges(told))
    if low is None and percent:
        low, high = 0.0, 100.0
    return Value(numeric=True, low=low, high=high, whole=whole, percent=percent)


def _widest(ranges: frozenset[tuple[float, float]]) -> tuple[float, float] | tuple[None, None]:
    """The range that holds all others, which are its bands ("0-10: 7-9 mostly, 4-6 partly"); none where none does."""
    low, high = min((low for low, _ in ranges), default=None), max((high for _, high in ranges), default=None)
    if low is None or high is None or (low, high) not in ranges:
        return None, None
    bands = len(ranges) == 1 or any(begin > low for begin, _ in ranges)  # else "up to 12" and "up to 8"
    return (low, high) if bands else (None, None)


@lru_cache(maxsize=64)  # every sign looks through the same instructions
def _ranges(text: str, *, every: bool = False) -> frozenset[tuple[float, float]]:
    found: set[tuple[float, float]] = set()
    ends: set[float] = set()
    for sentence in _SENTENCES.split(re.sub(r"\bthrough 0 to\b", "to", text)):
        if _ROUNDING.search(sentence) or not (every or _SCALE.search(sentence) or _OUT_OF.search(sentence)):
            continue
        for match in _RANGE.finditer(sentence):
            least, most = [float(value.replace("−", "-")) for value in match.groups() if value is not None]
            found |= {(least, most)} if least < most else set()
        found |= {(1.0, float(steps)) for steps in _STEPS.findall(sentence)}
        for match in _STARS.finditer(sentence):
            found.add((1.0, float(_WORDS[match["many"].lower()])))
        ends |= {float(match["most"] or match["full"]) for match in _MOST.finditer(sentence)}
    ends |= {
        float(points) for points in re.findall(r"\b(\d{1,2})-point (?:scale|scor|rating|likert|grading|additive)", text)
    }
    found |= {(0.0, most) for most in ends - {most for _, most in found}}
    return frozenset(found)

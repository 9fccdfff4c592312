"""Lists of literals in instructions: `"yes" or "no"`, `PASS / FAIL`, `1 if ..., else 0`, `K = keep, L = leave`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from mtrl_judge_plugin.formats.asking import VERBS, Listed, bare, is_example, is_strict, leads
from mtrl_judge_plugin.formats.enumerations import defined, enumerated, plain, tabled
from mtrl_judge_plugin.formats.values import folded

_QUOTES = (
    r"\"[^\"\n]{1,60}\"|“[^“”\n]{1,60}”|„[^„“”\n]{1,40}[“”]|‘[^‘’\n]{1,40}’|「[^「」\n]{1,40}」|『[^『』\n]{1,40}』|"
    r"«[^«»\n]{1,40}»|`[^`\n]{1,40}`|(?<![\w'])'(?![ts]\b)[^'\n]{1,40}'(?![\w'])|''[^'\n]{1,40}''"
)
_KNOWN = (
    r"yes|no(?! (?:other|more|explanations?|additional|further|extra|text|words?|punctuation|reason\w*|"
    r"comments?|quotes?|markdown|need|matter|longer|one|way|such|doubt|prose|preamble|answer)\b)|true|false|"
    r"partially correct|correct|incorrect|not attempted|unclear|right|wrong|tie|both|neither|possible|impossible|"
    r"pass|fail|safe|unsafe|good|bad|same|different|equivalent|supported|unsupported|relevant|irrelevant|valid|"
    r"invalid|match|mismatch|"
    r"accept|reject|positive|negative|neutral|unknown|ja|nein|sí|si|oui|non|sim|não|はい|いいえ|是|否|对|错|正确|错误|無|有"
)
_ITEM = re.compile(
    rf"(?P<quoted>\*{{0,2}}(?:{_QUOTES})\*{{0,2}})"
    r"|(?P<symbol>#[a-z]\w{1,20}|[\U0001F300-\U0001FAFF\u2705\u274c\u2713\u2717\u2714\u2718\u25cb\u25ef\u00d7])"
    r"|(?P<bold>\*\*[^*\n]{1,30}\*\*)"
    r"|(?P<name>\b(?:response|answer|assistant|model|image|option|candidate|system|caption|video|output|"
    r"translation|summary|story|player)[ _](?:[A-D]|[1-4])\b)"
    r"|(?P<caps>(?-i:(?<![A-Za-zÀ-ɏ0-9_-])[A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ_]{1,}(?:[ -][A-Z][A-Z_]{1,}){0,2}(?![A-Za-zÀ-ɏ0-9_])))"
    rf"|(?P<known>(?<![\w'])(?:{_KNOWN})(?![\w']))"
    r"|(?P<code>(?-i:(?<![A-Za-z0-9_-])[A-Z]\d{1,2}(?![A-Za-z0-9_])))"
    r"|(?P<letter>(?-i:(?<![A-Za-z0-9_'’.&-])[A-Z](?:[+-](?=[\s,;/|.)]|$))?(?![A-Za-z0-9_'’&]|\.[A-Za-z])))"
    r"|(?P<number>(?<![A-Za-z0-9_.,+-])[-+]?\d{1,3}(?:\.\d{1,2})?(?![A-Za-z0-9_]|\.\d))",
    re.IGNORECASE,
)
_OR = (
    r"or|and|oder|und|ou|et|o|y|e|或者|或|和|か|hoặc|или|또는|혹은|または|もしくは|あるいは|"
    r"versus|vs\.?|otherwise|else|sonst|si ?no|sinon|否则|不然"
)
_SEP = rf"(?:\s*(?:[,/|;、，；]|(?:(?<=\W)|(?<=\s)|(?<=[\"'”’`*）」』])|\b)(?:{_OR})(?![a-z])))+"
_LEAD = (
    rf"(?:\s*\b(?:a|an|the|with|simply|just|only|(?:{VERBS})(?: with)?)\b|"
    r"\s*(?:输出|回答|回复|返回|写|则))*\s*[:：]?\s*"
)
_CLAUSE = (
    r"(?:\s*[(（][^()（）\n]{1,90}[)）])?(?:\s*(?:[:=–—-]|\b(?:if|when|for|means?|meaning|indicat\w+|denot\w+|"
    r"represents?|stands for|to|where|in case|"
    r"wenn|falls|für|si|cuando|para|quand|pour|se|の場合は?|なら)(?![a-z]))[^\n\"“”「」`]{1,140}?)?"
)
_GAP = re.compile(rf"{_CLAUSE}{_SEP}{_LEAD}", re.IGNORECASE)
#: "... reply with 'correct'. If it differs, reply with "
_SENTENCE_GAP = re.compile(
    rf"[^\"“”「」\n]{{0,140}}?[.;。；,，]?\s*[^\"“”「」\n]{{0,120}}\b(?:{VERBS})\b(?: (?:with|only|as|the word|"
    rf"a))*\s*[:：]?\s*",
    re.IGNORECASE,
)
_ZH_GAP = re.compile(r"[^\"“”「」\n]{0,60}?(?:输出|回答|回复|返回|写|填|给出|判为)\s*[:：]?\s*")
_LONGEST_GAP = 200
_CJK_GAP = 24


@lru_cache(maxsize=64)  # every sign looks through the same instructions
def lists(told: str) -> tuple[Listed, ...]:
    """The lists of instructions, in their order."""
    found: list[Listed] = []
    items = list(_items(told))
    for allowed in _KINDS:
        group: list[_Item] = []
        for item in items:
            if item.kind not in allowed:
                continue
            gap = told[group[-1].end : item.start] if group else ""
            # "1 is different and 10 the same": two words of different kinds are no list without an "or".
            apart = len(allowed) > 2 and re.fullmatch(r"\s*and\s*", gap)
            if group and (apart or not _joined(gap, group[-1], item)):
                found += _listed(told, group, allowed)
                group = []
            group.append(item)
        found += _listed(told, group, allowed)
    set_out = [*defined(told)]
    words = [one for one in plain(told) if not any(_is_gloss(one, of) for of in set_out)]
    return tuple(sorted([*found, *set_out, *words, *enumerated(told), *tabled(told)], key=lambda one: one.start))


def _is_gloss(one: Listed, of: Listed) -> bool:
    """Whether words stand in what explains the items of another list."""
    return of.told and of.start < one.start and one.end <= of.end and not set(one.literals) & set(of.literals)


@dataclass(frozen=True)
class _Item:
    """A word that may be a literal."""

    kind: str
    literal: str
    start: int
    end: int


_KINDS = (
    ("quoted", "bold"), ("symbol",), ("name",), ("caps",), ("known",), ("code",), ("letter",), ("number",),
    ("quoted", "letter", "caps", "known", "number", "name"),
)  # fmt: skip


def _items(told: str) -> Iterator[_Item]:
    """Every word that may be a literal. "Answer 1" is a name beside "Answer 2", and else a verb and a number."""
    matches = list(_ITEM.finditer(told))
    names = {match[0].casefold() for match in matches if match.lastgroup == "name"}
    nouns = Counter(name[:-2] for name in names)
    for match in matches:
        kind, text = str(match.lastgroup), match[0]
        if kind == "number" and _NUMBERED.match(told, told.rfind("\n", 0, match.start()) + 1, match.end() + 2):
            continue  # the "3." of a numbered line
        if kind == "caps" and _EMPHASIS.match(text):
            continue
        if kind == "quoted" and text[-2:-1] in (":", "："):
            continue  # a label
        if kind == "letter" and "N/A" in (
            told[match.start() : match.end() + 2],
            told[max(0, match.start() - 2) : match.end()],
        ):
            continue
        if kind == "name" and nouns[text[:-2].casefold()] == 1:
            yield _Item("number" if text[-1].isdigit() else "letter", text[-1], match.end() - 1, match.end())
        else:
            yield _Item(kind, bare(text), match.start(), match.end())


#: Words in capitals that stress an instruction: "DO NOT", "ONLY".
_EMPHASIS = re.compile(
    r"(?:DO|DOES|DON|NEVER|ALWAYS|MUST|SHOULD|ONLY|EXACTLY|STRICTLY|JUST|RETURN|OUTPUT|PROVIDE|RESPOND|REPLY|WRITE|PRINT|"
    r"PLEASE|IMPORTANT|CRITICAL|WARNING|REMEMBER|ANY|AND|OR|THE|THIS|THAT|YOUR|YOU|OF|IN|IF|JSON|XML|NOTHING|WITHOUT|"
    r"BEFORE|AFTER|EVERY|EACH|ALSO)(?![A-Z])|NOT\Z",
)
_NUMBERED = re.compile(r"[ \t]*\d{1,2}[.)]\s\Z")


def _joined(gap: str, before: _Item, item: _Item) -> bool:
    """Whether what stands between two items makes them a list."""
    if len(gap) > _LONGEST_GAP:
        return False
    if _GAP.fullmatch(gap):
        return True
    quoted, short = item.kind == "quoted", len(item.literal) <= 2
    if (
        (quoted or item.kind == "caps") and len(gap) <= _CJK_GAP and re.fullmatch(r"[^\x00-\x7f\"“”「」『』。]+", gap)
    ):  # 「○」、違えば「×」
        return True
    spoken = quoted and before.kind not in ("known", "bold") and not re.search(r"\n\s*\n", gap)
    return (spoken and bool(_SENTENCE_GAP.fullmatch(gap))) or ((quoted or short) and bool(_ZH_GAP.fullmatch(gap)))


def _listed(told: str, group: list[_Item], allowed: tuple[str, ...]) -> Iterator[Listed]:
    literals = tuple(dict.fromkeys(item.literal for item in group))
    same = len({folded(literal) for literal in literals}) != len(literals)
    if len(literals) < 2 or not all(literals) or (same and allowed != ("quoted", "bold")):
        return
    start, end = group[0].start, group[-1].end
    if is_example(told, start):
        return
    kind = allowed[0] if len(allowed) < 3 else "mixed"
    yield Listed(literals, start, end, kind, is_strict(told, start, end), leads(told, start))

"""Lists of literals that are set out: explained one by one, in bullet points, behind a colon, or as plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mtrl_judge_plugin.formats.asking import ONLY, VERBS, Listed, bare, is_example, is_strict, leads
from mtrl_judge_plugin.formats.values import folded

_WORDY = r"[^\W\d_][\w-]{0,18}(?: [^\W\d_][\w-]{1,14}){0,2}"
_NO_WORD = re.compile(
    r"(?:do not|don['’]t|never|please|explain|justify)(?: .*)?|"
    r"(?:a|an|the|this|that|your|one|with|without|by|in|of|from|for|as|and|it|to) .*|(?:the|this|that|it|any|"
    r"no|explanation\w*|text|words?|other|else|more|"
    r"less|reasons?|evidence|questions?|numbers?|both)(?: .*)?",
    re.IGNORECASE,
)
_DEFINITION = re.compile(
    r"^[ \t]*(?:[-*•][ \t]+)?(?P<item>[\"'“`(\[*]{0,3}(?:[A-Z]|[A-Z]{2,}(?:[_ ][A-Z]{2,})*|-?\d{1,3}|"
    r"[A-Za-z][\w-]{1,20}(?: \w{1,12})?)[\"'”`)\]*]{0,3})"
    r"[ \t]*(?:[:：=–—]|-(?=[ \t])|\.(?=[ \t])|\)(?=[ \t])|(?<=\))(?=[ \t])|\bmeans\b|if\b|when\b|"
    r"for\b)[ \t]*(?P<gloss>\S[^\n]*)$",
    re.MULTILINE,
)
_INLINE = re.compile(
    r"(?<![\w/])(?P<item>[\"'“]?(?:[A-Z]{1,20}|-?\d{1,2}|[a-z]{1,14})[\"'”]?)\s*(?:=|:(?=\s)|\bmeans\b|"
    r"\bfor\b(?=\s))\s*(?P<gloss>[^,;=\n.]{1,80})(?:[,;.]|$)",
    re.MULTILINE,
)
_CODES = re.compile(r"(?<![\w-])(?P<item>[A-Z]\d{1,2}|[A-Z])\s*\((?P<gloss>[^()\n]{1,60})\)")


_BULLETS = re.compile(
    rf"(?:^[ \t]*(?:[-*•]|\d[.)])[ \t]+[\"'`*]{{0,2}}{_WORDY}[\"'`*]{{0,2}}[ \t]*(?:\n|\Z)){{2,12}}", re.MULTILINE
)
_ONE_LINE = rf"[\"'`]?{_WORDY}[\"'`]?(?::[ \t]*<[^<>\n]{{1,60}}>)?"
#: "Respond with only one of the following:" above words on lines of their own.
_BARE_LINES = re.compile(
    rf"\bone of (?:the following|these|the)\b[^\n:]{{0,60}}:?[ \t]*\n\s*"
    rf"(?P<lines>{_ONE_LINE}(?:\n[ \t]*{_ONE_LINE}){{1,9}})[ \t]*(?=\n[ \t]*\n|\s*\Z)",
    re.IGNORECASE,
)
_NAMED_LIST = re.compile(
    rf"\b(?:possible|allowed|valid|following|these|those)?\s?(?:one of|choose from|pick from|from|grades?|"
    rf"labels?|answers?|values?|"
    rf"classes|categories|verdicts?|"
    rf"options?|types|tags|kinds|words?|levels?|choices|ratings?|outcomes?|rótulos|etiquetas|categorías|categorias|catégories|Kategorien|clases|Klassen|Werte|mots|palabras|Wörter|Worten|opciones|parole)\b(?:[^\n:.]{{0,30}}:|"
    rf"\s+(?:are|is))?\s+"
    rf"(?P<list>{_WORDY}(?:\s?[,/|]\s?{_WORDY}){{1,8}}(?:,?\s(?:or|and|oder|ou|"
    rf"e)\s{_WORDY})?)(?=\s*(?:[-–—,;:)!\n]|\.(?!\w)|$))",
    re.MULTILINE | re.IGNORECASE,
)
_CODED = re.compile(r"^[ \t]*(?P<item>\d{1,2}_[A-Za-z_]{3,40}|[IVX]{1,4}|[A-Z]\d)\b[ \t]*[(:=-]", re.MULTILINE)
_ROMAN = re.compile(r"(?<!\w)(?P<item>[IVX]{1,4})\s*\((?P<gloss>[^()\n]{1,40})\)")


#: "Judgement is 1; if they differ, Judgement is 0"
_BOTH_NAMED = re.compile(
    r"\b(?P<name>[A-Z][a-z]{3,14}) is (?P<a>-?\d|[A-Z]+)\b[^\n]{0,90}?\b(?P=name) is (?P<b>-?\d|[A-Z]+)\b"
)


#: "TRUE if safe"
_CONDITION = re.compile(r"\s+(?:if|when|for|where|wenn|falls|si)\s.*", re.IGNORECASE)


def _words_of(text: str) -> tuple[str, ...]:
    parts = re.split(r"\s*[,/|]\s*(?:or\s+)?|\s+(?:or|oder|o|ou|and|e)\s+", text)
    return tuple(word for part in parts if (word := _CONDITION.sub("", part.strip())))


def enumerated(told: str) -> Iterator[Listed]:
    """Words in bullet points, behind "Possible grades:", and codes with a gloss each."""
    for match in _BULLETS.finditer(told):
        lines = match[0].strip().splitlines()
        words = tuple(bare(re.sub(r"^\s*(?:[-*•]|\d[.)])\s+", "", line)) for line in lines)
        numbers = tuple(found[1] for line in lines if (found := re.match(r"\s*(\d)[.)]", line)))
        if len(numbers) == len(lines) and re.search(
            r"\b(?:its|the) number\b|编号|序号", told[match.end() :], re.IGNORECASE
        ):
            yield Listed(numbers, match.start(), match.end(), "code", True, True)
            continue
        before = told[max(0, match.start() - 200) : match.start()]
        if ONLY.search(before) or re.search(
            r"\b(?:labels?|one of|choose|classes|categories|grades?|options)\b", before, re.IGNORECASE
        ):
            yield Listed(
                words,
                match.start(),
                match.end(),
                "bare",
                bool(ONLY.search(before)) or is_strict(told, match.start(), match.end()),
                True,
            )
    for match in _BARE_LINES.finditer(told):
        words = tuple(map(bare, match["lines"].split("\n")))
        yield Listed(words, match.start("lines"), match.end("lines"), "bare", True, True)
    for match in _NAMED_LIST.finditer(told):
        if re.search(r"\binclud", match[0][: match.start("list") - match.start()]):
            continue  # examples
        words = _words_of(match["list"])
        start, end = match.start("list"), match.end("list")
        strict = is_strict(told, start, end)
        if (
            len(set(map(folded, words))) > 1
            and not any(_NO_WORD.fullmatch(word) for word in words)
            and (strict or ":" in match[0][: start - match.start()])
        ):
            yield Listed(words, start, end, "bare", strict or bool(ONLY.search(told[end : end + 200])), True)
    for match in _BOTH_NAMED.finditer(told):
        yield Listed((match["a"], match["b"]), match.start(), match.end(), "caps", True, True)
    for pattern in (_CODED, _ROMAN):
        codes = list(pattern.finditer(told))
        if len(codes) > 1 and len({match["item"] for match in codes}) == len(codes):
            start, end = codes[0].start(), codes[-1].end()
            strict = bool(ONLY.search(told[end : end + 300])) or is_strict(told, start, end)
            yield Listed(tuple(match["item"] for match in codes), start, end, "code", strict, True)


#: A table whose first column holds what may be said: "| code | meaning |".
_TABLE = re.compile(
    r"^[ \t|*_]{0,8}(?:code|label|class|category|verdict|grade|level|letter|mark|tag|value|rating|score|option|"
    r"symbol|answer)[ \t*_]{0,8}\|[^\n]*\n[ \t|:]{0,8}-{2,}[-:| \t]*\n"
    r"(?P<rows>(?:\|?[^|\n]+\|[^\n]*(?:\n|\Z)){2,12})",
    re.IGNORECASE | re.MULTILINE,
)


def tabled(told: str) -> Iterator[Listed]:
    """The first column of a table of codes and what they mean."""
    for match in _TABLE.finditer(told):
        cells = [bare(row.strip(" \t|").partition("|")[0].strip()) for row in match["rows"].strip().splitlines()]
        if len(set(cells)) == len(cells) and all(0 < len(cell) <= _LONGEST_CODE for cell in cells):
            start, end = match.start("rows"), match.end("rows")
            strict = bool(ONLY.search(told[end : end + 300])) or is_strict(told, start, end)
            yield Listed(tuple(cells), start, end, "code", strict, True)


_LONGEST_CODE = 24


def defined(told: str) -> Iterator[Listed]:
    """Lists whose items are explained, on lines of their own or one behind the other."""
    matches = list(_DEFINITION.finditer(told))
    run: list[re.Match[str]] = []
    for match in [*matches, None]:
        if match is not None and (not run or told[run[-1].end() : match.start()].strip(" \t\n") == ""):
            run.append(match)
            continue
        yield from _defined_run(told, run)
        run = [match] if match else []
    inline = list(_INLINE.finditer(told))
    run = []
    for match in [*inline, None]:
        if match is not None and (not run or not told[run[-1].end() : match.start()].strip(" ,;orand")):
            run.append(match)
            continue
        yield from _defined_run(told, run)
        run = [match] if match else []


def _defined_run(told: str, run: list[re.Match[str]]) -> Iterator[Listed]:
    literals = tuple(dict.fromkeys(bare(match["item"].strip("()[]*")) for match in run))
    if len(literals) < 2 or len({_kind(literal) for literal in literals}) > 1:
        return
    dotted = all(re.match(r"[ \t]*\d{1,2}[.)][ \t]", match[0]) for match in run)
    if (dotted and not _COUNTED.search(told)) or all(_CRITERION.match(match[0]) for match in run):
        return
    start, end = run[0].start(), run[-1].end()
    yield Listed(literals, start, end, "defined", is_strict(told, start, end), leads(told, start))


#: Where numbers of lines are what is asked for.
_COUNTED = re.compile(
    r"\b(?:number|digit|integer|scor\w+|scale|rat(?:e|ing)s?|grade|level|index)\b|"
    r"[1-9] ?(?:or|/|,) ?[1-9]|分|编号|序号|Zahl|Ziffer|número|番号|点",
    re.IGNORECASE,
)
#: "1. Faithfulness: Does it ...": a criterion with a number, and no point of a scale.
_CRITERION = re.compile(r"[ \t]*\d{1,2}[.)][ \t]+\**[^\W\d][\w /-]{1,40}\**[:：?]")


def _kind(literal: str) -> str:
    if re.fullmatch(r"-?\d+", literal):
        return "number"
    if re.fullmatch(r"[A-Z]", literal):
        return "letter"
    return "caps" if literal.isupper() else "word"


_BARE = re.compile(
    rf"(?:^|(?<=[.?!:]\s)|(?<=\n)|\b(?:with|only|either|just|one of|word|words|output|write|reply|answer|"
    rf"respond|say|print|exactly|as|put|palabra|mot|par|mit|con|com)\s*:?\s+)"
    rf"(?P<list>{_WORDY}(?:\s*[,/|]\s*{_WORDY}){{0,8}}(?:\s*[/|]\s*|\s*,?\s+(?:or|oder|o|ou|"
    rf"and)\s+){_WORDY})(?=\s*(?:[-–—.,;:)!\n]|$|\(|only\b|and nothing|depending|according|based))",
    re.MULTILINE,
)


#: From so many words on, "other" may be one of them.
_CLASSES = 3


def plain(told: str) -> Iterator[Listed]:
    """Lists of plain words, where the prompt says that one of them is all it wants: "agree, disagree or undecided"."""
    for match in _BARE.finditer(told):
        listed = re.sub(
            rf"^(?:(?:{VERBS})(?: with| par| mit| con| com)?\s+)?(?:(?:only|just|either|exactly)\s+)?",
            "",
            match["list"],
            flags=re.IGNORECASE,
        )
        literals = tuple(
            word
            for part in re.split(r"\s*[,/|]\s*(?:or\s+)?|\s+(?:or|oder|o|ou)\s+", listed)
            if (word := re.sub(r"\s+(?:pls|plz|please|only|alone)$", "", _CONDITION.sub("", part.strip())))
        )
        start, end = match.start("list"), match.end("list")
        strict = is_strict(told, start, end)
        before = told[max(0, start - 30) : start]
        asked = before.strip().endswith("?") or re.search(
            r"\b(?:reply|answer|respond|choose|say) with:?\s+(?:either |one of )?$|\bput\s+$", before, re.IGNORECASE
        )
        plainly = asked and re.search(r"\bor\b", match["list"]) and all(word.count(" ") < 2 for word in literals)
        differ = set(literals) if all(len(word) == 1 for word in literals) else set(map(folded, literals))  # "m or M"
        if len(differ) < 2 or not (strict or plainly) or is_example(told, start):
            continue
        words = [word for word in literals if word.casefold() != "other" or len(literals) < _CLASSES]
        if any(_NO_WORD.fullmatch(word) for word in words) or match["list"] == "N/A":
            continue
        yield Listed(literals, start, end, "bare", strict, leads(told, start))
    for match in _IDEOGRAPHS.finditer(told):
        literals = tuple(re.split(r"\s*(?:或者|或|、|/|／|\||または|か)\s*", match["list"]))
        start, end = match.start("list"), match.end("list")
        if len(set(literals)) == len(literals) and is_strict(told, start, end):
            yield Listed(literals, start, end, "bare", True, leads(told, start))


_IDEOGRAPH = r"[\u3400-\u9fff\u3040-\u30ff]{1,8}?"
#: "请只输出一个标签：入门 或 进阶 或 深度。"
_IDEOGRAPHS = re.compile(
    rf"(?:[:：]|输出|回答|回复|填写?|选择)\s*(?P<list>{_IDEOGRAPH}(?:\s*(?:或者|或|、|/|／|\||または|か)\s*{_IDEOGRAPH}){{1,8}})"
    r"(?=\s*(?:[。，,.；;）)\n]|$|中|之一|其中))"
)

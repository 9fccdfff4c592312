"""Signs of a bare value: a number, a letter, a word of a list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mtrl_judge_plugin.formats import lists
from mtrl_judge_plugin.formats.asking import ONLY, SENTENCE_END, Listed, is_strict
from mtrl_judge_plugin.formats.kinds import Bare
from mtrl_judge_plugin.formats.signs.found import Found, refused
from mtrl_judge_plugin.formats.signs.slots import LETTERS, goes_on, letters_of, named_scale
from mtrl_judge_plugin.formats.values import Value

_NOUN = (
    r"(?:number|integer|score|digit|index|probability|likelihood|float|rating|percentage|points?|decimal|mark|"
    r"grade|figure|value|"
    r"numeral|整数|数字|分数|得分|评分|Zahl|Ziffer|Note|Punktzahl|Punkte|número|nota|puntuación|"
    r"puntaje|nombre entier|(?<=seul )nombre|note|点数|数値|数)"
)
_NUMBER = re.compile(
    rf"\b(?:only|just|single|simply|directly|nothing but|nur|ausschließlich|exclusivamente|solo|sólo|solamente|"
    rf"únicamente|seulement|apenas|somente)\b[^.\n]{{0,60}}?(?<!to )\b{_NOUN}\b"
    rf"|\b(?:one|eine?|una?|um|uma)\s(?:\w{{1,12}} ){{0,2}}{_NOUN}\b"
    rf"|(?:只|仅)[^。\n]{{0,20}}?{_NOUN}|{_NOUN}[^。\n]{{0,12}}(?:だけ|のみ)|점수만|숫자[^.\n]{{0,8}}출력"
    r"|\(scores? only\)|\bnumber of (?:stars|points|marks) only\b"
    rf"|\b{_NOUN}\b[^.\n]{{0,40}}\b(?:only|alone|nothing else|and nothing|without)\b"
    rf"|(?:^|[.?!:]\s)(?:an? )?(?:\w{{1,12}} )?{_NOUN}\b(?=\s(?:between|from|in|out of)\b)"
    rf"|\bas an? (?:\w{{1,12}} ){{0,2}}{_NOUN}\b"
    rf"|\b(?:response|output|answer|reply) (?:should|must|has to|will) be (?:an?|one|the|that) (?:\w{{1,12}} ){{0,2}}"
    rf"{_NOUN}\b"
    rf"|\b{_NOUN}\b[^.\n]{{0,30}}\b(?:in|on|at) (?:the|a|its own|your) (?:last|final|end|very last) line\b"
    rf"|\b(?:answer|reply|respond|output|return|print|give|write|say)\w* (?:\w{{1,10}} )?(?:an?|one|the|your|this) "
    rf"(?:\w{{1,12}} ){{0,2}}{_NOUN}\b",
    re.IGNORECASE,
)
#: "1. Content: score out of 20" is one of several.
_CRITERION = re.compile(
    r"\s*(?:\d[.)]|[-*•])\s*\**(?!score|rating|grade|final|overall|output)[^\W\d][\w ]{0,30}\**[:：]", re.IGNORECASE
)
_OTHERS = re.compile(
    r"\b(?:or|return|output|respond with|reply with|answer with|write|say)\s+[\"'“]?(None|N/A|-1|"
    r"unknown)[\"'”]?(?![\w'])"
)
_MORE = re.compile(
    r"\b(?:explain|explanation|justif\w{1,10}|rationale|reasons? (?:for|why|behind)|comment|reasoning|describe|"
    r"because)\b|理由|解释|begründ|razon",
    re.IGNORECASE,
)
_NO_MORE = re.compile(
    r"(?:\b(?:not|without|nor|never|any)\b|(?<!or )(?<!or [\"'“])\bno\b|n['’]t)[^.\n]{0,60}|不要[^。\n]{0,20}",
    re.IGNORECASE,
)


def _free(told: str) -> bool:
    """Whether the prompt wants an explanation as well."""
    return bool(_MORE.search(_NO_MORE.sub("", told)))


_LONGEST_SENTENCE = 400


def _is_of_grades(one: Listed) -> bool:
    """Whether a list holds school grades."""
    return one.kind == "letter" and len(one.literals) > 2


#: "Reply with an integer."
_WITH_ONE = re.compile(
    r"(?:answer|reply|respond)\w* with (?:an?|one) (?:\w+ )?(?:integer|number|digit)\Z", re.IGNORECASE
)
#: "Reply with the number of the option that fits best."
_OF_AN_OPTION = re.compile(
    r"\b(?:number|index|digit) of (?:the|your|that|its|this) (?:\w+ ){0,2}"
    r"(?:option|statement|choice|category|class|level|case|answer|description|item|label|line)\b|"
    r"\b(?:option|statement|choice|category) number\b",
    re.IGNORECASE,
)


def _numbered(told: str) -> tuple[str, ...]:
    """The numbers of numbered lines, from 1 on (or 0); none where they do not go on by one."""
    numbers = [int(number) for number in re.findall(r"^[ \t]*[(\[]?(\d{1,2})[.):\]][ \t]", told, re.MULTILINE)]
    first = numbers[0] if numbers else 0
    whole = len(numbers) > 1 and first in (0, 1) and numbers == list(range(first, first + len(numbers)))
    return tuple(map(str, numbers)) if whole else ()


def numbers(told: str, context: str) -> Iterator[Found]:
    """One number."""
    for match in _NUMBER.finditer(told):
        line = told[told.rfind("\n", 0, match.end()) + 1 : match.end()]
        inside = re.match(
            r"[^.\n]{0,30}\b(?:inside|within|in) (?:the |a )?(?:box|bracket|brace|tag)", told[match.end() :]
        )
        if refused(told, match.start()) or _CRITERION.match(line) or inside:
            continue
        if match[0].lower().endswith(("grade", "mark")) and any(map(_is_of_grades, lists.lists(told))):
            continue
        sentence_end = re.compile(r"[.。\n]|$").search(told, match.end())
        before = SENTENCE_END.split(told[max(0, match.start() - 120) : match.start()])[-1]
        stop = min(sentence_end.start() if sentence_end else len(told), match.end() + _LONGEST_SENTENCE)
        near = before + told[match.start() : stop]
        scale = named_scale(told, near)
        strict = bool(ONLY.search(match[0])) or is_strict(told, match.start(), match.end())
        strict = strict or bool(_WITH_ONE.match(match[0]) and not _free(near))
        if scale.low is None and _OF_AN_OPTION.search(near) and (options := _numbered(told)):
            yield Found(Bare(value=Value(options, context=context), strict=strict), 1, 6, match.end())
            continue
        if not strict and scale.low is None:
            continue
        others = tuple(value for value in _OTHERS.findall(told))
        value = Value(
            others,
            numeric=True,
            low=scale.low,
            high=scale.high,
            whole=scale.whole,
            percent=scale.percent,
            context=context,
        )
        free = (not strict and _free(told)) or match[0].endswith("line")
        yield Found(
            Bare(value=value, free=free, strict=strict), 1, 3 * strict + 3 * (scale.low is not None), match.end()
        )


_LETTER = re.compile(
    r"\bwith (?:its|the|a|one) letter\b|\bits letter\b|"
    r"\b(?:only|single|just|directly|simply|one)\b[^.\n]{0,60}?\bletters?\b(?!\(s\))|"
    r"\bletters?\b(?!\(s\))[^.\n]{0,60}\b(?:only|directly|nothing else|alone)\b|"
    r"\bsingle (?:uppercase |capital )(?:character|letter)\b|只[^。\n]{0,16}字母|nur den Buchstaben|solo la letra|"
    r"\bletter\b[^.\n]{0,40}\bor\s-1\b",
    re.IGNORECASE,
)


#: "Your answer must start with 'Yes' or 'No'."
_BEGINS = re.compile(r"\b(?:start|begin)(?:s|ning)?\b[^.\n]{0,30}$", re.IGNORECASE)
#: "1 or 2, if same 0"
_IF_SAME = re.compile(
    r"\bif (?:\w+ ){0,3}(?:the same|same|equal|tied?|neither|none|both|unsure|unclear),? (?:(?:answer|reply|"
    r"output|say|write|"
    r"return|then|use) )?[\"']?(?P<word>\d|[A-Z]|[A-Z]{2,8})[\"']?(?=[\s.,;]|$)"
)
#: School grades: "with + or - where it fits".
_SIGNED = re.compile(r"(?:\+ ?(?:or|and|/|,) ?[-−–]|\bplus(?:es)? (?:or|and) minus)", re.IGNORECASE)
#: "If none fits, output Z."
_ANOTHER = re.compile(
    r"\b(?:output|return|write|say|answer|reply(?: with)?)\s+[\"'“]?(?P<letter>[A-Z])[\"'”]?(?=[.,;\n])"
)


_ANSWER_WITH = re.compile(r"(?:answer|reply|respond|say|write|output|choose|pick)(?: with)?:?\s*\Z", re.IGNORECASE)
#: "PASS or FAIL and a short justification"
_AND_MORE = re.compile(
    r"[\"'”`]?,?\s*(?:and|y|und|et|e|plus|followed by|then|with)\s+(?:also\s+)?(?:an?|una?|eine?|une?|uma?|your|one)\s+"
    r"(?:\w+\s){0,2}(?:justif|expl|reason|begründ|razon|raison|erkl|comment|rationale)",
    re.IGNORECASE,
)
#: 'If none of them fits, return "none".'
_NONE = re.compile(
    r"\b(?:return|reply|respond(?: with)?|output|say|write|or)\s+[\"'“](none|unknown|other|n/a|unclear|neither)[\"'”]",
    re.IGNORECASE,
)
#: "If UNSAFE, add a colon and the reason."
_ADD = (
    r"(?:also )?(?:add|append|give|state|explain|include|follow (?:it|this)|put|write)\b[^.\n]{0,50}"
    r"\b(?:reasons?|why|explanation)"
)
_NEAR_END = 80
_ONE_OF = re.compile(r"\b(?:one of|from among)(?: these| the following)?:?\s*\Z", re.IGNORECASE)
_PART = re.compile(
    r"score|rating|grade|label|verdict|answer|type|quality|category|class|tag|reason\w*|explanation|comment|rationale|justification|why",
    re.IGNORECASE,
)


def _glosses(words: Sequence[str], context: str) -> bool:
    """Whether words are what letters stand for ("A: CORRECT"), where the prompt asks for the letters."""
    lettered = [re.search(rf"^\W*([A-Z])\W{{1,3}}{re.escape(word)}\W*$", context, re.MULTILINE) for word in words]
    return all(lettered) and bool(re.search(r"\bletters?\b", context))


def _holds(longer: Listed, one: Listed) -> bool:
    """Whether a list is part of a longer one at the same place."""
    around = longer.start <= one.start and one.end <= longer.end
    return longer.kind in ("bare", "quoted", "letter") and around and set(one.literals) < set(longer.literals)


def words(told: str, context: str) -> Iterator[Found]:
    """One word of a list, or one letter."""
    listed = lists.lists(told)
    for one in listed:
        literals = one.literals
        numeric = all(re.fullmatch(r"-?\d+(?:\.\d+)?", word) for word in literals)
        if numeric and re.search(r"(?:e\.g\.?|for example|like)[,:]?\s*\Z", told[: one.start], re.IGNORECASE):
            continue  # "a number (e.g. '7' or '8.5')"
        if one.kind in ("number", "defined") and numeric:
            values = [float(word) for word in literals]
            scale = re.match(r".{0,3}\[|\bscale|\bfrom\b", told[max(0, one.start - 8) : one.start])
            if (one.kind == "defined" and len(literals) > 2) or scale:
                continue  # the points of a scale, which `_numbers` reads
            if not (one.told or one.strict) or (
                len(values) == 2 and not {0.0, 1.0, -1.0} >= set(values) and not one.strict
            ):
                continue
        if one.kind == "number" and re.search(r"\d\s*:", told[one.start : one.end]):
            continue
        if goes_on(told, one.end) and all(re.fullmatch(r"[A-Z]|\d+", word) for word in literals):
            continue
        if one.kind in ("known", "mixed", "bare") and any(_holds(other, one) for other in listed):
            continue  # "yes, no" in "yes, no or unsure"
        if all(_PART.fullmatch(word) for word in literals):
            continue  # the parts of a form
        if re.search(r"(?<!\[)\[\s*$", told[: one.start]) and "," in told[one.start : one.end]:
            continue  # a list of them: "['YES', 'NO']"
        if one.kind == "caps" and _glosses(literals, context):
            continue
        questioned = told[max(0, one.start - 3) : one.start].strip().endswith("?")  # "Is it right? yes/no"
        if not (one.strict or one.told or (questioned and len(told) - one.end < _NEAR_END)):
            continue
        asked = _ANSWER_WITH.search(told[: one.start]) and re.match(r"[.!?]", told[one.end :])  # "Answer A or B."
        last = one.told and not told[one.end :].strip(" .\n")  # "pick one, A or B."
        lettered = one.told or _LETTER.search(told) or re.search(r"\b(?:grade|mark)\b", told)
        if one.kind == "letter" and not (asked or last) and not (one.strict and lettered):
            continue
        if one.kind == "mixed" and any(set(other.literals) == set(literals) and other is not one for other in listed):
            continue
        if (
            one.kind == "defined"
            and not one.strict
            and not re.search(r"\b(?:one of|following|choose|select|label|category|grade)\b", told, re.IGNORECASE)
        ):
            continue
        others = (
            tuple(value for value in _OTHERS.findall(told) if value not in literals and not value.startswith("-"))
            if one.kind == "letter"
            else ()
        )
        if one.kind == "bare":
            others = tuple(word for word in dict.fromkeys(_NONE.findall(told)) if word not in literals)
        same = tuple(found["word"] for found in _IF_SAME.finditer(told) if found["word"] not in literals)
        minus = ("-1",) if one.kind == "letter" and re.search(r"\bor\s[\"']?-1\b", told) else ()
        begins = bool(_BEGINS.search(told[max(0, one.start - 60) : one.start]))
        explained = any(re.search(rf"(?<!\w){re.escape(word)}[\"'”`]?\s*:\s*[<\[{{]", told) for word in literals)
        followed = bool(_AND_MORE.match(told[one.end :]))
        added = any(re.search(rf"\b[Ii]f [\"'“‘`]?{re.escape(word)}[\"'”’`]?,? {_ADD}", told) for word in literals)
        free = begins or explained or followed or added or (not one.strict and _free(told))
        opened = tuple(re.sub(r"\s*[:：]?\s*(?:<[^<>]*>|\[[^\[\]]*\]|\.\.\.)$", "", word) for word in literals)
        if opened != literals and all(opened):  # "PASS" or "FAIL: <one sentence reason>"
            literals, free = opened, True
        if all(re.fullmatch(r"[A-Z]", word) for word in literals) and _SIGNED.search(told):
            literals = tuple(word + sign for word in literals for sign in ("", "+", "-"))
        score = (
            3 * one.strict
            + 2 * one.told
            + (one.kind in ("quoted", "caps", "bare", "name", "code"))
            - (one.kind in ("mixed", "letter", "number"))
            + 3 * (one.kind == "mixed" and bool(_ONE_OF.search(told[: one.start])))
        )
        yield Found(
            Bare(
                value=Value((*literals, *others, *minus, *dict.fromkeys(same)), context=context),
                free=free,
                strict=one.strict,
            ),
            1,
            score,
            one.end,
        )
    for match in _LETTER.finditer(told):
        if refused(told, match.start()):
            continue
        window = told[max(0, told.rfind("\n\n", 0, match.start())) : match.end() + 120]
        letters = letters_of(window) or letters_of(told)
        others = tuple(value for value in _OTHERS.findall(told))
        another = [found["letter"] for found in _ANOTHER.finditer(told) if letters and found["letter"] not in letters]
        value = Value((*(letters or LETTERS), *dict.fromkeys(another), *others), context=context)
        yield Found(Bare(value=value, strict=True), 1, 5 + bool(letters), match.end())

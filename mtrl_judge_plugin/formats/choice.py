"""One of a Sample's choices in a free-form reply, for judges that were not trained on our format.

The same strict reading as for other people's formats, with the choices as the literals. A verdict stands alone, on the
last line, behind a label of the judge's own ("Final answer: B"), in `[[ ]]` or a box, or in a JSON field of that name;
words may follow it behind a mark ("Yes, it matches."). Where two places disagree, or the reply takes it back: none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mtrl_judge_plugin.formats.lines import RETRACTION, lines_of, quoted
from mtrl_judge_plugin.formats.objects import values
from mtrl_judge_plugin.formats.values import DENIAL, UnreadableError, Value, folded, layers, unwrapped

_NAMES = (
    r"answers?|verdict|choice|judge?ment|decision|rating|score|preference|ranking|label|grade|winner|result|"
    r"conclusion|assessment|evaluation|"
    r"判断|答案|结论|结果|评分|得分|判定|評価|結果|回答|点数|정답|결과|판정|점수|평가|Urteil|Antwort|Ergebnis|Bewertung|Respuesta|"
    r"Clasificación|Veredicto|Resultado|Puntuación|Réponse|Résultat|Verdikt|Оценка|Ответ|Вердикт|"
    r"preferred(?: response)?|better(?: response| one)?|best(?: response)?|rank|classification|class"
)
_LABELLED = re.compile(
    rf"(?:^|(?<=[.!?;,]\s)|(?<=\n))[ \t>#*_\"'`(\[{{•-]*(?:(?:so|therefore|thus|hence|in conclusion|overall|"
    rf"then|and|but),?\s+)?"
    rf"(?:(?:the|my|our|final|overall|on reflection)[\s,]+){{0,4}}(?P<name>{_NAMES})[*_\"'`\]]*\s*(?:[:：=]|"
    rf"\bis\b|\bgoes to\b)\s*[:：]?(?:[*_]{{1,3}}(?=\s))?[ \t]*(?P<rest>[^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_MARKED = (
    re.compile(r"\\boxed\{((?:[^{}\n]|\{[^{}\n]*\}){1,200})\}"),
    re.compile(r"\[\[([^\[\]\n]{1,200})\]\]"),
    re.compile(r"\[RESULT\][ \t]*([^\n]{1,80})"),
    re.compile(
        r"<(?:score|rating|verdict|answer|choice|grade|result|label|decision|judge?ment|"
        r"mark)>\s*([^<>\n]{1,200}?)\s*</",
        re.IGNORECASE,
    ),
    re.compile(r"<\|begin_of_box\|>([^\n]{1,200}?)<\|end_of_box\|>"),
)
#: "I choose B", "I would give it a 4", "I rate it 6 out of 10".
_DECIDED = re.compile(
    r"\bI(?:['’]d| would|['’]ll| will)? (?:choose|pick|prefer|select|go (?:with|for)|vote for|decide (?:for|"
    r"on)|conclude that it is|"
    r"(?:give|rate|score|grade|assign|award)(?: (?:it|this|them|the \w+))?)(?: an?| with an?|"
    r" as)? (?P<rest>[^\n]{1,80})",
    re.IGNORECASE,
)
_NOUNS = r"(?:the\s+)?(?:response|answer|assistant|option|image|model|candidate|choice|caption|video|output|system)"
_NAMED = re.compile(
    rf"{_NOUNS}\s+(?P<choice>\S{{1,20}}?)(?:\s+(?:is|was)\s+(?:the\s+)?(?:clearly\s+|much\s+|"
    rf"slightly\s+)?(?:better|best|preferred)(?:\s+(?:one|response|answer))?)?",
    re.IGNORECASE,
)
_IS_BETTER = re.compile(
    r"(?P<choice>\S{1,20})\s+is\s+(?:the\s+)?(?:clearly\s+|much\s+|slightly\s+)?(?:better|best|"
    r"preferred)(?:\s+(?:one|response|answer))?",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?P<choice>[^\n]{1,40}?)[*_\"'`”’)\]]*\s*(?:[,.:;](?=\s)|\s[-–—](?=\s))\s*(?P<rest>\S[^\n]*)")
_OBJECT = re.compile(r"\{\s*[\"'“\w]")
_NEGATIVE = re.compile(r"no|not|false|in|un|dis|none|never|nein|否|不|错", re.IGNORECASE)


@dataclass(frozen=True)
class _Claim:
    """A place that claims to hold the verdict.

    Attributes:
        choice: the verdict; None where the place cannot be read.
        text: what stands there.
        end: where it ends in the reply.
    """

    choice: str | None
    text: str
    end: int


def choice_of(text: str, choices: Sequence[str]) -> str | None:
    """The choice that the visible part of a reply decides for, in the caller's spelling; None where it is not clear.

    >>> choice_of("Both show a cat.\\n\\nFinal answer: **b**", ["A", "B"])
    'B'
    >>> choice_of("Answer: A or B", ["A", "B"]) is None
    True
    """
    reader = _Reader(choices)
    if (found := reader.exact(text)) is not None:
        return found
    claims = list(_claims(text, reader))
    said = {claim.choice for claim in claims if claim.choice is not None}
    if len(said) != 1:
        return None
    (choice,) = said
    first = min(claim.end for claim in claims if claim.choice is not None)
    unread = any(claim.choice is None and reader.mentions_other(claim.text, choice) for claim in claims)
    if unread or RETRACTION.search(re.sub(r"\?", "", text[first:])):
        return None
    return choice


def _claims(text: str, reader: _Reader) -> Iterator[_Claim]:
    for pattern in _MARKED:
        for match in _unquoted(pattern, text):
            yield _Claim(reader.sentence(match[1]), match[1], match.end())
    for match in _unquoted(_LABELLED, text):
        rest = match["rest"]
        if re.match(r"[\"']\s*:", text[match.end("name") :]):
            continue  # the key of an object, whose fields are read below
        if not rest.strip(" *_") and (following := re.compile(r"\s*\n\s*([^\n]+)").match(text, match.end())):
            rest = following[1]
        marked = next((pattern.search(rest) for pattern in _MARKED if pattern.search(rest)), None)
        if marked is None and not rest.lstrip().startswith(("{", "[")):
            yield _Claim(reader.sentence(rest), rest, match.end())
    for match in _DECIDED.finditer(text):
        yield _Claim(reader.sentence(match["rest"]), match["rest"], match.end())
    try:
        for value, source in values(text, "{") if _OBJECT.search(text) else ():
            for key, field in value.items() if isinstance(value, dict) else ():
                if re.fullmatch(rf"(?:final_|overall_)?(?:{_NAMES})", str(key).strip(), re.IGNORECASE):
                    yield _Claim(reader.exact(str(field)), str(field), text.find(source) + len(source))
    except UnreadableError:
        pass
    lines = lines_of(text)
    told = lines and quoted(text, text.rstrip().rfind(lines[-1]), len(text))
    if lines and not told and (last := reader.sentence(lines[-1])) is not None:
        yield _Claim(last, lines[-1], len(text))


def _unquoted(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The matches that do not repeat somebody else's words."""
    return (match for match in pattern.finditer(text) if not quoted(text, *match.span()))


class _Reader:
    """Reads single places for one set of choices."""

    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = tuple(choices)
        whole = all(re.fullmatch(r"-?\d+", choice.strip()) for choice in choices)
        numbers = [int(choice) for choice in choices] if whole else []
        self.value = Value(
            self.choices,
            numeric=whole and len(choices) > 1,
            low=min(numbers, default=None),
            high=max(numbers, default=None),
            whole=True,
        )
        self.ranking = len(choices) > 1 and len({"".join(sorted(choice)) for choice in choices}) == 1

    def exact(self, text: str) -> str | None:
        """The choice that a text is: by itself, or by its name ("Response B", "Answer B is better")."""
        if "?" in text:
            return None
        for layer in layers(text):
            found = self.value.find(layer)
            named = _NAMED.fullmatch(layer) or _IS_BETTER.fullmatch(layer)
            if found is None and named:
                found = self.value.find_exact(named["choice"])
            if found is None and self.ranking:
                found = self.value.find_exact(re.sub(r"[\s,;>=→-]+|(?<=\w)\.(?=\s)", "", layer))
            if found is not None:
                return next((choice for choice in self.choices if folded(choice) == folded(found)), None)
        return None

    def sentence(self, text: str) -> str | None:
        """The same, or a choice with words behind a mark that do not say otherwise ("Yes, it matches.")."""
        if (found := self.exact(text)) is not None:
            return found
        match = _SENTENCE.match(unwrapped(text).lstrip("*_\"'`([ "))
        found = self.exact(match["choice"]) if match else None
        if match is None or found is None:
            return None
        rest = match["rest"]
        denied = DENIAL.search(rest) and not _NEGATIVE.match(found)
        if (
            denied
            or RETRACTION.search(rest)
            or self.mentions_other(rest, found)
            or re.match(r"(?:or|and)\b", rest, re.IGNORECASE)
        ):
            return None
        return found

    def mentions_other(self, text: str, choice: str) -> bool:
        """Whether a text speaks of another choice, or for numbers of any other number."""
        if self.value.numeric:
            return any(number != choice for number in re.findall(r"\d+(?:\.\d+)?", text))
        others = [one for one in self.choices if one != choice]
        return any(
            re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text, 0 if len(one) == 1 else re.IGNORECASE) for one in others
        )

"""What all readers of instructions share: verbs of writing, words for "nothing else", what a list of literals is."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Listed:
    """A list of literals.

    Attributes:
        literals: as the prompt spells them.
        start, end: where it stands in the instructions.
        kind: "quoted", "caps", "known", "letter", "code", "number", "name", "bare" or "defined".
        strict: the prompt wants one of them and nothing else.
        told: a verb of writing leads to it.
    """

    literals: tuple[str, ...]
    start: int
    end: int
    kind: str
    strict: bool
    told: bool


VERBS = (
    r"answer(?:ing)?|repl(?:y|ies|ying)|respon(?:d|se|ding)|return|output|say|writ(?:e|ing)|print|state|give|"
    r"choose|pick|provide|generate|use|"
    r"select|type|put|end|close|finish|conclude|begin|start|emit|classify|label|mark|report|assign|one of|"
    r"either|only|verdict|decide|repond\w*|répond\w*|classifique|pick|state|read|"
    r"输出|回答|回复|返回|写|填|给出|选择|判断为?|antworte\w*|schreib\w*|gib|wähle|ausgabe|responde\w*|escrib\w*|contest\w*|"
    r"elige|di|indica|réponds?|répondez|écri\w*|"
    r"responda|escreva|答え\w*|出力|書\w*|選\w*|返\w*"
)

ONLY = re.compile(
    r"\b(?:only|just|single|simply|directly|strict(?:ly)?|exactly|nothing else|nothing besides|never more|"
    r"no words|not a word|choose from|pick from|one letter|una sola|un seul|nothing more|nothing but|"
    r"no other|no more|without|alone|one of|one (?:letter|word|number|digit|token)|"
    r"no (?:additional|other|explanation|further|extra|more|text|words?)|do not (?:include|provide|output|"
    r"explain|add|write)|don['’]t (?:add|explain|include)|as it is written|"
    r"(?:whole|entire) (?:reply|answer|output|response)|consists? of|by itself|no (?:punctuation|quotes|"
    r"commentary|comments)|"
    r"nur|ausschließlich|nichts anderes|ohne|einem wort|exclusivamente|exclusively|mais nada|un seul mot|solo|"
    r"sólo|solamente|únicamente|nada más|sin|"
    r"una palabra|seulement|uniquement|rien d['’]autre|apenas|somente)\b|"
    r"只|仅|不要|라고만|만 출력|только|chỉ\b|Chỉ\b|فقط|만\b|除此之外|单独|だけ|のみ|以外|一语|一言",
    re.IGNORECASE,
)
VERB = re.compile(rf"(?<![\w-])(?:{VERBS})(?![\w-])|输出|回答|回复|判断|只写|选|答え|出力|書", re.IGNORECASE)
_NEGATED = re.compile(
    r"(?:\b(?:not|never|instead of|rather than|nicht|nunca|avoid|treat|ignore|regardless|whether)\b|"
    r"n['’]t\b)[^.!?,\n]{0,40}$|"
    r"\b(?:such as|including|between|difference|starting from|(?<!choice )(?<!choose )(?<!chosen )(?<!select )"
    r"(?<!selected )(?<!pick )(?<!one )(?<!option )(?<!choices )from"
    r"(?! (?:this|these|the (?:following|set|list|labels|options)))|like)\b[^.!?,\n]{0,20}$|不要[^。\n]{0,12}$",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(
    r"(?<!e\.g)(?<!i\.e)(?<!vs)[.!?](?=\s|$)(?!\s*(?:e\.g|i\.e|for (?:example|instance)))|[。！？]|\n\s*\n",
    re.IGNORECASE,
)


def bare(text: str) -> str:
    """A literal without its quotes."""
    text = text.strip().strip("*").strip()
    for _ in range(2):
        if len(text) > 2 and text[0] in "\"'“„‘「『«`" and text[-1] in "\"'“”’」』»`":
            text = text[1:-1].strip()
    return text.strip("*").strip().rstrip(".。") if len(text) > 1 else text


def is_example(told: str, start: int) -> bool:
    """Whether what leads to a list makes it an example, or something not to write."""
    before = told[max(0, start - 100) : start]
    if re.search(r"\[[\w ]{1,20}:\s*$", before):  # one of several fields, in brackets
        return True
    return bool(_NEGATED.search(SENTENCE_END.split(before)[-1]))


def is_strict(told: str, start: int, end: int) -> bool:
    """Whether the sentence at this place, or the next, wants this and nothing else."""
    before = told[max(0, start - 160) : start]
    behind = told[end : end + 200]
    ends = [match.end() for match in SENTENCE_END.finditer(behind)]
    window = SENTENCE_END.split(before)[-1] + told[start:end] + behind[: ends[1] if len(ends) > 1 else len(behind)]
    return bool(ONLY.search(window))


def leads(told: str, start: int) -> bool:
    """Whether a verb of writing stands before this place in its sentence."""
    before = SENTENCE_END.split(told[max(0, start - 160) : start])[-1]
    return bool(VERB.search(before))

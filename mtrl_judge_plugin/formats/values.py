"""What one slot of a reply may hold, a word of a list or a number in a range, and the strict reading of it.

Strict means: what is around the value is wrapping (a code fence, bold, quotes, brackets, a full stop), the value's own
gloss as the prompt gives it ("L4 (hard)"), or the end of its scale ("41/50"). A sentence is never searched for a value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property


class UnreadableError(ValueError):
    """The reply is not what the prompt asked for; the message says what was wanted."""


@dataclass(frozen=True)
class Value:
    """What a slot may hold.

    Attributes:
        literals: the words to choose from, as the caller spells them.
        numeric: numbers are allowed (beside the literals, if there are any).
        low, high: the ends of the scale, both allowed; None where they are not known.
        whole: numbers must be integers.
        context: the prompt; what it says a literal means may stand behind the literal.
        percent: the number is a percentage, so a "%" behind it changes nothing.
    """

    literals: tuple[str, ...] = ()
    numeric: bool = False
    low: float | None = None
    high: float | None = None
    whole: bool = False
    context: str = ""
    percent: bool = False

    @property
    def description(self) -> str:
        """For the judge: "one of yes, no", "a number from 0 to 10"."""
        words = ", ".join(self.literals)
        if not self.numeric:
            if len(self.literals) > 1:
                return f"one of {words}"
            return words or "a short text"
        number = "a whole number" if self.whole else "a number"
        if self.low is not None and self.high is not None:
            number += f" from {self.low:g} to {self.high:g}"
        elif self.high is not None:
            number += f" up to {self.high:g}"
        return f"{number}, or {words}" if words else number

    @property
    def choices(self) -> tuple[str, ...]:
        """Every text that the slot may hold, where these are few; () otherwise."""
        if not self.numeric:
            return self.literals
        if not (
            self.whole and self.low is not None and self.high is not None and self.high - self.low <= _MOST_CHOICES
        ):
            return ()
        return (*(str(number) for number in range(round(self.low), round(self.high) + 1)), *self.literals)

    @property
    def regex(self) -> str:
        """A regular expression of the texts that the slot may hold; a number may still be out of its range."""
        number = r"-?[0-9]{1,9}" if self.whole else r"-?[0-9]{1,9}(\.[0-9]{1,6})?"
        options = [re.escape(literal) for literal in self.choices or self.literals]
        return "|".join([*options, *([number] if self.numeric and not self.choices else [])]) or r"[^\n]{1,200}"

    @cached_property
    def _glosses(self) -> str:
        """The words of the prompt; a gloss stands straight behind its literal in the one way or the other."""
        said = tokens(self.context)
        return f" {said}  {re.sub(' (?:for|means|is|if|stands for|indicates) ', ' ', said)} "

    @cached_property
    def _spelled(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for literal in self.literals:
            found.setdefault(folded(literal), literal)
        if len(found) < len(self.literals):  # "m" and "M": only their case tells them apart
            return {}
        return found

    def find(self, text: str) -> str | None:
        """The value that a text is, in the caller's spelling; None where it is none, or more than that."""
        for layer in layers(text):
            if layer in self.literals:
                return layer
            if (literal := self._spelled.get(folded(layer))) is not None:
                return literal
            if (number := self._number(layer)) is not None:
                return number
        return self._with_gloss(unwrapped(text)) or self._named(text)

    def read(self, text: str) -> str:
        """The same, where there must be one.

        Raises:
            UnreadableError: it is none, or off the scale.
        """
        if (found := self.find(text)) is None:
            raise UnreadableError(f"want {self.description}: {text.strip()[:80]!r}")
        return found

    def mentioned(self, text: str) -> bool:
        """Whether a text holds one of the literals as a word, or for numbers any digit."""
        if self.numeric and re.search(r"\d", text):
            return True
        words = f" {tokens(text)} "
        return any(
            re.search(rf"(?<!\w){literal}(?!\w)", text) is not None  # "a nurse" is not A
            if re.fullmatch(r"[A-Z]", literal)
            else f" {tokens(literal)} " in words or tokens(literal) == ""
            for literal in self.literals
        )

    def _number(self, text: str) -> str | None:
        plain = unicodedata.normalize("NFKC", text).replace("−", "-")
        match = _NUMBER.fullmatch(plain) if self.numeric else None
        if match is None:
            return None
        number, most = float(match["number"]), match["most"]
        if most is not None and (self.high is None or float(most) != self.high):
            return None
        if match["percent"] and not (self.percent or self.high == 100):
            return None
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            return None
        if self.whole:
            return f"{number:.0f}" if number.is_integer() else None
        written = "".join(str(unicodedata.decimal(sign, sign)) for sign in match["number"].lstrip("+"))
        if number == 0:
            written = written.lstrip("-")
        return re.sub(r"^(-?)\.", r"\g<1>0.", written)

    def _with_gloss(self, text: str) -> str | None:
        """A value and what the prompt itself puts behind it: "(L) leave it out", "4 (good)"."""
        if "\n" in text or len(text) > _LONGEST_GLOSS:
            return None
        heads = [literal for literal in self.literals if folded(text).startswith(folded(literal))]
        if self.numeric and (match := _LEADING_NUMBER.match(text)):
            heads.append(match[0])
        opened = re.match(r"[(\[]([^()\[\]]{1,40})[)\]]\s*", text)  # "(L) leave it out"
        if opened and self.find_exact(opened[1]) is not None:
            heads, text = [opened[1]], f"{opened[1]} {text[opened.end() :]}"
        for head in sorted(heads, key=len, reverse=True):
            rest = text[len(head) :]
            value = self.find_exact(head)
            if value is None or not rest or re.match(r"\w|[.,]\d", rest):
                continue
            behind = tokens(rest)
            if self.numeric and re.search(r"\d", rest):
                continue
            known = f" {tokens(head)} {behind} " in self._glosses and bool(behind)
            others = Value(tuple(one for one in self.literals if one != value and folded(one) not in folded(value)))
            denied = DENIAL.search(rest) and not self._explained(f"{head} {rest}")
            if known and not others.mentioned(rest) and not denied and not re.search(r"\bor\b|[<>]", rest):
                return value
        return None

    def _explained(self, text: str) -> bool:
        """Whether a line of the prompt ends with this text: "- Rating: 5, very informative, no hallucination"."""
        ending = f" {tokens(text)}"
        return any(f" {tokens(line)}".endswith(ending) for line in self.context.splitlines())

    def _named(self, text: str) -> str | None:
        """A short literal behind the noun that the prompt has before it: "Output (m)", "Chatbot A"."""
        match = re.fullmatch(r"(?P<noun>[^\W\d_]{3,14})\s+(?P<literal>\S{1,12})", unwrapped(text))
        literal = self.find(match["literal"]) if match and len(match["literal"]) < len(text) else None
        if match is None or literal is None or len(literal) > _SHORT:
            return None
        if self.numeric and not _ITEM.fullmatch(match["noun"]):
            return None
        return literal if f" {tokens(match['noun'])} {tokens(literal)} " in f" {tokens(self.context)} " else None

    def find_exact(self, text: str) -> str | None:
        """The value that a bare text is, without any wrapping; None where it is none."""
        bare = text.strip()
        return bare if bare in self.literals else self._spelled.get(folded(bare)) or self._number(bare)


_MOST_CHOICES = 20
_LONGEST_GLOSS = 200
#: Characters of a literal that is a name: "A", "2", "III".
_SHORT = 3
#: What is counted in a prompt: the reply "Response 2" is the number 2.
_ITEM = re.compile(
    r"response|answer|option|image|candidate|model|assistant|output|caption|video|passage", re.IGNORECASE
)
_NUMBER = re.compile(
    r"(?P<number>[-+]?(?:\d{1,12}(?:\.\d{1,12})?|\.\d{1,12}))"
    r"(?:\s*(?:/|out of|of|von|de|sur|su|sobre)\s*(?P<most>\d{1,6}(?:\.\d{1,3})?))?"
    r"(?:\s*(?:(?P<percent>\\?%|percent|per cent|Prozent|por ciento)|"
    r"stars?|points?|marks?|pts?|分|点|點|星|点数|Punkte?n?|Sterne?|puntos?|estrellas?|pontos?|étoiles?))?",
    re.IGNORECASE,
)
_LEADING_NUMBER = re.compile(r"[-+]?\d{1,12}(?:\.\d{1,12})?")
#: A denial behind a value turns it round.
DENIAL = re.compile(
    r"\b(?:not|no|never|nor|neither|isn|doesn|won|can|cannot|hardly)\b|n['’]t\b|不|没|nicht|kein", re.IGNORECASE
)

_FENCE = re.compile(r"(?:```|~~~)[\w-]*[ \t]*\n?(.*?)\n?(?:```|~~~)", re.DOTALL)
_PAIRS = (
    *(
        re.compile(rf"{re.escape(mark)}(.+?){re.escape(mark)}", re.DOTALL)
        for mark in ("**", "__", "*", "_", "`", "$$", "$")
    ),
    *(
        re.compile(rf"{re.escape(start)}([^{re.escape(start + end)}]*){re.escape(end)}", re.DOTALL)
        for start, end in (
            "“”",
            "‘’",
            "«»",
            "„“",
            "「」",
            "『』",
            "《》",
            "【】",
            "（）",
            "()",
            "[]",
            "{}",
            "<>",
            "‹›",
            "⟦⟧",
            '""',
            "''",
        )
    ),
    re.compile(r"\\(?:boxed|text|textbf|mathrm|mathbf)\{(.*)\}", re.DOTALL),
    re.compile(r"\\\((.*)\\\)|\\\[(.*)\\\]", re.DOTALL),
    re.compile(r"<\|begin_of_box\|>(.*)<\|end_of_box\|>|‹¦begin_of_box¦›(.*)‹¦end_of_box¦›", re.DOTALL),
)
_DANGLING = re.compile(r"([^*`\"\n]*[^*_`\"\s])(?:\*{1,3}|_{1,3}|`|\")|(?:\*{1,3}|_{1,3}|`|\")([^*_`\"\s][^*`\"\n]*)")
_LAYERS = 8


def layers(text: str) -> Iterator[str]:
    """The text, and the same with one layer of wrapping less each time."""
    text = text.strip()
    for _ in range(_LAYERS):
        yield text
        inner = _inner(text)
        if inner is None or inner == text:
            return
        text = inner


def unwrapped(text: str) -> str:
    """What is left of a text when all its wrapping is off.

    >>> unwrapped("**(B).**")
    'B'
    """
    *_, last = layers(text)
    return last


def _inner(text: str) -> str | None:
    if match := _FENCE.fullmatch(text):
        return match[1].strip()
    for pair in _PAIRS:
        if match := pair.fullmatch(text):
            return str(next(group for group in match.groups() if group is not None)).strip()
    if text.endswith((".", "。", "!", "！", "．", ",", ";")) and not text.endswith(".."):
        return text[:-1].rstrip()
    if match := re.fullmatch(r"(\S+?)\s?(?:です|である|입니다|이다)", text):  # "NGです。"
        return match[1]
    if match := _DANGLING.fullmatch(text):  # the other end of it stands before a label: "**Answer: A**"
        return (match[1] or match[2]).strip()
    if match := re.match(r"#{1,6}\s+|>\s+|[≈~=]\s*(?=\d)|[-*•]\s+(?!\d)", text):
        return text[match.end() :]
    return None


def folded(text: str) -> str:
    """For comparing literals: without case, width and the kind of space between words ("NOT_ATTEMPTED")."""
    plain = unicodedata.normalize("NFKC", text).casefold().strip()
    return re.sub(r"\s*([<>=])\s*", r"\1", re.sub(r"[\s_]+|(?<=\w)-(?=\w)", " ", plain))


def tokens(text: str) -> str:
    """The words of a text, with single spaces between them."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))

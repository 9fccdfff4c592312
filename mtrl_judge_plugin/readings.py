"""The visible part of a reply -> the text that a caller's parser can read, for each form that a prompt can ask for.

Callers parse strictly and guess where they cannot ("no" -> 0, a missing number -> -1). So what they would misread is
said to be unreadable here, before it becomes a score. What form a prompt asks for is told by `shapes`; objects and
arrays are read by `objects`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mtrl_judge_plugin.verdict import parse

#: A number as judges write it.
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")
_FENCE = re.compile(r"```[\w-]*[ \t]*\n((?:(?!```).)*?)(?:\n?```)?", re.DOTALL)
#: (a wrapper around the whole reply, the mark by which a prompt shows that it wants the wrapper)
_WRAPPERS = (
    (_FENCE, "```"),
    (re.compile(r"\*\*([^*\n]+)\*\*"), "**"),
    (re.compile(r"\\boxed\{([^{}\n]*)\}"), "boxed"),
)
#: What stands beside the scores where a judge labels them: "Assistant 1: 8/10".
_LABELS = re.compile(r"\b(?:assistant|response|answer|model)\s*[12]\b\s*[:=]?|/\s*10\b", re.IGNORECASE)
#: "Score: 4", "the rating is **4/5**", and the number's own end: what follows must not make it another number.
_CLAIM = re.compile(
    r"\b(?:score|rating|answer|number|value|correctness|verdict|judge?ment)\b[\"'*_`]*\s*(?::|=|\bis\b)\s*[\"'*_`\[(]*"
    rf"(?P<number>{NUMBER.pattern})(?![\w%])",
    re.IGNORECASE,
)
_ALONE = re.compile(
    rf"[\s\"'*_`\[(]*(?P<number>{NUMBER.pattern})(?:\s*(?:/|out of)\s*\d+(?:\.\d+)?)?[\s\"'*_`\])]*[.,:;]?\s*", re.I
)
#: A number first, then a sentence about it: "4. The response ...", "4 - good"; "4 of them" is none.
_LEADING = re.compile(rf"(?P<number>{NUMBER.pattern})(?:\s*/\s*\d+)?(?=\s*(?:[,;:)\n]|\.\s|[-–—]\s)|\*\*)")
_BRACKETED = re.compile(r"\[\[\s*([^\[\]\n]{1,40}?)\s*\]\]")


class UnreadableError(ValueError):
    """The reply is not what the prompt asked for; the message says what was wanted."""


def unwrapped(text: str, prompt: str) -> str:
    r"""The reply without what chat models put around one that nobody asked for: fences, bold, `\boxed{}`.

    >>> unwrapped("**Yes**", "Answer yes or no.")
    'Yes'

    Raises:
        UnreadableError: nothing is left.
    """
    text = text.strip()
    for wrapper, mark in _WRAPPERS:
        if mark not in prompt and (match := wrapper.fullmatch(text)):
            text = match[1].strip()
    if not text:
        raise UnreadableError("the reply has no visible part")
    return text


def one_of(text: str, options: Sequence[str]) -> str:
    """The one of the options that the reply decides for, as the options spell it.

    >>> one_of("No, it shows 11 cats", ["yes", "no"])
    'no'

    Raises:
        UnreadableError: none of them, or not clearly one.
    """
    answer = parse(text, options, lenient=True).answer
    if answer is None:
        # The longest first: "incorrect" and "not attempted" before what they begin with.
        names = "|".join(re.escape(option) for option in sorted(options, key=len, reverse=True))
        first = re.match(rf"[^\w-]*({names})(?=\s*(?:[,.](?!\d)|[;:!)\n*]|$))", text, re.IGNORECASE)
        if first is None:
            raise UnreadableError(f"neither {' nor '.join(options[:10])}: {text[:80]!r}")
        answer = next(option for option in options if option.casefold() == first[1].casefold())
    return answer


def binary(text: str, output_format: str) -> int | bool:
    """A yes-or-no verdict as the host's own parser returns it: 1 or 0 for "0/1", True or False for "yes/no".

    >>> binary("Score: 1", "0/1"), binary("No, it shows 11 cats", "yes/no")
    (1, False)

    Raises:
        UnreadableError: neither of the two stands there; the host's parser would take that for a "no".
    """
    numeric = output_format in ("0/1", "1/0")
    answer = one_of(text, ("1", "0") if numeric else ("yes", "no"))
    return int(answer) if numeric else answer == "yes"


def letter(text: str, letters: Sequence[str], others: Sequence[str] = ()) -> str:
    """The letter of an option, or one of the other values that the prompt allows ("None", "-1").

    >>> letter("(b) two cats", ["A", "B"]), letter("The answer is C.", ["A", "B", "C"])
    ('B', 'C')

    Raises:
        UnreadableError: no letter, or none of these.
    """
    bare = text.strip(" \t\n.,:;*_`\"'()[]")
    for option in (*letters, *others):
        if bare.casefold() == option.casefold():
            return option
    # "A. two cats", "(B) two cats"; an "a" without punctuation opens many a sentence.
    first = re.match(r"[\s*_`\"']*(?:\(([A-Za-z])\)|([A-Za-z])[.):](?=\s|$|\*))", text)
    if first and (first[1] or first[2]).upper() in letters:
        return (first[1] or first[2]).upper()
    answer = parse(text, letters, lenient=True).answer
    if answer is None:
        raise UnreadableError(f"no letter of an option: {text[:80]!r}")
    return answer


def number(text: str, bounds: tuple[float, float] | None = None, *, whole: bool = False) -> str:
    """One number, as the judge wrote it.

    >>> number("Score: 4/5", (1, 5)), number("**0.7**")
    ('4', '0.7')

    Args:
        text: the reply.
        bounds: the least and the greatest that it may be.
        whole: it must be an integer; "4.0" becomes "4".

    Raises:
        UnreadableError: no number that is clearly the answer, or one out of bounds.
    """
    match = _ALONE.fullmatch(text) or _LEADING.match(text.lstrip(" \t\n*_`"))
    found = {match["number"]} if match else {claim["number"] for claim in _CLAIM.finditer(text)}
    if len({float(value) for value in found}) != 1:
        raise UnreadableError(f"no single number: {text[:80]!r}")
    value = found.pop()
    if bounds and not bounds[0] <= float(value) <= bounds[1]:
        raise UnreadableError(f"wanted one number from {bounds[0]:g} to {bounds[1]:g}: {text[:80]!r}")
    if whole and not float(value).is_integer():
        raise UnreadableError(f"wanted an integer: {text[:80]!r}")
    return value.removesuffix(".") if not whole else f"{float(value):.0f}"


def two_scores(text: str) -> tuple[float, float]:
    """The two scores on the first line of a comparison.

    >>> two_scores("Assistant 1: 8/10, Assistant 2: 6.5/10")
    (8.0, 6.5)

    Raises:
        UnreadableError: more or fewer numbers stand there, or negative ones.
    """
    line = _LABELS.sub(" ", text.strip().partition("\n")[0])
    scores = [float(value) for value in NUMBER.findall(line)]
    if len(scores) != 2 or min(scores) < 0:
        raise UnreadableError(f"no two scores on the first line: {text[:80]!r}")
    return scores[0], scores[1]


def two_scores_first(text: str) -> str:
    """The reply with nothing but its two scores on the first line."""
    first, second = two_scores(text)
    return "\n".join([f"{first:g} {second:g}", *text.splitlines()[1:]])


def bracketed(text: str, letters: Sequence[str]) -> str:
    """A reply that holds one verdict in double brackets: a letter, or a number where there are no letters.

    >>> bracketed("Both are fine. [[A]]", "AB"), bracketed("B", "AB"), bracketed("Rating: 4", "")
    ('Both are fine. [[A]]', '[[B]]', '[[4]]')

    Raises:
        UnreadableError: no verdict, or two different ones.
    """

    def read(value: str) -> str:
        return letter(value, letters) if letters else number(value)

    marked = _BRACKETED.findall(text)
    if not marked:
        return f"[[{read(text)}]]"
    if len({read(value) for value in marked}) > 1:
        raise UnreadableError(f"more than one verdict in double brackets: {', '.join(marked[:4])}")
    return text


def labelled(text: str, label: str, letters: Sequence[str], alone: bool = False) -> str:
    """A reply that holds one line `label: value`: a letter, or a number where there are no letters.

    >>> labelled("It is close.\\nRating: 4", "Rating", ""), labelled("4", "Rating", "")
    ('It is close.\\nRating: 4', 'Rating: 4')

    Args:
        text: the reply.
        label: what stands before the colon.
        letters: the letters to choose from, or none.
        alone: leave out whatever else the reply says.

    Raises:
        UnreadableError: no such value, or two different ones.
    """

    def read(value: str) -> str:
        return letter(value, letters) if letters else number(value)

    marked = re.findall(rf"{re.escape(label)}[*_]*\s*:[ \t*_\[(<]*([^\n]{{1,200}})", text, re.IGNORECASE)
    if not marked:
        return f"{label}: {read(text)}"
    if len({read(value) for value in marked}) > 1:
        raise UnreadableError(f"more than one {label}: {', '.join(value[:20] for value in marked[:4])}")
    return f"{label}: {read(marked[-1])}" if alone else text


def better(text: str, noun: str, head: str) -> str:
    """A reply that says once which of two is better, in the words that callers look for.

    >>> better("Answer 2", "Answer", "Overall Judgment: "), better("1", "Response", "")
    ('Overall Judgment: Answer 2 is better.', 'Response 1 is better.')

    Args:
        text: the reply.
        noun: what the two are called.
        head: what stands before the sentence.

    Raises:
        UnreadableError: neither, or both.
    """
    claim = re.compile(rf"\b{noun}\s*([12])\s*is\s*(?:the\s+|slightly\s+|much\s+|clearly\s+)*better\b", re.IGNORECASE)
    claims = claim.findall(text)
    if len(set(claims)) == 1 and head.strip().casefold() in text.casefold():
        return text
    if len(set(claims)) > 1:  # weighed one by one: what stands behind the heading, or last, is the judgment
        lines = re.split(re.escape(head.strip()), text, flags=re.IGNORECASE) if head else text.strip().splitlines()
        claims = claim.findall(lines[-1])
    if not claims:
        claims = [one_of(text, (f"{noun} 1", f"{noun} 2", "1", "2"))[-1]]
    if len(set(claims)) != 1:
        raise UnreadableError(f"it does not say which is better: {text[-80:]!r}")
    return f"{head}{noun} {claims[0]} is better."


def cell(text: str, examples: str) -> str:
    """The last cell of the row that the reply completes.

    Where the rows above show numbers, it must be one in their range: a caller that wants a number in [0, 1] may ask
    again and again for as long as it gets another (the host's mmvet does, for ever).

    Raises:
        UnreadableError: it is empty, or no number in the range of its column.
    """
    lines = text.splitlines()
    line = next((line for line in reversed(lines) if "|" in line), lines[0])
    cells = [cell for part in line.split("|") if (cell := part.strip(" \t*`"))]
    if not cells:
        raise UnreadableError("the table cell to complete is empty")
    shown = [float(value) for value in _column(examples) if NUMBER.fullmatch(value)]
    if not shown:
        return cells[-1]
    numbers = NUMBER.findall(cells[-1])
    if len(numbers) != 1 or not min(shown) <= float(numbers[0]) <= max(shown):
        raise UnreadableError(f"wanted one number from {min(shown)} to {max(shown)}: {text[:80]!r}")
    return str(numbers[0])


def _column(rows: str) -> list[str]:
    """The last column of the rows up to the first line that is none: what follows comes from outside."""
    column = []
    for line in rows.strip("\n").splitlines():
        if "|" not in line:
            break
        column.append(line.rstrip(" \t|").rpartition("|")[2].strip())
    return column

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
#: The same where what follows must not make it another number ("4,5", "1,000", "4.5.6"): no part of a number is read.
_WHOLE = r"(?P<number>[-+]?(?:\d++(?:\.\d++)?|\.\d++))(?![\d\w]|[.,，]\d)"
#: "4/5", "4 out of 5", "85%": right only where the scale ends there.
_OF = re.compile(
    r"[ \t]{0,4}(?:(?:/|\bout of\b|\bof\b)[ \t]*(?P<most>\d++(?:\.\d++)?)(?![\d\w]|[.,，]\d)|(?P<percent>%))", re.I
)
#: What makes two numbers one claim: "4 - 5", "4 or 5", "3, 4", "4\n5".
_SECOND = re.compile(r"[\s\"'*_`)\].,;:~/&–—-]*(?:\b(?:or|and|to|through|maybe|of)\b\s*)?[\"'*_`(\[]*[-+.]?\d", re.I)
#: The items of a list, which are counted and not scored.
_ITEM = re.compile(r"^[ \t]*\d{1,3}[.)](?=\s)", re.MULTILINE)
#: So many characters are a short reply: what else it names stands beside the verdict, and not in an explanation.
_SHORT = 60
#: What Chinese and Japanese replies put around a word.
_WIDE = " \t\r\n。，！：；、"
_FENCE = re.compile(r"```[\w-]*[ \t]*\n((?:(?!```).)*?)(?:\n?```)?", re.DOTALL)
#: (a wrapper around the whole reply, the mark by which a prompt shows that it wants the wrapper)
_WRAPPERS = (
    (_FENCE, "```"),
    (re.compile(r"\*\*([^*\n]+)\*\*"), "**"),
    (re.compile(r"\\boxed\{([^{}\n]*)\}"), "boxed"),
)
#: What stands beside the scores where a judge labels them: "Assistant 1: 8/10".
_LABELS = re.compile(r"\b(?:assistant|response|answer|model)\s*[12]\b\s*[:=]?", re.IGNORECASE)
#: "Score: 4", "the rating is **4/5**".
_CLAIM = re.compile(
    r"\b(?P<name>score|rating|answer|number|value|correctness|verdict|judge?ment)\b[\"'*_`]*\s*(?::|=|\bis\b)\s*"
    rf"[\"'*_`\[(]*{_WHOLE}",
    re.IGNORECASE,
)
#: A number first, and nothing behind it or a sentence about it: "4. The response ...", "4 - good"; "4 of them" is none.
_LEADING = re.compile(rf"[\s\"'*_`\[(]*{_WHOLE}")
_BEHIND = re.compile(r"[\"'*_`\])]*(?:\s*(?:[,;:)\n]|\.(?:\s|$)|[-–—]\s|$)|(?<=\*\*))")
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
    text = text.strip(_WIDE)
    answer = parse(text, options, lenient=True).answer
    # The longest first: "incorrect" and "not attempted" before what they begin with.
    names = "|".join(re.escape(option) for option in sorted(options, key=len, reverse=True))
    first = re.match(rf"[^\w-]*({names})(?=\s*(?:[,.](?!\d)|[;:!)\n*。，！：]|$))", text, re.IGNORECASE)
    named = {option.casefold(): option for option in options}
    leading = named.get(first[1].casefold()) if first else None
    answer = answer or leading
    if answer is None:
        raise UnreadableError(f"neither {' nor '.join(options[:10])}: {text[:80]!r}")
    if (leading and leading != answer) or any(named.get(other) != answer for other in _beside(text, names)):
        raise UnreadableError(f"more than one of {', '.join(options[:10])}: {text[:80]!r}")
    if answer[-1:].isdecimal() and _is_part(text, answer):
        raise UnreadableError(f"{answer} is a part of another number: {text[:80]!r}")
    return answer


def _beside(text: str, names: str) -> set[str]:
    """What a short reply names as verdicts: between marks, or at its end; "no" in "no one" is none."""
    if len(text) > 16:  # "No, 1 is wrong, yes" explains its first word
        return set()
    found = re.findall(
        rf"(?<![\w-])({names})(?=\s*(?:[.,;:!?)\]*_\"'`\n。，！：/]|$|(?:or|and)\b))", text, re.IGNORECASE
    )
    return {str(name).casefold() for name in found}


def _is_part(text: str, answer: str) -> bool:
    """Whether the claim of a number goes on: "Score: 0,9", "1 out of 5"."""
    behind = r"(?:[.,，]\d|[ \t]{0,4}(?:/|out of\b|of\b)[ \t]{0,4}\d|[ \t]{0,4}%)"
    claim = rf"(?:^|:|=|\bis\b)[ \t\"'*_`\[(]{{0,12}}{re.escape(answer)}{behind}"
    return re.search(claim, text, re.IGNORECASE | re.MULTILINE) is not None


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
    text = text.strip(_WIDE)
    bare = text.strip(" \t\n.,:;*_`\"'()[]")
    for option in (*letters, *others):
        if bare.casefold() == option.casefold():
            return option
    # "A. two cats", "(B) two cats"; an "a" without punctuation opens many a sentence.
    first = re.match(r"[\s*_`\"']*(?:\(([A-Za-z])\)|([A-Za-z])[.):](?=\s|$|\*))", text)
    leading = (first[1] or first[2]).upper() if first else None
    claimed = parse(text, letters, lenient=True).answer
    answer = leading if leading in letters else claimed
    if answer is None:
        raise UnreadableError(f"no letter of an option: {text[:80]!r}")
    named = set(_LETTERS.findall(text[:_SHORT])) & set(letters) if len(text) <= _SHORT else set()
    if (claimed or answer) != answer or named - {answer}:
        raise UnreadableError(f"more than one letter: {text[:80]!r}")
    return answer


#: Letters that stand as verdicts do: alone between marks, line ends, "or" and "and".
_LETTERS = re.compile(
    r"(?:^|\b(?:or|and)\b|[,/&;:.])[ \t\"'*(`_\[]*([A-Z])(?![\w'’])(?=[.):*\"'`_\]]|\s*(?:$|[\n,/&]|(?:or|and)\b))",
    re.M,
)


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
    text = text.strip(_WIDE)
    items = _ITEM.findall(text)
    if len(items) > 1:
        text = _ITEM.sub("", text)
    most = bounds[1] if bounds else None
    found: dict[str, set[float]] = {}
    leading = None if len(items) > 1 else _LEADING.match(text)
    if leading and (rest := _rest(text[leading.end() :], most)) is not None and _BEHIND.match(rest):
        found.setdefault(leading["number"], set()).add(float(leading["number"]))
    else:
        leading = None
    for claim in _CLAIM.finditer(text):
        if leading and claim["name"].casefold() in ("answer", "number", "value", "correctness"):
            continue  # said of the answer that is scored
        if _rest(text[claim.end() : claim.end() + 80], most) is None:
            raise UnreadableError(f"no single number: {text[:80]!r}")
        found.setdefault(claim["number"], set()).add(float(claim["number"]))
    if len({float(value) for value in found}) != 1:
        raise UnreadableError(f"no single number: {text[:80]!r}")
    value = next(iter(found))
    if len(text) <= _SHORT and {float(other) for other in NUMBER.findall(text)} - {float(value), most}:
        raise UnreadableError(f"more than one number: {text[:80]!r}")
    if bounds and not bounds[0] <= float(value) <= bounds[1]:
        raise UnreadableError(f"wanted one number from {bounds[0]:g} to {bounds[1]:g}: {text[:80]!r}")
    if whole and not float(value).is_integer():
        raise UnreadableError(f"wanted an integer: {text[:80]!r}")
    return f"{float(value):.0f}" if whole else value


def _rest(behind: str, most: float | None) -> str | None:
    """What follows a number without the end of its scale; None where that is another scale, or another number."""
    if of := _OF.match(behind):
        if most is None or float(of["most"] or 100) != most:
            return None
        behind = behind[of.end() :]
    return None if _SECOND.match(behind) else behind


def two_scores(text: str, bounds: tuple[float, float] | None = None) -> tuple[float, float]:
    """The two scores on the first line of a comparison.

    >>> two_scores("Assistant 1: 8/10, Assistant 2: 6.5/10")
    (8.0, 6.5)

    Args:
        text: the reply.
        bounds: the least and the greatest that each may be; a scale's end is 10 where none are given.

    Raises:
        UnreadableError: more or fewer numbers stand there, or negative ones, or such as are out of bounds.
    """
    line = _LABELS.sub(" ", text.strip().partition("\n")[0])
    most = bounds[1] if bounds else 10.0
    line = _OF.sub(lambda of: " " if float(of["most"] or 100) == most else of[0], line)
    values = [match["number"] for match in re.finditer(rf"(?<![\w.,+-]){_WHOLE}", line)]
    scores = [float(value) for value in values]
    if len(scores) != 2 or len(NUMBER.findall(line)) != 2 or "%" in line or _OF.search(line):
        raise UnreadableError(f"no two scores on the first line: {text[:80]!r}")
    least = bounds[0] if bounds else 0
    if min(scores) < least or (bounds and max(scores) > bounds[1]):
        raise UnreadableError(f"the two scores are out of bounds: {text[:80]!r}")
    return scores[0], scores[1]


def two_scores_first(text: str, bounds: tuple[float, float] | None = None) -> str:
    """The reply with nothing but its two scores on the first line."""
    first, second = two_scores(text, bounds)
    return "\n".join([f"{first:g} {second:g}", *text.splitlines()[1:]])


def bracketed(text: str, letters: Sequence[str], bounds: tuple[float, float] | None = None) -> str:
    """A reply that holds one verdict in double brackets: a letter, or a number where there are no letters.

    >>> bracketed("Both are fine. [[A]]", "AB"), bracketed("B", "AB"), bracketed("Rating: 4", "")
    ('Both are fine. [[A]]', '[[B]]', '[[4]]')

    Raises:
        UnreadableError: no verdict, or two different ones.
    """

    def read(value: str) -> str:
        return letter(value, letters) if letters else number(value, bounds)

    marked = _BRACKETED.findall(text)
    if not marked:
        return f"[[{read(text)}]]"
    if len({read(value) for value in marked}) > 1:
        raise UnreadableError(f"more than one verdict in double brackets: {', '.join(marked[:4])}")
    return text


def labelled(
    text: str, label: str, letters: Sequence[str], alone: bool = False, bounds: tuple[float, float] | None = None
) -> str:
    """A reply that holds one line `label: value`: a letter, or a number where there are no letters.

    >>> labelled("It is close.\\nRating: 4", "Rating", ""), labelled("4", "Rating", "")
    ('It is close.\\nRating: 4', 'Rating: 4')

    Args:
        text: the reply.
        label: what stands before the colon.
        letters: the letters to choose from, or none.
        alone: leave out whatever else the reply says.
        bounds: the least and the greatest that a number may be.

    Raises:
        UnreadableError: no such value, or two different ones.
    """

    def read(value: str) -> str:
        return letter(value, letters) if letters else number(value, bounds)

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

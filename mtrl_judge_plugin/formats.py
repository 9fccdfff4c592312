"""What a caller's prompt asks the reply to look like: the visible part -> the text that the caller's parser can read.

Callers parse strictly and guess where they cannot ("no" -> 0, a missing number -> -1). So what they would misread is
said to be unreadable here, before it becomes a score.
"""

from __future__ import annotations

import json
import re

from mtrl_judge_plugin.verdict import parse

_FENCE = re.compile(r"```[\w-]*[ \t]*\n((?:(?!```).)*?)(?:\n?```)?", re.DOTALL)
#: (a wrapper around the whole reply, the mark by which a prompt shows that it wants the wrapper)
_WRAPPERS = (
    (_FENCE, "```"),
    (re.compile(r"\*\*([^*\n]+)\*\*"), "**"),
    (re.compile(r"\\boxed\{([^{}\n]*)\}"), "boxed"),
)
_TABLE_RULE = re.compile(r"^[ \t|:-]*-{3,}[ \t]*\|[ \t|:-]*$", re.MULTILINE)
#: How the llava family, ferret and the host's own comparative prompt ask for scores.
_TWO_SCORES = re.compile(r"single line containing (?:only )?two (?:values|scores)", re.IGNORECASE)
#: What stands beside the scores where a judge labels them: "Assistant 1: 8/10".
_LABELS = re.compile(r"\b(?:assistant|response|answer|model)\s*[12]\b\s*[:=]?|/\s*10\b", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")


class UnreadableError(ValueError):
    """The reply is not what the prompt asked for; the message says what was wanted."""


def as_asked(text: str, prompt: str, *, as_json: bool = False) -> str:
    r"""The reply in the form that the prompt asks for.

    Taken away is what chat models put around a reply that nobody asked for: Markdown fences, bold, `\boxed{}`. A prompt
    that ends in an unfinished table row gets the missing cell alone; one that wants two scores gets them on the first
    line.

    >>> as_asked("**Yes**", "Answer yes or no.")
    'Yes'

    Args:
        text: the visible part of a reply.
        prompt: the text of the last user message.
        as_json: the caller wants one JSON object.

    Raises:
        UnreadableError: an empty reply, no JSON object, no two scores, or a cell that does not fit its column.
    """
    text = text.strip()
    if as_json:
        return _json_object(text)
    for wrapper, mark in _WRAPPERS:
        if mark not in prompt and (match := wrapper.fullmatch(text)):
            text = match[1].strip()
    if not text:
        raise UnreadableError("the reply has no visible part")
    rule = _TABLE_RULE.search(prompt) if prompt.rstrip().endswith("|") else None
    if rule:
        return _cell(text, prompt[rule.end() :])
    if _TWO_SCORES.search(prompt):
        first, second = two_scores(text)
        return "\n".join([f"{first:g} {second:g}", *text.splitlines()[1:]])
    return text


def binary(text: str, output_format: str) -> int | bool:
    """A yes-or-no verdict as the host's own parser returns it: 1 or 0 for "0/1", True or False for "yes/no".

    >>> binary("Score: 1", "0/1"), binary("No, it shows 11 cats", "yes/no")
    (1, False)

    Raises:
        UnreadableError: neither of the two stands there; the host's parser would take that for a "no".
    """
    numeric = output_format in ("0/1", "1/0")
    choices = ("1", "0") if numeric else ("yes", "no")
    answer = parse(text, choices, lenient=True).answer
    if answer is None:
        first = re.match(rf"[^\w-]*({'|'.join(choices)})(?=\s*(?:[,.](?!\d)|[;:!)\n*]|$))", text, re.IGNORECASE)
        if first is None:
            raise UnreadableError(f"neither {choices[0]} nor {choices[1]}: {text[:80]!r}")
        answer = first[1].casefold()
    return int(answer) if numeric else answer == "yes"


def two_scores(text: str) -> tuple[float, float]:
    """The two scores on the first line of a comparison.

    >>> two_scores("Assistant 1: 8/10, Assistant 2: 6.5/10")
    (8.0, 6.5)

    Raises:
        UnreadableError: more or fewer numbers stand there, or negative ones.
    """
    line = _LABELS.sub(" ", text.strip().partition("\n")[0])
    scores = [float(number) for number in _NUMBER.findall(line)]
    if len(scores) != 2 or min(scores) < 0:
        raise UnreadableError(f"no two scores on the first line: {text[:80]!r}")
    return scores[0], scores[1]


def _json_object(text: str) -> str:
    """The first JSON object of the reply, alone."""
    decoder = json.JSONDecoder()
    for start in (match.start() for match in re.finditer(r"\{", text)):
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        return text[start:end]
    raise UnreadableError(f"no JSON object: {text[:80]!r}")


def _cell(text: str, examples: str) -> str:
    """The last cell of the row that the reply completes.

    Where the rows above show numbers, it must be one in their range: a caller that wants a number in [0, 1] may ask
    again and again for as long as it gets another (the host's mmvet does, for ever).
    """
    lines = text.splitlines()
    line = next((line for line in reversed(lines) if "|" in line), lines[0])
    cells = [cell for part in line.split("|") if (cell := part.strip(" \t*`"))]
    if not cells:
        raise UnreadableError("the table cell to complete is empty")
    shown = [float(value) for value in _column(examples) if _NUMBER.fullmatch(value)]
    if not shown:
        return cells[-1]
    numbers = _NUMBER.findall(cells[-1])
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

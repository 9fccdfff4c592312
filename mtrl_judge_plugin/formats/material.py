"""Instructions and material: which part of a prompt tells the judge what to do, and which part is what it judges.

Instructions are the system message, the text before the first labelled block ("Question: ...", "[Response]",
"<answer>"), and what follows the last of the blocks. A blank line alone never ends a block, since a candidate's answer
may have paragraphs of its own; so what stands behind the blocks is believed less (see `detect`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mtrl_judge_plugin.formats.asking import ONLY, VERB
from mtrl_judge_plugin.formats.blocks import HEADING, INSTRUCTING, LABEL_LINE, MATERIAL, SLOT, is_about, opens_block

#: What multiple-choice questions end with, which is said to the model under judgment.
_OF_THE_QUESTION = re.compile(r"option['’]s letter|from the given choices|using a single word or phrase", re.IGNORECASE)
#: How much of a long prompt is searched, at its beginning and at its end: that is where instructions stand.
_REACH = 12_000


@dataclass(frozen=True)
class Parts:
    """A prompt in parts.

    Attributes:
        head: the text before the first block of material.
        sections: text behind blocks under headings of instructions ("## Output format", "[Rules]").
        tails: the last paragraph, where it is no block itself; the last two; and so on.
        marked: the prompt itself marks where the material before the tail ends.
    """

    head: str
    sections: str
    tails: Sequence[str]
    marked: bool


_DELIMITER = re.compile(r"\s*(?:[-=*_#~]\s*){3,}$|\s*\"{3}\s*$|\s*'{3}\s*$")
_CLOSING = re.compile(r"\s*[\[<(|*#=-]{1,4}\s*(?:/|the end\b|end\b)[^\n]{0,60}$", re.IGNORECASE)
_CUE = re.compile(
    r"\s*[#*\[]{0,4}\s*(?:[\w' ]{0,30}\b(?:answer|verdict|judge?ment|output|response|respond|reply|evaluation|"
    r"score|rating|grade|json|decision|result|label|choice)|"
    r"判断|结果|输出|评分|得分|答案|Urteil|Antwort|Respuesta|判定|回答)\s*[\])*]{0,4}\s*[:：]?[*\s]*$",
    re.IGNORECASE,
)


def split(prompt: str) -> Parts:
    """A prompt's parts; see Parts."""
    if len(prompt) > 2 * _REACH:
        prompt = f"{prompt[:_REACH]}\n\n{prompt[-_REACH:]}"
    lines = _without_quoted_fences(_with_tags_apart(_with_quotations_masked(prompt)).splitlines())
    opens = _first_block(lines)
    if opens is None:
        ruled = [number for number, line in enumerate(lines) if _DELIMITER.match(line)]
        before = "\n".join(lines[: ruled[-1]]) if ruled else ""
        behind = "\n".join(lines[ruled[-1] + 1 :]) if ruled else ""
        if instructs(behind):
            return Parts(before if instructs(before) else "", "", (behind,), marked=True)
        return Parts("\n".join(lines), "", (), marked=False)
    head = "\n".join(lines[:opens])
    begins, marked = _tail(lines, opens)
    if not begins and not head.strip():  # no place for instructions but the last line
        last = max((number for number, line in enumerate(lines) if line.strip()), default=0)
        own = ONLY.search(lines[last]) and not _OF_THE_QUESTION.search(lines[last])
        begins = [last] if own and last > opens and not opens_block(lines[last], fresh=False) else []
    between = lines[opens : min(begins, default=len(lines))]
    sections = "\n".join([*_sections(between), *_middle(between)])
    return Parts(head, sections, tuple("\n".join(lines[begin:]) for begin in begins), marked)


SHOWS = re.compile(
    r"\b(?:json|format\w*|dictionary|python|like this|as follows|example|exactly|template|following|output|"
    r"form)\b|格式|形式|formato",
    re.IGNORECASE,
)


#: "If nothing is wrong:", above one of the forms of a reply.
CONDITION = re.compile(r"[ \t]*(?:if|when|otherwise|else)\b[^\n]{0,100}[:：][ \t]*$", re.IGNORECASE | re.MULTILINE)
_TAGGED = re.compile(r"(?m)^[ \t]*<(?P<name>[A-Za-z][\w -]{0,40})>(?=[ \t]*\S)")
_OF_VERDICTS = re.compile(r"(?:final[ _-]?)?(?:answer|output|label|response)\Z", re.IGNORECASE)


def _with_tags_apart(prompt: str) -> str:
    """The prompt with tags of material on lines of their own: "<question>Why?</question>" is a block like others.

    A tag that a verdict may have ("<answer>") is one only behind other blocks, or where nothing leads up to a format.
    """
    behind = 0
    while match := _TAGGED.search(prompt, behind):
        name, behind = match["name"], match.end()
        closing = prompt.rfind(f"</{name}>")
        inside = prompt[match.end() : closing].strip()
        before = prompt[: match.start()].rstrip().rpartition("\n")[2]
        leads = before.endswith(":") or SHOWS.search(before) or SLOT.match(inside)
        shown = leads and _OF_VERDICTS.match(name) and not before.endswith(">")
        if closing < behind or not is_about(rf"{MATERIAL}|[qa]\Z", name) or is_about(INSTRUCTING, name) or shown:
            continue
        prompt = f"{prompt[:behind]}\n{inside}\n{prompt[closing:]}"
    return prompt


def _without_quoted_fences(lines: list[str]) -> list[str]:
    """The lines without fenced blocks, but for those that are led up to as a format."""
    kept: list[str] = []
    fenced = shown = False
    for line in lines:
        if line.lstrip().startswith("```"):
            if not fenced:
                lead = [one for one in kept[-3:] if one.strip()][-1:]
                shown = bool(SHOWS.search(" ".join([*lead, line])) or any(map(CONDITION.match, lead)))
            fenced = not fenced
            if shown:
                kept.append(line)
        elif not fenced or shown:
            kept.append(line)
    return kept


def masked(prompt: str, known: Sequence[str]) -> str:
    """The prompt with texts that are known to be material replaced by a mark.

    Short ones are replaced where they stand on a line of their own, or behind a label: "A" is everywhere. Of a text
    that is not there as a whole, since the caller has cut it or closed up its paragraphs, the lines are replaced.
    """
    texts = {text.strip() for text in known if text.strip()}
    lines = {line.strip() for text in texts if text not in prompt for line in text.splitlines() if line.strip()}
    for text in sorted(texts | lines, key=len, reverse=True):
        if len(text) >= _LONG:
            prompt = prompt.replace(text, MASK)
        elif text in prompt:
            prompt = re.sub(
                rf"(?m)(?:^|(?<=[:：] )|(?<=[:：]))[ \t]*{re.escape(text)}[ \t]*$", lambda match: f" {MASK}", prompt
            )
    return prompt


#: What stands in place of masked material.
MASK = "▪"
_LONG = 12


_ASKS = re.compile(
    r"\b(?:rate|must|should|mark|tick|react|put|schließe\w*|beende\w*|bewerte\w*|begründe\w*|termine\w*|"
    r"concl\w+)\b|请|打分|출력|답하",
    re.IGNORECASE,
)


#: "JSON attendu :" above a form.
_FORMAT_HEAD = re.compile(
    r"\s*(?:(?:expected|required|desired) )?"
    r"(?:json|(?:output |response |answer |reply )?format\w*|formato|ausgabe\w*)\b"
    r"[^\n:：]{0,30}[:：][ \t]*\n",
    re.IGNORECASE,
)


def instructs(text: str) -> bool:
    """Whether a text says what to write, and does not only hold what looks like a format."""
    if _FORMAT_HEAD.match(text):
        return True
    return bool(VERB.search(text) or ONLY.search(text) or _ASKS.search(text))


def _first_block(lines: list[str]) -> int | None:
    """The number of the first line that opens a block of material."""
    fenced, paragraph = False, True
    for number, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and (opens_block(line, fresh=paragraph) or _followed(lines[number : number + 2])):
            return number
        paragraph = not line.strip() or bool(_DELIMITER.match(line))
    return None


#: An instruction that was followed or not: "Instruction: Use three words.", then "Reply: A red bus."
_INSTRUCTION = re.compile(r"\W{0,4}(?:instruction|task|request|constraint)s?\W{0,3}[:：][ \t]*\S", re.IGNORECASE)
_FOLLOWING = re.compile(
    r"\W{0,4}(?:(?:model|candidate|assistant|student)['’]?s? )?(?:reply|response|output|answer|completion)\W{0,3}"
    r"[:：][ \t]*(?P<said>\S.*)",
    re.IGNORECASE,
)


def _followed(lines: list[str]) -> bool:
    """Whether a line is an instruction to somebody else, whose reply is the next line."""
    if len(lines) < 2 or not _INSTRUCTION.match(lines[0]) or not (reply := _FOLLOWING.match(lines[1])):
        return False
    return not SLOT.match(reply["said"]) and not ONLY.search(reply["said"])


#: A quotation of several lines on lines of its own.
_QUOTED_LINES = re.compile(r'(?m)^(?P<before>[^\n]*)\n\s{0,8}"(?P<inside>[^"]*)"[ \t]*$')


_NOUN = re.compile(r"\b(?:answer|response|reply|output|message)s?\W*$", re.IGNORECASE)


def _with_quotations_masked(prompt: str) -> str:
    """The prompt with a mark for each quotation of several lines that is not led up to as a format."""

    def mask(match: re.Match[str]) -> str:
        before = _NOUN.sub("", match["before"])[-60:]
        leads = SHOWS.search(before) or VERB.search(before)
        return match[0] if leads or "\n" not in match["inside"] else f'{match["before"]}\n"{MASK * _LONG}"'

    return _QUOTED_LINES.sub(mask, prompt)


def _tail(lines: list[str], opens: int) -> tuple[list[int], bool]:
    """(the lines at which the tails begin, the shortest first; whether the prompt marks the end of the material)"""
    end = len(lines)
    while end > opens and (not lines[end - 1].strip() or _CUE.match(lines[end - 1])):
        end -= 1
    begins: list[int] = []
    fenced = False
    for number in range(end - 1, opens - 1, -1):
        line = lines[number]
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        if _DELIMITER.match(line) or _CLOSING.match(line):
            return [*begins, number + 1], True
        heading = HEADING.match(line)
        if heading and not opens_block(line, fresh=True) and not _PLACE.match(line):
            name = next(group for group in heading.groups() if group)
            if is_about(INSTRUCTING, name):
                return [*begins, number], True
        if number == opens or opens_block(line, fresh=not lines[number - 1].strip()):
            if number + 1 < end and _ASKED.match(line) and _ORDERS.match(lines[number + 1]):
                begins.append(number + 1)
            if number + 1 < end and _PICTURED.match(line) and lines[number + 1].strip():
                return [*begins, number + 1], True
            break
        if not line.strip() and lines[number + 1].strip():
            begins.append(number + 1)
            if len(begins) >= _TAIL_PARAGRAPHS:
                break
    return begins, False


_TAIL_PARAGRAPHS = 4
#: "[1-2 sentences of reasoning]": a place to fill in, and no heading.
_PLACE = re.compile(r"[ \t]*\[(?:\d|an?\b|your\b|one\b|the\b|[a-z])")
#: Above a picture that stands between two texts.
_PICTURED = re.compile(r"\W*(?:image|picture|photo|video|frame)s?(?: [A-Z0-9]\b)?\W{0,3}[:：]\W*$", re.IGNORECASE)
#: A question on one line, which instructions may follow at once: "Search Query: ...", then "Rank the passages ...".
_ASKED = re.compile(r"\W*(?:[\w-]+ )?(?:question|query|claim|prompt|topic)\W{0,3}[:：][ \t]*\S", re.IGNORECASE)
_ORDERS = re.compile(
    r"\W*(?:(?:is|are|was|does|do|did|can|which|who|how)\b[^?\n]{3,120}\?\s+)?(?:please |now )?"
    r"(?:provide|rank|rate|score|grade|judge|evaluate|decide|output|answer|respond|reply|return|"
    r"give|choose|select|classify|label|say)\b",
    re.IGNORECASE,
)


def last_lines(prompt: str) -> str:
    """Instructions right behind the material, with no blank line: "Response: 1", then "Answer only 0 or 1".

    A candidate's answer may end like this too, so it is only for prompts that show no format elsewhere.
    """
    lines = prompt[-_REACH:].splitlines()
    end = len(lines)
    while end and (not lines[end - 1].strip() or _CUE.match(lines[end - 1])):
        end -= 1
    begin = end
    while begin and (_ORDERS.match(lines[begin - 1]) or _FORMAT_LINE.match(lines[begin - 1])):
        begin -= 1
    label = LABEL_LINE.match(lines[begin - 1]) if begin else None
    if label is None or not label["rest"].strip():
        return ""  # the material itself
    own = any(ONLY.search(line) or _FORMAT_LINE.match(line) or _OR_QUOTED.search(line) for line in lines[begin:end])
    asked = any(_OF_THE_QUESTION.search(line) for line in lines[begin:end])
    return "\n".join(lines[begin:end]) if own and not asked else ""


_OR_QUOTED = re.compile(r"[\"'”’`]\s*(?:or|/|或)\s*[\"'“‘`]")
#: "Output format: Score: X"
_FORMAT_LINE = re.compile(r"\W*(?:output|answer|response|reply)? ?format\W{0,3}[:：]", re.IGNORECASE)


def _middle(lines: list[str]) -> list[str]:
    """Paragraphs between blocks that are no block themselves: examples stand before, and the case to judge behind."""
    starts = [
        number
        for number, line in enumerate(lines)
        if opens_block(line, fresh=number == 0 or not lines[number - 1].strip())
    ]
    kept: list[str] = []
    inside = True
    for number, line in enumerate(lines[: starts[-1]] if starts else ()):
        fresh = number == 0 or not lines[number - 1].strip()
        if fresh and line.strip():
            inside = (
                not opens_block(line, fresh=True)
                and bool(ONLY.search(line) or re.search(r"\bMUST\b", line))
                and bool(VERB.search(line))
            )
        if inside and number:
            kept.append(line)
    return kept


def _sections(lines: list[str]) -> list[str]:
    """What stands under headings of instructions between blocks."""
    kept: list[str] = []
    inside = False
    for number, line in enumerate(lines):
        heading = HEADING.match(line)
        name = next((group for group in heading.groups() if group), "") if heading else ""
        if name and is_about(INSTRUCTING, name) and not is_about(MATERIAL, name):
            inside = True
        elif opens_block(line, fresh=number == 0 or not lines[number - 1].strip()) or name:
            inside = False
        if inside:
            kept.append(line)
    return kept

"""Where in a reply a value stands: the whole reply, its last line, or a line behind a label."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mtrl_judge_plugin.formats.values import UnreadableError, Value, tokens, unwrapped

#: What speaks of another value than the judge's own verdict.
_OF_OTHERS = re.compile(
    r"reference|truth|\bgold|expected|\btarget|student|candidate|\bmodel\b|model['’]s|predict|human|confiden|"
    r"certain|difficult|"
    r"previous|example|\bmax|\bmin|\bsub|(?:correct|right|true|actual|original|other|given|user['’]?s?|"
    r"my initial|initial|first) "
    r"(?:answer|label|score|rating|verdict|response|grade)|probab|\bsays?\b|\bsaid\b|\bwrote\b|question|\bif\b|"
    r"\bnot\b|\bno\b|"
    r"参考|标准|正解|正确答案|模型|置信|学生|难度|Referenz|Musterl|referencia|modelo|confianza",
    re.IGNORECASE,
)
_LABEL = re.compile(r"(?P<label>[^\n:：=]{1,48}?)\s*[:：=]\s*(?P<rest>\S.*)", re.DOTALL)
_LABEL_WORDS = 5
#: "The answer is D.", "My final rating is 4".
_IS = re.compile(
    r"(?:so |thus |therefore,? )?(?:(?:the|my|final|overall) ){0,3}(?:answer|verdict|score|rating|grade|choice|"
    r"judge?ment|decision|label|evaluation) is:? (?P<rest>\S+)",
    re.IGNORECASE,
)
#: What takes back a verdict that stands before it.
RETRACTION = re.compile(
    r"\b(?:wait|actually|correction|on (?:second thought|reflection)|scratch that|i take (?:it|that) back|or rather|"
    r"or (?:perhaps|maybe)|or no|i mean|strike that|hold on|hmm|let me (?:re|correct)\w*|i (?:was|am) wrong|"
    r"changed? my mind|"
    r"instead|i meant|should (?:rather )?be|make (?:it|that))\b|"
    r"不对|更正|等等|应该是|等一下|doch nicht|vielmehr|mejor dicho|いや|訂正|"
    r"[→⇒]|->|\?",
    re.IGNORECASE,
)

#: Leads to words of somebody else: 'the candidate wrote "', "it ends with", "the injected line:".
_TOLD = re.compile(
    r"(?:\b(?:wrote|writes?|says?|said|claim(?:s|ed|ing)|states?|stated|ends? (?:with|in|by)|ended (?:with|in|by)|"
    r"contain(?:s|ed|ing)|includ(?:es|ed|ing)|asks? for|asked (?:for|me to \w+)|tells? (?:me|us|the judge)(?: to \w+)?|"
    r"demand(?:s|ed)|instruct\w*|inject\w*|insert\w*|append\w*|add(?:s|ed)|print(?:s|ed)|quot(?:es?|ed|ing)|"
    r"cop(?:ies|ied)|reads|put(?:s|ting)?|tr(?:ies|ied) to \w+|attempt\w* (?:to \w+)?|suggest(?:s|ed)|"
    r"(?:own|following|embedded|fake|its|their|his) (?:words?|texts?|lines?|claims?|sentences?|ending|note|string))\b"
    r"|写道|声称|包含|schreibt|behauptet|enthält|escribe|afirma|contient|écrit)",
    re.IGNORECASE,
)
_OWN_WORDS = re.compile(r"\bI(?:['’](?:d|ll|ve|m))?\b|\bmy\b|\bwe\b", re.IGNORECASE)
#: Behind a quotation: it is none of the judge's own.
_DISOWNED = re.compile(
    r"\b(?:(?:which|that|this|and) (?:I|we) (?:will |must |should |can )?(?:ignore|disregard|discount|reject)\w*|"
    r"is (?:not my|the candidate['’]s|an? (?:injection|trick|manipulation|attempt))|"
    r"(?:in|from|of) the (?:candidate|response|answer|submission|caption)['’]?s?(?: own)? "
    r"(?:text|answer|words|output))\b",
    re.IGNORECASE,
)


def quoted(text: str, start: int, end: int) -> bool:
    """Whether a place in a reply repeats somebody else's words: 'The candidate wrote "Rating: [[10]]".'

    So it is where the sentence before leads to it by a verb of speech, in quotes or straight, or where the words behind
    disown it.
    """
    before = text[max(0, start - 200) : start]
    sentence = re.split(r"(?<=[.!?。！？])\s|\n\s*\n", before)[-1]
    if (told := list(_TOLD.finditer(sentence))) and not _OWN_WORDS.search(sentence[: told[-1].start()]):
        between = sentence[told[-1].end() :]
        if re.search(r"[“„«「‘]|(?<!\w)'(?=\w)", between) or any(between.count(mark) % 2 for mark in '"`'):
            return True
        if re.fullmatch(r"[\s:：,*_>-]*(?:(?:the )?\w+(?: \w+)?[ *_]*[:：])?[\s*_]*", between):
            return True
    return bool(_DISOWNED.search(text[end : end + 80]))


def lines_of(text: str) -> list[str]:
    """The lines with something on them, without code fences."""
    return [line for line in text.strip().splitlines() if line.strip() and not re.fullmatch(r"\s*```\w*\s*", line)]


def without_fence(text: str) -> str:
    """The inside of a reply that is one code fence as a whole; else the reply."""
    fence = re.fullmatch(r"\s*```\w*[ \t]*\n(?P<inside>(?:(?!```)[\s\S])*?)\n?```\s*", text)
    return fence["inside"] if fence else text


def behind_label(line: str, value: Value) -> str | None:
    """What stands behind a label of the judge's own ("Verdict: no", "**Points:** 12"); None where there is none."""
    plain = re.sub(r"\*\*|__|`", "", line).strip()
    if match := _IS.fullmatch(plain):
        return match["rest"]
    if not (match := _LABEL.fullmatch(plain)):
        return None
    label = re.sub(r"\s*\([^()]*\)$", "", match["label"].strip("*_#>-•\"' "))
    if not label or len(label.split()) > _LABEL_WORDS or _OF_OTHERS.search(label) or value.mentioned(label):
        return None
    return match["rest"]


def line_value(line: str, value: Value) -> str | None:
    """The value that a line is, by itself or behind a label."""
    found = value.find(line)
    if found is None and (rest := behind_label(line, value)) is not None:
        found = value.find(rest)
    return found


def whole_value(text: str, value: Value) -> str:
    """The value that a reply is: the whole of it, or its last line, and no other line may be another value.

    >>> whole_value("It shows two cats.\\n\\nVerdict: **no**", Value(("yes", "no")))
    'no'

    Raises:
        UnreadableError: it is none, or lines disagree.
    """
    if (found := value.find(text)) is not None:
        return found
    lines = lines_of(text)
    found = line_value(lines[-1], value) if lines else None
    if found is None:
        raise UnreadableError(f"want {value.description} and nothing else: {text.strip()[-80:]!r}")
    if quoted(text, text.rstrip().rfind(lines[-1]), len(text)):
        raise UnreadableError(f"these are somebody else's words: {text.strip()[-80:]!r}")
    if any(other not in (None, found) for other in (line_value(line, value) for line in lines[:-1])):
        raise UnreadableError(f"want {value.description}, once: {text.strip()[:80]!r}")
    return found


#: Stays before a label, as the prompt may have it so.
_BULLET = re.compile(r"[ \t]*(?:[-•]\s+|\d{1,2}[.)]\s+)?(?=[\w*#])")


def labelled_spans(text: str, label: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, what stands behind the label) of each place where a label begins a line, or a sentence of one.

    Places that repeat somebody else's words are none.
    The value may be on the next line, where the label's own line has nothing more.
    """
    label = label.strip("*")
    name = r"\s+".join(re.escape(word) for word in label.split())
    sentence = len(label.split()) > 3
    sign = (
        r"\s*[:：]?"
        if sentence or label.startswith("# ")
        else ""
        if re.search(r"\W$", label)
        else r"\s*(?:[*_`\"'”]{0,3}[:：=]|-(?=\s)|(?=\s+[\[(<*\"“]))"
    )
    begin = (
        r"(?:^|(?<=[.!?。;,]))[ \t>#*_\"'“`(\[•-]{0,24}(?:\d[.)]\s{1,4})?\*{0,3}"
        if re.match(r"\w", label)
        else r"(?:^|(?<=\s))[ \t>#*_\"'“`]{0,24}"
    )
    for match in re.finditer(
        rf"{begin}(?P<name>{name}){sign}(?:[*_]{{1,3}}(?=\s))?[ \t]*(?P<rest>[^\n]*)",
        text,
        re.IGNORECASE | re.MULTILINE,
    ):
        rest, end = match["rest"], match.end()
        if not unwrapped(rest) and (following := re.compile(r"\s*\n\s*([^\n]+)").match(text, end)):
            rest, end = following[1], following.end()
        if not quoted(text, match.start(), end):
            begins = match.start() == 0 or text[match.start() - 1] == "\n"
            bullet = _BULLET.match(text, match.start()) if begins else None
            yield bullet.end() if bullet else match.start(), end, rest


def taken_back(rest: str, value: Value, found: str) -> bool:
    """Whether what follows a verdict takes it back, or says another one."""
    if RETRACTION.search(rest):
        return True
    others = Value(tuple(literal for literal in value.literals if literal != found), context=value.context)
    return any(others.find(line) is not None for line in lines_of(rest))


def same(first: str, second: str) -> bool:
    """Whether two texts have the same words."""
    return tokens(first) == tokens(second)

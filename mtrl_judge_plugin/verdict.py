"""The one reader of replies to Samples: reply -> Verdict. Total: any string gives a Verdict.

Well formed is exactly `<think>reasoning</think><answer>verdict</answer>`. The strict reading takes nothing else. The
lenient reading, for judges that were not trained on our format, is asked for by the caller and never fallen back to.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mtrl_judge_plugin.control_tokens import turn_span
from mtrl_judge_plugin.formats.choice import choice_of
from mtrl_judge_plugin.formats.lines import RETRACTION

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_WELL_FORMED = re.compile(r"\s*<think>(.*?)</think>\s*<answer>(.*?)</answer>\s*", re.DOTALL)


@dataclass(frozen=True)
class Verdict:
    """What a reply says.

    Attributes:
        answer: one of the choices as the caller spelled it, or None: unscored, which is never a score.
        reasoning: what is before the verdict; "" where there is none.
        well_formed: the reply has exactly our two blocks, by itself, and its answer is one of the choices.
        forced: the reasoning was cut off, and the answer asked for in a second, short generation.
        probabilities: choice -> probability, summing to 1 (`verdict=direct`), or share of the votes (`votes=K`).
        reply: the whole reply, as it was read.
        error: why there is no answer, or None.
        failed: there is no answer since no reply came: the engine failed, or an image cannot be read.
        cached: it came from the ledger.
    """

    answer: str | None
    reasoning: str = ""
    well_formed: bool = False
    forced: bool = False
    probabilities: Mapping[str, float] | None = None
    reply: str = ""
    error: str | None = None
    failed: bool = False
    cached: bool = False


def parse(reply: str, choices: Sequence[str], *, lenient: bool = False) -> Verdict:
    """Read a verdict from a reply.

    Strict: only a well-formed reply has an answer. Lenient: where the reply is not well formed, its visible part is
    read by `formats.choice`: `\\boxed{X}`, `[[X]]`, `Answer: X` (or verdict, choice, rating, ...), a JSON field of such
    a name, or a choice alone or on the last line; all of these must agree. For rankings separators between letters are
    ignored ("B > A > C").

    >>> parse("<think>The cat is red.</think><answer>No</answer>", ["yes", "no"]).answer
    'no'
    >>> parse("I think the answer is no", ["yes", "no"]).answer is None
    True

    Raises:
        ValueError: there are no choices. Nothing that is in `reply` raises.
    """
    if not choices:
        raise ValueError("choices: none given; a verdict needs at least one to choose from")
    # Counting first also keeps the expression from searching a reply of ten thousand tags.
    match = _WELL_FORMED.fullmatch(reply) if all(reply.count(tag) == 1 for tag in TAGS) else None
    answer = _choice(match[2], choices) if match else None
    if match and answer is not None:
        return Verdict(answer, reasoning=match[1].strip(), well_formed=True, reply=reply)
    answer = choice_of(visible(reply), choices) if lenient else None
    problem = None if answer is not None else _problem(reply, match, choices, lenient)
    return Verdict(answer, reasoning=reasoning_of(reply), reply=reply, error=problem)


def majority(votes: Sequence[Verdict]) -> Verdict:
    """The verdict of several on one question: the answer that most of the scored ones give; a tie is unscored.

    `probabilities` are the shares of the scored votes; reasoning and reply are those of the first vote that won.

    >>> majority([Verdict("A"), Verdict("B"), Verdict("A"), Verdict(None)]).probabilities
    {'A': 0.6666666666666666, 'B': 0.3333333333333333}

    Raises:
        ValueError: there are no votes.
    """
    if not votes:
        raise ValueError("votes: none given")
    counts = Counter(vote.answer for vote in votes if vote.answer is not None)
    if not counts:
        return replace(votes[0], error=f"none of {len(votes)} votes is scored; the first: {votes[0].error}")
    shares = {answer: count / counts.total() for answer, count in counts.items()}
    (answer, most), *others = counts.most_common()
    if others and others[0][1] == most:
        tie = ", ".join(f"{name} {count}" for name, count in counts.items())
        return Verdict(None, probabilities=shares, error=f"the votes are tied: {tie}")
    return replace(next(vote for vote in votes if vote.answer == answer), probabilities=shares)


def visible(reply: str) -> str:
    """The part of a free-form reply that a caller may see; the reasoning never is.

    What is in `<answer>`, else what follows `</think>`, else everything. Only what follows the LAST `</think>` is
    searched, so tags quoted inside the reasoning change nothing; of a think block left open nothing is shown. Where
    answer blocks disagree, or the words behind one take it back, all of it is shown, for the format's reader to refuse.
    A reply ends at its first end token: what a judge invents behind it is not its reply.

    >>> visible("<think>2 or 3? </think><answer>2</answer>"), visible("<think>hm</think> 7"), visible("yes<|im_end|>no")
    ('2', '7', 'yes')
    """
    start, end = visible_span(reply)
    return reply[start:end]


def visible_span(reply: str) -> tuple[int, int]:
    """Where the visible part of a free-form reply begins and ends; see `visible`."""
    start, end = turn_span(reply)
    closed = _last_tag(reply, "</think>", start, end)
    if closed >= 0 and not reply[closed + len("</think>") : end].strip():
        # Closed once more behind the answer, or nothing behind the reasoning.
        end = closed
        closed = _last_tag(reply, "</think>", start, end)
        if closed < 0:
            return 0, 0
    start = closed + len("</think>") if closed >= 0 else start
    reopened = reply.find("<think>", start, end)
    if reopened >= 0 and not reply[reopened + len("<think>") : end].rstrip().endswith("</answer>"):
        end = reopened
    start, end = _answer_span(reply, start, end)
    text = reply[start:end]
    start += len(text) - len(text.lstrip())
    return start, start + len(text.strip())


def _answer_span(reply: str, start: int, end: int) -> tuple[int, int]:
    """Where the inside of the answer block is, between two places of a reply; these where there is no clear one."""
    opened = _last_tag(reply, "<answer>", start, end)
    if opened < 0:
        return start, end
    inside = opened + len("<answer>")
    closing = reply.find("</answer>", inside, end)
    if closing < 0:
        return inside, end
    others = {block.strip() for block in _ANSWER.findall(reply, start, end)} - {reply[inside:closing].strip()}
    if others or RETRACTION.search(reply, closing + len("</answer>"), end):
        return start, end
    return inside, closing


def _last_tag(reply: str, tag: str, start: int, end: int) -> int:
    """Where a tag stands for the last time between two places, without those that quotes open on; -1 where nowhere."""
    at = reply.rfind(tag, start, end)
    while at > start and _in_quotes(reply, start, at):
        at = reply.rfind(tag, start, at)
    if at < 0 and tag == "</think>" and reply.startswith("<think>", start):
        return reply.rfind(tag, start, end)  # a quotation that reasoning left open
    return at


def _in_quotes(reply: str, start: int, at: int) -> bool:
    """Whether a quotation that is not closed yet begins with this place, or with the tags before it."""
    line = re.sub(r"(?:</?(?:think|answer)>)+\Z", "", reply[max(start, at - _LINE) : at].rpartition("\n")[2])
    mark = line[-1:]
    return mark in ("“", "「") or (mark in ('"', "`", "'") and line.count(mark) % 2 == 1)


_LINE = 1000


def reasoning_of(reply: str) -> str:
    """The reasoning of a free-form reply: up to the last `</think>`, or all that follows a `<think>` left open."""
    start, end = turn_span(reply)
    if start and (thought := _ANALYSIS.search(reply, 0, start)):
        return thought[1].strip()
    closed = _last_tag(reply, "</think>", start, end)
    tail = reply[start:end]
    text = reply[start:closed] if closed >= 0 else tail.partition("<think>")[2].partition("<answer>")[0]
    return text.strip().removeprefix("<think>").strip()


_ANSWER = re.compile(r"<answer>((?:(?!</?answer>).)*)</answer>", re.DOTALL)
#: The channel of reasoning, in the format of gpt-oss.
_ANALYSIS = re.compile(r"<\|channel\|>analysis<\|message\|>(.*?)<\|end\|>", re.DOTALL)


def format_reply(reasoning: str, answer: str) -> str:
    """The well-formed reply with this reasoning and answer: the target of supervised training.

    >>> format_reply("Two cats.", "yes")
    '<think>Two cats.</think><answer>yes</answer>'
    """
    return f"<think>{reasoning}</think><answer>{answer}</answer>"


def _choice(text: str, choices: Sequence[str]) -> str | None:
    wanted = text.strip().casefold()
    return next((choice for choice in choices if choice.strip().casefold() == wanted), None)


def _problem(reply: str, match: re.Match[str] | None, choices: Sequence[str], lenient: bool) -> str:
    if not reply.strip():
        return "the reply is empty"
    if match:
        return f"the answer {match[2].strip()[:80]!r} is none of the choices {', '.join(list(choices)[:10])}"
    if lenient:
        return "no verdict found in the reply"
    return "the reply is not <think>reasoning</think><answer>verdict</answer>"

"""What a judge replied: the ledger's entry of a judgment -> a Reply, or a Verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mtrl_judge_plugin.judging.ledger import Entry
from mtrl_judge_plugin.verdict import Verdict, parse, visible

#: Begins the keys of questions that cannot be asked, and so never reach the ledger.
NO_KEY = "bad-"


@dataclass(frozen=True)
class Reply:
    """The answer to a free-form prompt.

    Attributes:
        text: the visible part, as the caller may see it: never any reasoning.
        reasoning: what stood before it.
        forced: the reasoning was cut off, and the visible part asked for in a second generation.
        cached: it came from the ledger.
        prompt_tokens, completion_tokens: as the engine counted them; 0 where it was cached.
        raw: the whole reply.
        error: why there is no text, or None.
        logprobs: (text, log-probability) of the tokens of `text`, which they are when joined; see `Completion`. None
            where they were not asked for by `sampling.logprobs`, where the engine has none, and where `text` is not a
            run of whole tokens. Never any of the reasoning.
        key: of the ledger's entry, for `Judge.mark_unreadable`; "" where there can be none.
    """

    text: str
    reasoning: str = ""
    forced: bool = False
    cached: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    raw: str = ""
    error: str | None = None
    logprobs: Sequence[tuple[str, float]] | None = None
    key: str = ""

    @property
    def unscored(self) -> str | None:
        """Why the caller has nothing to read, or None."""
        if self.error is None and not self.text:
            return "the reply has no visible part" + (", only reasoning" if self.reasoning else "")
        return self.error

    @property
    def whole(self) -> str:
        """The visible part before `max_tokens` cut it."""
        return visible(self.raw)


def verdict_of(entry: Entry, choices: Sequence[str], lenient: bool) -> Verdict:
    """The verdict of a judgment on a Sample with these choices."""
    if entry.error is not None:
        return Verdict(None, error=entry.error, failed=True)
    verdict = parse(entry.reply, choices, lenient=lenient)
    well_formed = verdict.well_formed and not entry.forced  # the closing tags of a forced reply are ours
    return replace(verdict, well_formed=well_formed, forced=entry.forced, probabilities=entry.probabilities)


def reply_of(entry: Entry, cached: bool) -> Reply:
    """The reply of a judgment on somebody else's prompt."""
    used = (0, 0) if cached else (entry.prompt_tokens, entry.completion_tokens)
    return Reply(
        entry.verdict or "",
        entry.reasoning,
        entry.forced,
        cached,
        *used,
        entry.reply,
        entry.error,
        entry.logprobs,
        "" if entry.key.startswith(NO_KEY) else entry.key,
    )


def counted(counts: Mapping[str, int]) -> str:
    """What became of judgments, in words; of `Judge.counts`."""
    total = counts["judged"] + counts["cached"]
    return (
        f"{total} judgments ({counts['cached']} from cache, {counts['forced']} forced), {counts['failed']} failed, "
        f"{counts['unreadable']} unreadable"
    )

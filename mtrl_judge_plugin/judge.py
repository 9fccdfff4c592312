"""Judge: engine + prompt + parser + ledger. `judge` answers Samples, `reply` answers other people's prompts."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from tqdm import tqdm

from mtrl_judge_plugin import asking, prompts
from mtrl_judge_plugin.asking import Question
from mtrl_judge_plugin.conversations import describe
from mtrl_judge_plugin.engines import Conversation, Engine, Sampling
from mtrl_judge_plugin.images import ImageError
from mtrl_judge_plugin.ledger import Entry, Ledger
from mtrl_judge_plugin.sample import Sample
from mtrl_judge_plugin.verdict import Verdict, majority, parse, visible


class UnscoredError(RuntimeError):
    """A judgment failed and the judge was told to be strict; the message says which and why."""


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

    @property
    def whole(self) -> str:
        """The visible part before `max_tokens` cut it."""
        return visible(self.raw)


class Judge:
    """A multimodal judge.

    Args:
        engine: what generates; see `mtrl_judge_plugin.engines`.
        verdict: "reason" (reasoning, then the verdict) or "direct" (probabilities of the choices, one forward pass).
        lenient: read replies leniently: for models that were not trained on our format.
        strict: raise UnscoredError at the first judgment without a verdict instead of returning it unscored.
        votes: how many sampled replies to each sample vote on its verdict; a tie is unscored.
        sampling: `max_new_tokens` is the budget of the reasoning; the verdict has its own.
        ledger: cache and log, or None.

    Raises:
        ValueError: an unknown `verdict`; votes that cannot differ (greedy, or `verdict="direct"`), or fewer than one.

    Attributes:
        counts: judged, cached, forced, failed (no reply), unreadable (a reply without a verdict), since it was built.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        verdict: Literal["reason", "direct"] = "reason",
        lenient: bool = False,
        strict: bool = False,
        votes: int = 1,
        sampling: Sampling | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        if verdict not in ("reason", "direct"):
            raise ValueError(f"verdict={verdict}: unknown; reason or direct")
        if votes < 1:
            raise ValueError(f"votes={votes}: want 1 or more")
        if votes > 1 and verdict == "direct":
            raise ValueError(f"votes={votes},verdict=direct: there is nothing to vote on; use verdict=reason")
        if votes > 1 and not (sampling and sampling.temperature > 0):
            raise ValueError(f"votes={votes}: greedy votes are all the same; set temperature above 0")
        self.engine = engine
        self.verdict = verdict
        self.lenient = lenient
        self.strict = strict
        self.votes = votes
        self.sampling = sampling or Sampling()
        self.ledger = ledger
        self.counts: Counter[str] = Counter()
        self._counting = threading.Lock()

    @property
    def name(self) -> str:
        """The model's name, for tables and logs."""
        return asking.model_name(self.engine)

    def summary(self) -> str:
        """One line for the end of a run: how many judgments, from cache, forced, failed, and where the ledger is."""
        counts = self.counts
        total = counts["judged"] + counts["cached"]
        where = self.ledger.path if self.ledger else "none"
        return (
            f"{total} judgments ({counts['cached']} from cache, {counts['forced']} forced), {counts['failed']} failed, "
            f"{counts['unreadable']} unreadable; ledger: {where}"
        )

    def judge(
        self, samples: Sequence[Sample], *, sampling: Sampling | None = None, progress: bool = False
    ) -> list[Verdict]:
        """Judge samples; one Verdict each, in their order.

        A sample that cannot be judged (a corrupt image, a failed engine call, an unreadable reply) has a Verdict
        without an answer and with an error; the others are judged.

        Args:
            samples: what to judge.
            sampling: other than the judge's own.
            progress: show a progress bar.

        Raises:
            UnscoredError: a judgment has no verdict and the judge is strict.
        """

        def ask(questions: Sequence[Question], sampling: Sampling) -> Iterator[Entry]:
            if self.verdict == "direct":
                return asking.score(self.engine, questions)
            return asking.reason(self.engine, questions, sampling, lenient=self.lenient)

        asked = [sample for sample in samples for _ in range(self.votes)]
        drafts = [Question("", "", prompts.messages(sample), sample.choices) for sample in asked]
        names = [f"sample {sample.id!r} of task {sample.task!r}" for sample in asked]
        strict = self.strict and self.votes == 1  # one vote without a verdict may be outvoted
        entries = self._entries(drafts, names, sampling or self.sampling, asking.ANSWER_TOKENS, strict, progress, ask)
        verdicts = []
        for sample, (entry, _) in zip(asked, entries, strict=True):
            verdicts.append(_verdict(entry, sample.choices, self.lenient))
            self.count(unreadable=verdicts[-1].answer is None and entry.error is None)
        if self.votes > 1:
            verdicts = [majority(verdicts[start : start + self.votes]) for start in range(0, len(asked), self.votes)]
        for name, verdict in zip(names[:: self.votes], verdicts, strict=True):
            if self.strict and verdict.answer is None:  # tied; or from the ledger, and read less leniently than before
                raise UnscoredError(f"{name} is unscored: {verdict.error}")
        return verdicts

    def reply(
        self,
        conversations: Sequence[Conversation],
        *,
        max_tokens: int = 1024,
        instruct: bool = False,
        sampling: Sampling | None = None,
        progress: bool = False,
    ) -> list[Reply]:
        """Answer other people's prompts; only the visible part is for the caller.

        Args:
            conversations: chat messages with image items `{"type": "image", "image": ...}`.
            max_tokens: bound of the visible part, in tokens. Reasoning has its own budget, `sampling.max_new_tokens`.
            instruct: ask for reasoning in tags by a line in the system message.
            sampling: other than the judge's own.
            progress: show a progress bar.

        Raises:
            UnscoredError: a call failed and the judge is strict.
        """

        def ask(questions: Sequence[Question], sampling: Sampling) -> Iterator[Entry]:
            return asking.answer(self.engine, questions, sampling, max_tokens=max_tokens, instructed=instruct)

        if instruct:
            conversations = [prompts.with_instruction(conversation) for conversation in conversations]
        drafts = [Question("", "", conversation) for conversation in conversations]
        names = [f"conversation {number}" for number in range(len(drafts))]
        entries = self._entries(drafts, names, sampling or self.sampling, max_tokens, self.strict, progress, ask)
        return [_reply(entry, cached) for entry, cached in entries]

    def _entries(
        self,
        drafts: Sequence[Question],
        names: Sequence[str],
        sampling: Sampling,
        answer_tokens: int,
        strict: bool,
        progress: bool,
        ask: Callable[[Sequence[Question], Sampling], Iterator[Entry]],
    ) -> list[tuple[Entry, bool]]:
        """(entry, whether the ledger had it) of each question: ledger hits, then one engine run for the rest."""
        keys: list[str] = []
        questions: dict[str, Question] = {}
        entries: dict[str, Entry] = {}
        seen: Counter[str] = Counter()
        for number, draft in enumerate(drafts):
            try:
                prompt = describe(draft.conversation)
            except (ImageError, TypeError, KeyError) as error:
                keys.append(f"bad-{number}")
                entries[keys[-1]] = Entry(keys[-1], self.name, "", error=f"{type(error).__name__}: {error}")
                continue
            # Sampled replies to one and the same prompt are different draws; greedy ones are one judgment.
            draw = seen[prompt] if sampling.temperature > 0 else 0
            seen[prompt] += 1
            keys.append(self._key(prompt, draft.choices, sampling, answer_tokens, draw))
            questions.setdefault(keys[-1], replace(draft, key=keys[-1], prompt=prompt, draw=draw))
        cached = self.ledger.get(questions) if self.ledger else {}
        name_of = dict(zip(reversed(keys), reversed(names), strict=True))
        for entry in entries.values():
            _stop(entry, name_of[entry.key], strict)
        todo = [question for key, question in questions.items() if key not in cached]
        with tqdm(total=len(questions), initial=len(cached), desc="Judging", unit="", disable=not progress) as bar:
            for draw in sorted({question.draw for question in todo}):
                # A seed range of its own for each draw: a run that goes on after a kill must not repeat earlier draws.
                for entry in ask([question for question in todo if question.draw == draw], sampling.of_draw(draw)):
                    entries[entry.key] = entry
                    if self.ledger:
                        self.ledger.put([entry])
                    _stop(entry, name_of[entry.key], strict)
                    bar.update()
        results = [(cached[key], True) if key in cached else (entries[key], False) for key in keys]
        for entry, was_cached in results:
            failed = entry.error is not None
            self.count(cached=was_cached, judged=not was_cached, forced=entry.forced, failed=failed)
        return results

    def count(self, **what: bool) -> None:
        """Add to `counts` what happened to one judgment; safe for any number of threads."""
        with self._counting:
            self.counts.update({name: int(happened) for name, happened in what.items()})

    def _key(self, prompt: str, choices: Sequence[str], sampling: Sampling, answer_tokens: int, draw: int) -> str:
        # The reading (lenient or strict) is no part of it: it is applied to the stored reply.
        what = {
            "engine": dict(self.engine.identity),
            "mode": self.verdict if choices else "reply",
            "prompt": prompt,
            "choices": list(choices) if self.verdict == "direct" else [],
            # Keys from before there were log-probabilities stay what they were.
            "sampling": {name: value for name, value in asdict(sampling).items() if name != "logprobs" or value},
            "answer_tokens": answer_tokens,
            "draw": draw,
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _stop(entry: Entry, name: str, strict: bool) -> None:
    if strict and entry.verdict is None:
        raise UnscoredError(f"{name} is unscored: {entry.error or f'no verdict in the reply {entry.reply[:200]!r}'}")


def _verdict(entry: Entry, choices: Sequence[str], lenient: bool) -> Verdict:
    if entry.error is not None:
        return Verdict(None, error=entry.error)
    verdict = parse(entry.reply, choices, lenient=lenient)
    well_formed = verdict.well_formed and not entry.forced  # the closing tags of a forced reply are ours
    return replace(verdict, well_formed=well_formed, forced=entry.forced, probabilities=entry.probabilities)


def _reply(entry: Entry, cached: bool) -> Reply:
    used = (0, 0) if cached else (entry.prompt_tokens, entry.completion_tokens)
    return Reply(
        entry.verdict or "", entry.reasoning, entry.forced, cached, *used, entry.reply, entry.error, entry.logprobs
    )

"""Judge: engine + prompt + parser + ledger. `judge` answers Samples, `reply` answers other people's prompts."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from tqdm import tqdm

from mtrl_judge_plugin import images, prompts
from mtrl_judge_plugin.conversations import describe
from mtrl_judge_plugin.engines import Completion, Conversation, Engine, Sampling, Scores
from mtrl_judge_plugin.ledger import Entry, Ledger
from mtrl_judge_plugin.sample import Sample
from mtrl_judge_plugin.verdict import Verdict, format_reply, parse, reasoning_of, visible

#: Room for a verdict in our own format; verdicts are a word, a letter or a number.
ANSWER_TOKENS = 32
_END_OF_THOUGHT = "</think><answer>"
_DIRECT = "<think></think><answer>"


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
    """

    text: str
    reasoning: str = ""
    forced: bool = False
    cached: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    raw: str = ""
    error: str | None = None


@dataclass
class _Work:
    """One distinct question on its way to the engine."""

    key: str
    prompt: str
    conversation: Conversation
    choices: Sequence[str] = ()


class Judge:
    """A multimodal judge.

    Args:
        engine: what generates; see `mtrl_judge_plugin.engines`.
        verdict: "reason" (reasoning, then the verdict) or "direct" (probabilities of the choices, one forward pass).
        lenient: read replies leniently: for models that were not trained on our format.
        strict: raise UnscoredError at the first failed judgment instead of returning it unscored.
        sampling: `max_new_tokens` is the budget of the reasoning; the verdict has its own.
        ledger: cache and log, or None.

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
        sampling: Sampling | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        if verdict not in ("reason", "direct"):
            raise ValueError(f"verdict={verdict}: unknown; reason or direct")
        self.engine = engine
        self.verdict = verdict
        self.lenient = lenient
        self.strict = strict
        self.sampling = sampling or Sampling()
        self.ledger = ledger
        self.counts: Counter[str] = Counter()

    @property
    def name(self) -> str:
        """The model's name, for tables and logs."""
        return str(self.engine.identity.get("model", self.engine.identity))

    def summary(self) -> str:
        """One line for the end of a run: how many judgments, from cache, forced, failed, and where the ledger is."""
        counts = self.counts
        total = counts["judged"] + counts["cached"]
        where = self.ledger.path if self.ledger else "none"
        return (
            f"{total} judgments ({counts['cached']} from cache, {counts['forced']} forced), {counts['failed']} failed, "
            f"{counts['unreadable']} unreadable; ledger: {where}"
        )

    def judge(self, samples: Sequence[Sample], *, progress: bool = False) -> list[Verdict]:
        """Judge samples; one Verdict each, in their order.

        A sample that cannot be judged (a corrupt image, a failed engine call, an unreadable reply) has a Verdict
        without an answer and with an error; the others are judged.

        Args:
            samples: what to judge.
            progress: show a progress bar.

        Raises:
            UnscoredError: a judgment failed and the judge is strict.
        """
        conversations = [prompts.messages(sample) for sample in samples]
        choices = [sample.choices for sample in samples]
        read = self._read_verdict if self.verdict == "reason" else self._read_scores
        entries = self._entries(conversations, choices, self.sampling, ANSWER_TOKENS, progress, read)
        verdicts = []
        for sample, (entry, cached) in zip(samples, entries, strict=True):
            verdict = _verdict(entry, sample.choices, self.lenient)
            self._count(entry, cached, verdict.answer is None)
            if self.strict and verdict.answer is None:
                raise UnscoredError(f"sample {sample.id!r} of task {sample.task!r} is unscored: {verdict.error}")
            verdicts.append(verdict)
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
        if instruct:
            conversations = [prompts.with_instruction(conversation) for conversation in conversations]
        none: list[Sequence[str]] = [()] * len(conversations)

        def read(work: Sequence[_Work], sampling: Sampling) -> Iterator[Entry]:
            return self._read_reply(work, sampling, max_tokens, instruct)

        entries = self._entries(conversations, none, sampling or self.sampling, max_tokens, progress, read)
        replies = []
        for entry, cached in entries:
            self._count(entry, cached, False)
            if self.strict and entry.error is not None:
                raise UnscoredError(f"a judgment failed: {entry.error}")
            used = (0, 0) if cached else (entry.prompt_tokens, entry.completion_tokens)
            replies.append(
                Reply(entry.verdict or "", entry.reasoning, entry.forced, cached, *used, entry.reply, entry.error)
            )
        return replies

    def _entries(
        self,
        conversations: Sequence[Conversation],
        choices: Sequence[Sequence[str]],
        sampling: Sampling,
        answer_tokens: int,
        progress: bool,
        read: Callable[[Sequence[_Work], Sampling], Iterator[Entry]],
    ) -> list[tuple[Entry, bool]]:
        """(entry, whether the ledger had it) of each conversation: ledger hits, then one engine run for the rest."""
        keys: list[str] = []
        todo: dict[str, _Work] = {}
        entries: dict[str, Entry] = {}
        seen: Counter[str] = Counter()
        for number, (conversation, options) in enumerate(zip(conversations, choices, strict=True)):
            try:
                prompt = describe(conversation)
            except (images.ImageError, TypeError) as error:
                keys.append(f"bad-{number}")
                entries[keys[-1]] = Entry(keys[-1], self.name, "", error=str(error))
                continue
            # Sampled replies to one and the same prompt are different draws; greedy ones are one judgment.
            draw = seen[prompt] if sampling.temperature > 0 else 0
            seen[prompt] += 1
            key = self._key(prompt, options, sampling, answer_tokens, draw)
            keys.append(key)
            todo.setdefault(key, _Work(key, prompt, conversation, options))
        cached = self.ledger.get(todo) if self.ledger else {}
        work = [item for key, item in todo.items() if key not in cached]
        with tqdm(total=len(todo), initial=len(cached), desc="Judging", unit="sample", disable=not progress) as bar:
            for entry in read(work, sampling):
                entries[entry.key] = entry
                if self.ledger:
                    self.ledger.put([entry])
                bar.update()
        return [(cached[key], True) if key in cached else (entries[key], False) for key in keys]

    def _read_verdict(self, work: Sequence[_Work], sampling: Sampling) -> Iterator[Entry]:
        """Reasoning, then the answer; a reply cut off before its answer is finished by a forced one."""
        asked = replace(sampling, max_new_tokens=sampling.max_new_tokens + ANSWER_TOKENS)
        cut: list[tuple[_Work, Completion, float]] = []
        for item, completion, seconds in self._generate(work, [item.conversation for item in work], asked):
            if not completion.finished and parse(completion.text, item.choices, lenient=self.lenient).answer is None:
                cut.append((item, completion, seconds))
            else:
                yield self._entry(item, completion, seconds, self._answer(completion, item))
        yield from self._force(cut, replace(sampling, max_new_tokens=ANSWER_TOKENS), self._answer)

    def _read_reply(
        self, work: Sequence[_Work], sampling: Sampling, max_tokens: int, instruct: bool
    ) -> Iterator[Entry]:
        """A free-form reply: its visible part within `max_tokens`, forced if the reasoning was cut off."""

        def shown(completion: Completion, item: _Work) -> str:
            return self.engine.truncate(visible(completion.text), max_tokens)

        asked = replace(sampling, max_new_tokens=sampling.max_new_tokens + max_tokens)
        cut: list[tuple[_Work, Completion, float]] = []
        for item, completion, seconds in self._generate(work, [item.conversation for item in work], asked):
            closed = "</think>" in completion.text or "<answer>" in completion.text
            reasoning = not closed and (instruct or "<think>" in completion.text)
            if not completion.finished and reasoning:
                cut.append((item, completion, seconds))
            else:
                yield self._entry(item, completion, seconds, shown(completion, item))
        yield from self._force(cut, replace(sampling, max_new_tokens=max_tokens), shown)

    def _force(
        self,
        cut: Sequence[tuple[_Work, Completion, float]],
        sampling: Sampling,
        answer: Callable[[Completion, _Work], str | None],
    ) -> Iterator[Entry]:
        """Finish replies that were cut off while reasoning by a second, short generation behind the closing tag."""
        first = {item.key: (completion, seconds) for item, completion, seconds in cut}
        heads = {item.key: _unfinished(completion.text) + _END_OF_THOUGHT for item, completion, _ in cut}
        work = [item for item, _, _ in cut]
        conversations = [
            [*item.conversation, {"role": "assistant", "content": [{"type": "text", "text": heads[item.key]}]}]
            for item in work
        ]
        asked = replace(sampling, stop=(*sampling.stop, "</answer>"))
        for item, completion, seconds in self._generate(work, conversations, asked):
            before, earlier = first[item.key]
            whole = replace(
                completion,
                text=f"{heads[item.key]}{completion.text.partition('</answer>')[0].strip()}</answer>",
                completion_tokens=before.completion_tokens + completion.completion_tokens,
            )
            entry = self._entry(item, whole, earlier + seconds, answer(whole, item))
            yield replace(entry, forced=entry.error is None)

    def _read_scores(self, work: Sequence[_Work], sampling: Sampling) -> Iterator[Entry]:
        """Probabilities of the choices after a prefilled empty think block: one forward pass, no generation."""
        conversations = [
            [*item.conversation, {"role": "assistant", "content": [{"type": "text", "text": _DIRECT}]}] for item in work
        ]
        start = time.monotonic()
        for number, scores in self.engine.score(conversations, [item.choices for item in work], "</answer>"):
            item, seconds = work[number], time.monotonic() - start
            if scores.error is not None:
                yield Entry(item.key, self.name, item.prompt, seconds=seconds, error=scores.error)
                continue
            probabilities = softmax(scores)
            best = max(probabilities, key=lambda choice: probabilities[choice])
            yield Entry(
                item.key,
                self.name,
                item.prompt,
                reply=format_reply("", best),
                verdict=best,
                probabilities=probabilities,
                prompt_tokens=scores.prompt_tokens,
                seconds=seconds,
            )

    def _generate(
        self, work: Sequence[_Work], conversations: Sequence[Conversation], sampling: Sampling
    ) -> Iterator[tuple[_Work, Completion, float]]:
        if not work:
            return
        start = time.monotonic()
        for number, completion in self.engine.generate(conversations, sampling):
            yield work[number], completion, time.monotonic() - start

    def _answer(self, completion: Completion, item: _Work) -> str | None:
        return parse(completion.text, item.choices, lenient=self.lenient).answer

    def _entry(self, item: _Work, completion: Completion, seconds: float, verdict: str | None) -> Entry:
        return Entry(
            item.key,
            self.name,
            item.prompt,
            reply=completion.text,
            reasoning=reasoning_of(completion.text),
            verdict=verdict if completion.error is None else None,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            seconds=seconds,
            error=completion.error,
        )

    def _key(self, prompt: str, choices: Sequence[str], sampling: Sampling, answer_tokens: int, draw: int) -> str:
        # The reading (lenient or strict) is no part of it: it is applied to the stored reply.
        what = {
            "engine": dict(self.engine.identity),
            "mode": self.verdict if choices else "reply",
            "prompt": prompt,
            "choices": list(choices) if self.verdict == "direct" else [],
            "sampling": asdict(sampling),
            "answer_tokens": answer_tokens,
            "draw": draw,
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def _count(self, entry: Entry, cached: bool, unread: bool) -> None:
        self.counts["cached" if cached else "judged"] += 1
        self.counts["forced"] += entry.forced
        self.counts["failed"] += entry.error is not None
        self.counts["unreadable"] += unread and entry.error is None


def softmax(scores: Scores) -> dict[str, float]:
    """Probabilities of the choices from their log-probabilities; they sum to 1."""
    top = max(scores.logprobs.values())
    weights = {choice: math.exp(logprob - top) for choice, logprob in scores.logprobs.items()}
    total = sum(weights.values())
    return {choice: weight / total for choice, weight in weights.items()}


def _verdict(entry: Entry, choices: Sequence[str], lenient: bool) -> Verdict:
    if entry.error is not None:
        return Verdict(None, error=entry.error)
    verdict = parse(entry.reply, choices, lenient=lenient)
    return replace(verdict, forced=entry.forced, probabilities=entry.probabilities)


def _unfinished(text: str) -> str:
    """The reasoning of a reply that was cut off, its think block open: where a forced answer goes on."""
    head = text.partition("</think>")[0].partition("<answer>")[0].rstrip()
    return head if head.lstrip().startswith("<think>") else f"<think>{head}"

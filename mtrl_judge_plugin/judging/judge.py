"""Judge: engine + prompt + parser + ledger. `judge` answers Samples, `reply` answers other people's prompts."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Literal

from tqdm import tqdm

from mtrl_judge_plugin import prompts
from mtrl_judge_plugin.control_tokens import defuse
from mtrl_judge_plugin.engines import Engine, Sampling
from mtrl_judge_plugin.images import ImageError
from mtrl_judge_plugin.judging import generation
from mtrl_judge_plugin.judging.claims import Claims
from mtrl_judge_plugin.judging.generation import Question
from mtrl_judge_plugin.judging.keys import key_of
from mtrl_judge_plugin.judging.ledger import Entry, Ledger, LedgerError
from mtrl_judge_plugin.judging.replies import NO_KEY, Reply, counted, reply_of, verdict_of
from mtrl_judge_plugin.messages import Conversation, describe
from mtrl_judge_plugin.sample import Sample
from mtrl_judge_plugin.verdict import Verdict, majority, visible

_log = logging.getLogger("mtrl_judge")
#: Questions claimed and handed to the engine at a time: enough to keep it busy, and all that other runs wait for.
_CLAIMED = 1024
#: Characters of a reply, and of a whole reason, in messages.
_SHOWN, _LONGEST_EXAMPLE = 200, 300


class UnscoredError(RuntimeError):
    """A judgment failed and the judge was told to be strict; the message says which and why."""


class Judge:
    """A multimodal judge.

    Args:
        engine: what generates; see `mtrl_judge_plugin.engines`.
        verdict: "reason" (reasoning, then the verdict) or "direct" (probabilities of the choices, one forward pass).
        lenient: read replies leniently: for models that were not trained on our format.
        strict: raise UnscoredError at the first judgment without a verdict instead of returning it unscored.
        max_failures: raise UnscoredError after so many new judgments in a row that failed or were empty (0 = never),
            and log the first without a verdict. None: do neither.
        votes: how many sampled replies to each sample vote on its verdict; a tie is unscored.
        sampling: `max_new_tokens` is the budget of the reasoning; the verdict has its own.
        ledger: cache and log, or None.

    Raises:
        ValueError: an unknown `verdict`; votes that cannot differ (greedy, or `verdict="direct"`), or fewer than one.

    Attributes:
        counts: judged, cached, forced, failed (no reply), unreadable (a reply without a verdict), unwritten (judged,
            but the ledger could not be written), since it was built.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        verdict: Literal["reason", "direct"] = "reason",
        lenient: bool = False,
        strict: bool = False,
        max_failures: int | None = None,
        votes: int = 1,
        sampling: Sampling | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        if verdict not in ("reason", "direct"):
            raise ValueError(f"verdict={verdict}: unknown; reason or direct")
        if max_failures is not None and max_failures < 0:
            raise ValueError(f"max_failures={max_failures}: want 0 (never stop) or more")
        if votes < 1:
            raise ValueError(f"votes={votes}: want 1 or more")
        if votes > 1 and verdict == "direct":
            raise ValueError(f"votes={votes},verdict=direct: direct verdicts are always the same; use verdict=reason")
        if votes > 1 and not (sampling and sampling.temperature > 0):
            raise ValueError(f"votes={votes}: greedy votes are all the same; set temperature above 0")
        self.engine = engine
        self.verdict = verdict
        self.lenient = lenient
        self.strict = strict
        self.max_failures = max_failures
        self.votes = votes
        self.sampling = sampling or Sampling()
        self.ledger = ledger
        self.counts: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._warned: set[str] = set()
        self._deterministic = bool(getattr(engine, "deterministic", False))
        self._in_a_row = 0
        self._told = False
        self._example: str | None = None

    @property
    def name(self) -> str:
        """The model's name, for tables and logs."""
        return generation.model_name(self.engine)

    def summary(self) -> str:
        """One line for the end of a run: judgments by what became of them, an example, where the ledger is."""
        return (
            f"{counted(self.counts)}; {self.ledger_note()}{f'; for example {self._example}' if self._example else ''}"
        )

    def ledger_note(self) -> str:
        """Where the ledger is, and how many judgments could not be written to it: the end of a summary line."""
        note = f" ({missing} judgments could not be written to it)" if (missing := self.counts["unwritten"]) else ""
        return f"ledger: {self.ledger.path if self.ledger else 'none'}{note}"

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
            UnscoredError: a judgment has no verdict and the judge is strict, or `max_failures` in a row failed.
        """

        def ask(questions: Sequence[Question], sampling: Sampling) -> Iterator[Entry]:
            if self.verdict == "direct":
                return generation.score(self.engine, questions)
            return generation.reason(self.engine, questions, sampling, lenient=self.lenient)

        asked = [sample for sample in samples for _ in range(self.votes)]
        drafts = [Question("", "", prompts.messages(sample), sample.choices) for sample in asked]
        names = [f"sample {sample.id!r} of task {sample.task!r}" for sample in asked]
        strict = self.strict and self.votes == 1  # one vote without a verdict may be outvoted
        entries = self._entries(
            drafts, names, sampling or self.sampling, generation.ANSWER_TOKENS, strict, progress, ask
        )
        verdicts = []
        for name, sample, (entry, cached) in zip(names, asked, entries, strict=True):
            verdicts.append(replace(verdict_of(entry, sample.choices, self.lenient), cached=cached))
            if verdicts[-1].answer is None:
                self.note(f"{name}: {verdicts[-1].error}")
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
        names: Sequence[str] = (),
    ) -> list[Reply]:
        """Answer other people's prompts; only the visible part is for the caller.

        Args:
            conversations: chat messages with image items `{"type": "image", "image": ...}`.
            max_tokens: bound of the visible part, in tokens. Reasoning has its own budget, `sampling.max_new_tokens`.
            instruct: ask for reasoning in tags by a line in the system message.
            sampling: other than the judge's own.
            progress: show a progress bar.
            names: what messages call the conversations.

        Raises:
            UnscoredError: a reply has no visible part and the judge is strict, or `max_failures` in a row failed.
        """

        def ask(questions: Sequence[Question], sampling: Sampling) -> Iterator[Entry]:
            return generation.reply(self.engine, questions, sampling, max_tokens=max_tokens, instructed=instruct)

        if instruct:
            conversations = [prompts.with_instruction(conversation) for conversation in conversations]
        drafts = [Question("", "", conversation) for conversation in conversations]
        names = names or [f"conversation {number}" for number in range(len(drafts))]
        entries = self._entries(drafts, names, sampling or self.sampling, max_tokens, self.strict, progress, ask)
        return [reply_of(entry, cached) for entry, cached in entries]

    def go_on(
        self,
        conversations: Sequence[Conversation],
        thoughts: Sequence[str],
        choices: Sequence[Sequence[str]] = (),
        sampling: Sampling | None = None,
    ) -> list[Reply]:
        """What follows reasoning that was done before: the most probable of each one's `choices` (a tie has no reply).

        Without choices: a reply under the sampling's grammar, within its `max_new_tokens`.
        """

        def ask(questions: Sequence[Question], sampling: Sampling) -> Iterator[Entry]:
            return (generation.score if choices else generation.complete)(self.engine, questions, sampling)

        given = choices or [()] * len(thoughts)
        asked = zip(map(prompts.with_instruction, conversations), map(defuse, thoughts), given, strict=True)
        drafts = [Question("", "", one, tuple(texts), thought=thought) for one, thought, texts in asked]
        sampling = sampling or replace(self.sampling, temperature=0.0)
        entries = self._entries(drafts, ["a retry"] * len(drafts), sampling, 0, strict=False, progress=False, ask=ask)
        return [reply_of(entry, cached) for entry, cached in entries]

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
        """(entry, whether the ledger had it) of each question: ledger hits, then engine runs for the rest.

        What other processes and threads are asking right now is not asked again but waited for.
        """
        keys: list[str] = []
        questions: dict[str, Question] = {}
        entries: dict[str, Entry] = {}
        seen: Counter[str] = Counter()
        for number, draft in enumerate(drafts):
            try:
                prompt = describe(draft.conversation)
            except (ImageError, TypeError, KeyError) as error:
                keys.append(f"{NO_KEY}{number}")
                entries[keys[-1]] = Entry(keys[-1], self.name, "", error=f"{type(error).__name__}: {error}")
                continue
            # Sampled replies to one and the same prompt are different draws; greedy ones are one judgment.
            draw = seen[prompt] if sampling.temperature > 0 else 0
            seen[prompt] += 1
            question = replace(draft, prompt=prompt, draw=draw)
            keys.append(key_of(self.engine.identity, self.verdict, question, sampling, answer_tokens))
            questions.setdefault(keys[-1], replace(question, key=keys[-1]))
        cached = self._stored(questions)
        name_of = dict(zip(reversed(keys), reversed(names), strict=True))
        for entry in entries.values():
            self._watch(entry, name_of[entry.key], strict)
        # By draw. Each has a seed range of its own: a run that goes on after a kill must not repeat earlier draws.
        missing = [question for key, question in questions.items() if key not in cached]
        todo = {question.key: question for question in sorted(missing, key=lambda question: question.draw)}
        with (
            Claims(self.ledger) as claims,
            tqdm(total=len(questions), initial=len(cached), desc="Judging", unit="", disable=not progress) as bar,
        ):
            while todo:
                mine = claims.take(todo, _CLAIMED)
                if not mine:
                    claims.wait()
                found = self._stored({key: todo[key] for key in mine or todo})  # or written since the last look
                cached |= found
                bar.update(len(found))
                asked = [todo[key] for key in mine if key not in found]
                for draw, drawn in groupby(asked, key=lambda question: question.draw):
                    for entry in ask(list(drawn), sampling.of_draw(draw)):
                        entries[entry.key] = entry
                        self.count(unwritten=not self._write(claims.put, entry))
                        self._watch(entry, name_of[entry.key], strict)
                        bar.update()
                claims.release()
                for key in {*mine, *found}:
                    del todo[key]
        results = [(cached[key], True) if key in cached else (entries[key], False) for key in keys]
        for entry, was_cached in results:
            failed = entry.error is not None
            self.count(cached=was_cached, judged=not was_cached, forced=entry.forced, failed=failed)
        return results

    def mark_unreadable(self, replies: Sequence[Reply], reason: str) -> None:
        """Keep these replies in the ledger as a log only: their callers could not read them, and will ask again.

        Does nothing if the engine is deterministic: it would only reply the same.

        Args:
            replies: as `reply` returned them.
            reason: why they could not be read, for the log.
        """
        given = [(reply.key, reply.raw) for reply in replies if reply.key and reply.error is None]
        if self.ledger and given and not self._deterministic:
            self._write(self.ledger.mark_unreadable, given, reason)

    def _stored(self, questions: Mapping[str, Question]) -> dict[str, Entry]:
        """The entries of the ledger that answer these questions."""
        found = self.ledger.get(questions) if self.ledger else {}
        return {key: entry for key, entry in found.items() if self._serves(entry, questions[key].choices)}

    def _serves(self, entry: Entry, choices: Sequence[str]) -> bool:
        """Whether a stored reply answers a question; a reply without a verdict does so only if it would come again."""
        if not choices:  # somebody else's prompt: its caller decides what is unreadable
            return bool(entry.verdict)
        if entry.probabilities is None and not visible(entry.reply):
            return False
        return self._deterministic or verdict_of(entry, choices, self.lenient).answer is not None

    def _write(self, write: Callable[..., None], *what: object) -> bool:
        """Write to the ledger; returns whether it could. A verdict that was paid for is not lost to a full disk."""
        try:
            write(*what)
        except LedgerError as error:
            reason = str(error)
            if reason not in self._warned:
                self._warned.add(reason)
                _log.warning(
                    "%s. Judging continues and verdicts are returned, but a later run will ask for them again. "
                    "Free space on the disk, make the file writable, or close the program that locks it.",
                    reason,
                )
            return False
        return True

    def _watch(self, entry: Entry, name: str, strict: bool) -> None:
        """Log the first new judgment without a verdict; raise UnscoredError after too many, as `judge` says."""
        with self._counting:
            # A reply that says something, if no verdict, comes from a judge that is alive: coverage measures that.
            self._in_a_row = 0 if entry.error is None and visible(entry.reply) else self._in_a_row + 1
            row = self._in_a_row
        if entry.verdict:
            return
        said = f"no verdict in the reply {entry.reply[:_SHOWN]!r}" if entry.reply else "the reply is empty"
        reason = f"{name} is unscored: {entry.error or said}"
        if strict:
            raise UnscoredError(reason)
        if self.max_failures is None:
            return
        if not self._told:
            self._told = True
            hint = "" if entry.error or self.lenient else "; set lenient=true for a model not trained on our format"
            _log.warning("mtrl_judge: the first judgment without a verdict: %s%s", reason, hint)
        if self.max_failures and row >= self.max_failures:
            raise UnscoredError(f"the last {row} judgments failed (max_failures={self.max_failures}): {reason}")

    def note(self, example: str) -> None:
        """Keep the first example of what has no verdict, for the summary."""
        self._example = self._example or example[:_LONGEST_EXAMPLE]

    def count(self, **what: bool) -> None:
        """Add to `counts` what happened to one judgment; safe for any number of threads."""
        with self._counting:
            self.counts.update({name: int(happened) for name, happened in what.items()})

"""Answers other people's prompts: one `JudgeService` for the lmms-eval provider and the HTTP server alike.

A question goes one way through it. What the caller demands explicitly, or else what the prompt shows (`format_for`), is
the format of the reply; the judge is asked; the reply is read in the format. A reply that is in another one gets one
retry that cannot be out of format where the engine can do that: behind the judge's own reasoning it scores the texts
that fit, or, where these are too many, writes under the format's grammar. Otherwise the judge is told what is wanted
and reasons again. If that cannot be read either, the judgment has failed, with a reason. Nothing is ever guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mtrl_judge_plugin import messages
from mtrl_judge_plugin.control_tokens import defuse
from mtrl_judge_plugin.engines import Sampling
from mtrl_judge_plugin.formats import detect
from mtrl_judge_plugin.formats.kinds import Format
from mtrl_judge_plugin.formats.objects import JSON_OBJECT, Object
from mtrl_judge_plugin.formats.values import UnreadableError
from mtrl_judge_plugin.judging.batcher import Batcher
from mtrl_judge_plugin.judging.draws import Draws, drawn
from mtrl_judge_plugin.judging.judge import Judge
from mtrl_judge_plugin.judging.replies import Reply
from mtrl_judge_plugin.messages import Conversation, Message

_RETRY = (
    "A program cannot read your last reply. {says} Keep your verdict if you still find it right, and write it in that "
    "format, without any explanation around it."
)
_READERS = 4


@dataclass(frozen=True)
class ServiceReply:
    """What became of one question.

    Attributes:
        text: for the caller; "" where it failed.
        format: the name of the format that was expected.
        replies: of the judge, in order: one, or two where the first had to be retried.
        error: why there is no text, or None.
        unreadable: it failed because no reply was in the format; otherwise the engine failed.
        unread: no format was recognised: the text is what the judge wrote.
    """

    text: str
    format: str
    replies: Sequence[Reply]
    error: str | None = None
    unreadable: bool = False
    unread: bool = False

    @property
    def retried(self) -> bool:
        """Whether the judge was asked a second time."""
        return len(self.replies) > 1

    @property
    def reasoning(self) -> str:
        """What stood before the last reply."""
        return self.replies[-1].reasoning

    @property
    def cached(self) -> bool:
        """Whether no engine was asked."""
        return all(reply.cached for reply in self.replies)

    @property
    def forced(self) -> bool:
        """Whether the reasoning of the last reply was cut off."""
        return self.replies[-1].forced

    @property
    def prompt_tokens(self) -> int:
        """Of all generations."""
        return sum(reply.prompt_tokens for reply in self.replies)

    @property
    def completion_tokens(self) -> int:
        """Of all generations, reasoning included."""
        return sum(reply.completion_tokens for reply in self.replies)


def check_judge(judge: Judge) -> None:
    """Refuse options that make no sense for other people's prompts.

    Raises:
        ValueError: the message names the option and the way out.
    """
    if judge.votes > 1:
        raise ValueError(
            f"votes={judge.votes}: other people's prompts have no choices to vote on; leave it out (it is for "
            "data sets: --model mtrl_judge, load_judge)"
        )
    if judge.verdict == "direct":
        raise ValueError(
            "verdict=direct: other people's prompts have no choices to give probabilities of; use verdict=reason"
        )


def format_for(conversation: Conversation, known: Sequence[str] = ()) -> Format:
    """The format that a conversation's last question and its system messages ask for.

    Args:
        conversation: as the caller sent it.
        known: texts that are material for certain: a question, an answer, a response under judgment.
    """
    return detect.format_of(
        messages.last_question(conversation), system=messages.system_text(conversation), known=known
    )


def json_format(conversation: Conversation, known: Sequence[str] = ()) -> Format:
    """The format where a caller wants JSON and no more is said: with the keys that the prompt names, if it does."""
    found = format_for(conversation, known)
    return replace(found, fenced=False) if isinstance(found, Object) and not found.python else JSON_OBJECT


class JudgeService:
    """One judge at work for other people's prompts. Safe for any number of threads.

    Args:
        judge: answers on threads of the service's batcher: in batches, or side by side as its engine likes it.

    Raises:
        ValueError: the judge has options that make no sense here.
    """

    def __init__(self, judge: Judge) -> None:
        check_judge(judge)
        self.judge = judge
        self.batcher = Batcher(judge)
        self.draws = Draws()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="mtrl-judge-read")

    def close(self) -> None:
        """Finish what was asked, then end the threads."""
        self.batcher.close()
        self._readers.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def samplings(
        self, conversation: Conversation, max_tokens: int, sampling: Sampling, number: int = 1, *, seeded: bool = False
    ) -> Iterator[list[Sampling]]:
        """The samplings of the next draws of a judgment: the K-th time that it is asked gets the K-th draw.

        Args:
            conversation: what is asked.
            max_tokens: of the visible reply.
            sampling: of the first draw.
            number: how many.
            seeded: the caller named the seed, so it gets the same draws each time; so it does where it is greedy.
        """
        if seeded or sampling.temperature == 0:
            yield [drawn(sampling, draw) for draw in range(number)]
            return
        judgment = hash((messages.key(conversation), max_tokens, sampling))
        with self.draws.next(judgment, number) as numbers:
            yield [drawn(sampling, draw) for draw in numbers]

    def submit(
        self, conversation: Conversation, expected: Format, *, max_tokens: int = 1024, sampling: Sampling | None = None
    ) -> Future[ServiceReply]:
        """Ask the judge. Cancelling the future takes back what the engine has not begun.

        Args:
            conversation: what is asked.
            expected: the format of the reply.
            max_tokens: of the visible part of each reply.
            sampling: other than the judge's own.

        Raises:
            RuntimeError: the service is closed, or was built in another process.
        """
        return _Exchange(self, conversation, expected, max_tokens, sampling).begin()

    def answer(
        self, conversation: Conversation, expected: Format, *, max_tokens: int = 1024, sampling: Sampling | None = None
    ) -> ServiceReply:
        """The same, waiting for what comes of it."""
        return self.submit(conversation, expected, max_tokens=max_tokens, sampling=sampling).result()


class _Exchange:
    """One question on its way: asked, read, asked once more where it must be."""

    def __init__(
        self,
        service: JudgeService,
        conversation: Conversation,
        expected: Format,
        max_tokens: int,
        sampling: Sampling | None,
    ) -> None:
        self._service = service
        self._conversation = conversation
        self._expected = expected
        self._max_tokens = max_tokens
        self._sampling = sampling
        self._replies: list[Reply] = []
        self._done: Future[ServiceReply] = Future()
        self._asked: Future[Reply] | None = None

    def begin(self) -> Future[ServiceReply]:
        self._ask(self._conversation)
        self._done.add_done_callback(lambda done: self._asked and self._asked.cancel() if done.cancelled() else None)
        return self._done

    def _ask(
        self,
        conversation: Conversation,
        thought: str = "",
        choices: Sequence[str] = (),
        sampling: Sampling | None = None,
    ) -> None:
        self._asked = self._service.batcher.submit(
            conversation,
            max_tokens=self._max_tokens,
            sampling=sampling or self._sampling,
            thought=thought,
            choices=choices,
        )
        self._asked.add_done_callback(self._replied)

    def _replied(self, asked: Future[Reply]) -> None:
        """Read the reply beside the engine's threads: a schema of the caller may take its time."""
        if asked.cancelled():
            self._done.cancel()
            return
        try:
            self._service._readers.submit(self._take, asked)
        except RuntimeError:  # at the end of the program: nobody reads any more
            self._take(asked)

    def _take(self, asked: Future[Reply]) -> None:
        try:
            reply = asked.result()
        except Exception as error:  # whatever an engine raises: this one question has failed, the others go on
            reply = Reply("", error=str(error) or type(error).__name__)
        try:
            self._next(reply)
        except BaseException as error:  # a bug, or a service that is closed: the caller must not wait for ever
            self._finish(error)

    def _next(self, reply: Reply) -> None:
        if self._done.cancelled():
            return
        expected = self._expected
        if reply.error is not None and self._replies and self._bound:
            self._bound = False
            self._ask(retry_turns(self._conversation, self._replies[0], expected))
            return
        self._replies.append(reply)
        if reply.error is not None:
            self._finish(ServiceReply("", expected.name, self._replies, reply.error))
            return
        try:
            text = read(reply, expected)
        except UnreadableError as error:
            if len(self._replies) > 1:
                self._finish(ServiceReply("", expected.name, self._replies, str(error), unreadable=True))
                return
            self._retry(reply)
            return
        self._finish(ServiceReply(text, expected.name, self._replies, unread=not expected.known))

    #: Whether the retry is by scores or a grammar, which may fail where words do not.
    _bound = False

    def _retry(self, reply: Reply) -> None:
        choices = self._expected.choices
        thought = "\n\n".join(filter(None, (reply.reasoning, reply.text)))
        judge = self._service.judge
        engine = judge.engine
        grammar = grammar_of(self._expected) if getattr(engine, "constrains", False) else ""
        scored = bool(thought and choices and getattr(engine, "scores", False))
        self._bound = scored or bool(thought and grammar)
        if scored:
            self._ask(self._conversation, thought, choices)
        elif self._bound:
            own = self._sampling or judge.sampling
            bound = replace(own, grammar=grammar, max_new_tokens=self._max_tokens, logprobs=False)
            self._ask(self._conversation, thought, sampling=bound)
        else:
            self._ask(retry_turns(self._conversation, reply, self._expected))

    def _finish(self, result: ServiceReply | BaseException) -> None:
        if not self._done.set_running_or_notify_cancel():
            return
        if isinstance(result, BaseException):
            self._done.set_exception(result)
        else:
            self._done.set_result(result)


def grammar_of(expected: Format) -> str:
    """What fits a format, as `Sampling.grammar` has it; "" where nothing can say that."""
    if expected.schema is not None:
        return json.dumps({"json": expected.schema})
    return json.dumps({"regex": expected.regex}) if expected.regex else ""


def read(reply: Reply, expected: Format) -> str:
    """The caller's text out of what `max_tokens` left of the visible reply.

    Raises:
        UnreadableError: it is not in the format, or the cut changed the verdict ("10" -> "1").
    """
    text, whole = reply.text, reply.whole
    if not text.strip():
        raise UnreadableError("the reply has no visible part" + (", only reasoning" if reply.reasoning else ""))
    behind = whole[len(text) :]
    found = expected.read(text)
    if not behind or not expected.known:
        return found
    # A format with words around the verdict is cut with them: then the verdict must be before the last, broken word.
    meant = expected.read(whole)
    intact = text.removesuffix(text.split()[-1]) if re.match(r"[^\w\s]?\w", behind) else text
    if meant != found and not (meant.startswith(found) and found.startswith(expected.read(intact))):
        raise UnreadableError(f"cut at max_tokens: {text[-80:]!r}")
    return found


def retry_turns(conversation: Conversation, reply: Reply, expected: Format) -> list[Message]:
    """The conversation that asks for the reply once more, in the format that was wanted."""
    said = defuse(reply.text) or "..."
    return [
        *map(dict, conversation),
        {"role": "assistant", "content": [{"type": "text", "text": said}]},
        {"role": "user", "content": [{"type": "text", "text": _RETRY.format(says=expected.instruction)}]},
    ]

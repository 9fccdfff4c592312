"""Batcher: many threads ask one conversation at a time, one worker judges them together.

Callers block until their reply is there, or hold its future. While a batch runs, the next one gathers; so concurrent
callers share engine batches without knowing of each other, and a lone caller waits for nobody.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import threading
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from mtrl_judge_plugin import images
from mtrl_judge_plugin.engines import Conversation, Sampling
from mtrl_judge_plugin.judge import Judge, Reply
from mtrl_judge_plugin.ledger import LedgerError

#: How long a batch waits, at most, for the callers of the batch before it to come back.
_WINDOW = 0.02
#: Conversations a batch. The engine parts them further as its memory allows.
_CAP = 1024
#: How long the end of the program waits for a batch that is still running.
_GRACE = 5.0


@dataclass(frozen=True, eq=False)
class _Call:
    """One caller's question and where its reply goes."""

    conversation: Conversation
    max_tokens: int
    sampling: Sampling
    key: str
    reply: Future[Reply] = field(default_factory=Future)


class Batcher:
    """Joins concurrent calls of `Judge.reply` into one; safe for any number of threads.

    Replies do not depend on who else asks: the same question asked twice at once is judged once, sampled or greedy. And
    where the engine raises on a batch, its halves are judged, down to the questions at which it raises.

    Args:
        judge: what answers. Only the worker thread calls it.

    Attributes:
        counts: batches handed to the judge, and questions in them, since it was built.
    """

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.counts: Counter[str] = Counter()
        self._calls: deque[_Call] = deque()
        self._closed = False
        self._waiting = 0  # callers without a reply
        self._peak = 0  # most of them since the running batch began
        self._lock = threading.Condition()
        self._worker = threading.Thread(target=self._work, name="mtrl-judge-batcher", daemon=True)
        self._worker.start()
        atexit.register(self.close)

    def reply(self, conversation: Conversation, *, max_tokens: int = 1024, sampling: Sampling | None = None) -> Reply:
        """Answer one conversation, together with those of other threads; see `Judge.reply`.

        Raises:
            RuntimeError: the batcher is closed.
            Exception: whatever the judge raised on this question.
        """
        return self.submit(conversation, max_tokens=max_tokens, sampling=sampling).result()

    def submit(
        self, conversation: Conversation, *, max_tokens: int = 1024, sampling: Sampling | None = None
    ) -> Future[Reply]:
        """The same without waiting. Cancelling the future takes the question back, if no batch has begun with it.

        Raises:
            RuntimeError: the batcher is closed.
        """
        sampling = sampling or self.judge.sampling
        call = _Call(conversation, max_tokens, sampling, conversation_key(conversation))
        with self._lock:
            if self._closed:
                raise RuntimeError("the judge is shut down: the program is ending")
            self._waiting += 1
            self._peak = max(self._peak, self._waiting)
            self._calls.append(call)
            self._lock.notify()
        call.reply.add_done_callback(lambda future: self._take_back(call) if future.cancelled() else None)
        return call.reply

    def close(self) -> None:
        """Finish what was asked, then end the worker. Runs at exit by itself; idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._lock.notify()
        atexit.unregister(self.close)
        self._worker.join(_GRACE)

    def _take_back(self, call: _Call) -> None:
        """Forget a question that nobody waits for any more, with its images."""
        with self._lock:
            self._waiting -= 1
            if call in self._calls:
                self._calls.remove(call)

    def _work(self) -> None:
        expected = 2  # callers to wait for: all who waited last time, and at first one more than the first
        while calls := self._gather(expected):
            with self._lock:
                self._peak = self._waiting
            groups: dict[tuple[int, Sampling], dict[str, list[_Call]]] = {}
            for call in calls:
                if call.reply.set_running_or_notify_cancel():  # from here on it cannot be cancelled
                    groups.setdefault((call.max_tokens, call.sampling), {}).setdefault(call.key, []).append(call)
            del calls, call  # an idle worker must not keep the last batch's images
            for (max_tokens, sampling), questions in groups.items():
                self._answer(list(questions.values()), max_tokens, sampling)
            groups.clear()
            expected = self._peak

    def _gather(self, expected: int) -> list[_Call]:
        """All that waits already, and what comes until `expected` are there or the window closes; [] at the end."""
        with self._lock:
            while True:
                self._lock.wait_for(lambda: self._calls or self._closed)
                self._lock.wait_for(lambda: len(self._calls) >= min(expected, _CAP) or self._closed, timeout=_WINDOW)
                if self._calls or self._closed:  # all may have been taken back in the window: that is not the end
                    return [self._calls.popleft() for _ in range(min(len(self._calls), _CAP))]

    def _answer(self, questions: list[list[_Call]], max_tokens: int, sampling: Sampling) -> None:
        conversations = [calls[0].conversation for calls in questions]
        replies: Sequence[Reply | BaseException]
        self.counts.update(batches=1, questions=len(questions))
        try:
            replies = self.judge.reply(conversations, max_tokens=max_tokens, instruct=True, sampling=sampling)
        except BaseException as error:  # raised where the question was asked; here it would leave all callers waiting
            if len(questions) > 1 and isinstance(error, Exception) and not isinstance(error, LedgerError):
                half = len(questions) // 2
                self._answer(questions[:half], max_tokens, sampling)
                self._answer(questions[half:], max_tokens, sampling)
                return
            replies = [error] * len(questions)
        with self._lock:  # before they can ask again
            self._waiting -= sum(map(len, questions))
        for calls, reply in zip(questions, replies, strict=True):
            for number, call in enumerate(calls):
                if isinstance(reply, BaseException):
                    call.reply.set_exception(reply)
                elif number == 0 or reply.error is not None:
                    call.reply.set_result(reply)
                else:  # judged once: its tokens are counted once
                    call.reply.set_result(replace(reply, cached=True, prompt_tokens=0, completion_tokens=0))


def conversation_key(conversation: Conversation) -> str:
    """A digest of messages and images: equal for equal questions, also where an image is no image at all."""
    return hashlib.sha256(json.dumps([dict(message) for message in conversation], default=_media).encode()).hexdigest()


def _media(value: Any) -> str:
    if isinstance(value, Image.Image):
        return images.digest(value)
    if isinstance(value, (bytes, bytearray)):
        return hashlib.sha256(value).hexdigest()
    return repr(value)

"""Batcher: many threads ask one conversation at a time, one worker judges them together.

Callers block until their reply is there. While a batch runs, the next one gathers; so concurrent callers share engine
batches without knowing of each other, and a lone caller waits for nobody.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from mtrl_judge_plugin import images
from mtrl_judge_plugin.engines import Conversation, Sampling
from mtrl_judge_plugin.judge import Judge, Reply

#: How long a batch waits, at most, for the callers of the batch before it to come back.
_WINDOW = 0.02
#: Conversations a batch. The engine parts them further as its memory allows.
_CAP = 1024
#: How long the end of the program waits for a batch that is still running.
_GRACE = 5.0


@dataclass(frozen=True)
class _Call:
    """One caller's question and where its reply goes."""

    conversation: Conversation
    max_tokens: int
    sampling: Sampling
    key: str
    reply: Future[Reply] = field(default_factory=Future)


class Batcher:
    """Joins concurrent calls of `Judge.reply` into one; safe for any number of threads.

    Replies do not depend on who else asks: the same question asked twice at once is judged once, sampled or greedy.

    Args:
        judge: what answers. Only the worker thread calls it.
    """

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._closed = False
        self._waiting = 0  # callers without a reply
        self._peak = 0  # most of them since the running batch began
        self._lock = threading.Lock()
        self._worker = threading.Thread(target=self._work, name="mtrl-judge-batcher", daemon=True)
        self._worker.start()
        atexit.register(self.close)

    def reply(self, conversation: Conversation, *, max_tokens: int = 1024, sampling: Sampling | None = None) -> Reply:
        """Answer one conversation, together with those of other threads; see `Judge.reply`.

        Raises:
            RuntimeError: the batcher is closed.
            Exception: whatever the judge raised on the batch; every caller of that batch gets it.
        """
        sampling = sampling or self.judge.sampling
        call = _Call(conversation, max_tokens, sampling, conversation_key(conversation))
        with self._lock:
            if self._closed:
                raise RuntimeError("the judge is shut down: the program is ending")
            self._waiting += 1
            self._peak = max(self._peak, self._waiting)
            self._calls.put(call)
        return call.reply.result()

    def close(self) -> None:
        """Finish what was asked, then end the worker. Runs at exit by itself; idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._calls.put(None)
        atexit.unregister(self.close)
        self._worker.join(_GRACE)

    def _work(self) -> None:
        expected = 2  # callers to wait for: all who waited last time, and at first one more than the first
        while (first := self._calls.get()) is not None:
            calls, last = self._gather(first, expected)
            with self._lock:
                self._peak = self._waiting
            groups: dict[tuple[int, Sampling], dict[str, list[_Call]]] = {}
            for call in calls:
                groups.setdefault((call.max_tokens, call.sampling), {}).setdefault(call.key, []).append(call)
            for (max_tokens, sampling), questions in groups.items():
                self._answer(list(questions.values()), max_tokens, sampling)
            expected = self._peak
            if last:
                return

    def _gather(self, first: _Call, expected: int) -> tuple[list[_Call], bool]:
        """(all that waits already, and what comes until `expected` are there or the window closes; whether it ends)."""
        calls = [first]
        deadline = time.monotonic() + _WINDOW
        while len(calls) < _CAP:
            patience = deadline - time.monotonic() if len(calls) < expected else 0.0
            try:
                call = self._calls.get(timeout=patience) if patience > 0 else self._calls.get_nowait()
            except queue.Empty:
                break
            if call is None:
                return calls, True
            calls.append(call)
        return calls, False

    def _answer(self, questions: list[list[_Call]], max_tokens: int, sampling: Sampling) -> None:
        conversations = [calls[0].conversation for calls in questions]
        replies: Sequence[Reply | BaseException]
        try:
            replies = self.judge.reply(conversations, max_tokens=max_tokens, instruct=True, sampling=sampling)
        except BaseException as error:  # raised where the question was asked; here it would leave all callers waiting
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

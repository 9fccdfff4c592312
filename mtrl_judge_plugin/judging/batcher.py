"""Batcher: many threads ask one conversation each, and the judge gets batches.

Callers block until their reply is ready, or hold its future. An engine that forms batches has one worker: while a batch
runs, the next one fills up, so concurrent callers share batches and a lone caller does not wait. An engine with a
`concurrency` answers each question separately: it has that many workers with one question each, so a slow question does
not delay the others.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from mtrl_judge_plugin import messages
from mtrl_judge_plugin.engines import Sampling
from mtrl_judge_plugin.judging.judge import Judge
from mtrl_judge_plugin.judging.ledger import LedgerError
from mtrl_judge_plugin.judging.replies import Reply
from mtrl_judge_plugin.messages import Conversation

#: How long a batch waits, at most, for the callers of the batch before it to come back.
_WINDOW = 0.02
#: Conversations a batch. The engine parts them further as its memory allows.
_CAP = 1024
#: How long the end of the program waits for what is still running.
_GRACE = 5.0

#: What makes two questions the same: the conversation's key, max_tokens, sampling, and how it is asked.
_Identity = tuple[str, int, Sampling, str]


@dataclass(eq=False)
class _Question:
    """One question, and where its reply goes: to all who asked it before it was answered."""

    conversation: Conversation
    identity: _Identity
    thought: str = ""
    choices: Sequence[str] = ()
    replies: list[Future[Reply]] = field(default_factory=list)


class Batcher:
    """Puts the calls of any number of threads before `Judge.reply`.

    Replies do not depend on who else asks: the same question asked again before it is answered is judged once, sampled
    or greedy. And where the engine raises on a batch, its halves are judged, down to the questions at which it raises.

    Args:
        judge: what answers. Only the worker threads call it: several at once if its engine has a `concurrency` above 0.

    Attributes:
        counts: batches handed to the judge, and questions in them, since it was built.
    """

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.counts: Counter[str] = Counter()
        concurrency: int = getattr(judge.engine, "concurrency", 0)
        self._most, self._cap = (concurrency, 1) if concurrency else (1, _CAP)  # workers; questions each takes at once
        self._queued: OrderedDict[_Identity, _Question] = OrderedDict()
        self._running: dict[_Identity, _Question] = {}
        self._closed = False
        self._waiting = 0  # callers without a reply
        self._peak = 0  # most of them since the running batch began
        self._lock = threading.Condition()
        self._process = os.getpid()
        self._workers: list[threading.Thread] = []
        self._add_worker()
        atexit.register(self.close)

    def reply(self, conversation: Conversation, *, max_tokens: int = 1024, sampling: Sampling | None = None) -> Reply:
        """Answer one conversation, together with those of other threads; see `Judge.reply`.

        Raises:
            RuntimeError: the batcher is closed, or was built in another process.
            Exception: whatever the judge raised on this question.
        """
        return self.submit(conversation, max_tokens=max_tokens, sampling=sampling).result()

    def submit(
        self,
        conversation: Conversation,
        *,
        max_tokens: int = 1024,
        sampling: Sampling | None = None,
        thought: str = "",
        choices: Sequence[str] = (),
    ) -> Future[Reply]:
        """The same without waiting. Cancelling the future takes the question back, if it has not been begun.

        With a `thought` the judge goes on from it: it decides among the `choices`, or replies under the sampling's
        grammar; see `Judge.go_on`.

        Raises:
            RuntimeError: the batcher is closed, or was built in another process.
        """
        if os.getpid() != self._process:  # a forked child has no worker threads and may inherit a held lock
            raise RuntimeError(
                f"the judge was built in process {self._process} and cannot answer in its fork {os.getpid()}: "
                "build it after the fork, or use the spawn start method"
            )
        key = messages.key(conversation)
        if thought:
            key += hashlib.sha256(json.dumps([thought, *choices]).encode()).hexdigest()
        way = "choose" if choices else "complete" if thought else "reply"
        identity = (key, max_tokens, sampling or self.judge.sampling, way)
        reply: Future[Reply] = Future()
        # Names the question instead of holding it: keeping the reply must not keep the images.
        reply.add_done_callback(lambda future: self._take_back(identity, future) if future.cancelled() else None)
        with self._lock:
            if self._closed:
                raise RuntimeError("the judge is shut down")
            if question := self._running.get(identity):
                reply.set_running_or_notify_cancel()
            elif not (question := self._queued.get(identity)):
                if len(self._workers) < self._most and len(self._workers) <= len(self._queued) + len(self._running):
                    self._add_worker()  # all others have a question each
                question = self._queued[identity] = _Question(conversation, identity, thought, choices)
            question.replies.append(reply)
            self._waiting += 1
            self._peak = max(self._peak, self._waiting)
            self._lock.notify()
        return reply

    def close(self) -> None:
        """Finish what was asked, then end the workers. Runs at exit by itself; idempotent."""
        if os.getpid() != self._process:
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._lock.notify_all()
        atexit.unregister(self.close)
        end = time.monotonic() + _GRACE
        for worker in self._workers:
            worker.join(max(0.0, end - time.monotonic()))

    def _add_worker(self) -> None:
        worker = threading.Thread(target=self._work, name=f"mtrl-judge-batcher-{len(self._workers)}", daemon=True)
        worker.start()
        self._workers.append(worker)

    def _take_back(self, identity: _Identity, reply: Future[Reply]) -> None:
        """Drop a cancelled caller, and its question with its images if no other caller waits for it."""
        with self._lock:
            self._waiting -= 1
            question = self._queued.get(identity)
            if question and reply in question.replies:
                question.replies.remove(reply)
                if not question.replies:
                    del self._queued[identity]

    def _work(self) -> None:
        expected = 2  # callers to wait for: all who waited last time, and at first one more than the first
        while questions := self._gather(expected):
            groups: dict[tuple[int, Sampling, str], list[_Question]] = {}
            for question in questions:
                groups.setdefault(question.identity[1:], []).append(question)
            for group in groups.values():
                self._answer(group)
            del questions, question, groups, group  # an idle worker must not keep the last batch's images
            expected = self._peak

    def _gather(self, expected: int) -> list[_Question]:
        """All that is queued, and what comes until `expected` callers wait or the window closes; [] at the end."""
        with self._lock:
            while True:
                self._lock.wait_for(lambda: self._queued or self._closed)
                # While the only worker is here, all who wait are queued. One of several takes one question: no window.
                self._lock.wait_for(lambda: self._waiting >= min(expected, self._cap) or self._closed, timeout=_WINDOW)
                self._peak = self._waiting
                begun = list(filter(None, (self._begin() for _ in range(min(len(self._queued), self._cap)))))
                if begun or (self._closed and not self._queued):  # all may have been taken back: that is not the end
                    return begun

    def _begin(self) -> _Question | None:
        """The next question, which can no longer be cancelled; None if all its callers have just cancelled it."""
        identity, question = self._queued.popitem(last=False)
        question.replies = [reply for reply in question.replies if reply.set_running_or_notify_cancel()]
        if not question.replies:
            return None
        self._running[identity] = question
        return question

    def _answer(self, questions: list[_Question]) -> None:
        """Put questions of the same max_tokens and sampling before the judge, and hand out its replies."""
        conversations = [question.conversation for question in questions]
        _, max_tokens, sampling, way = questions[0].identity
        replies: Sequence[Reply | BaseException]
        with self._lock:
            self.counts.update(batches=1, questions=len(questions))
        try:
            thoughts = [question.thought for question in questions]
            if way == "choose":
                replies = self.judge.go_on(conversations, thoughts, [question.choices for question in questions])
            elif way == "complete":
                replies = self.judge.go_on(conversations, thoughts, sampling=sampling)
            else:
                replies = self.judge.reply(conversations, max_tokens=max_tokens, instruct=True, sampling=sampling)
        except BaseException as error:  # raised where the question was asked; here it would leave all callers waiting
            if len(questions) > 1 and isinstance(error, Exception) and not isinstance(error, LedgerError):
                half = len(questions) // 2
                self._answer(questions[:half])
                self._answer(questions[half:])
                return
            replies = [error] * len(questions)
        with self._lock:  # before they can ask again; no caller can join from here on
            for question in questions:
                del self._running[question.identity]
                self._waiting -= len(question.replies)
        for question, reply in zip(questions, replies, strict=True):
            for number, waiting in enumerate(question.replies):
                if isinstance(reply, BaseException):
                    waiting.set_exception(reply)
                elif number == 0 or reply.error is not None:
                    waiting.set_result(reply)
                else:  # judged once: its tokens are counted once
                    waiting.set_result(replace(reply, cached=True, prompt_tokens=0, completion_tokens=0))

"""What all judge providers of a process share: one judge and its batcher for the same arguments, and the count."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections import Counter

from lmms_eval.models.model_utils.usage_metrics import log_usage
from loguru import logger

from mtrl_judge_plugin import answering
from mtrl_judge_plugin.answering import Answer
from mtrl_judge_plugin.batcher import Batcher, conversation_key
from mtrl_judge_plugin.engines import Conversation, Sampling
from mtrl_judge_plugin.judge import Reply
from mtrl_judge_plugin.loading import load_judge
from mtrl_judge_plugin.server.draws import Draws, drawn
from mtrl_judge_plugin.server.settings import check_judge
from mtrl_judge_plugin.shapes import Wanted


class JudgeStoppedError(SystemExit):
    """The run must end here: the judge cannot be built, or it is strict and a judgment failed.

    A SystemExit, because tasks catch every Exception of a judge and write a 0 in its place.
    """


class Backend:
    """One judge with its batcher, for all providers of the process, and what became of their questions.

    Raises:
        ValueError: wrong arguments, or `votes` or `verdict=direct`.
    """

    def __init__(self, arguments: str) -> None:
        self.judge = load_judge(arguments)
        check_judge(self.judge)
        # The judge itself would fail a whole batch for one of its questions.
        self.strict, self.judge.strict = self.judge.strict, False
        self.batcher = Batcher(self.judge)
        self.draws = Draws()
        self.counts: Counter[str] = Counter()
        self.failures: dict[object, str] = {}
        self._stopped: str | None = None
        self._lock = threading.Lock()
        atexit.register(self.report)

    def answer(self, conversation: Conversation, max_tokens: int, sampling: Sampling, wanted: Wanted) -> Answer:
        """Answer one question, with those of other threads; its tokens go to the host's usage summary.

        Where it is sampled, the K-th time that it is asked gets the K-th draw, as from the server.
        """
        if sampling.temperature > 0:
            judgment = hash((conversation_key(conversation), max_tokens, sampling))
            with self.draws.next(judgment, 1) as numbers:
                sampling = drawn(sampling, numbers[0])

        def ask(conversation: Conversation) -> Reply:
            reply = self.batcher.reply(conversation, max_tokens=max_tokens, sampling=sampling)
            if not reply.cached and reply.error is None:
                log_usage(
                    model_name=self.judge.name,
                    input_tokens=reply.prompt_tokens,
                    output_tokens=reply.completion_tokens,
                    source="judge",
                )
            return reply

        answer = answering.answer(ask, conversation, wanted)
        with self._lock:
            self.counts["cached"] += answer.cached
            self.counts["forced"] += answer.forced
            self.counts["repaired"] += answer.repaired
        return answer

    def succeed(self) -> None:
        """Count a judgment whose verdict goes back to the host."""
        with self._lock:
            self.counts["answered"] += 1

    def known_failure(self, key: object) -> str | None:
        """Why this question has no verdict, if it failed before.

        Raises:
            JudgeStoppedError: the judge is strict and a judgment has failed, whichever.
        """
        if self._stopped is not None:
            raise JudgeStoppedError(self._stopped)
        return self.failures.get(key)

    def fail(self, key: object, reason: str) -> None:
        """Count a judgment without a verdict.

        Raises:
            JudgeStoppedError: the judge is strict.
        """
        with self._lock:
            self.failures.setdefault(key, reason)
        logger.warning(f"mtrl_judge: no verdict: {reason}")
        if self.strict:
            self._stopped = f"mtrl_judge: stopped at the first judgment without a verdict (strict): {reason}"
            raise JudgeStoppedError(self._stopped)

    def report(self) -> None:
        """Say at the end of the program what was judged, and what was not."""
        counts, failed, ledger = self.counts, len(self.failures), self.judge.ledger
        lines = [
            f"mtrl_judge as judge backend: {counts['answered'] + failed} judgments ({counts['cached']} from cache, "
            f"{counts['forced']} forced), {failed} failed; ledger: {ledger.path if ledger else 'none'}"
        ]
        if counts["repaired"]:
            lines.append(
                f"{counts['repaired']} were asked a second time: their first reply was not as the task wanted it"
            )
        if failed:
            lines += [
                f"WARNING: {failed} judgments have no verdict, for example: {next(iter(self.failures.values()))}",
                "The tasks scored them nevertheless, mostly as 0 or -1: do not read their metrics as they stand. "
                "strict=true in MTRL_JUDGE_ARGS ends a run at the first one.",
            ]
        print("\n".join(lines), file=sys.stderr, flush=True)


_backends: dict[tuple[int, str], Backend] = {}
_building = threading.Lock()


def backend_of(arguments: str) -> Backend:
    """The process's one judge for these arguments, built at the first call.

    Raises:
        JudgeStoppedError: it cannot be built.
    """
    with _building:
        key = (os.getpid(), arguments)  # a fork has none of the threads that answer
        if key not in _backends:
            try:
                _backends[key] = Backend(arguments)
            except Exception as error:  # a judge that cannot be built judges nothing: every score of the run would be 0
                raise JudgeStoppedError(f"mtrl_judge: MTRL_JUDGE_ARGS={arguments!r}: {error}") from error
        return _backends[key]

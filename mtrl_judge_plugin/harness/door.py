"""The door between a command's tasks and their judge: it knows which task asks, and counts what became of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

#: Environment variable: the door's address, for whoever can tell it which task is being scored.
ADDRESS = "MTRL_JUDGE_DOOR"
#: Row of what came from a command that tells no tasks.
_ANY_TASK = "(tasks not told apart)"
#: What a client by itself tries again: no reason to stop.
_TRY_AGAIN = (429, 499)
#: How the server, and the relay, write one into a stream: a message of its own.
_STREAMED_ERROR = b'data: {"error"'
_COLUMNS = ("judgments", "cached", "forced", "failed", "unreadable", "unscored", "tokens", "seconds")


@dataclass
class Tally:
    """What became of one task's questions.

    Attributes:
        answered, cached, forced, tokens: of those with a verdict.
        failures: question -> (unreadable or not, why), of those whose last try had none.
        seconds: in which at least one was being judged.
    """

    answered: int = 0
    cached: int = 0
    forced: int = 0
    tokens: int = 0
    failures: dict[bytes, tuple[bool, str]] = field(default_factory=dict)
    seconds: float = 0.0
    _open: int = 0
    _since: float = 0.0

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Count the time, once for all that is judged at a time."""
        if not self._open:
            self._since = time.monotonic()
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self.seconds += time.monotonic() - self._since

    def row(self) -> list[float]:
        """In the order of the table."""
        unscored = len(self.failures)
        unreadable = sum(kind for kind, _ in self.failures.values())
        failed = unscored - unreadable
        return [
            self.answered + unscored,
            self.cached,
            self.forced,
            failed,
            unreadable,
            unscored,
            self.tokens,
            round(self.seconds, 1),
        ]


class Door:
    """Lets in whoever knows its address, and counts by task what is asked and answered behind it.

    An address is `/TOKEN/v1/...`, or `/TOKEN/as/PROCESS/v1/...` from a process that tells its tasks: by a PUT of a
    task's name to `/TOKEN/as/PROCESS/task`. A child of such a process has `/as/PROCESS/as/CHILD`, and its parent's task
    until it tells one. No key is asked for, since tasks send whatever they please; nobody else on this machine can
    guess the address.

    Args:
        app: what is behind it.
        stop: ends the command, and takes the reason.
        stopping: whether the command is being ended.
        strict: end it at the first judgment without a verdict.
    """

    def __init__(
        self, app: Any, stop: Callable[[str], None], stopping: Callable[[], bool], *, strict: bool = False
    ) -> None:
        self.token = secrets.token_urlsafe(16)
        self.tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self.misled = False
        self._app = app
        self._stop, self._stopping = stop, stopping
        self._strict = strict
        self._tasks: dict[str, str] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _, token, *rest = scope["path"].split("/")
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            await _answer(send, 404, "there is no such address here")
            return
        tellers: list[str] = []
        while rest[:1] == ["as"] and len(rest) > 2:
            tellers, rest = [rest[1], *tellers], rest[2:]
        task = next(filter(None, map(self._tasks.get, tellers)), None)
        scope = {**scope, "path": "/" + "/".join(rest), "raw_path": None}
        if tellers and rest == ["task"] and scope["method"] == "PUT":
            self._tasks[tellers[0]] = (await receive())["body"].decode()
            await _answer(send, 200, "")
        elif scope["method"] != "POST":
            await self._app(scope, receive, send)
        elif tellers and not task:
            self.misled = True
            reason = (
                "the judge was asked before anything was to be scored. Is it the model under test that asks, by "
                "OPENAI_API_BASE or OPENAI_BASE_URL? Give it base_url=... in --model_args"
            )
            self._stop(reason)
            await _answer(send, 403, reason)
        else:
            await self._judge(task or _ANY_TASK, scope, receive, send)

    async def _judge(self, task: str, scope: Any, receive: Any, send: Any) -> None:
        question, status, said = hashlib.sha256(), 0, b""

        async def heard() -> Any:
            message = await receive()
            question.update(message.get("body", b""))
            return message

        async def sent(message: Any) -> None:
            nonlocal status, said
            status = message.get("status", status)
            body = message.get("body", b"")
            if status >= 400:
                said += body
            elif body.startswith(_STREAMED_ERROR):  # a stream has said 200 before it fails
                said = body.removeprefix(b"data: ")
            await send(message)

        tally = self.tallies[task]
        failure: Exception | None = None
        with tally.busy():
            try:
                await self._app(scope, heard, sent)
            except Exception as bug:  # the application has answered 500, and raises nevertheless
                status, failure = 500, bug
        notes = scope.get("state") or {}
        key = question.digest()
        if "cached" in notes and status == 200 and not said:
            tally.failures.pop(key, None)
            tally.answered += 1
            tally.cached += bool(notes["cached"])
            tally.forced += bool(notes.get("forced"))
            tally.tokens += notes["prompt_tokens"] + notes["completion_tokens"]
        elif not self._stopping():  # the questions of a command that was ended are nobody's failure
            left = status == 499 or (status == 200 and not said)
            error = json_object(said).get("error")
            error = error if isinstance(error, dict) else {}  # something between here and the server may say anything
            otherwise = "the client did not wait for the answer" if left else f"the answer had the status {status}"
            reason = str(error.get("message") or otherwise)
            tally.failures[key] = (error.get("code") == "unreadable_reply", reason)
            if self._strict and not left and status not in _TRY_AGAIN:
                self._stop(f"a judgment of {task} has no verdict (--strict): {reason}")
        if failure is not None:
            raise failure

    def summary(self, about: str, *, knows_forced: bool) -> str:
        """For the end of the run."""
        rows = {task: tally.row() for task, tally in sorted(self.tallies.items())}
        if not rows:
            return (
                f"mtrl-judge run: {about} WAS NOT ASKED ONCE. The tasks have no judge, want more than variables "
                "(docs/benchmarks.md), or had nothing to judge."
            )
        if len(rows) > 1:
            rows["all"] = [sum(column) for column in zip(*rows.values(), strict=True)]
            rows["all"][-1] = round(rows["all"][-1], 1)
        table = [["task", *_COLUMNS]]
        for task, row in rows.items():
            cells = [f"{value:,}" for value in row]
            table.append([task, *cells[:2], cells[2] if knows_forced else "?", *cells[3:]])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in table
        ]
        failed = {task: tally for task, tally in sorted(self.tallies.items()) if tally.failures}
        for task, tally in failed.items():
            lines.append(f"{task}: {len(tally.failures)} WITHOUT A VERDICT, for example: {_example(tally)}")
        if failed:
            lines += [
                f"WARNING: DO NOT READ THE SCORES OF {', '.join(failed)}. The tasks have scored these judgments "
                "nevertheless, mostly as 0 or -1.",
                "Repair the judge and run the command again: what has its verdict is not judged again.",
            ]
        return "\n".join([f"mtrl-judge run: judged by {about}", *lines])


async def _answer(send: Any, status: int, message: str) -> None:
    body = json.dumps({"error": {"message": message, "code": None}} if message else {}).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def json_object(body: bytes) -> dict[str, Any]:
    """A body's JSON object; empty where it holds none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _example(tally: Tally) -> str:
    return next(iter(tally.failures.values()))[1][:300]

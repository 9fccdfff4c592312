"""How an lmms-eval command ends. The host exits with 0 after any error: a run that failed must say so by its status.

Only SystemExit gets through the host's own handlers; for everything else the status is set when the program exits, and
only if the program is lmms-eval's own command. A program that uses lmms-eval as a library keeps its own status.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing.util
import os
import sys
import weakref
from pathlib import Path
from typing import Any

from mtrl_judge_plugin.harness.names import MODEL_ID
from mtrl_judge_plugin.run.gateway import ADDRESS
from mtrl_judge_plugin.terminal.exit_status import ERROR, UNSCORED


class JudgeStoppedError(SystemExit):
    """The run must end here: the judge cannot be used, or judgments failed.

    A SystemExit, since the host and its tasks catch every Exception and go on, or write a 0.

    Attributes:
        reason: in words.
    """

    def __init__(self, reason: str, status: int = UNSCORED) -> None:
        super().__init__(status)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Ending:
    """The exit status of this process, and the lines that explain it.

    Attributes:
        status: other than 0 where the run failed.
        lines: why, for people to read.
        evaluated: whether an evaluation came to its end.
        table: of what was measured, printed below the host's own tables.
    """

    def __init__(self) -> None:
        self.status = 0
        self.lines: list[str] = []
        self.evaluated = False
        self.table = ""
        self._process = os.getpid()

    def fail(self, reason: str, status: int = UNSCORED) -> None:
        """Let the command end with a status; the first one counts, each reason is printed once."""
        self.status = self.status or status
        self.tell(reason)

    def tell(self, line: str) -> None:
        """Let a line be one of the last ones."""
        if line not in self.lines:
            self.lines.append(line)

    def stop(self, reason: str, status: int = UNSCORED) -> JudgeStoppedError:
        """The error to raise where the run must end."""
        if not is_command():  # else it is one of the last lines
            say(reason)
        self.fail(reason, status)
        return JudgeStoppedError(reason, status)

    def at_exit(self) -> None:
        """Print the last lines; replace the exit status where the program is the host's own command."""
        if os.getpid() != self._process or not is_command():
            return
        raised = getattr(sys, "last_type", None)  # Ctrl-C has a status of its own
        if not self.evaluated and not self.status and raised is None and _was_to_evaluate():
            self.fail("nothing was evaluated; the error above says why", ERROR)
        if self.table:
            print(f"\n{self.table}", flush=True)
        for line in self.lines:
            say(line)
        if not self.status:
            return
        say(f"exit status {self.status}")
        # What the interpreter does after this handler. Private names, as there is no public way to call them.
        finalize: Any = weakref.finalize
        finalize._exitfunc()
        multiprocessing.util._exit_function()  # type: ignore[attr-defined]
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self.status)


def _was_to_evaluate() -> bool:
    """Whether this command was to evaluate something with a judge of ours, as the model or behind its tasks."""
    words = [word for given in sys.argv[1:] for word in given.split("=", 1)]
    tasks = "".join(words[words.index("--tasks") + 1 :][:1]) if "--tasks" in words else ""
    ours = MODEL_ID in (os.environ.get("API_TYPE"), *words) or ADDRESS in os.environ
    asks_only = {"-h", "--help", "--power-analysis"} & set(words) or tasks == "list" or tasks.startswith("list_")
    return ours and not asks_only and ("--tasks" in words or "--config" in words)


def say(text: str) -> None:
    """Print a line of ours to stderr."""
    print(f"mtrl_judge: {text}", file=sys.stderr, flush=True)


def is_command() -> bool:
    """Whether this program is lmms-eval's command, and no other program that uses it."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return Path(sys.argv[0]).stem == "lmms-eval" or (spec is not None and spec.name == "lmms_eval.__main__")


ENDING = Ending()
atexit.register(lambda: ENDING.at_exit())

"""Runs every case against mtrl_judge and writes the table of benchmarks: `python -m census.run`, from `tests/support/`.

lmms-eval is imported once; each module is then tried in a fork of that process, since tasks read their environment as
they are imported. No network but the loopback, no sleep of a retry loop, a time limit.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import importlib.util
import multiprocessing
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import PIL.Image

from census import engine, hostile, table
from census.case import Case, Trial, approximately
from census.cases import CASES, NO_JUDGE
from census.result import Result
from census.serving import serve
from mtrl_judge_plugin import engines
from mtrl_judge_plugin.harness.current import EVALUATION
from mtrl_judge_plugin.harness.evaluation import texts_of
from mtrl_judge_plugin.run import judge_variables

#: Set before the host is imported.
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
#: Imported before the first fork: what nearly every task wants, and what is slow.
WARM = ("torch", "pandas", "datasets", "openai", "requests", "lmms_eval.models", "lmms_eval.tasks", "math_verify")
SECONDS = 60.0
#: Seconds for one hostile answer: some tasks ask for ever what no rule of the case knows.
PATIENCE = 10.0
#: Texts that are drawn for an answer, at most, until the task puts it before the judge as it is.
DRAWS = 2
engines.ENGINES[engine.NAME] = "census.engine:CensusEngine"


#: What is done with a case in its own process, in this folder; what it returns goes to the parent.
Attempt = Callable[[Case, str], dict[str, Any]]


def run(cases: Sequence[Case], processes: int = 2, seed: int | None = None) -> Iterator[Result]:
    """Try cases, each in a process of its own; results come as they are ready.

    Args:
        cases: what is tried.
        processes: at a time.
        seed: every answer gets a text that tries to sway the judge's program, drawn by it; the judge knows what is
            material, as in a run under `mtrl-judge run`. None: answers as they are, and nothing is known.
    """
    for case, said, seconds in in_forks(cases, functools.partial(_try, seed=seed), processes):
        yield Result(case.module, case.via, round(seconds, 2), **said)


def in_forks(
    cases: Sequence[Case], attempt: Attempt, processes: int = 2, limit: float = SECONDS
) -> Iterator[tuple[Case, dict[str, Any], float]]:
    """(case, what `attempt` returned for it, seconds), each in a process of its own, as they are ready.

    Where the attempt raised, died or took more than `limit` seconds, what it returned is {"problem": the reason}.
    """
    os.environ.update(ENVIRONMENT)
    for name in WARM:
        importlib.import_module(name)
    judge_variables.judge_variables()  # is cached, for the forks as well
    context = multiprocessing.get_context("fork")
    waiting, running = list(reversed(cases)), {}
    while waiting or running:
        while waiting and len(running) < processes:
            case = waiting.pop()
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_child, args=(case, attempt, there), daemon=True)
            process.start()
            there.close()
            running[here] = (case, process, time.monotonic())
        for connection in wait(list(running), timeout=1.0) or _late(running, limit):
            case, process, start = running.pop(connection)
            yield case, _said(connection, limit), time.monotonic() - start
            process.kill()
            process.join()


def _late(running: Mapping[Any, tuple[Case, Any, float]], limit: float) -> list[Any]:
    return [connection for connection, (_, _, start) in running.items() if time.monotonic() - start > limit]


def _said(connection: Connection, limit: float) -> dict[str, Any]:
    try:
        return connection.recv() if connection.poll() else {"problem": f"no result within {limit:g} s"}
    except EOFError:
        return {"problem": "the process died"}


def _child(case: Case, attempt: Attempt, connection: Connection) -> None:
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            _close_off()
            PIL.Image.new("RGB", (16, 16), "orange").save("picture.png")
            said = attempt(case, folder)
        except BaseException as error:  # SystemExit too: the parent must hear of whatever ends a case
            trace = "".join(traceback.format_exception(error, limit=-2))
            said = {"problem": f"{type(error).__name__}: {error}", "trace": trace}
        os.chdir("/")
    connection.send(said)  # last: the receiver then ends this process
    os._exit(0)  # without waiting for the threads that a task has left


def _try(case: Case, folder: str, seed: int | None = None) -> dict[str, Any]:
    address = serve()
    os.environ.update({"HF_HOME": folder, **environment(case, address), **_filled(case.env, address)})
    module = load(case, folder, address)
    problems, metrics, total = [], [], 0
    for number, trial in enumerate(case.all_trials(module)):
        metric, asked, problem = _played(
            case, module, trial, f"{seed}{case.module}{number}" if seed is not None else ""
        )
        metrics.append(metric)
        total += asked
        problems += [problem] if problem else []
    return {"problem": "; ".join(problems), "metrics": metrics, "asked": total}


def _played(case: Case, module: Any, trial: Trial, seed: str) -> tuple[str, int, str]:
    """(metric, how often the judge was asked, what is wrong) of a trial; with a seed its answer is a hostile one."""
    if not seed:
        return _once(case, module, trial)
    draw = random.Random(seed)
    found = "", 0, ""
    for before in (
        False,
        True,
    ) * DRAWS:  # some tasks show the judge only how an answer ends
        dressed = hostile.dressed(trial, draw, before=before)
        EVALUATION.material = tuple(texts_of([case.document(dressed), [dressed.reply]]))
        try:
            with within(PATIENCE):
                found = _once(case, module, dressed)
        except LateError as error:
            found = "", 0, str(error)
        if found[1] and _UNKNOWN not in found[2]:
            break
    return found


_UNKNOWN = "the judge was asked something that does not hold what the case is known by"


def _once(case: Case, module: Any, trial: Trial) -> tuple[str, int, str]:
    problems = []
    engine.RULES[:] = trial.all_rules()
    before = len(engine.ASKED)
    metric = case.read(case.play(module, trial, trial.reply))
    asked = engine.ASKED[before:]
    said = f"the judge said {[question.verdict for question in asked]}"
    if not asked:
        problems.append("the judge was not asked")
    if any(question.verdict == "None" for question in asked):
        problems.append(_UNKNOWN)
    if any(question.again for question in asked):
        problems.append(f"a verdict was not read as the prompt asks for it; {said}")
    if not approximately(metric, trial.metric):
        problems.append(f"wanted {trial.metric} for {trial.reply!r}, got {metric}; {said}")
    return str(metric), len(asked), "; ".join(problems)


class LateError(BaseException):
    """Not an Exception: tasks that ask again for ever catch these."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise LateError where what is done takes longer. For the main thread."""

    def late(*_: Any) -> None:
        raise LateError(f"no end within {seconds:g} s")

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def environment(case: Case, address: str) -> dict[str, str]:
    """What makes the module find mtrl_judge: by provider, or at the address of our server."""
    arguments = {"MTRL_JUDGE_ARGS": f"engine={engine.NAME},ledger=none"}
    if case.via == "provider":
        return {**arguments, "API_TYPE": "mtrl_judge"}
    host, _, port = address.removeprefix("http://").partition(":")
    values = {
        "base url": f"{address}/v1",
        "full url": f"{address}/v1/chat/completions",
        "host": host,
        "port": port,
        "key": "none",
        "model": "mtrl_judge",
    }
    variables = judge_variables.judge_variables()[case.module.partition("/")[0]]
    found = {name: values[meaning] for name, meaning in variables.items() if meaning in values}
    return {**arguments, "API_TYPE": "openai", **found}


def _filled(texts: Mapping[str, str], address: str) -> dict[str, str]:
    return {name: text.format(address=address) for name, text in texts.items()}


def load(case: Case, home: str, address: str) -> Any:
    """A module of lmms-eval's tasks as the host itself loads it for `!function`: from its file."""
    import lmms_eval.tasks

    _fill_cache(case, Path(home, "hub"))
    sys.modules.update({name: MagicMock() for name in case.absent})
    root, folder = judge_variables.tasks_folder(), Path(home, "tasks")
    if case.edit:
        name = case.module.partition("/")[0]
        shutil.copytree(root / name, folder / name)
        for path, (text, other) in case.edit.items():
            whole = (folder / name / path).read_text()
            assert text in whole, f"{path} has no {text!r}"
            (folder / name / path).write_text(whole.replace(text, other.format(address=address)))
        lmms_eval.tasks.__path__.insert(0, str(folder))
        root = folder
    file = root / case.module
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _fill_cache(case: Case, hub: Path) -> None:
    """Put the data sets that the case names into the hub's cache, which `huggingface_hub` has placed at its import."""
    import huggingface_hub

    huggingface_hub.constants.HF_HUB_CACHE = str(hub)
    for name, files in case.hub.items():
        root = hub / f"datasets--{name.replace('/', '--')}"
        snapshot = root / "snapshots" / ("0" * 40)
        snapshot.mkdir(parents=True)
        (root / "refs").mkdir()
        (root / "refs" / "main").write_text(snapshot.name)
        for path, text in files.items():
            (snapshot / path).parent.mkdir(parents=True, exist_ok=True)
            (snapshot / path).write_text(text)


def _close_off() -> None:
    """No network but the loopback, and no waiting in retry loops."""
    connect, sleep = socket.socket.connect, time.sleep

    def connect_here(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise OSError(f"no network in the census: {address}")
        connect(self, address)

    socket.socket.connect = connect_here  # type: ignore[method-assign]
    time.sleep = lambda seconds: sleep(min(seconds, 0.001))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m census.run", description=__doc__)
    parser.add_argument("words", nargs="*", help="try the modules whose path holds one of these, and write nothing")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--hostile", type=int, metavar="SEED", help="answers that try to sway the judge; write nothing")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[3] / "docs" / "benchmarks.md")
    options = parser.parse_args()
    words = options.words
    cases = {case.module: case for case in CASES if not words or any(word in case.module for word in words)}
    results = {}
    for result in run(list(cases.values()), options.processes, options.hostile):
        results[result.module] = result
        print(result.trace, end="")
        print(
            f"{'ok ' if result.served else 'NOT'} {result.seconds:5.1f} s {result.module} {result.problem}", flush=True
        )
    found = [(cases[name], results[name]) for name in cases]
    rows = table.rows(found)
    print(f"{sum(row.works != 'no' for row in rows)} of {len(rows)} folders work")
    if not words and options.hostile is None:
        options.out.parent.mkdir(exist_ok=True)
        options.out.write_text(table.markdown(rows, NO_JUDGE))
        options.out.with_suffix(".json").write_text(table.as_json(found))


if __name__ == "__main__":
    main()

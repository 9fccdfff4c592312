"""Which scoring functions ask a judge whatever the reply: `python -m census.asks` writes the data file.

Every case's functions run under the variables that `mtrl-judge run` sets, from the installed files without the case's
edits, on the case's documents, with replies of every common sort. A function is listed if the judge was asked each
time, unless its case says under `sometimes` which documents or settings go without a judge.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from census import engine
from census.case import BAD, GOOD, Case, Trial
from census.cases import CASES
from census.run import LateError, in_forks, load, within
from census.serving import serve
from mtrl_judge_plugin.harness.always_asks import DATA, place_of
from mtrl_judge_plugin.run import command as running

#: What replies say, and how models put it. The texts of a case's documents are said too: one is the ground truth.
WORDS = ("A", "7", "yes", "Correct")
SENTENCES = ("{}", "<answer>{}</answer>", "The answer is {}.", "\\boxed{{{}}}", "<think>so</think>\n\n({})")
#: Other replies: sentences by which some tasks know a verdict, refusals, nonsense.
REPLIES = (
    *("Response 1 is better.", "Overall Judgment: Answer 1 is slightly better.", "[[A]]", '{"answer": "B"}'),
    *("I cannot answer this.", "It shows a horse with stripes, which looks at 3 birds.", "[0, 31]: a horse runs"),
    *("lorem ipsum " * 300, "%&/ ?!", "一匹有条纹的马"),
)
#: Seconds for a case, and for one reply.
SECONDS, PLAY = 120.0, 5.0


class Watched:
    """A module of a task that notes which of its functions were called, and whether the judge was asked meanwhile."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self.calls: dict[tuple[str, str], list[bool]] = {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        place = place_of(value)
        return value if place is None else self._watch(place, value)

    def _watch(self, place: tuple[str, str], function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            before = len(engine.ASKED)
            try:
                return function(*args, **kwargs)
            finally:
                self.calls.setdefault(place, []).append(len(engine.ASKED) > before)

        return call


def ask(case: Case, folder: str) -> dict[str, Any]:
    """Play the case with all replies: {"asks": {(module, function): a reply that it did not ask about, or None}}."""
    address = serve()
    os.environ.update({"HF_HOME": folder, **running.environment(address, os.environ)})
    module = load(dataclasses.replace(case, edit={}), folder, address)
    silent: dict[tuple[str, str], str | None] = {}
    for trial, reply in plays(case, case.all_trials(module)):
        watched = Watched(module)
        engine.RULES[:] = _rules(trial)
        problem = _play(case, watched, trial, reply)
        for place in {*silent, *watched.calls}:
            if not all(watched.calls.get(place, [False])):
                silent[place] = silent.get(place) or f"{reply!r}{problem}"
            silent.setdefault(place, None)
        if all(silent.values()):
            break
    return {"asks": silent}


def _rules(trial: Trial) -> list[tuple[tuple[str, ...], str]]:
    """The trial's rules, then the same for any other reply: some tasks ask again until they can read the verdict."""
    rules = trial.all_rules()
    own = {GOOD, BAD, trial.reply, trial.marker}
    return [*rules, *((tuple(word for word in words if word not in own), verdict) for words, verdict in rules)]


def _play(case: Case, watched: Watched, trial: Trial, reply: str) -> str:
    """What went wrong, in brackets; the questions until then count."""
    try:
        with within(PLAY):
            case.play(watched, trial, reply)
    except (Exception, LateError) as error:
        return f" ({type(error).__name__}: {error})"
    return ""


def plays(case: Case, trials: Sequence[Trial]) -> Iterator[tuple[Trial, str]]:
    """Every document of the case, in the trial that it belongs to, with every reply to it."""
    seen = []
    for trial in trials:
        yield trial, trial.reply
        if trial.doc not in seen:
            seen.append(trial.doc)
            words = (*_texts(case.document(trial)), *WORDS)
            said = [sentence.format(word) for word in words for sentence in SENTENCES]
            yield from ((trial, reply) for reply in dict.fromkeys((*said, *REPLIES)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, (str, int, float)) and str(value).strip():
        yield str(value)
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def known(cases: Sequence[Case], processes: int = 2, say: Callable[[str], None] = lambda text: None) -> str:
    """The data file: {"lmms_eval": version, "functions": {module: [function]}}.

    A function that several cases run is listed only if it asked in all of them.
    """
    always: dict[tuple[str, str], bool] = {}
    for case, result, seconds in in_forks(cases, ask, processes, SECONDS):
        say(f"{seconds:5.1f} s {case.module} {result.get('problem', '')}")
        for (module, function), silent in result.get("asks", {}).items():
            reason = f"did not ask about {silent[:200]}" if silent else case.sometimes.get(function, "")
            say(f"    {function}: {reason or 'always asks'}")
            always[module, function] = not reason and always.get((module, function), True)
    functions: dict[str, list[str]] = {}
    for module, function in sorted(place for place, asks in always.items() if asks):
        functions.setdefault(module, []).append(function)
    return json.dumps({"lmms_eval": version("lmms_eval"), "functions": functions}, indent=1) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m census.asks", description=__doc__)
    parser.add_argument("words", nargs="*", help="run the modules whose path holds one of these, and write nothing")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=DATA)
    options = parser.parse_args()
    cases = [case for case in CASES if not options.words or any(word in case.module for word in options.words)]
    text = known(cases, options.processes, lambda line: print(line, flush=True))
    if options.words:
        print(text)
    else:
        options.out.write_text(text)


if __name__ == "__main__":
    main()

"""Our hooks in lmms-eval's evaluator: what is refused before a run, and what the results say after it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lmms_eval import evaluator
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.tasks import TaskManager, get_task_dict
from lmms_eval.utils import make_table
from requests_of_host import request
from running import argv, environ
from running import stub as stub_arguments
from stub_engine import StubEngine

from mtrl_judge_plugin import engines
from mtrl_judge_plugin.benchmarks import embedded
from mtrl_judge_plugin.engines import Completion
from mtrl_judge_plugin.harness import checks, evaluation
from mtrl_judge_plugin.harness.current import EVALUATION
from mtrl_judge_plugin.harness.ending import ENDING, JudgeStoppedError
from mtrl_judge_plugin.harness.model import MTRLJudge
from mtrl_judge_plugin.harness.plugin import register
from mtrl_judge_plugin.judging.tallies import Failure, Tallies
from mtrl_judge_plugin.reporting.judgments import table, warnings
from mtrl_judge_plugin.reporting.tables import as_text
from mtrl_judge_plugin.run.gateway import Gateway

OURS = "mtrl_judge_embedded_safety"
NO_DATA = "mtrl_judge_seetrue"
FAILED = Failure("no such luck")


@pytest.fixture(scope="module")
def manager() -> Any:
    register()
    return TaskManager(model_name="mtrl_judge")


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leaves the process's state as it was."""
    monkeypatch.setitem(engines.ENGINES, "stub", "stub_engine:StubEngine")
    monkeypatch.setattr(ENDING, "lines", [])
    monkeypatch.setattr(ENDING, "status", 0)
    yield
    EVALUATION.begin()


def evaluate(manager: Any, *tasks: str, arguments: str = "ledger=none", **more: Any) -> dict[str, Any]:
    options = {
        "model": "mtrl_judge",
        "model_args": arguments,
        "task_manager": manager,
        "limit": 3,
        "log_samples": False,
    }
    results: dict[str, Any] = evaluator.simple_evaluate(**{**options, "tasks": list(tasks), **more})
    return results


def test_tasks_that_no_chat_model_runs_are_found_in_groups_and_tags(manager: Any) -> None:
    def found(*tasks: Any) -> dict[str, str]:
        return checks.unsupported(tasks, manager)

    assert found("hellaswag", "mmvet", "mtrl_judge") == {"hellaswag": "multiple_choice"}
    assert found({"task": "hellaswag", "num_fewshot": 0}) == {"hellaswag": "multiple_choice"}
    assert found({"task": "mine", "output_type": "loglikelihood"}) == {"mine": "loglikelihood"}
    assert found({"group": "g", "task": ["mmvet", "hellaswag"]}) == {"hellaswag": "multiple_choice"}
    everything = found(*manager.all_subtasks)
    assert set(everything.values()) >= {"multiple_choice", "generate_visual_cot", "generate_until_multi_round"}
    assert len(everything) > 100
    tag = next(name for name in manager.all_tags if set(manager.task_index[name]["task"]) & everything.keys())
    assert found(tag) == {name: everything[name] for name in manager.task_index[tag]["task"] if name in everything}


def test_such_a_task_ends_the_run_before_anything_is_loaded(manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MTRLJudge, "__init__", lambda *_, **__: pytest.fail("the judge was loaded"))
    with pytest.raises(JudgeStoppedError, match=r"not these: hellaswag \(multiple_choice\)") as stopped:
        evaluate(manager, OURS, "hellaswag")
    assert stopped.value.code == 2


def test_a_judge_that_cannot_be_built_ends_the_run(manager: Any) -> None:
    with pytest.raises(JudgeStoppedError, match="did you mean pretrained") as stopped:
        evaluate(manager, OURS, arguments="pretraind=x")
    assert stopped.value.code == 2


def test_a_task_without_data_is_nan_and_the_others_are_scored(
    manager: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MTRL_JUDGE_DATA", str(tmp_path))
    (tmp_path / "seetrue").mkdir()
    (tmp_path / "seetrue" / "SeeTRUE.csv").write_text("nothing,here\n1,2\n")
    results = evaluate(manager, OURS, NO_DATA)
    assert results["results"][OURS]["accuracy,none"] == 1.0
    missing = results["results"][NO_DATA]
    values = [value for name, value in missing.items() if name != "alias" and "_stderr" not in name]
    assert len(values) > 3
    assert all(math.isnan(value) for value in values)
    assert "NOT SCORED" in missing["alias"]
    reason = results["mtrl_judge"]["not_scored"][NO_DATA]
    assert str(tmp_path / "seetrue") in reason
    assert results["n-samples"][NO_DATA] == {"original": 0, "effective": 0}
    assert results["mtrl_judge"]["model"][OURS]["asked"] == 3
    assert "|NaN" in next(line for line in make_table(results).splitlines() if NO_DATA in line).replace(" ", "")
    assert ENDING.status == 3
    assert ENDING.lines == [f"{NO_DATA} is not scored: {reason}"]


def test_a_group_with_a_task_without_data_has_no_mean(
    manager: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MTRL_JUDGE_DATA", str(tmp_path))
    mean = {"metric": "accuracy", "aggregation": "mean", "weight_by_size": True, "filter_list": ["none"]}
    group = {"group": "both", "task": [OURS, NO_DATA], "aggregate_metric_list": [mean]}
    results = evaluate(manager, tasks=[group])
    assert results["results"][OURS]["accuracy,none"] == 1.0
    assert math.isnan(results["results"]["both"]["accuracy,none"])


def test_a_run_without_any_data_ends(manager: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MTRL_JUDGE_DATA", str(tmp_path))
    with pytest.raises(JudgeStoppedError, match=NO_DATA) as stopped:
        evaluate(manager, NO_DATA)
    assert stopped.value.code == 2


def test_a_fault_of_the_installation_is_no_missing_data(manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ImportError("cannot import name 'x'", name="pyarrow")

    monkeypatch.setattr(embedded, "BENCHMARK", replace(embedded.BENCHMARK, load=broken))
    with pytest.raises(ImportError):
        evaluate(manager, OURS)
    assert ENDING.status == 1
    assert "the evaluation failed: ImportError: cannot import name 'x'" in ENDING.lines[0]


@pytest.mark.parametrize(("style", "kind"), [("error", "failed"), ("plain", "unreadable")])
def test_where_no_judgment_has_a_verdict_every_metric_is_nan(manager: Any, style: str, kind: str) -> None:
    results = evaluate(manager, OURS, arguments=f"engine=stub,style={style},ledger=none")
    row = results["results"][OURS]
    assert all(math.isnan(value) for name, value in row.items() if name != "alias" and "_stderr" not in name)
    counts = results["mtrl_judge"]["model"][OURS]
    assert (counts["asked"], counts[kind], counts["cached"]) == (3, 3, 0)
    assert counts["example"]
    assert json.loads(json.dumps(results["mtrl_judge"])) == results["mtrl_judge"]


def test_cached_and_forced_judgments_are_counted(manager: Any, tmp_path: Path) -> None:
    arguments = f"engine=stub,style=cut,nonce=forced,ledger={tmp_path / 'ledger.sqlite'}"
    for cached in (0, 3):
        counts = evaluate(manager, OURS, arguments=arguments)["mtrl_judge"]["model"][OURS]
        assert (counts["asked"], counts["forced"], counts["cached"]) == (3, 3, cached)


def test_one_model_in_two_evaluations(manager: Any) -> None:
    model = MTRLJudge(ledger="none")
    for _ in range(2):
        assert evaluate(manager, OURS, model=model)["mtrl_judge"]["model"][OURS]["asked"] == 3


def build(**options: Any) -> tuple[MTRLJudge, str]:
    nonce = uuid.uuid4().hex
    model = MTRLJudge(engine="stub", nonce=nonce, ledger="none", **options)
    model.task_dict = {"t": {"test": [f"[[reply:{text}]]" for text in ("a", " ", "b")]}}
    return model, nonce


def ask(number: int, kind: str = "text", **options: Any) -> Any:
    def doc_to_messages(doc: str) -> list[dict[str, Any]]:
        part = {"type": "text", "text": doc} if kind == "text" else {"type": kind, "url": {"array": [0.0]}}
        return [{"role": "user", "content": [part, {"type": "text", "text": doc}]}]

    return request(doc_to_messages, number, **options)


def test_an_audio_document_is_refused_before_anything_is_asked() -> None:
    model, nonce = build()
    with pytest.raises(JudgeStoppedError, match="document 1 of task t holds audio") as stopped:
        model.generate_until([ask(1, "audio"), ask(0)])
    assert stopped.value.code == 2
    assert not StubEngine.asked[nonce]


def test_a_reply_without_a_visible_part_is_unreadable(capsys: pytest.CaptureFixture[str]) -> None:
    model, _ = build()
    assert [result.text for result in model.generate_until([ask(0), ask(1)])] == ["a", ""]
    model._report()
    said = capsys.readouterr().err
    assert "0 failed, 1 unreadable" in said
    assert "document 1 of task t: the reply has no visible part, only reasoning" in said
    strict, _ = build(strict=True)
    with pytest.raises(JudgeStoppedError, match="document 1 of task t is unscored") as stopped:
        strict.generate_until([ask(0), ask(1)])
    assert stopped.value.code == 3


def test_failures_in_a_row_end_a_run_of_the_model(caplog: pytest.LogCaptureFixture) -> None:
    model, nonce = build(style="error")
    model.task_dict = {"t": {"test": [f"[[reply:{number}]]" for number in range(50)]}}
    with pytest.raises(JudgeStoppedError, match=r"the last 20 judgments failed \(max_failures=20\)") as stopped:
        model.generate_until([ask(number) for number in range(50)])
    assert stopped.value.code == 3
    assert caplog.text.count("the first judgment without a verdict: document") == 1
    never, nonce = build(style="error", max_failures=0)
    never.task_dict = model.task_dict
    assert len(never.generate_until([ask(number) for number in range(50)])) == 50
    assert len(StubEngine.asked[nonce]) == 50


def test_unreadable_replies_of_a_judge_under_test_end_no_run(manager: Any) -> None:
    results = evaluate(manager, OURS, arguments="engine=stub,style=plain,ledger=none", limit=30)
    assert results["mtrl_judge"]["model"][OURS]["unreadable"] == 30, "coverage is what is measured"


def counting(**options: Any) -> tuple[Tallies, list[str], list[str]]:
    said: list[str] = []
    stopped: list[str] = []
    return Tallies(said.append, stopped.append, **options), said, stopped


def test_only_new_failures_in_a_row_stop_a_run() -> None:
    tallies, said, stopped = counting(max_failures=3)
    for key in (1, 1, 1, 2, 1):  # retries of a client
        tallies.fail("a", key, FAILED)
    tallies.answer("b", 9)
    for key in (3, 4):
        tallies.fail("b", key, FAILED)
    tallies.fail("b", 5, FAILED, stops=False)
    assert not stopped
    tallies.fail(None, 6, FAILED)
    assert stopped == ["the last 3 judgments have no verdict (max_failures=3): no such luck"]
    assert said == ["the first judgment without a verdict of a: no such luck"]


@pytest.mark.parametrize(
    ("options", "stops"), [({"strict": True}, 1), ({"max_failures": 0}, 0), ({"max_failures": 1}, 5)]
)
def test_strict_and_never(options: dict[str, Any], stops: int) -> None:
    tallies, _, stopped = counting(**options)
    for key in range(5):
        tallies.fail("a", key, FAILED)
    assert min(len(stopped), 1) == min(stops, 1)


def test_a_failure_that_a_retry_mends_is_none() -> None:
    tallies, _, _ = counting()
    tallies.fail("a", 1, Failure("not a number", unreadable=True))
    counts = tallies.of("a").counts
    assert (counts.asked, counts.failed, counts.unreadable, counts.all_failed) == (1, 0, 1, True)
    assert warnings(tallies.tasks)[0] == "a: 1 of 1 WITHOUT A VERDICT, for example: not a number"
    tallies.answer("a", 1, cached=True, forced=True, tokens=1234)
    counts = tallies.of("a").counts
    assert (counts.asked, counts.unscored, counts.cached, counts.forced) == (1, 0, 1, 1)
    assert counts.example is None
    assert warnings(tallies.tasks) == []
    head, row = as_text(table(tallies.tasks)).splitlines()
    assert row.split() == ["a", "1", "1", "1", "0", "0", "0", "1,234", "0.0"]
    assert head.split()[:2] == ["task", "judgments"]


def test_two_evaluations_of_one_task_in_one_command_are_told_apart() -> None:
    door = Gateway(None, print, print, lambda: False)
    door._told("7", "task", {"evaluation": "7.1", "task": "mmvet"})
    door.tallies.answer(door._now["7"], 1)
    door._told("7", "task", {"evaluation": "7.2", "task": "mmvet"})
    door.tallies.fail(door._now["7"], 1, FAILED)
    door._told("8", "expect", {"evaluation": "8.1", "tasks": ["k12"]})
    assert door._told("7", "counts", {"evaluation": "7.1"})["mmvet"]["failed"] == 0
    assert door._told("7", "counts", {"evaluation": "7.2"})["mmvet"]["failed"] == 1
    assert set(door.tallies.tasks) == {"mmvet", "mmvet (2)"}
    assert door.silent == ["k12"]


#: Does what lmms-eval does in a run: says which tasks are certain to ask, then asks nothing.
SILENT = """
import json, os, sys, urllib.request
base = os.environ["MTRL_JUDGE_GATEWAY"] + f"/as/{os.getpid()}"
body = json.dumps({"evaluation": "1", "tasks": ["mmvet"]}).encode()
urllib.request.urlopen(urllib.request.Request(base + "/expect", body, method="PUT"))
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize(("own", "status"), [(0, 3), (7, 7)])
def test_a_task_that_never_called_its_judge_is_no_success(own: int, status: int, tmp_path: Path) -> None:
    arguments = argv(*stub_arguments(ledger="none"), "--", sys.executable, "-c", SILENT, str(own))
    done = subprocess.run(arguments, env=environ(tmp_path), capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == status, done.stderr
    assert (
        "WAS NEVER CALLED. " if own == 0 else "WAS NEVER CALLED; the command ended with exit status 7"
    ) in done.stderr


def test_a_task_that_never_called_this_judge_says_so(
    manager: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a task that calls its judge over HTTP does, where API_TYPE=mtrl_judge is all that is set."""
    monkeypatch.setenv("API_TYPE", "mtrl_judge")
    monkeypatch.setattr(evaluation, "always_asks", lambda functions: True)
    results = evaluate(manager, OURS)
    assert "(NEVER CALLED mtrl_judge)" in results["results"][OURS]["alias"]
    assert ENDING.status == 0, "another judge may have scored it"
    assert f"{OURS} never called mtrl_judge" in ENDING.lines[0]


def test_where_no_other_judge_can_have_been_asked_the_metrics_are_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    class Output:
        task_name, task, sample_metrics = "mmvet", object(), {("score", "none"): [1.0]}
        agg_metrics = {"score,none": 1.0, "score_stderr,none": 0.1, "score_stderr_clt,none": 0.1}

    EVALUATION.begin()
    EVALUATION.certain, EVALUATION.only = ["mmvet"], True
    ((output,),) = [evaluation._consolidate_results(lambda tasks: tasks, None)([Output()])]
    assert math.isnan(output.agg_metrics.pop("score,none"))
    assert set(output.agg_metrics.values()) == {"N/A"}
    assert "never called this one" in EVALUATION.no_verdict["mmvet"]


@pytest.mark.parametrize(
    ("tasks", "out", "says"),
    [("nosuchtask", "out", "nothing was evaluated; the error above says why"), (OURS, "file", "could not be saved")],
)
def test_what_the_host_only_logs_is_no_success(tasks: str, out: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    program = str(Path(sys.executable).parent / "lmms-eval")
    arguments = [
        "--model",
        "mtrl_judge",
        "--model_args",
        "ledger=none",
        "--limit",
        "1",
        "--output_path",
        tmp_path / out,
    ]
    done = subprocess.run(
        [program, *arguments, "--tasks", tasks],
        env=environ(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-2000:]
    assert says in done.stderr


def test_a_program_that_uses_lmms_eval_keeps_its_own_status(tmp_path: Path) -> None:
    program = (
        "from lmms_eval.evaluator import simple_evaluate\n"
        "from mtrl_judge_plugin import engines\n"
        "engines.ENGINES['stub'] = 'stub_engine:StubEngine'\n"
        "arguments = 'engine=stub,style=error,ledger=none'\n"
        f"simple_evaluate(model='mtrl_judge', model_args=arguments, tasks=['{OURS}'], limit=2, log_samples=False)\n"
        "raise SystemExit(5)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ(tmp_path), capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 5, done.stderr[-2000:]
    assert f"{OURS}: 2 of 2 WITHOUT A VERDICT" in done.stderr


class WordsEngine(StubEngine):
    """Answers every Sample in a sentence, which only a lenient reading takes for a verdict."""

    def _complete(self, conversation: Any) -> Completion:
        return Completion("The answer is A.", True, 1, 1)


def test_two_judges_in_one_process_keep_their_own_way_of_reading(manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines.ENGINES, "words", "test_evaluation:WordsEngine")
    models = {lenient: MTRLJudge(engine="words", ledger="none", lenient=lenient) for lenient in (True, False)}
    task = "mtrl_judge_embedded_pairwise"
    found = {
        lenient: simple_evaluate(model=models[lenient], tasks=[task], task_manager=manager, limit=4, bootstrap_iters=0)
        for lenient in (True, False, True)
    }
    coverage = {lenient: results["results"][task]["coverage,none"] for lenient, results in found.items()}
    assert coverage[True] == 1.0
    assert math.isnan(coverage[False]), "no reply has a verdict: the task is not scored"
    assert [len(found[lenient].measured[task].records) for lenient in (True, False)] == [4, 4]


def test_tasks_of_two_runs_do_not_mix(manager: Any) -> None:
    task = "mtrl_judge_embedded_safety"
    strangers = TaskManager(model_name="openai")
    ours, theirs = (get_task_dict([task], one, "chat")[task] for one in (manager, strangers))
    ours.meet(MTRLJudge(ledger="none"))
    theirs.meet(object())
    doc = ours.eval_docs_no_media[0]
    sentence = f"The answer is {doc['label']}."
    assert ours.process_results(doc, [sentence])["coverage"]["answer"] is None
    assert theirs.process_results(doc, [sentence])["coverage"]["answer"] == doc["label"]
    assert ours.process_results(doc, [sentence])["coverage"]["answer"] is None

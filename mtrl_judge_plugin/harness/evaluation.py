"""Our hooks in lmms-eval's evaluator: checks before a run, the task that is scored now, what the results say after it.

Before: tasks that this judge cannot run are named, and the judge behind `API_TYPE=mtrl_judge` answers a probe question.
During: the provider, or the gateway of `mtrl-judge run`, is told which task is scored, so that judgments count by task.
After: the results hold how many judgments each task asked for and how many failed. Metrics of a task without a single
verdict, or without data, are NaN, with the reason in the table.
"""

from __future__ import annotations

import functools
import math
import os
import textwrap
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import asdict
from types import ModuleType
from typing import Any

from mtrl_judge_plugin.harness.always_asks import always_asks
from mtrl_judge_plugin.harness.checks import probe_judge, refuse_unsupported
from mtrl_judge_plugin.harness.current import EVALUATION
from mtrl_judge_plugin.harness.ending import ENDING, is_command, say
from mtrl_judge_plugin.harness.gateway_client import GatewayClient
from mtrl_judge_plugin.harness.names import MODEL_ID
from mtrl_judge_plugin.judging.tallies import Counts, Failure, Tallies, Tally
from mtrl_judge_plugin.reporting.summary import Measured, summary
from mtrl_judge_plugin.reporting.tables import as_markdown
from mtrl_judge_plugin.terminal.exit_status import ERROR, NOT_RUN

#: Key of our part of lmms-eval's results.
RESULTS = "mtrl_judge"
#: Characters of a reason in the host's table; all of it is in the file and in the last lines.
_LONGEST_REASON = 80


class Results(dict[str, Any]):
    """lmms-eval's results, with the analyses of our tasks beside them.

    Attributes:
        measured: task -> what this evaluation says of it.
    """

    def __init__(self, results: Mapping[str, Any], measured: Mapping[str, Measured]) -> None:
        super().__init__(results)
        self.measured = dict(measured)


def extend(evaluator: ModuleType) -> None:
    """Put our hooks into lmms-eval's evaluator; does nothing the second time."""
    if hasattr(evaluator.simple_evaluate, "with_mtrl_judge"):
        return
    from lmms_eval.api.task import ConfigurableTask
    from lmms_eval.evaluator_utils import TaskOutput

    gateway = GatewayClient.of_environment()
    wrapped: Any = evaluator
    wrapped.simple_evaluate = _simple_evaluate(evaluator.simple_evaluate, gateway)
    wrapped.evaluate = _evaluate(evaluator.evaluate, gateway)
    wrapped.set_task_context = _set_task_context(evaluator.set_task_context, gateway)
    wrapped.consolidate_results = _consolidate_results(evaluator.consolidate_results, gateway)
    if gateway or os.environ.get("API_TYPE") == MODEL_ID:
        ConfigurableTask.process_results = _process_results(ConfigurableTask.process_results, gateway)
    TaskOutput.calculate_aggregate_metric = _aggregate(TaskOutput.calculate_aggregate_metric, gateway)


def _simple_evaluate(original: Callable[..., Any], gateway: GatewayClient | None) -> Callable[..., Any]:
    @functools.wraps(original)
    def simple_evaluate(*args: Any, **kwargs: Any) -> Any:
        model = args[0] if args else kwargs.get("model")
        EVALUATION.begin()
        if gateway:
            gateway.evaluation = EVALUATION.number
        try:
            if model == MODEL_ID:
                refuse_unsupported(kwargs.get("tasks") or (), kwargs.get("task_manager"))
            if os.environ.get("API_TYPE") == MODEL_ID and not kwargs.get("predict_only"):
                probe_judge(kwargs.get("tasks") or (), kwargs.get("task_manager"))
            results = original(*args, **kwargs)
        except Exception as error:  # the host prints it, goes on, and exits with 0
            if model == MODEL_ID or gateway or os.environ.get("API_TYPE") == MODEL_ID:
                ENDING.fail(f"the evaluation failed: {type(error).__name__}: {str(error)[:500]}", ERROR)
            raise
        ENDING.evaluated = True
        if results is None:  # in all processes but the first
            return None
        _annotate(results, gateway)
        if EVALUATION.measured and is_command():
            ENDING.table = as_markdown(summary(EVALUATION.measured, _groups(results, EVALUATION.measured)))
        return Results(results, EVALUATION.measured)

    simple_evaluate.with_mtrl_judge = True  # type: ignore[attr-defined]
    return simple_evaluate


def _groups(results: Mapping[str, Any], measured: Mapping[str, Measured]) -> dict[str, tuple[str, list[str]]]:
    """Group -> (that metric with a mean in the host's results which is the main one of most tasks, the tasks in it)."""
    found = {}
    for group, values in results.get("groups", {}).items():
        members = results.get("group_subtasks", {}).get(group, ())
        main = Counter(measured[task].metric for task in members if task in measured)
        keys = {key.partition(",")[0]: key for key in values if key != "alias" and "_stderr" not in key}
        if keys:
            metric = max(sorted(keys), key=lambda name: main[name])
            found[group] = (metric, [task for task in members if keys[metric] in results["results"].get(task, {})])
    return found


def _evaluate(original: Callable[..., Any], gateway: GatewayClient | None) -> Callable[..., Any]:
    @functools.wraps(original)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        from lmms_eval.evaluator_utils import get_task_list

        outputs = get_task_list(kwargs["task_dict"] if "task_dict" in kwargs else args[1])
        ours = [output.task for output in outputs if hasattr(output.task, "meet")]
        for task in ours:
            task.meet(kwargs["lm"] if "lm" in kwargs else args[0])
        missing = {output.task_name: reason for output in outputs if (reason := _missing(output.task))}
        if missing and len(missing) == len(outputs):
            raise ENDING.stop("; ".join(f"{task}: {reason}" for task, reason in missing.items()), NOT_RUN)
        if gateway or os.environ.get("API_TYPE") == MODEL_ID:
            EVALUATION.certain = [output.task_name for output in outputs if always_asks(_scoring(output.task))]
        if gateway:
            EVALUATION.only = gateway.expect(EVALUATION.certain)
        results = original(*args, **kwargs)
        EVALUATION.measured = {
            task.config.task: Measured(
                analysis=task.finished[0],
                records=task.finished[1],
                metric=task.headline[0],
                data=task.config.metadata["benchmark"],
                left_out=task.left_out,
            )
            for task in ours
            if task.finished
        }
        return results

    return evaluate


def _scoring(task: Any) -> Iterator[Callable[..., Any]]:
    """The functions that score a task."""
    config = getattr(task, "config", None)
    if callable(function := getattr(config, "process_results", None)):
        yield function
    yield from filter(callable, task.aggregation().values())


def _missing(task: Any) -> str | None:
    """Why a task of ours has no data, or None."""
    reason: str | None = getattr(task, "missing", None)
    return reason


def _set_task_context(original: Callable[..., Any], gateway: GatewayClient | None) -> Callable[..., Any]:
    @functools.wraps(original)
    def set_task_context(task_name: str | None) -> None:
        if task_name is None and EVALUATION.task is not None:
            _gather(EVALUATION.task)
        _now(task_name, gateway)
        original(task_name)

    return set_task_context


def _aggregate(original: Callable[..., Any], gateway: GatewayClient | None) -> Callable[..., Any]:
    @functools.wraps(original)
    def calculate_aggregate_metric(self: Any, *args: Any, **kwargs: Any) -> Any:
        _now(self.task_name, gateway)  # some tasks judge here
        try:
            return original(self, *args, **kwargs)
        finally:
            EVALUATION.task = None

    return calculate_aggregate_metric


def _process_results(original: Callable[..., Any], gateway: GatewayClient | None) -> Callable[..., Any]:
    """Tells the judge which texts are material while a document is scored: what is quoted of them is no instruction."""

    @functools.wraps(original)
    def process_results(self: Any, doc: Any, results: Any, *args: Any, **kwargs: Any) -> Any:
        EVALUATION.material = tuple(texts_of([doc, results]))
        if gateway:
            gateway.tell_material(EVALUATION.material)
        try:
            return original(self, doc, results, *args, **kwargs)
        finally:
            EVALUATION.material = ()

    return process_results


def texts_of(values: Iterable[Any], most: int = 1000) -> list[str]:
    """The texts in nested lists and mappings, without repetition; of very many, the first."""
    found: dict[str, None] = {}
    rest = list(values)
    while rest and len(found) < most:
        value = rest.pop(0)
        if isinstance(value, str):
            if value.strip():
                found[value] = None
        elif isinstance(value, Mapping):
            rest += value.values()
        elif isinstance(value, (list, tuple)):
            rest += value
    return list(found)


def _now(task: str | None, gateway: GatewayClient | None) -> None:
    EVALUATION.task = task
    if task and gateway:
        gateway.tell(task)


def _gather(task: str) -> None:
    """Bring what the other processes of this evaluation have counted for a task to the first one."""
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1):
        return
    mine = {role: _portable(tasks[task]) for role, tasks in EVALUATION.by_task().items() if task in tasks}
    everyone: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(everyone, mine)
    if distributed.get_rank() == 0:
        for other in everyone[1:]:
            for role, tally in other.items():
                EVALUATION.add(role, Tallies(say, say)).of(task).add(tally)


def _portable(tally: Tally) -> Tally:
    """Without what only this process can tell apart."""
    failures: dict[Hashable, Failure] = {
        (os.getpid(), number): failure for number, failure in enumerate(tally.failures.values())
    }
    return Tally(tally.answered, tally.cached, tally.forced, tally.tokens, failures, tally.seconds)


def _consolidate_results(original: Callable[..., Any], gateway: GatewayClient | None) -> Callable[..., Any]:
    @functools.wraps(original)
    def consolidate_results(eval_tasks: list[Any]) -> Any:
        counted = _counted(gateway)
        silent = _silent(counted) if EVALUATION.only else []
        for output in eval_tasks:
            reason = _missing(output.task)
            if reason:
                EVALUATION.missing.add(output.task_name)
                for name in output.task.aggregation():
                    output.sample_metrics[name, "none"] = []
                output.sample_len = 1  # of groups' weights; the mean is NaN whatever it is
            for tasks in counted.values():
                counts = tasks.get(output.task_name)
                if counts and counts.all_failed:
                    reason = f"all {counts.asked} judgments failed, for example: {counts.example}"
            if output.task_name in silent:
                reason = "its scoring always asks a judge, and never called this one"
            if reason:
                EVALUATION.no_verdict[output.task_name] = reason
                _erase(output)
        return original(eval_tasks)

    return consolidate_results


def _silent(counted: Mapping[str, Mapping[str, Counts]]) -> list[str]:
    """The tasks that were certain to ask the judge and never did."""
    return [task for task in EVALUATION.certain if task not in counted.get("judge", {})]


def _erase(output: Any) -> None:
    """Make every metric of a task NaN."""
    for metric, filter_key in list(output.sample_metrics):
        output.agg_metrics[f"{metric},{filter_key}"] = math.nan
    for key in output.agg_metrics:
        output.agg_metrics[key] = "N/A" if "_stderr" in key else math.nan
    for metric, filter_key in list(output.sample_metrics):
        output.agg_metrics.setdefault(f"{metric}_stderr,{filter_key}", "N/A")


def _counted(gateway: GatewayClient | None) -> dict[str, dict[str, Counts]]:
    """Role -> task -> counts, of this evaluation."""
    counted = {
        role: {task: tally.counts for task, tally in tasks.items()} for role, tasks in EVALUATION.by_task().items()
    }
    return {**counted, "judge": gateway.counts()} if gateway else counted


def _annotate(results: dict[str, Any], gateway: GatewayClient | None) -> None:
    """Write what was judged into the host's results, and what must not be read into the names that its table shows."""
    counted = _counted(gateway)
    notes: dict[str, str] = {}
    for tasks in counted.values():
        for task, counts in tasks.items():
            if counts.unscored:
                notes[task] = f"{counts.unscored} OF {counts.asked} JUDGMENTS WITHOUT A VERDICT"
    for task in _silent(counted):
        if task not in EVALUATION.no_verdict:
            notes[task] = "NEVER CALLED mtrl_judge"
            ENDING.tell(
                f"WARNING: {task} never called mtrl_judge, though its scoring always asks a judge: API_TYPE does not "
                "reach it, so that another judge scored it, or none. `mtrl-judge run -- lmms-eval ...` reaches it"
            )
    for task, reason in EVALUATION.no_verdict.items():
        notes[task] = f"NOT SCORED: {textwrap.shorten(reason, _LONGEST_REASON, placeholder=' ...')}"
        ENDING.fail(f"{task} is not scored: {reason}")
    for task in EVALUATION.missing:
        results["n-samples"][task] = {"original": 0, "effective": 0}
    for task, note in notes.items():
        if row := results["results"].get(task):
            row["alias"] = f"{row.get('alias', task)} ({note})"
    if any(counted.values()) or EVALUATION.no_verdict:
        results[RESULTS] = {
            **{role: {task: asdict(counts) for task, counts in tasks.items()} for role, tasks in counted.items()},
            "not_scored": dict(EVALUATION.no_verdict),
        }

"""The paper's table of results (arXiv 2603.11665), with judges of yours beside its figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtrl_judge_plugin.metrics import official
from mtrl_judge_plugin.reporting.analyses import AGAIN, read
from mtrl_judge_plugin.reporting.tables import Cell, Table

#: Task of ours -> column of the paper's table.
COLUMNS = {
    "mtrl_judge_agin_naturalness": "AGIN-Nat",
    "mtrl_judge_agin_technical": "AGIN-Tech",
    "mtrl_judge_agin_rationality": "AGIN-Rat",
    "mtrl_judge_seetrue": "SeeTRUE",
    "mtrl_judge_imagereward": "ImageReward",
    "mtrl_judge_unsafebench": "UnsafeBench",
    "mtrl_judge_mjbench_alignment": "MJ-Bench align",
    "mtrl_judge_mjbench_safety": "MJ-Bench safety",
}
#: Arm -> macro-F1 in percent, in the order of the columns; arXiv 2603.11665. Single-task judges have no MJ-Bench.
FIGURES: dict[str, tuple[float, ...]] = {
    "off-the-shelf": (67.99, 63.24, 64.77, 80.01, 55.07, 72.78, 59.41, 73.07),
    "SFT-Single": (78.64, 77.04, 78.08, 80.41, 64.95, 90.28),
    "SFT-Unified": (81.75, 81.22, 81.31, 82.32, 63.34, 89.49, 55.82, 49.40),
    "RL-Single": (80.50, 80.77, 82.71, 83.41, 65.07, 86.92),
    "MT-RL-Judge": (81.63, 81.37, 81.58, 83.67, 64.97, 85.22, 60.59, 82.23),
}
_PARTS = ("value", "low", "high", "n", "coverage")


def table(judges: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Table:
    """The paper's arms and your judges, macro-F1 in percent; n and coverage of your judges in the notes.

    Args:
        judges: name -> task -> analysis.
    """
    rows: list[list[Cell]] = []
    for arm, figures in FIGURES.items():
        missing = [""] * (len(COLUMNS) - len(figures))
        rows.append([f"{arm} (paper)", *(f"{figure:.2f}" for figure in figures), *missing])
    notes = [
        "In percent, with 95 % cluster-bootstrap intervals. Rows marked (paper) are as published in arXiv 2603.11665,",
        "on its own splits, thresholds and prompts; macro-F1 is that paper's metric. The other rows are macro-F1 by",
        "our definition: over scored judgments. The data sets' authors publish other metrics: see below.",
    ]
    for name, tasks in judges.items():
        rows.append([name, *(_cell(tasks.get(task)) for task in COLUMNS)])
        known = [(column, tasks[task]["metrics"]["macro_f1"]) for task, column in COLUMNS.items() if task in tasks]
        counts = [f"{column} n={found['n']} coverage {found['coverage'] or 0:.3f}" for column, found in known]
        notes.append(f"{name}: {', '.join(counts)}")
        authors = [
            f"{COLUMNS[task]} {its} {_percent(tasks[task]['metrics'][metric])}"
            for task, metric, its in _official(tasks)
        ]
        if authors:
            notes.append(f"{name}, as the data sets' authors compute it: {'; '.join(authors)}")
    return Table(["macro-F1", *COLUMNS.values()], rows, notes=notes)


def figures(judges: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Table:
    """The same as single figures with full precision, a row for each judge and task: for programs.

    Args:
        judges: name -> task -> analysis.
    """
    rows: list[list[Cell]] = [
        [f"{arm} (paper)", column, "macro_f1", "paper", figure / 100, None, None, None, None]
        for arm, row in FIGURES.items()
        for column, figure in zip(COLUMNS.values(), row, strict=False)
    ]
    for name, tasks in judges.items():
        for task, column in COLUMNS.items():
            if task in tasks:
                found = tasks[task]["metrics"]["macro_f1"]
                rows.append([name, column, "macro_f1", "ours", *(found[part] for part in _PARTS)])
        for task, metric, its in _official(tasks):
            found = tasks[task]["metrics"][metric]
            rows.append([name, COLUMNS[task], metric, f"authors: {its}", *(found[part] for part in _PARTS)])
    return Table(["judge", "task", "metric", "definition", *_PARTS], rows)


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Task -> analysis, of a folder that holds at least one task of the table.

    Raises:
        ValueError, OSError: the folder cannot be used; the message names it, or the file and key.
    """
    found = read(folder)
    if not found.keys() & COLUMNS.keys():
        raise ValueError(f"{folder}: no task of the table ({', '.join(COLUMNS)}); it holds {', '.join(found)}")
    shown = [(task, "macro_f1") for task in COLUMNS if task in found]
    for task, metric in [*shown, *((task, metric) for task, metric, _ in _official(found))]:
        figure = found[task]["metrics"].get(metric, {})
        for name in _PARTS:
            if not isinstance(figure.get(name, ""), (int, float, type(None))):
                raise ValueError(f"{found[task]['file']}: metrics.{metric}.{name} is missing or no number; {AGAIN}")
    return found


def _official(tasks: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """(task, metric, the authors' name of it) of the official metrics that a judge's results hold."""
    return [
        (task, metric, about["name"])
        for task in COLUMNS
        if task in tasks
        for metric, about in official.described(tasks[task].get("data", "")).items()
        if metric in tasks[task]["metrics"]
    ]


def _cell(analysis: Mapping[str, Any] | None) -> str:
    if analysis is None:
        return ""
    return _percent(analysis["metrics"]["macro_f1"])


def _percent(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "unscored"
    # One group alone has no interval.
    interval = (
        "" if None in (found["low"], found["high"]) else f" [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"
    )
    coverage = "" if found["coverage"] == 1 else f" (coverage {found['coverage'] or 0:.3f})"
    return f"{100 * found['value']:.2f}{interval}{coverage}"

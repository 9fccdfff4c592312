"""What the evaluation that runs now knows of its judgments. lmms-eval runs one at a time in a process."""

from __future__ import annotations

from typing import Any

from mtrl_judge_plugin.judging.tallies import Tallies, Tally


class Evaluation:
    """What the current evaluation knows of its judgments; one at a time in a process.

    Attributes:
        number: counts the evaluations of this process.
        task: that is scored now, or None.
        tallies: "judge" (of others' tasks) or "model" (the model under test), and the tallies of a judge in that role.
        no_verdict: task -> why all its metrics are NaN.
        missing: those of them that have no data.
        certain: tasks whose scoring always asks a judge.
        only: every such task must ask this judge; otherwise it may have asked another.
        measured: task of ours -> what was measured, once its metrics were computed.
        material: the texts of the document that is scored now, and of the model's reply to it.
    """

    def __init__(self) -> None:
        self.number = 0
        self.task: str | None = None
        self.tallies: list[tuple[str, Tallies]] = []
        self.no_verdict: dict[str, str] = {}
        self.missing: set[str] = set()
        self.certain: list[str] = []
        self.only = False
        self.measured: dict[str, Any] = {}
        self.material: tuple[str, ...] = ()

    def begin(self) -> None:
        """Forget the evaluation before."""
        self.number += 1
        self.tallies.clear()
        self.no_verdict.clear()
        self.missing.clear()
        self.certain.clear()
        self.only = False
        self.measured = {}
        self.material = ()

    def add(self, role: str, tallies: Tallies) -> Tallies:
        """Let tallies count for this evaluation, once; returns them."""
        if not any(known is tallies for _, known in self.tallies):
            self.tallies.append((role, tallies))
        return tallies

    def by_task(self) -> dict[str, dict[str, Tally]]:
        """Role -> task -> what became of its questions."""
        found: dict[str, dict[str, Tally]] = {}
        for role, tallies in self.tallies:
            for task, tally in tallies.tasks.items():
                found.setdefault(role, {}).setdefault(task, Tally()).add(tally)
        return found


EVALUATION = Evaluation()

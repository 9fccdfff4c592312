"""The whole analysis of a run, written beside the host's own results: `<date>_<task>_judge_metrics.json`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loguru import logger

from mtrl_judge_plugin.harness.ending import ENDING
from mtrl_judge_plugin.harness.evaluation import RESULTS
from mtrl_judge_plugin.reporting import analyses
from mtrl_judge_plugin.terminal.exit_status import ERROR


def saving_analyses(save: Callable[..., None]) -> Callable[..., None]:
    """The host's `EvaluationTracker.save_results_aggregated`, which then also writes the analyses of our tasks."""
    if hasattr(save, "with_mtrl_judge"):
        return save

    @functools.wraps(save)
    def save_results_aggregated(self: Any, results: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        save(self, results, *args, **kwargs)
        if not self.output_path:
            return
        names = self.general_config_tracker
        folder = Path(self.output_path) / names.model_name_sanitized
        saved = hasattr(self, "date_id") and (folder / f"{self.date_id}_results.json").is_file()
        if not saved and RESULTS in results:  # the host says so in a line of its log, and exits with 0
            ENDING.fail(f"the results could not be saved: --output_path {self.output_path} cannot be written", ERROR)
        if saved:
            write(folder, self.date_id, results, names.model_source)

    save_results_aggregated.with_mtrl_judge = True  # type: ignore[attr-defined]
    return save_results_aggregated


def write(folder: Path, date: str, results: dict[str, Any], model: str) -> list[Path]:
    """Write the analyses of those of the run's tasks that are ours; returns the files."""
    written = []
    for task, measured in getattr(results, "measured", {}).items():
        path = folder / f"{date}_{task}{analyses.SUFFIX}"
        about = {"task": task, "model": model, "model_args": results.get("config", {}).get("model_args")}
        about |= {"rows_left_out": dict(measured.left_out)}
        analyses.write(path, about, measured.analysis, measured.records)
        written.append(path)
    if written:
        logger.info(f"mtrl_judge: the whole analysis is in {folder}/{date}_*{analyses.SUFFIX}")
    return written

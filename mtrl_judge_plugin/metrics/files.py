"""Analyses as files: `<date>_<task>_judge_metrics.json`, written beside lmms-eval's own results, and read again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtrl_judge_plugin.metrics.analysis import Analysis

SUFFIX = "_judge_metrics.json"


def write(path: Path, about: Mapping[str, Any], analysis: Analysis, records: Sequence[Mapping[str, Any]]) -> None:
    """Write an analysis, what it is about ("task" among it), and the judgments that it was made from."""
    content = {**about, **analysis.to_json(), "judgments": [dict(record) for record in records]}
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Task -> its analysis, the latest below the folder.

    Raises:
        ValueError: there is none, or a file is not such an analysis.
    """
    found = {}
    for path in sorted(folder.rglob(f"*{SUFFIX}"), key=lambda path: path.name):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            found[str(content["task"])] = content | {"file": str(path)}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: not an analysis of a run ({error}); run lmms-eval again") from error
    judges = {f"{content['model']}({content['model_args'] or ''})" for content in found.values()}
    if len(judges) > 1:
        raise ValueError(f"{folder}: results of several judges ({', '.join(sorted(judges))}); name a folder of one")
    if not found:
        raise ValueError(f"{folder}: no *{SUFFIX}; run lmms-eval with --output_path {folder}")
    return found

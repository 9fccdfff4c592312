"""Analyses as files: `<date>_<task>_judge_metrics.json`, written beside lmms-eval's own results, and read again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from mtrl_judge_plugin.metrics.analysis import Analysis
from mtrl_judge_plugin.sample import Form

SUFFIX = "_judge_metrics.json"
#: What to do about a folder that cannot be read, and about a file of no use.
HINT = "name a folder that lmms-eval wrote with --output_path"
AGAIN = "remove this file, or run lmms-eval again"
#: Key -> the types that its value may have, in a file and in each of its judgments.
_CONTENT: dict[str, tuple[type, ...]] = {
    "task": (str,),
    "model": (str,),
    "model_args": (str, dict, NoneType),
    "metrics": (dict,),
    "judgments": (list,),
}
_JUDGMENT: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "origin", "group"), (str, int)),
    **dict.fromkeys(("variant", "task", "form"), (str,)),
    "choices": (list,),
    "label": (str, NoneType),
    "answer": (str, NoneType),
}
_OPTIONAL: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("answers", "ratings", "lengths"), (list,)),
    **dict.fromkeys(("well_formed", "forced"), (bool,)),
    "probabilities": (dict, NoneType),
}
_WORDS = {
    str: "text",
    int: "a whole number",
    NoneType: "null",
    dict: "an object",
    list: "a list",
    bool: "true or false",
}


def write(path: Path, about: Mapping[str, Any], analysis: Analysis, records: Sequence[Mapping[str, Any]]) -> None:
    """Write an analysis, what it is about ("task" among it), and the judgments that it was made from."""
    content = {**about, **analysis.to_json(), "judgments": [dict(record) for record in records]}
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Task -> its analysis, the latest below the folder.

    Raises:
        ValueError: there is none, or a file cannot be read or is not such an analysis; the message names file and key.
    """
    found = {}
    for path in sorted(folder.rglob(f"*{SUFFIX}"), key=lambda path: path.name):
        try:
            # NaN is not JSON, but programs write it: a number that is not defined, as null is.
            content = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda name: None)
            _check(content)
        except OSError as error:
            raise ValueError(f"{path}: cannot be read: {error.strerror}; {AGAIN}") from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: not an analysis of a run: {error}; {AGAIN}") from error
        found[content["task"]] = content | {"file": str(path)}
    judges = {f"{content['model']}({content['model_args'] or ''})" for content in found.values()}
    if len(judges) > 1:
        raise ValueError(f"{folder}: results of several judges ({', '.join(sorted(judges))}); name a folder of one")
    if not found:
        raise ValueError(f"{folder}: no *{SUFFIX}; run lmms-eval with --output_path {folder}")
    return found


def _check(content: Any) -> None:
    """Raise ValueError with the first key that is missing or of the wrong type."""
    _check_keys("", content, _CONTENT)
    for name, estimate in content["metrics"].items():
        if not isinstance(estimate, dict):
            raise ValueError(f"metrics.{name} is not an object")
    if not isinstance(content.get("data", ""), str):
        raise ValueError("data is not text")
    for number, judgment in enumerate(content["judgments"]):
        place = f"judgments[{number}]."
        _check_keys(place, judgment, _JUDGMENT)
        _check_keys(place, judgment, {name: kinds for name, kinds in _OPTIONAL.items() if name in judgment})
        _check_values(place, judgment)


def _check_keys(place: str, found: Any, wanted: Mapping[str, tuple[type, ...]]) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"{place.rstrip('.') or 'the file'} is not an object")
    for name, kinds in wanted.items():
        if name not in found:
            raise ValueError(f"{place}{name} is missing")
        if type(found[name]) not in kinds:
            raise ValueError(f"{place}{name} is not {' or '.join(_WORDS[kind] for kind in kinds)}")


def _check_values(place: str, judgment: Mapping[str, Any]) -> None:
    """Raise ValueError where a judgment's values, each of the right type, do not fit each other."""
    form, choices = judgment["form"], judgment["choices"]
    if form not in get_args(Form):
        raise ValueError(f"{place}form is {form!r}, not one of {', '.join(get_args(Form))}")
    if not all(isinstance(choice, str) for choice in choices):
        raise ValueError(f"{place}choices is not a list of texts")
    for name, value in _verdicts(judgment):
        if not isinstance(value, str):
            raise ValueError(f"{place}{name} holds {value!r}, which is not text")
        if form == "ranking":  # its choices are all orders of the candidates, too many to write down
            if sorted(value) != sorted(judgment["label"] or value):
                raise ValueError(f"{place}{name} is {value!r}, no order of what the label {judgment['label']!r} ranks")
        elif value not in choices:
            raise ValueError(f"{place}{name} is {value!r}, which is not one of its choices")
    if form == "score" and not all(re.fullmatch(r"\s*-?[0-9]+\s*", choice) for choice in choices):
        raise ValueError(f"{place}choices of a score are not integers")
    numbers = [*judgment.get("ratings", ()), *judgment.get("lengths", ())]
    numbers += (judgment.get("probabilities") or {}).values()
    if not all(type(number) in (int, float) for number in numbers):
        raise ValueError(f"{place}ratings, lengths or probabilities contain something that is not a number")


def _verdicts(judgment: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """(key, verdict) of the label and of all answers that there are."""
    found = [("label", judgment["label"]), ("answer", judgment["answer"])]
    found += [("answers", answer) for answer in judgment.get("answers", ())]
    return [(name, value) for name, value in found if value is not None]

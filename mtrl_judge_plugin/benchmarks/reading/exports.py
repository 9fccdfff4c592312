"""Exports of Label Studio and Argilla as plain tables: data fields and questions are columns, answers lists of votes.

    Label Studio   JSON (data and annotations), JSON-MIN and CSV (a row for each annotation)
    Argilla        2: records.to_json(), records.to_datasets() as parquet or JSON; 1: a FeedbackDataset's records

Predictions, suggestions, cancelled annotations and responses that are not submitted are no votes. Doccano's JSONL needs
nothing of this: its `label` is a list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mtrl_judge_plugin.benchmarks.reading.tables import Cells, Table, of_rows

#: Columns that Label Studio writes beside every annotation in JSON-MIN and CSV.
_ANNOTATION = {"annotation_id", "annotator", "lead_time"}
#: Keys under which a control of Label Studio keeps its value.
_VALUES = ("choices", "selected", "rating", "number", "text")


def flat(table: Table) -> Table:
    """The plain table of an export; any other table as it is."""
    columns = set(table.columns)
    if {"data", "annotations"} <= columns:
        return _each(table, _label_studio_task)
    if columns >= _ANNOTATION:
        one = _each(table, _label_studio_annotation)
        return replace(one, defaults={"annotator": "annotator", "id": "id"}) if "id" in columns else one
    if {"fields", "responses"} <= columns:
        return _each(table, _argilla_record)
    if any(column.endswith(".responses") for column in columns):
        return _each(table, _argilla_flat)
    if any(f"{column}-suggestion" in columns for column in columns):
        return _each(table, _argilla_1)
    return table


def _each(table: Table, how: Callable[[Cells], dict[str, Any]]) -> Table:
    return of_rows(table.path, [how(row) for _, row in table.read(table.columns)], table.decimal)


def _label_studio_task(row: Cells) -> dict[str, Any]:
    votes: dict[str, list[Any]] = {}
    for annotation in row["annotations"] or []:
        if isinstance(annotation, Mapping) and not annotation.get("was_cancelled"):
            for result in annotation.get("result") or []:
                answer = _answer(result.get("value"))
                if answer is not None and "from_name" in result:
                    votes.setdefault(str(result["from_name"]), []).append(answer)
    data = row["data"] if isinstance(row["data"], Mapping) else {}
    return {"id": row.get("id"), **data, **votes}


def _label_studio_annotation(row: Cells) -> dict[str, Any]:
    return {column: _written_answer(value) for column, value in row.items()}


def _written_answer(value: Any) -> Any:
    """A cell: an answer that is written as JSON or kept as an object, or the cell itself."""
    found = value
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            found = json.loads(value)
        except ValueError:
            return value
    if isinstance(found, (list, Mapping)):
        answer = _answer(found)
        return value if answer is None else answer
    return value


def _answer(value: Any) -> Any:
    """What was chosen: the only choice, the side of a pair, the rating; None where a control says something else.

    >>> _answer({"choices": ["good"]}), _answer([{"rating": 4}]), _answer({"selected": "left"}), _answer({"x": 1.0})
    ('good', 4, 'left', None)
    """
    if isinstance(value, list):
        return _answer(value[0]) if len(value) == 1 else None
    if not isinstance(value, Mapping):
        return value
    return next((_answer(value[key]) for key in _VALUES if key in value), None)


def _argilla_record(row: Cells) -> dict[str, Any]:
    votes: dict[str, list[Any]] = {}
    responses = row["responses"] or []
    if isinstance(responses, Mapping):  # 2: question -> its responses
        for question, given in responses.items():
            votes[question] = [one.get("value") for one in given or [] if _is_submitted(one)]
    else:  # 1: a person's answers to all questions
        for one in filter(_is_submitted, responses):
            for question, answer in (one.get("values") or {}).items():
                votes.setdefault(question, []).append(answer.get("value") if isinstance(answer, Mapping) else answer)
    return {"id": row.get("id") or row.get("external_id"), **(row["fields"] or {}), **votes}


def _argilla_flat(row: Cells) -> dict[str, Any]:
    found = {}
    for column, value in row.items():
        if column.endswith(".responses"):
            given = value or []
            states = row.get(f"{column}.status") or [None] * len(given)
            found[column.removesuffix(".responses")] = [
                answer for answer, state in zip(given, states, strict=False) if state in (None, "submitted")
            ]
        elif ".responses." not in column and ".suggestion" not in column:
            found[column] = value
    return found


def _argilla_1(row: Cells) -> dict[str, Any]:
    return {
        column: [one.get("value") for one in value or [] if _is_submitted(one)]
        if f"{column}-suggestion" in row
        else value
        for column, value in row.items()
        if not column.endswith(("-suggestion", "-suggestion-metadata"))
    }


def _is_submitted(response: Any) -> bool:
    """Whether a response counts; where an export has no status, it does."""
    return isinstance(response, Mapping) and response.get("status") in (None, "submitted")

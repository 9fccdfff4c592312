"""JSON schemas that stand within the instructions of a prompt: the keys that they require, and what these may be."""

from __future__ import annotations

import json
import re
from typing import Any

from mtrl_judge_plugin.formats.values import Value

#: true or false, and nothing that only reads like them.
BOOLEAN = Value(("true", "false"))
_SCHEMA_LEAD = re.compile(r"\bschema\b[^{}]{0,200}(?=\{)", re.IGNORECASE)


def schema_within(told: str) -> tuple[dict[str, Value | None], int] | None:
    """The keys that a JSON schema within the instructions requires, and where it ends; None where there is none."""
    for lead in _SCHEMA_LEAD.finditer(told):
        try:
            schema, end = json.JSONDecoder().raw_decode(told, lead.end())
        except (ValueError, RecursionError):
            continue
        fields = schema.get("properties")
        if isinstance(fields, dict) and fields:
            required = schema.get("required")
            names = [name for name in fields if not isinstance(required, list) or name in required]
            return {name: _of_schema(fields[name]) for name in names}, end
    return None


def _of_schema(field: Any) -> Value | None:
    """What a property of a schema may be, where that is a few words, a boolean or a number in a range."""
    if not isinstance(field, dict):
        return None
    words = field.get("enum")
    if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
        return Value(tuple(words))
    if field.get("type") == "boolean":
        return BOOLEAN
    low, high = field.get("minimum"), field.get("maximum")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        return Value(numeric=True, low=float(low), high=float(high), whole=field.get("type") == "integer")
    return None

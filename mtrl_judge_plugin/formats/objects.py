"""JSON objects, JSON arrays and Python dictionaries in a reply -> the text that a caller can parse.

Models write JSON by hand: single quotes, a comma behind the last field, comments, line breaks in strings. That is read
(as Python, or as JSON5) and written again as JSON. An object that is cut off is none.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import json5  # type: ignore[import-untyped]

from mtrl_judge_plugin.formats.kinds import Format
from mtrl_judge_plugin.formats.values import UnreadableError, Value


@dataclass(frozen=True, kw_only=True)
class Object(Format):
    """One JSON object, or Python dictionary, and nothing else.

    Attributes:
        keys: the keys that it must have -> what their values may be; None where anything will do.
        nested: keys of objects within it -> what their values may be.
        python: the caller evaluates it as Python, and knows no `true` or `null`.
        fenced: the prompt speaks of Markdown fences: those that the judge wrote stay.
        quoted: keys whose values the prompt shows in quotes, so that numbers stay texts.
    """

    keys: Mapping[str, Value | None] = field(default_factory=dict)
    nested: Mapping[str, Value] = field(default_factory=dict)
    python: bool = False
    fenced: bool = False
    quoted: frozenset[str] = frozenset()

    @property
    def name(self) -> str:  # type: ignore[override]
        """ "json object" or "python dictionary"."""
        return "python dictionary" if self.python else "json object"

    @property
    def instruction(self) -> str:
        """See Format."""
        kind = "Python dictionary" if self.python else "JSON object"
        says = f"The final reply must be one {kind} and nothing else, without Markdown fences"
        keys = [f'"{key}" ({value.description})' if value else f'"{key}"' for key, value in self.keys.items()]
        return f"{says}, with the {'key' if len(keys) == 1 else 'keys'} {', '.join(keys)}." if keys else f"{says}."

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """See Format."""
        if self.python:
            return None
        fields = {
            key: {"enum": list(value.literals)} for key, value in self.keys.items() if value and not value.numeric
        }
        return {"type": "object", "properties": fields, "required": list(self.keys)}

    def with_verdict(self, value: Value) -> Object:
        """The same, where the one key for a verdict of which nothing is known may be this: the prompt says it apart."""
        names = [key for key, known in self.keys.items() if known is None and _VERDICT_KEY.fullmatch(key)]
        return replace(self, keys={**self.keys, names[0]: value}) if len(names) == 1 else self

    def read(self, text: str) -> str:
        """See Format."""
        kind = "Python dictionary" if self.python else "JSON object"
        found = list(values(text, "{"))
        fitting = [(value, source) for value, source in found if all(key in value for key in self.keys)]
        if not fitting:
            missing = [key for key in self.keys if found and key not in found[0][0]]
            problem = f"the object has no {', '.join(missing[:10])}" if missing else f"no {kind}"
            raise UnreadableError(f"{problem}: {text[:80]!r}")
        if differ([value for value, _ in fitting]):
            raise UnreadableError(f"more than one {kind}: {text[:80]!r}")
        value, source = fitting[0]
        _check_nested([value], self.nested)
        mended = {key: _in_place(value[key], allowed, key) for key, allowed in self.keys.items() if allowed}
        mended |= {key: _typed(mended[key], self.keys[key]) for key in mended.keys() - self.quoted}
        blocks = re.findall(r"```(?:json|python)?[ \t]*\n.*?```", text, re.DOTALL) if self.fenced else []
        if mended != {key: value[key] for key in mended}:
            value, source = {**value, **mended}, ""
        if source and (block := next((block for block in blocks if source in block), None)):
            return str(block)
        if self.python:
            return source if source and _is_python(source) else repr(value)
        return source if source and _is_json(source) else _dumped(value)


@dataclass(frozen=True, kw_only=True)
class Array(Format):
    """One JSON array, or Python list, and nothing else.

    Attributes:
        value: what each item may be.
        length: how many there are.
        once: what it holds, each once, in any order; (): not known.
        python: the caller evaluates it.
    """

    name: ClassVar[str] = "json array"
    value: Value | None = None
    length: int | None = None
    once: Sequence[str] = ()
    python: bool = False

    @property
    def instruction(self) -> str:
        """See Format."""
        items = f", each item {self.value.description}" if self.value else ""
        return f"The final reply must be one JSON array and nothing else{items}."

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """See Format."""
        return {"type": "array"}

    def read(self, text: str) -> str:
        """See Format."""
        found = list(values(text, "["))
        if not found:
            raise UnreadableError(f"no JSON array: {text[:80]!r}")
        if differ([value for value, _ in found]):
            raise UnreadableError(f"more than one JSON array: {text[:80]!r}")
        value, source = found[0]
        if self.length is not None and len(value) != self.length:
            raise UnreadableError(f"want {self.length} items: {text[:80]!r}")
        if self.once and sorted(map(str, value)) != sorted(self.once):
            raise UnreadableError(f"want each of {', '.join(self.once)} once: {text[:80]!r}")
        if self.value:
            for item in value:
                self.value.read(item if isinstance(item, str) else json.dumps(item))
        if self.python:
            return source if _is_python(source) else repr(value)
        return source if _is_json(source) else _dumped(value)


JSON_OBJECT = Object()
_VERDICT_KEY = re.compile(
    r"(?:final[_ ]?|overall[_ ]?)?(?:score|verdict|answer|label|decision|rating|result|judge?ment|grade)", re.IGNORECASE
)


def _in_place(value: Any, allowed: Value, key: str) -> Any:
    """A field's value as the prompt spells it.

    Raises:
        UnreadableError: it is none that the prompt allows.
    """
    if (
        isinstance(value, list)
        and allowed.numeric
        and value
        and not any(isinstance(one, (list, dict)) for one in value)
    ):
        return [_in_place(one, allowed, key) for one in value]  # "score": [3, 5], told as one range
    if isinstance(value, (dict, list)) or value is None:
        raise UnreadableError(f'"{key}" must be {allowed.description}, not {json.dumps(value, default=str)[:80]}')
    if allowed.literals == ("true", "false") and not isinstance(value, bool) and str(value) not in allowed.literals:
        raise UnreadableError(f'"{key}" must be true or false, not {str(value)[:80]!r}')
    if isinstance(value, bool) and allowed.numeric:
        raise UnreadableError(f'"{key}" must be {allowed.description}, not {value}')
    written = str(value) if not isinstance(value, bool) else str(value).lower()
    found = allowed.find(written)
    if found is None and not isinstance(value, (str, bool)) and value in map(_number, allowed.literals):
        return value  # 1 for "1.0"
    if found is None:
        raise UnreadableError(f'"{key}" must be {allowed.description}, not {written[:80]!r}')
    return found if isinstance(value, str) else value


def _number(literal: str) -> float | None:
    return float(literal) if re.fullmatch(r"[-+]?\d+(?:\.\d+)?", literal) else None


def _typed(value: Any, allowed: Value | None) -> Any:
    """A number or truth value that a judge wrote as a text, as what it is; anything else as it is."""
    if isinstance(value, list):
        return [_typed(one, allowed) for one in value]
    if allowed is None or not isinstance(value, str) or (allowed.numeric and value in allowed.literals):
        return value
    if allowed.literals and all(re.fullmatch(r"-?\d+(?:\.\d+)?", literal) for literal in allowed.literals):
        return json.loads(value)
    if allowed.literals == ("true", "false"):
        return value == "true"
    return json.loads(re.sub(r"^(-?)0+(?=\d)", r"\1", value)) if allowed.numeric else value


def _check_nested(found: Sequence[Any], allowed: Mapping[str, Value]) -> None:
    """Refuse values within inner objects that the prompt does not allow.

    Raises:
        UnreadableError: one of them.
    """
    waiting = list(found) if allowed else []
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            for key, inner in value.items():
                if key in allowed and not isinstance(inner, (dict, list)):
                    _in_place(inner, allowed[key], key)
            waiting += value.values()


def differ(found: Sequence[Any]) -> bool:
    """Whether there are two that are not equal."""
    try:
        return any(value != found[0] for value in found[1:])
    except RecursionError:  # nested too deep to tell
        return True


def _dumped(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # a set, a number of Python's own: no JSON form
        raise UnreadableError(f"not JSON: {str(value)[:80]!r}") from None


class _TwiceError(Exception):
    """A key stands twice in one object: parsers would keep one of the values, and not all of them the same."""


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    pairs = list(pairs)
    if len(found := dict(pairs)) != len(pairs):
        raise _TwiceError
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


#: NaN and Infinity are Python's, not JSON's.
_DECODER = json.JSONDecoder(parse_constant=_no_number, object_pairs_hook=_once)
#: Places at which a value is looked for; a reply of ten thousand braces must not take minutes.
_TRIES = 64
#: Characters of a value that is read as Python or JSON5.
_LONGEST = 20_000


def values(text: str, opening: str) -> Iterator[tuple[Any, str]]:
    """(value, its text) of the objects ("{") or arrays ("[") of a reply, those within others left out.

    Raises:
        UnreadableError: a key stands twice in one of them.
    """
    end, loose = 0, 0
    for start in [match.start() for match in re.finditer(re.escape(opening), text)][:_TRIES]:
        if start < end:
            continue
        try:
            value, end = _DECODER.raw_decode(text, start)
        except _TwiceError:
            raise UnreadableError(f"a key occurs twice in one object: {text[:80]!r}") from None
        except (ValueError, RecursionError):
            source = _balanced(text, start) if loose < _LOOSE_TRIES else None
            loose += 1
            found = _mended(source) if source else None
            if source is None or not isinstance(found, dict if opening == "{" else list):
                continue
            value, end = found, start + len(source)
            yield value, source
            continue
        yield value, text[start:end]


_LOOSE_TRIES = 8


def _balanced(text: str, start: int) -> str | None:
    """The text from a bracket to the one that closes it, brackets within quotes not counted; None where none does."""
    depth, quote, at = 0, "", start
    closing = {'"': '"', "“": "”"}
    for at in range(start, min(len(text), start + _LONGEST)):
        character = text[at]
        if quote:
            if character == quote and text[at - 1] != "\\":
                quote = ""
        elif character in closing:
            quote = closing[character]
        elif character == "'" and re.search(r"[{\[,:]\s*$", text[max(start, at - 4) : at]):
            quote = "'"
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
            if depth == 0:
                return text[start : at + 1]
    return None


def _mended(source: str) -> Any:
    """The value of an object or array that is not quite JSON; None where it is none."""
    try:
        return json.loads(source, strict=False, parse_constant=_no_number, object_pairs_hook=_once)
    except _TwiceError:
        raise UnreadableError(f"a key occurs twice in one object: {source[:80]!r}") from None
    except (ValueError, RecursionError):
        pass
    try:
        tree = ast.parse(source, mode="eval")
        value = ast.literal_eval(tree)
        if any(_repeats(node) for node in ast.walk(tree) if isinstance(node, ast.Dict)):
            raise UnreadableError(f"a key occurs twice in one object: {source[:80]!r}")
        if isinstance(value, (dict, list)):
            return value if isinstance(value, list) or all(isinstance(key, str) for key in value) else None
    except UnreadableError:
        raise
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        pass
    if '"' not in source:
        source = source.translate(_STRAIGHT)
    try:
        return json5.loads(source, strict=False, parse_constant=_no_number, object_pairs_hook=_once)
    except _TwiceError:
        raise UnreadableError(f"a key occurs twice in one object: {source[:80]!r}") from None
    except (ValueError, RecursionError, TypeError):
        return None


_STRAIGHT = str.maketrans({"“": '"', "”": '"', "„": '"'})


def _repeats(node: ast.Dict) -> bool:
    keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
    return len(set(keys)) != len(keys)


def _is_python(source: str) -> bool:
    try:
        ast.literal_eval(source)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return False
    return True


def _is_json(source: str) -> bool:
    try:
        json.loads(source, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return False
    return True

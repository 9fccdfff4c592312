"""A JSON schema of the caller's -> a form of reply. The schema is not trusted.

References are looked up in the schema itself and nowhere else. A schema can be made that takes years to check (nested
references, regular expressions that backtrack), so one that holds such things is checked by a process of its own, which
is stopped after a while: `python -m mtrl_judge_plugin.formats.json_schema`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jsonschema  # type: ignore[import-untyped]
from jsonschema.protocols import Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from mtrl_judge_plugin.formats import objects
from mtrl_judge_plugin.formats.kinds import Format
from mtrl_judge_plugin.formats.values import UnreadableError

_LONGEST = 64 * 1024
_SECONDS = 5
_MEMORY = 2**30
#: Keywords whose cost is not bounded by the size of the schema times that of the reply.
_COSTLY = {
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "pattern",
    "patternProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
}
#: Keywords that hold values, not schemas: a "$ref" in them is none.
_DATA = {"const", "enum", "default", "examples"}
#: References that are followed to find out what the top of a schema is.
_HOPS = 8


class SchemaError(ValueError):
    """A JSON schema that no reply can be checked against; the message says why."""


def format_of_schema(schema: Mapping[str, Any]) -> Format:
    """The format of a reply that must be an object which fits the schema.

    Raises:
        SchemaError: not a JSON schema, longer than 64 KiB, refers to another document, or no object can fit it.
    """
    text = json.dumps(schema)
    if len(text) > _LONGEST:
        raise SchemaError(f"the schema is over {_LONGEST} characters")
    try:
        _class_of(schema).check_schema(schema)
    except jsonschema.SchemaError as error:
        raise SchemaError(f"not a valid JSON schema: {error.message[:200]}") from None
    except Exception as error:  # too deeply nested; a regular expression that Python does not know; ...
        raise SchemaError(f"the schema cannot be used: {type(error).__name__}") from None
    if problem := _hopeless(schema):
        raise SchemaError(problem)
    return Schema(given=dict(schema), strict=True)


@dataclass(frozen=True, kw_only=True)
class Schema(Format):
    """A JSON object that fits the caller's schema.

    Attributes:
        given: the schema.
    """

    name: ClassVar[str] = "json schema"
    given: Mapping[str, Any]

    @property
    def schema(self) -> Mapping[str, Any]:
        """See Format."""
        return self.given

    @property
    def instruction(self) -> str:
        """See Format."""
        return f"{objects.JSON_OBJECT.instruction} It must fit this JSON schema: {json.dumps(self.schema)}"

    def read(self, text: str) -> str:
        """See Format."""
        found = objects.JSON_OBJECT.read(text)
        costly = is_costly(self.schema)
        problem = _apart(found, json.dumps(self.schema)) if costly else problem_of(json.loads(found), self.schema)
        if problem is not None:
            raise UnreadableError(f"the object does not fit the schema: {problem}")
        return found


def problem_of(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Why the value does not fit the schema, or None."""
    try:
        validator = _class_of(schema)(schema, registry=Registry())
        error = next(iter(validator.iter_errors(value)), None)
    except Exception as failure:  # a reference to nothing or to itself, a number beyond a float, ...
        return f"it cannot be checked ({type(failure).__name__})"
    return None if error is None else f"{error.json_path}: {error.message[:200]}"


def is_costly(schema: Any) -> bool:
    """Whether checking may take far longer than the schema is long."""
    rest = [schema]
    while rest:
        node = rest.pop()
        if isinstance(node, dict):
            if _COSTLY & node.keys():
                return True
            rest += node.values()
        elif isinstance(node, list):
            rest += node
    return False


def _hopeless(schema: Mapping[str, Any]) -> str | None:
    """Why no reply can fit: found before the judge is asked, twice, for nothing; None where one may."""
    top, reference = schema, ""
    try:
        for reference, resolver in _references(schema):
            resolver.lookup(reference)
        for _ in range(_HOPS):
            if not isinstance(top.get("$ref"), str):
                break
            reference = top["$ref"]
            top = _resolver(schema).lookup(reference).contents
            if not isinstance(top, Mapping):  # true, false
                return None
        else:
            return f"a reference leads back to itself: {str(reference)[:100]!r}"
    except Exception:  # whatever the library makes of it
        return f"a reference leads out of the schema or to nothing in it: {str(reference)[:100]!r}"
    kinds = top.get("type", "object")
    values = [top["const"]] if "const" in top else top.get("enum")
    if "object" not in ([kinds] if isinstance(kinds, str) else kinds):
        return f"the reply must be an object, not {json.dumps(kinds)[:100]}; put it under a property"
    if values is not None and not any(isinstance(value, dict) for value in values):
        return "the reply must be an object, and this schema lists other values; put them under a property"
    return None


def _references(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each reference, and who looks it up where it stands."""
    rest: list[tuple[Any, Any]] = [(schema, _resolver(schema))]
    while rest:
        node, resolver = rest.pop()
        if isinstance(node, list):
            rest += [(item, resolver) for item in node]
        elif isinstance(node, dict):
            if node is not schema and isinstance(node.get("$id"), str):  # what it holds is relative to this
                resolver = resolver.in_subresource(_resource(node))
            for key, value in node.items():
                if key in ("$ref", "$dynamicRef") and isinstance(value, str):
                    yield value, resolver
                elif key not in _DATA:
                    rest.append((value, resolver))


def _resolver(schema: Mapping[str, Any]) -> Any:
    resource = _resource(schema)
    address = resource.id() or ""
    return Registry().with_resource(address, resource).crawl().resolver(address)


def _resource(schema: Any) -> Resource[Any]:
    return Resource.from_contents(schema, default_specification=DRAFT202012)


def _class_of(schema: Mapping[str, Any]) -> type[Validator]:
    known: type[Validator] = jsonschema.validators.validator_for(
        {"$schema": str(schema.get("$schema", ""))}, default=jsonschema.Draft202012Validator
    )
    return known


def _apart(value: str, schema: str) -> str | None:
    try:
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name],
            input=json.dumps([value, schema]),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except (subprocess.SubprocessError, OSError):
        return f"it cannot be checked within {_SECONDS} s"
    problem: str | None = json.loads(done.stdout)
    return problem


def _main() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    except (ImportError, ValueError):  # not on this system: the time limit outside remains
        pass
    value, schema = json.load(sys.stdin)
    print(json.dumps(problem_of(json.loads(value), json.loads(schema))))


if __name__ == "__main__":
    _main()

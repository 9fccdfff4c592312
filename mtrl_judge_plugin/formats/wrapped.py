"""A value between marks: [[A]], <mark>33</mark>, \\boxed{73}; several, each in an element of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from mtrl_judge_plugin.formats.kinds import Format
from mtrl_judge_plugin.formats.lines import quoted, taken_back, whole_value
from mtrl_judge_plugin.formats.values import UnreadableError, Value


@dataclass(frozen=True, kw_only=True)
class Wrapped(Format):
    """A value between marks: [[A]], <mark>33</mark>, \\boxed{73}; words may stand around it.

    Attributes:
        opening, closing: the marks.
        value: what may be between them.
        prefix: the label that the prompt shows before the marks ("Rating: "), put before a value that comes bare.
        alone: nothing stands around it.
    """

    opening: str
    closing: str
    value: Value
    prefix: str = ""
    alone: bool = False

    @property
    def name(self) -> str:  # type: ignore[override]
        """ "brackets", "tags" or "boxed"."""
        return {"[": "brackets", "<": "tags", "\\": "boxed"}.get(self.opening[0], "marks")

    @property
    def instruction(self) -> str:
        """See Format."""
        return (
            f"The final reply must hold {self.prefix}{self.opening}...{self.closing} once, with "
            f"{self.value.description} in place of the dots."
        )

    @property
    def choices(self) -> tuple[str, ...]:
        """See Format."""
        return tuple(f"{self.prefix}{self.opening}{choice}{self.closing}" for choice in self.value.choices)

    @property
    def regex(self) -> str | None:
        """See Format."""
        return f"{re.escape(self.prefix + self.opening)}({self.value.regex}){re.escape(self.closing)}"

    def read(self, text: str) -> str:
        """See Format."""
        opening = re.escape(self.opening).replace(">", r"\s*>")
        mark = re.compile(rf"{opening}\s*(?P<value>.{{0,400}}?)\s*{re.escape(self.closing)}", re.IGNORECASE | re.DOTALL)
        marks = list(mark.finditer(text))
        found = [(match, self.value.read(match["value"])) for match in marks if not quoted(text, *match.span())]
        if marks and not found:
            raise UnreadableError(f"these are somebody else's words: {text.strip()[:80]!r}")
        if not found:
            if self.opening.casefold() in text.casefold():
                raise UnreadableError(f"{self.opening} is not closed: {text.strip()[-80:]!r}")
            if not self.value.literals and not self.value.numeric:
                raise UnreadableError(f"no {self.opening}...{self.closing}: {text.strip()[-80:]!r}")
            return f"{self.prefix}{self.opening}{whole_value(text, self.value)}{self.closing}"
        if len({value for _, value in found}) > 1:
            raise UnreadableError(f"more than one verdict: {', '.join(value for _, value in found[:4])}")
        last, value = found[-1]
        if re.search(r"\b(?:not|never)\s*[\"'`*]{0,3}$", text[max(0, last.start() - 20) : last.start()]):
            raise UnreadableError(f"the verdict is denied: {text[: last.end()].strip()[-80:]!r}")
        if taken_back(text[last.end() :], self.value, value):
            raise UnreadableError(f"the verdict is taken back: {text[last.end() :].strip()[:80]!r}")
        written = f"{self.opening}{value}{self.closing}"
        if self.alone or text.strip() == last[0]:
            return f"{self.prefix}{written}"
        whole = mark.sub(lambda _: written, text)
        return whole if whole.casefold().count(self.opening.casefold()) == len(found) else written


@dataclass(frozen=True, kw_only=True)
class Elements(Format):
    """Several values, each once between tags of its own: <accuracy>4</accuracy> and <style>2</style>."""

    name: ClassVar[str] = "tags"
    fields: Mapping[str, Value]

    @property
    def instruction(self) -> str:
        """See Format."""
        shown = ", ".join(f"<{name}>{value.description}</{name}>" for name, value in self.fields.items())
        return f"The final reply must hold these elements, each once: {shown}."

    def read(self, text: str) -> str:
        """See Format."""
        for name, value in self.fields.items():
            spans = list(re.finditer(rf"<{name}\s*>(.*?)</{name}\s*>", text, re.IGNORECASE | re.DOTALL))
            found = {value.read(match[1]) for match in spans if not quoted(text, *match.span())}
            if len(found) != 1:
                problem = "more than one" if found else "no"
                raise UnreadableError(f"{problem} <{name}>...</{name}>: {text.strip()[:80]!r}")
            start, end = spans[-1].span()
            text = f"{text[:start]}<{name}>{found.pop()}</{name}>{text[end:]}"
        return text

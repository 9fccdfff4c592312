"""The formats as data: each can read a reply, tell a judge what it wants, and say how a reply can be constrained.

`read` takes the visible part of a reply and returns the text for the caller, with the value as the caller spells it, or
raises UnreadableError and nothing else. `choices` are all texts that fit where these are few, so an engine that scores
continuations can decide among them; `schema` is a JSON schema of what fits, and `regex` a regular expression, for
engines that constrain their output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mtrl_judge_plugin.formats.lines import labelled_spans, line_value, lines_of, taken_back, whole_value, without_fence
from mtrl_judge_plugin.formats.values import UnreadableError, Value, folded


@dataclass(frozen=True, kw_only=True)
class Format:
    """What a reply must look like.

    Attributes:
        name: for logs and the response header.
        strict: the prompt wants this and nothing else around it.
        known: False where nothing was recognised, so that replies go back as they are.
    """

    name: ClassVar[str] = "unread"
    known: ClassVar[bool] = True
    strict: bool = False

    @property
    def instruction(self) -> str:
        """What a judge is told whose reply was not in this format."""
        return "The final reply must not be empty."

    @property
    def choices(self) -> tuple[str, ...]:
        """Every text that fits, where these are few; () otherwise."""
        return ()

    @property
    def regex(self) -> str | None:
        """A regular expression of what fits, or None."""
        return None

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """A JSON schema of what fits, or None."""
        return None

    def read(self, text: str) -> str:
        """A reply's visible part -> the text for the caller.

        Raises:
            UnreadableError: the reply is not in this format.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Unread(Format):
    """Nothing was recognised: the reply goes back as the judge wrote it."""

    known: ClassVar[bool] = False

    def read(self, text: str) -> str:
        """The reply itself.

        Raises:
            UnreadableError: it is empty.
        """
        if not text.strip():
            raise UnreadableError("the reply has no visible part")
        return text


@dataclass(frozen=True, kw_only=True)
class Bare(Format):
    """The value alone; with `free`, words may stand around it and go back with it."""

    value: Value
    free: bool = False

    @property
    def name(self) -> str:  # type: ignore[override]
        """What is chosen from: "number", "letter" or "words"."""
        if self.value.numeric:
            return "number"
        return "letter" if all(re.fullmatch(r"[A-Z]", literal) for literal in self.value.literals) else "words"

    @property
    def instruction(self) -> str:
        """See Format."""
        return f"The final reply must be {self.value.description} and nothing else."

    @property
    def choices(self) -> tuple[str, ...]:
        """See Format."""
        return self.value.choices

    @property
    def regex(self) -> str | None:
        """See Format."""
        return self.value.regex

    def read(self, text: str) -> str:
        """See Format."""
        try:
            found = whole_value(text, self.value)
        except UnreadableError:
            closing = None if self.strict and not self.free else _closing(text, self.value)
            opening = _opening(text, self.value) if self.free and closing is None else None
            if closing is not None:
                return f"{closing[0]}{closing[1]}" if self.free else closing[1]
            if opening is None:
                raise
            return opening
        return _with_last(text, found) if self.free else found


def _closing(text: str, value: Value) -> tuple[str, str] | None:
    """What stands before the last sentence of a reply, and the value that this is ("It is empty. FAIL")."""
    match = re.search(r"(?<=[.!。])\s+(?P<last>[^\s.!?。][^.!?。\n]{0,40}[.。]?)\s*$", text)
    found = value.find(match["last"]) if match else None
    others = [line_value(line, value) for line in lines_of(text)[:-1]]
    if match is None or found is None or any(other not in (None, found) for other in others):
        return None
    return text[: match.start("last")], found


def _with_last(text: str, found: str) -> str:
    """The words of a reply before its last line, and the value."""
    lines = text.strip().splitlines()
    return "\n".join([*lines[:-1], found])


def _opening(text: str, value: Value) -> str | None:
    """A reply that begins with its value ("Yes, since it is calm."), with the caller's spelling put in."""
    if match := re.match(
        r"[\s*_\"'`“(\[]*(?P<value>[^\n,.;:!?]{1,40}?)[*_\"'`”)\]]*(?P<mark>\s*(?:[,.;:\n]|\s[-–—]\s))", text
    ):
        found, rest = value.find_exact(match["value"]), text[match.end("value") :].lstrip("*_\"'`”)]")
        if found is not None and not taken_back(rest.lstrip(" ,.;:–—-\n"), value, found):
            return found + rest
    return None


@dataclass(frozen=True)
class Field:
    """A place with a label: "Rating: 4", "Final score: 8/10", "==> solid".

    Attributes:
        label: what stands before the value.
        value: what it may be.
        separator: between them, as the caller writes it.
        suffix: what the caller writes behind the value ("/10", "%").
    """

    label: str
    value: Value
    separator: str = ": "
    suffix: str = ""

    def line(self, found: str) -> str:
        """The field with a value, as the caller reads it."""
        return f"{self.label}{self.separator}{found}{self.suffix}"

    def read(self, rest: str) -> str:
        """The value in what stands behind the label.

        Raises:
            UnreadableError: it is none.
        """
        if self.suffix and (found := self.value.find(rest.strip().strip("*_` ").removesuffix(self.suffix))) is not None:
            return found
        return self.value.read(rest)


@dataclass(frozen=True, kw_only=True)
class Labelled(Format):
    """One line or more with a label and a value behind it.

    Attributes:
        fields: all of them are needed.
        free: words may stand around them, and go back with them.
    """

    name: ClassVar[str] = "label"
    fields: Sequence[Field]
    free: bool = True

    @property
    def instruction(self) -> str:
        """See Format."""
        lines = [f'"{one.line("...")}" with {one.value.description} in place of the dots' for one in self.fields]
        return f"The final reply must hold {'one line' if len(lines) == 1 else 'these lines'}: {'; '.join(lines)}."

    @property
    def choices(self) -> tuple[str, ...]:
        """See Format."""
        return tuple(map(self.fields[0].line, self.fields[0].value.choices)) if len(self.fields) == 1 else ()

    @property
    def regex(self) -> str | None:
        """See Format."""
        return r"\n".join(re.escape(one.line("\0")).replace("\0", f"({one.value.regex})") for one in self.fields)

    def read(self, text: str) -> str:
        """See Format."""
        text = without_fence(text)
        for one in self.fields:
            text = self._put(text, one)
        shown = any("**" in one.label or f"**{one.label}" in one.value.context for one in self.fields)
        return text if shown else _BOLD_LABEL.sub(r"\g<before>\g<label>", text)

    def _put(self, text: str, one: Field) -> str:
        """The text with this field as the caller reads it."""
        spans = list(labelled_spans(text, one.label))
        if not spans:
            if len(self.fields) > 1:
                raise UnreadableError(f'no line "{one.line("...")}": {text.strip()[:80]!r}')
            return one.line(whole_value(text, one.value))
        found = [one.read(rest) for _, _, rest in spans]
        if len(set(found)) > 1:
            raise UnreadableError(f'"{one.label}" has more than one value: {", ".join(found[:4])}')
        start, end, _ = spans[-1]
        head, behind = text[:start], text[end:]
        line = one.line(found[0])
        if (written := text[start:end]) == line.replace(": ", ":", 1):
            line = written  # "Score:6"
        if len(self.fields) > 1:
            return f"{head}{line}{behind}"
        if taken_back(behind, one.value, found[0]):
            raise UnreadableError(f"the verdict is taken back: {behind.strip()[:80]!r}")
        elsewhere = re.compile(rf"{re.escape(one.label)}{re.escape(one.separator.strip())}", re.IGNORECASE)
        marked = one.label.startswith("[")  # "[RESULT]": nobody reads a value elsewhere
        confusing = not marked and self._confuses(head + behind, one.value, found[0])
        if len(spans) > 1 or elsewhere.search(head + behind) or confusing:
            return line  # a look-alike would confuse a program that searches for the field
        inline = re.search(r"[^\W\d][^\n]*\Z", head) and not one.label.startswith("[")
        return f"{head.rstrip()}\n{line}{behind}" if inline else f"{head}{line}{behind}"

    @staticmethod
    def _confuses(words: str, value: Value, found: str) -> bool:
        """Whether words around a field hold what a careless reader would take for the value."""
        if value.numeric:
            return bool(re.search(r"\d", words))
        return Value(tuple(literal for literal in value.literals if literal != found)).mentioned(words)


#: "**Reason:** It is red.", where the prompt has no bold labels.
_BOLD_LABEL = re.compile(r"^(?P<before>[ \t]*(?:[-•][ \t]+)?)\*\*(?P<label>[^*\n:：]{1,40}[:：])\*\*", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Either(Format):
    """Any of several formats: the one that changes the reply least; the first one is what a retry asks for."""

    formats: Sequence[Format]

    @property
    def name(self) -> str:  # type: ignore[override]
        """Of the first."""
        return self.formats[0].name

    @property
    def instruction(self) -> str:
        """See Format."""
        return self.formats[0].instruction

    @property
    def choices(self) -> tuple[str, ...]:
        """See Format."""
        return self.formats[0].choices

    @property
    def regex(self) -> str | None:
        """See Format."""
        return self.formats[0].regex

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """See Format."""
        return self.formats[0].schema

    def read(self, text: str) -> str:
        """See Format."""
        found: list[str] = []
        problems: list[UnreadableError] = []
        for one in self.formats:
            try:
                found.append(one.read(text))
            except UnreadableError as error:
                problems.append(error)
        if not found:
            raise problems[0]
        return min(found, key=lambda read: abs(len(read) - len(text)))


#: Where no format is recognised.
ANYTHING = Unread()


def binary(output_format: str) -> Bare:
    """Right or wrong as the host's `evaluate_binary` asks for it: "0/1" or "yes/no"."""
    return Bare(value=Value(("1", "0") if output_format in ("0/1", "1/0") else ("yes", "no")), strict=True)


def spelled(literals: Sequence[str]) -> tuple[str, ...]:
    """Literals without those that differ in case or spaces only."""
    found: dict[str, str] = {}
    for literal in literals:
        found.setdefault(folded(literal), literal)
    return tuple(found.values())

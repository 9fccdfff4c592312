"""Formats of more than one value, or of one within a row: several numbers on a line, a ranking, a table's cell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from mtrl_judge_plugin.formats.kinds import Format
from mtrl_judge_plugin.formats.lines import lines_of, whole_value
from mtrl_judge_plugin.formats.values import UnreadableError, Value, layers, unwrapped


@dataclass(frozen=True, kw_only=True)
class Numbers(Format):
    """Several numbers on the first line, in order, with one separator between them."""

    name: ClassVar[str] = "two scores"
    count: int
    separator: str
    value: Value
    owners: Sequence[str] = ()

    @property
    def instruction(self) -> str:
        """See Format."""
        between = {" ": "a space", ",": "a comma", ";": "a semicolon"}.get(
            self.separator.strip() or " ", self.separator
        )
        owners = f" (those of {', '.join(self.owners)}, in this order)" if self.owners else ""
        return (
            f"The final reply must begin with one line that holds {self.count} numbers{owners} and nothing else, with "
            f"{between} between them; each must be {self.value.description}."
        )

    @property
    def regex(self) -> str | None:
        """See Format."""
        return re.escape(self.separator).join([f"({self.value.regex})"] * self.count)

    def read(self, text: str) -> str:
        """See Format."""
        lines = unwrapped(text).splitlines()
        found = self.numbers(lines[0] if lines else "")
        return "\n".join([self.separator.join(found), *lines[1:]])

    def numbers(self, line: str) -> list[str]:
        """The numbers of a line, in the caller's order.

        Raises:
            UnreadableError: more or fewer numbers, off the scale, or labels that do not say whose is whose.
        """
        plain = unwrapped(re.sub(r"\*\*|__|`", "", line))
        high = self.value.high if self.value.high is not None else 10
        plain = re.sub(rf"(?<=\d)\s*(?:/|out of|of)\s*{high:g}(?![\d.])", "", plain)
        comma = r"\s*" if self.separator.strip() == "," else r"\s+"  # "8,5" may be eight and a half
        bare = [
            self.value.find_exact(piece)
            for piece in re.split(rf"\s*[;|/]\s*|\s*,{comma}|\s+and\s+|\s+", plain)
            if piece
        ]
        if len(bare) == self.count and None not in bare:
            return [str(number) for number in bare]
        return self._owned(plain)

    def _owned(self, line: str) -> list[str]:
        """The numbers of a line that says whose each is: "B: 7, A: 8", "7 for B, 8 for A"."""
        named: dict[int, str] = {}
        parts = [part for part in re.split(r"\s*[,;|，；]\s*|\s+and\s+|(?<=\d)\s+(?=[^\W\d])(?!for\b)", line) if part]
        for part in parts:
            match = _OWNED.fullmatch(part)
            found = self.value.find_exact((match["number"] or match["before"]) if match else "")
            place = (
                _place_of(match["owner"] or match["behind"], self.owners or _PLACES[: self.count]) if match else None
            )
            if place is None or found is None or place in named:
                break
            named[place] = found
        if len(named) != self.count or len(parts) != self.count:
            raise UnreadableError(f"no {self.count} scores on the first line, in a clear order: {line[:80]!r}")
        return [named[place] for place in range(self.count)]


_SCORE = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)"
_OWNED = re.compile(
    rf"(?P<owner>.*?[^\d.\s:：=-]|.*?\b[1-9](?=\s*[:：=]))\s*[:：=]?\s*(?P<number>{_SCORE})"
    rf"|(?P<before>{_SCORE})\s+for\s+(?P<behind>.+)"
)
_PLACES = ("1|a|first|one|former", "2|b|second|two|latter", "3|c|third|three", "4|d|fourth|four")
_NOUNS = r"assistant|response|answer|model|candidate|system|score|rating|for|of|the|option|output|gets?|s"


def _place_of(owner: str, owners: Sequence[str]) -> int | None:
    """Which of the owners a label names; None where none, or not clearly one."""
    if owner.strip().isdigit():  # "2: 7, 1: 8" may be the items of a list
        return None
    words = [word for word in re.findall(r"\w+", owner.casefold()) if not re.fullmatch(_NOUNS, word)]
    places = [
        number for number, names in enumerate(owners) if any(word in names.casefold().split("|") for word in words)
    ]
    return places[0] if len(words) == 1 and len(places) == 1 else None


@dataclass(frozen=True, kw_only=True)
class Ranking(Format):
    """Letters, or numbers, from best to worst, each once: "B > A > C".

    Attributes:
        letters: all of them; () where the prompt does not list them.
        separator: what stands between them.
        bracketed: each stands in square brackets.
    """

    name: ClassVar[str] = "ranking"
    letters: Sequence[str]
    separator: str
    bracketed: bool = False

    @property
    def instruction(self) -> str:
        """See Format."""
        shown = self.separator.join(self._shown(self.letters or ("X", "Y", "Z")))
        return f"The final reply must be the ranking from best to worst and nothing else, each once, as in: {shown}"

    def read(self, text: str) -> str:
        """See Format."""
        lines = lines_of(text)
        last = unwrapped(re.sub(r"^[^:：]{0,30}[:：]\s*", "", lines[-1].strip())) if lines else ""
        last = unwrapped(
            re.sub(r"^(?:the|my) (?:order|ranking) is:? ", "", re.sub(r"[\[\]]", "", last), flags=re.IGNORECASE)
        )
        found = re.findall(r"[A-Za-z0-9]+", last)
        if not self.separator and len(found) == 1:
            found = list(found[0])
        found = [one.upper() for one in found]
        right = sorted(found) == sorted(self.letters) if self.letters else len(found) == len(set(found)) > 1
        if (
            not right
            or not re.fullmatch(r"[A-Za-z0-9]+(?:\s*(?:>+|,|→|-)?\s*[A-Za-z0-9]+)*", last)
            or any(len(one) > 1 and not one.isdigit() for one in found)
        ):
            raise UnreadableError(f"no ranking: {text.strip()[-80:]!r}")
        return self.separator.join(self._shown(found))

    def _shown(self, letters: Sequence[str]) -> list[str]:
        return [f"[{letter}]" if self.bracketed else letter for letter in letters]


@dataclass(frozen=True, kw_only=True)
class Template(Format):
    """Values with fixed text between them, on one line: "X=6 Y=2", "True, 85", "7/3".

    Attributes:
        pieces: fixed texts and values in turn.
        first: it is the first line, and words may stand on the lines behind it.
    """

    name: ClassVar[str] = "template"
    pieces: Sequence[str | Value]
    first: bool = False

    @property
    def instruction(self) -> str:
        """See Format."""
        shown = "".join(piece if isinstance(piece, str) else f"<{piece.description}>" for piece in self.pieces)
        return f"The final reply must be one line of this form and nothing else: {shown}"

    def read(self, text: str) -> str:
        """See Format."""
        if self.first:
            first, *rest = text.strip().splitlines() or [""]
            return "\n".join([self._read(first), *rest])
        return self._read(text)

    def _read(self, text: str) -> str:
        lines = lines_of(text.replace("**", ""))
        pattern = "".join(
            _fixed(piece, apart=len(lines) > 1) if isinstance(piece, str) else r"\s*(\S.*?)\s*" for piece in self.pieces
        )
        slots = [piece for piece in self.pieces if isinstance(piece, Value)]
        whole, last = " ".join(lines), lines[-1] if lines else ""
        for candidate in (*layers(whole), *layers(last), *layers(re.sub(r"^[^:：=]{1,30}[:：]\s+", "", last))):
            match = re.fullmatch(pattern, candidate, re.IGNORECASE)
            found = [slot.find(said) for slot, said in zip(slots, match.groups(), strict=True)] if match else [None]
            if None not in found:
                values = iter(map(str, found))
                return "".join(piece if isinstance(piece, str) else next(values) for piece in self.pieces)
        raise UnreadableError(f"not in the form that was asked for: {text.strip()[:80]!r}")


def _fixed(piece: str, *, apart: bool) -> str:
    """A regular expression of a fixed text; its comma may be missing where the values stand on lines `apart`."""
    if not piece.strip():
        return r"\s+"
    comma = re.match(r"\s*[,;|]", piece) if apart else None
    words = r"\s*".join(map(re.escape, piece[comma.end() if comma else 0 :].split()))
    return rf"[,;|]?\s*{words}" if comma else words


@dataclass(frozen=True, kw_only=True)
class Rows(Format):
    """A line of one form for each of several items: "#11: 1", "#12: 5"."""

    name: ClassVar[str] = "lines"
    row: Template

    @property
    def instruction(self) -> str:
        """See Format."""
        return self.row.instruction.replace("one line of this form", "one line of this form for each item")

    def read(self, text: str) -> str:
        """See Format."""
        lines = lines_of(text)
        if not lines:
            raise UnreadableError("the reply has no lines")
        return "\n".join(map(self.row.read, lines))


@dataclass(frozen=True, kw_only=True)
class Sections(Format):
    """Values below markers, each on a line of its own: "[[ ## score ## ]]", then the score.

    Attributes:
        fields: marker -> what stands below it; None where anything may.
        end: the marker behind the last of them, "" where there is none.
    """

    name: ClassVar[str] = "sections"
    fields: Mapping[str, Value | None]
    end: str = ""

    @property
    def instruction(self) -> str:
        """See Format."""
        what = [f"{mark} ({value.description})" if value else mark for mark, value in self.fields.items()]
        behind = f", then {self.end}" if self.end else ""
        shown = ", ".join(what)
        return f"The final reply must hold these markers, each on its own line with its value below: {shown}{behind}."

    def read(self, text: str) -> str:
        """See Format."""
        marks = [*self.fields, *filter(None, [self.end])]
        pieces = re.split("(" + "|".join(r"\s*".join(map(re.escape, mark.split())) for mark in marks) + ")", text)
        said = dict(zip((" ".join(mark.split()) for mark in pieces[1::2]), pieces[2::2], strict=True))
        missing = [mark for mark in self.fields if not said.get(mark, "").strip()]
        if missing or len(said) != len(pieces) // 2:
            problem = f"no {missing[0]}" if missing else "a marker stands there twice"
            raise UnreadableError(f"{problem}: {text.strip()[:80]!r}")
        read = {mark: value.read(said[mark]) if value else said[mark].strip() for mark, value in self.fields.items()}
        return "\n\n".join([*(f"{mark}\n{found}" for mark, found in read.items()), *filter(None, [self.end])])


@dataclass(frozen=True, kw_only=True)
class FirstLine(Format):
    """A value on the first line, and words on the lines behind it.

    Attributes:
        value: of the first line.
        codes: what the lines behind it may list ("S1", "S2", ...); none: any words.
        only_behind: the value behind which other lines stand ("unsafe"); "": any.
    """

    name: ClassVar[str] = "first line"
    value: Value
    codes: tuple[str, ...] = ()
    only_behind: str = ""

    @property
    def instruction(self) -> str:
        """See Format."""
        return f"The first line of the final reply must be {self.value.description} and nothing else."

    def read(self, text: str) -> str:
        """See Format."""
        first, *rest = text.strip().splitlines() or [""]
        said, more = self.value.read(first), " ".join(rest).strip()
        if more and self.only_behind and said != self.only_behind:
            raise UnreadableError(f"{said!r}, and more behind it: {more[:80]!r}")
        if self.codes and (unknown := set(filter(None, re.split(r"[\s,;*`]+", more))) - set(self.codes)):
            raise UnreadableError(f"{min(unknown)!r} is none of {', '.join(self.codes)}")
        return "\n".join([said, *rest])


@dataclass(frozen=True, kw_only=True)
class Cell(Format):
    """The last cell of the row of a table that the prompt leaves open."""

    name: ClassVar[str] = "table cell"
    value: Value | None

    @property
    def instruction(self) -> str:
        """See Format."""
        what = f", {self.value.description}" if self.value else ""
        return f"The final reply must be the missing table cell alone{what}."

    def read(self, text: str) -> str:
        """See Format."""
        lines = lines_of(text)
        if self.value and not any("|" in line for line in lines):
            return whole_value(text, self.value)
        line = next((line for line in reversed(lines) if "|" in line), lines[0] if len(lines) == 1 else "")
        cells = [cell for part in line.split("|") if (cell := part.strip(" \t*`"))]
        if not cells:
            raise UnreadableError("the table cell to complete is empty")
        return whole_value(cells[-1], self.value) if self.value else cells[-1]


def two_scores(bounds: tuple[float, float] | None) -> Numbers:
    """Two scores on the first line, as the host's `evaluate_comparative` asks for them."""
    low, high = bounds or (None, None)
    return Numbers(count=2, separator=" ", value=Value(numeric=True, low=low, high=high))

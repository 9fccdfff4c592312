"""Which column of a table is what, as its user writes it: one text, the same in a variable, a flag and a YAML.

    image=img_path, response_a=answer_1, response_b=answer_2, label=preferred, label_map="model1:A,model2:B",
    form=pairwise, question="Which answer is better?"

In a YAML it may be a mapping of the same keys; `label_map` is then a mapping too, and `choices` a list.
"""

from __future__ import annotations

import difflib
import shlex
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Any, get_args

from mtrl_judge_plugin.benchmarks.reading.cells import name
from mtrl_judge_plugin.benchmarks.reading.rows import DataError
from mtrl_judge_plugin.benchmarks.reading.source import SPLITS
from mtrl_judge_plugin.sample import MAX_RANKED, Form

#: Environment variable: which table `custom` reads, and which of its columns is what.
VARIABLE = "MTRL_JUDGE_CUSTOM"
CANDIDATES = tuple(f"response_{letter}" for letter in ascii_lowercase[:MAX_RANKED])
#: The images of each of them.
CANDIDATE_IMAGES = tuple(f"{column}_images" for column in CANDIDATES)
#: As `split`: rows are split by group, see reading/auto_split.py.
AUTO = "auto"
#: What a column may be -> what it holds. `mtrl-judge prepare --help` prints this.
FIELDS = {
    "form": "pointwise (a label), pairwise (which of two), score (an integer), ranking (an order of two to six)",
    "question": "what the judge is asked",
    "label": "the human verdict, one of the choices; empty: not labelled. A pair's is A or B, a ranking's its letters, "
    "best first: BAC. Several columns (vote_1+vote_2+vote_3) or a list: one vote a person",
    "image": "one image: its path, relative to the table's folder, or in parquet its bytes",
    "images": 'several: a list, paths separated by ";", or several columns (left+right)',
    "text": "what the judge sees besides: a caption, the user's request",
    **dict.fromkeys(CANDIDATES, "the candidate texts; without any, the images are a pair's or a ranking's candidates"),
    **dict.fromkeys(
        CANDIDATE_IMAGES,
        "the images of a candidate, as images has them, where it has several or the question has its own: those "
        "are in image or images. <image_1>, <image_2>, ... in a text say where each stands",
    ),
    "responses": "the candidate texts as a list, or several columns",
    "choices": 'the possible verdicts: a list, or separated by "|". A pair has A and B without it',
    "ratings": 'single human ratings: a list, numbers separated by ";", or several columns (rater_1+rater_2). For '
    "pointwise rows, ratings rise towards the first choice",
    "id": "any name, each only once; else the file's name and the row's number",
    "group": "rows that are not independent share it: the unit of confidence intervals and of splits",
    "task": "under which name metrics are reported; else custom",
    "split": "train, validation or test; else test",
    "reasoning": "the reasoning to learn, for `mtrl-judge sft`",
    "annotator": "who judged: rows of one id are one question with several votes",
}
#: What is said of a table beside its columns.
SETTINGS = {
    "table": "the file, or a folder of such files",
    "image_folder": "the folder that paths of images start from; else the table's own",
    "label_map": "what labels mean: model1:A,model2:B; an empty meaning (unsure:) is no label",
}
#: Fields that several columns joined by "+" may fill.
SEVERAL = ("images", *CANDIDATE_IMAGES, "responses", "label", "ratings")
_CONSTANTS = (
    "a text with a blank for question, a|b for choices, a form, a split or auto, a task's name, or A or B for label"
)


@dataclass(frozen=True)
class Columns:
    """What a user says of a table.

    Attributes:
        given: field -> a column of the table, several joined by "+", a text that holds for all rows, or "": not read.
        label_map: label as the table has it, in lower case -> what it means; "" = no label.
        table: file or folder, or "".
        image_folder: or "".
    """

    given: Mapping[str, str] = field(default_factory=dict)
    label_map: Mapping[str, str] = field(default_factory=dict)
    table: str = ""
    image_folder: str = ""

    @property
    def meanings(self) -> list[str]:
        """What labels may mean, each once, in the order of the map."""
        return [*dict.fromkeys(filter(None, self.label_map.values()))]


def parse(said: str | Mapping[str, Any] | None) -> Columns:
    """What a text, or a mapping of a YAML, says of a table.

    >>> parse('label=preferred, label_map="model1:A,model2:B"').label_map
    {'model1': 'A', 'model2': 'B'}

    Raises:
        DataError: it cannot be read, or names an unknown field; the message shows the part that is wrong.
    """
    if said is None:
        return Columns()
    values = _of_text(said) if isinstance(said, str) else {key: _plain(key, value) for key, value in said.items()}
    for key in values:
        if key not in FIELDS and key not in SETTINGS:
            raise DataError(
                f"{key!r} is nothing that a column can be{near(key, [*FIELDS, *SETTINGS])}; there are "
                f"{', '.join([*FIELDS, *SETTINGS])}"
            )
    label_map = values.pop("label_map", "")
    return Columns(
        table=str(values.pop("table", "")),
        image_folder=str(values.pop("image_folder", "")),
        label_map=_label_map(label_map),
        given={key: str(value) for key, value in values.items()},
    )


def written(given: Mapping[str, str]) -> str:
    """The text that `parse` reads as this.

    >>> written({"image": "img", "question": "Good, or bad?"})
    'image=img, question="Good, or bad?"'
    """
    return ", ".join(f"{key}={_quoted(value)}" for key, value in given.items())


def is_constant(key: str, value: str, columns: Iterable[str]) -> bool:
    """Whether a text that is no column can be that of all rows: never where it may be a slip of a column's name."""
    known = {"form": get_args(Form), "split": (*SPLITS, AUTO), "label": ("A", "B")}
    if key in known:
        return value in known[key]
    if key == "choices":
        return "|" in value
    return (key == "task" or (key == "question" and " " in value)) and not near(value, columns)


def unknown_column(key: str, value: str, columns: Iterable[str]) -> str:
    """What is wrong with `key=value` where the value is no column."""
    columns = list(columns)
    meant = near(value, columns)
    constant = "" if meant else f"; no text for all rows either ({_CONSTANTS})"
    return f"{key}={value}: no such column{meant}{constant} (columns: {', '.join(columns)})"


def explained(indent: int) -> str:
    """All fields and settings with their meaning, one a line, for `--help`."""
    lines = []
    for key, meaning in {**FIELDS, **SETTINGS}.items():
        if key in CANDIDATES[1:] or key in CANDIDATE_IMAGES[1:]:
            continue
        shown = f"{key}, _b..." if key in (*CANDIDATES, *CANDIDATE_IMAGES) else key
        space = " " * (indent + 21)
        lines.append(textwrap.fill(meaning, 118, initial_indent=f"{'':{indent}}{shown:21}", subsequent_indent=space))
    return "\n".join(lines)


def near(word: str, known: Iterable[str]) -> str:
    """ "; did you mean ...?" of the nearest known name, or ""."""
    by_lower = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(word.casefold(), by_lower, n=1, cutoff=0.75)
    return f"; did you mean {by_lower[close[0]]}?" if close else ""


def _of_text(text: str) -> dict[str, str]:
    reader = shlex.shlex(text, posix=True, punctuation_chars=False)
    reader.whitespace, reader.whitespace_split, reader.commenters, reader.escape = ",", True, "", ""
    values: dict[str, str] = {}
    try:
        parts = list(reader)
    except ValueError as error:
        raise DataError(f"{text!r}: a quote is not closed; write a text with an apostrophe in double quotes") from error
    for part in filter(str.strip, parts):
        key, equals, value = part.partition("=")
        key = key.strip()
        if not equals:
            raise DataError(f"{part.strip()!r}: want name=value, as in table=votes.csv; quote values with commas")
        if key in values:
            raise DataError(f"{key} is given twice: {values[key]!r} and {value.strip()!r}")
        values[key] = value.strip()
    return values


def _plain(key: str, value: Any) -> Any:
    """A value of a YAML: text, but for a label map; lists joined as a text has them."""
    if key == "label_map" and isinstance(value, Mapping):
        return value
    if isinstance(value, bool) or (isinstance(value, list) and any(isinstance(one, bool) for one in value)):
        raise DataError(f"{key}: {value} is what YAML makes of yes and no; put them in quotes")
    if isinstance(value, list):
        return ("|" if key == "choices" else "+").join(map(str, value))
    return "" if value is None else str(value)


def _label_map(said: str | Mapping[Any, Any]) -> dict[str, str]:
    if isinstance(said, Mapping):
        pairs = [(name(key), name(value)) for key, value in said.items()]
    else:
        pairs = []
        for part in filter(str.strip, said.split(",")):
            label, colon, meaning = part.rpartition(":")
            if not colon or not label.strip():
                raise DataError(
                    f"label_map: {part.strip()!r}: want label:meaning, as in model1:A,model2:B; for labels with commas "
                    "write it as a mapping in a YAML"
                )
            pairs.append((name(label), meaning.strip()))
    found: dict[str, str] = {}
    for label, meaning in pairs:
        if found.setdefault(label.casefold(), meaning) != meaning:
            raise DataError(f"label_map: {label!r} has two meanings, {found[label.casefold()]!r} and {meaning!r}")
    return found


def _quoted(text: str) -> str:
    if not any(mark in text for mark in ",\"' "):
        return text
    if '"' not in text:
        return f'"{text}"'
    return '"' + text.replace('"', '"\'"\'"') + '"'

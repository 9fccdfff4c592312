"""The signs by which instructions show a format, from what is described at length down to a list of words.

Each takes the instructions and the whole prompt (for what a literal means), and gives what it found. No sign is for one
benchmark: it is a way of asking. `SIGNS` is their list.
"""

from __future__ import annotations

from mtrl_judge_plugin.formats.signs.found import Found
from mtrl_judge_plugin.formats.signs.json_signs import objects_of
from mtrl_judge_plugin.formats.signs.labels import labels
from mtrl_judge_plugin.formats.signs.marks import blocks, boxed, brackets, parentheses, rankings, sections, square, tags
from mtrl_judge_plugin.formats.signs.parts import columns, elements, numbered_lines, several, with_code
from mtrl_judge_plugin.formats.signs.plain import numbers, words
from mtrl_judge_plugin.formats.signs.templates import first_line, lines_of_slots, marks, templates

#: What instructions are searched for.
SIGNS = (
    objects_of, sections, brackets, square, parentheses, tags, boxed, marks, rankings, templates,
    lines_of_slots, labels, first_line, columns, numbered_lines, elements, with_code, blocks, several, words,
    numbers,
)  # fmt: skip


def found_in(told: str, context: str) -> list[Found]:
    """Everything that instructions show.

    Args:
        told: the instructions.
        context: the whole prompt.
    """
    if not told.strip():
        return []
    return [found for sign in SIGNS for found in sign(told, context)]

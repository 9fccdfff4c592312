"""Prompts that end where the reply goes on: behind "Score:", or within the last row of a table."""

from __future__ import annotations

import re

from mtrl_judge_plugin.formats import lists
from mtrl_judge_plugin.formats.kinds import Bare
from mtrl_judge_plugin.formats.several import Cell
from mtrl_judge_plugin.formats.signs.slots import literals_of, named_scale, scaled
from mtrl_judge_plugin.formats.values import Value

_CUE = re.compile(
    r"[ \t#*_>\[]*(?:(?:your|the|my|final|overall|\w{1,12}) (?!\()){0,2}(?P<number>score|rating|grade|mark|"
    r"points|评分|得分|分数|"
    r"打分|Note|Punkte|puntuación|点数|スコア)?(?P<word>class|label|category|verdict|judge?ment|decision|类别|标签|判断|Klasse|clase)?"
    r"[ \t*_\]]*(?:\((?P<range>[^()\n]{1,20})\)[ \t*_]*)?[:：>][ \t*_]*$",
    re.IGNORECASE,
)

_LONGEST_CUE = 60


def open_cue(prompt: str, told: str) -> Bare | None:
    """The format of a prompt that ends with "Score:" or "Class:", where its instructions name the scale or the classes.

    Args:
        prompt: the whole of it.
        told: its instructions.
    """
    last = prompt.rstrip().rpartition("\n")[2]
    cue = _CUE.fullmatch(last) if len(last) <= _LONGEST_CUE else None
    if cue is None or not (cue["number"] or cue["word"]):
        return None
    scale = named_scale(told, cue["range"] or "")
    if cue["number"] and scale.low is not None and scale.high is not None:
        return Bare(value=scaled(scale, prompt), strict=True)
    listed = [one for one in lists.lists(told) if one.kind in ("quoted", "caps", "bare", "code")]
    return Bare(value=literals_of(listed[-1].literals, prompt), strict=True) if listed else None


def open_table(prompt: str, head: str) -> Cell | None:
    """The format of a prompt that ends within a row of a table, whose last cell the reply fills in.

    Args:
        prompt: the whole of it.
        head: its instructions, where the table must begin: a candidate may quote a table.
    """
    if not prompt.rstrip().endswith("|"):
        return None
    lines = prompt.splitlines()
    rule = next(
        (number for number, line in enumerate(lines) if "---" in line and "|" in line and not line.strip(" \t\r|:-")),
        None,
    )
    if rule is None or rule >= len(head.splitlines()):
        return None
    column = []
    for line in lines[rule + 1 :]:
        if "|" not in line:
            break
        column.append(line.rstrip(" \t|").rpartition("|")[2].strip())
    shown = [float(value) for value in column if re.fullmatch(r"-?\d+(?:\.\d+)?", value)]
    if not shown:
        return Cell(value=None, strict=True)
    told = "\n".join(lines[: rule - 1])
    scale = named_scale(told)
    points = [float(word) for one in lists.lists(told) if one.kind == "number" for word in one.literals]
    ends = [*shown, *points, *(end for end in (scale.low, scale.high) if end is not None)]
    return Cell(value=Value(numeric=True, low=min(ends), high=max(ends)), strict=True)

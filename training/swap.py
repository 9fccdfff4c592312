"""A rendered pairwise prompt with its two candidates exchanged: what MJ1 (arXiv 2603.07990) calls the swapped order."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TypeVar

from mtrl_judge_plugin.training.targets import read_label

_Image = TypeVar("_Image")
# prompts.fence puts "> " before every line of a candidate's text, so a text cannot end its own block.
_RESPONSES = re.compile(r"^(Response A:\n)((?:> [^\n]*\n)+)(Response B:\n)((?:> [^\n]*\n)+)", re.MULTILINE)
_OTHER = {"A": "B", "B": "A"}


def swapped(prompt: str, label: str, images: Sequence[_Image]) -> tuple[str, str, list[_Image]] | None:
    """The same question with A and B exchanged, or None where it is not pairwise.

    Args:
        prompt: what prompts.messages says of the sample, rendered by a chat template.
        label: the JSON string of training/data.py.
        images: the sample's images. They are exchanged where they are the candidates.

    Returns:
        prompt, label and images in the swapped order; swapping twice gives them back (but for `variant`).

    Raises:
        ValueError: an unreadable label; a pair whose verdicts are not A and B, or whose prompt holds no two candidates.
    """
    target = read_label(label)
    if target.form != "pairwise":
        return None
    if not set(_OTHER) <= set(target.choices):
        raise ValueError(f"label {label[:300]!r}: the choices of a pair to swap hold A and B")
    exchanged, found = _RESPONSES.subn(r"\1\4\3\2", prompt, count=1)
    if not found and len(images) != 2:
        raise ValueError(f"label {label[:300]!r}: its prompt has neither responses A and B nor two images to exchange")
    right = _OTHER.get(target.label, target.label)
    other = json.dumps(json.loads(label) | {"label": right, "variant": "swapped"}, ensure_ascii=False)
    return exchanged, other, list(images) if found else list(images)[::-1]

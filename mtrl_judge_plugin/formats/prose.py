"""Prompts that ask for a text of its own, a summary or a translation, and for no verdict."""

from __future__ import annotations

import re

_PROSE = re.compile(
    r"\A\s*(?:please )?(?:translate|paraphrase|rephrase|summari[sz]e|rewrite)\b|"
    r"一句话|总结|翻译|改写|要約|翻訳|"
    r"\btranslation only\b|"
    r"\b(?:in|with|of) (?:an?|one|two|three|a few|\d+|at most \w+|no more than \w+) (?:short |"
    r"simple )?(?:sentences?|words?|paragraphs?|lines)\b|"
    r"\b(?:words?|sentences?|characters) (?:at most|or (?:less|fewer))\b|\bat most \w+ (?:words|sentences)\b|"
    r"\A\s*(?:please )?(?:rewrite|rephrase|paraphrase|translate|summari[sz]e|describe)\b",
    re.IGNORECASE,
)


def wants_prose(head: str) -> bool:
    """Whether instructions ask for a text of its own: "in one sentence", "Rewrite ..."."""
    return bool(_PROSE.search(head))


_WRITES = re.compile(
    r"\A\s*(?:please )?(?:translate|paraphrase|rephrase|summari[sz]e|rewrite)\b|"
    r"\A\s*(?:please )?(?:describe|explain|outline)\b[^.\n]{0,40}\bin (?:an?|one|two|three) (?:short )?"
    r"(?:paragraph|sentence)s?\b|\A\s*请(?:用一句话|总结|翻译|改写)",
    re.IGNORECASE,
)


def begins_as_prose(head: str) -> bool:
    """Whether instructions begin by asking for a text, so that what stands below the first paragraph is its subject."""
    return bool(_WRITES.search(head))

"""What stays the same over the prompts of one caller is its template; the rest is material.

Two prompts with the same system message and the same first line are enough: the lines that both have are the template
from then on, and it is written down, so that a server started again reads the same prompts the same way. The first of
them is read without one.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

_log = logging.getLogger("mtrl_judge")
#: Lines of a prompt that are compared, and callers that are remembered.
_MOST_LINES, _MOST = 2000, 1000


class TemplateError(ValueError):
    """The file of templates cannot be used; the message names it and the way out."""


class Templates:
    """The templates of a server's callers, kept in a JSON file. Safe for any number of threads.

    Args:
        path: of the file; it need not exist yet.

    Raises:
        TemplateError: it cannot be read, or is no file of templates.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._first: dict[str, list[str]] = {}
        try:
            found = json.loads(path.read_text()) if path.exists() else {}
        except (OSError, ValueError) as error:
            raise TemplateError(f"--templates {path}: cannot be read ({error}); name another file") from error
        if not path.parent.is_dir():
            raise TemplateError(f"--templates {path}: there is no folder {path.parent}; make it, or name another file")
        lists = list(found.values()) if isinstance(found, dict) else [None]
        if not all(isinstance(lines, list) and all(isinstance(line, str) for line in lines) for lines in lists):
            raise TemplateError(f"--templates {path}: not a file of templates; name another file")
        self._known: dict[str, list[str]] = found

    def material(self, prompt: str, system: str) -> Sequence[str]:
        """The lines of a prompt that are not of its caller's template; () where that is not known yet."""
        lines = prompt.splitlines()[:_MOST_LINES]
        first = next((line for line in lines if line.strip()), "")
        key = hashlib.sha256(json.dumps([system, first]).encode()).hexdigest()
        with self._lock:
            template = self._known.get(key)
            if template is None and self._first.get(key, lines) != lines:
                template = _common(self._first.pop(key), lines)
                self._known[key] = template
                self._write()
            elif template is None and len(self._first) < _MOST:
                self._first.setdefault(key, lines)
        if template is None:
            return ()
        same = set(template)
        return [line for line in lines if line.strip() and line not in same]

    def _write(self) -> None:
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            beside.write_text(json.dumps(self._known, indent=1, ensure_ascii=False))
            beside.replace(self._path)
        except OSError as error:
            _log.warning(
                "--templates %s: cannot be written: %s. The templates hold until this server ends; a later one learns "
                "them again. Make the file writable, or name another one.",
                self._path,
                error.strerror or error,
            )


def _common(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """The lines that two prompts share, in their order."""
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    return [line for block in blocks for line in one[block.a : block.a + block.size]]

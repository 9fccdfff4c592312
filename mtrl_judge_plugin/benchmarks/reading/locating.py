"""Images that other people's tables name: relative paths, paths of another machine, addresses, data URLs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from mtrl_judge_plugin import images
from mtrl_judge_plugin.benchmarks.reading.images import ArchiveError, UnusableError

_ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*://|/|[a-z]:[\\/])", re.IGNORECASE)


class Locator:
    """Finds images below a folder.

    Args:
        folder: that paths start from.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names: dict[Path, str] = {}

    def cell(self, value: Any) -> Any:
        """A cell that `Row.images` can read: a path relative to the folder, or encoded bytes.

        Of an absolute path, an address or a path of Label Studio, the longest ending that exists in the folder counts:
        /home/her/data/images/1.png is images/1.png. Nothing is fetched.

        Raises:
            UnusableError: no file of the folder has such an ending.
            ImageError: a data URL that cannot be read.
            ArchiveError: two names lead to the same file; the message names both.
        """
        name = value.get("path") if isinstance(value, dict) and value.get("bytes") is None else value
        if not isinstance(name, str):
            return value
        name = name.strip()
        if name.startswith("data:"):
            return images.encoded(name)
        if not _ELSEWHERE.match(name):
            return name if "\\" not in name or (self.folder / name).is_file() else name.replace("\\", "/")
        return self._ending(name)

    def _ending(self, name: str) -> str:
        if Path(name).is_relative_to(self.folder.absolute()) and ".." not in Path(name).parts:
            return str(Path(name).relative_to(self.folder.absolute()))
        address = urlsplit(name) if re.match(r"[a-z][a-z0-9+.-]+://|/", name, re.IGNORECASE) else None
        inner = parse_qs(address.query).get("d", [""])[0] if address else ""
        path = inner or (unquote(address.path) if address else name.replace("\\", "/"))
        parts = [part for part in path.split("/") if part not in ("", ".")]
        for start in range(len(parts)):
            ending = Path(*parts[start:])
            if ".." not in ending.parts and (self.folder / ending).is_file():
                first = self._names.setdefault(ending, name)
                if first != name:
                    raise ArchiveError(f"{name!r} and {first!r} are both {self.folder / ending}; name relative paths")
                return str(ending)
        raise UnusableError("no image")

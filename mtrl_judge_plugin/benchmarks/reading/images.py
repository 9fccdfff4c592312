"""Images out of folders, tables and archives -> paths, each image decoded once to see that it is whole."""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import platformdirs

from mtrl_judge_plugin import images
from mtrl_judge_plugin.images import ImageError

#: Larger than any image; what an archive claims to unpack to is not believed beyond it.
_MAX_BYTES = 1 << 28


class UnusableError(ValueError):
    """This row holds nothing to judge, and the data set is none the worse for it; the message says why in two words."""


class ArchiveError(ValueError):
    """An archive that is none, a name that leads out of its folder, or a cache folder that cannot be written."""


def keep(data: bytes) -> str:
    """Put an encoded image into the cache folder under its SHA-256, once, and return its path.

    Data sets keep images in tables and archives; a Sample names a file, which many Samples can share and any process
    can read.

    Raises:
        ImageError: it cannot be decoded.
    """
    digest = hashlib.sha256(data).hexdigest()
    path = Path(platformdirs.user_cache_dir("mtrl-judge")) / "images" / digest[:2] / f"{digest}.img"
    if not path.is_file():
        images.load(data)
        part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")  # never half a file under the final name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            os.replace(part, path)
        except OSError as error:
            if part.is_file():
                part.unlink()
            raise ArchiveError(
                f"{path.parent}: images cannot be unpacked there ({error.strerror}); set XDG_CACHE_HOME to a folder "
                "that can be written"
            ) from error
    return str(path)


def image_in(place: Path, name: str) -> str:
    """A picture by its name in a folder or zip file, as a path.

    Raises:
        UnusableError: there is no such picture.
        ImageError: it cannot be decoded.
        ArchiveError: the name leads out of the folder, or the archive is none.
    """
    if place.suffix.lower() == ".zip":
        return keep(_from_zip(place, name))
    path = place / name
    # The name comes from the data set; the folder may itself hold links, as the hub's cache does.
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ArchiveError(f"{name!r} leads out of {place}; give a path relative to it")
    try:
        there = path.is_file()
    except OSError as error:
        raise ArchiveError(f"{name[:80]!r}... is not a file name ({error.strerror})") from error
    if not there:
        raise UnusableError("no image")
    images.load(path)
    return str(path)


def _from_zip(archive: Path, name: str) -> bytes:
    about = member(archive, name)
    if about is None:
        raise UnusableError("no image")
    if about.file_size > _MAX_BYTES:
        raise ImageError(f"{archive}, {name}: unpacks to more than {_MAX_BYTES >> 20} MB")
    opened = _open(archive)
    try:
        return opened.file.read(about)
    except Exception as error:  # damaged or encrypted: zlib.error, LZMAError, RuntimeError, UnicodeDecodeError, ...
        raise ImageError(f"{archive}, {name}: cannot be unpacked ({type(error).__name__}: {error})") from error


def member(archive: Path, name: str) -> zipfile.ZipInfo | None:
    """What an archive's directory says of the file of this name; None: it has no such file, or several.

    The file has exactly this name; else it is the only one where either path ends with the other: an archive may have
    been packed from a folder above or below the one that the names start from. Other folders' files of the same bare
    name are other images.

    Raises:
        ArchiveError: the archive is none.
    """
    opened, endings = _open(archive), _endings(name)
    if not endings:
        return None
    if endings[0] in opened.whole:
        return opened.whole[endings[0]]
    found = [*opened.ending.get(endings[0], ()), *(opened.whole[end] for end in endings[1:] if end in opened.whole)]
    return found[0] if len(found) == 1 else None


def member_digest(archive: Path, name: str) -> str:
    """The SHA-256 of an image in an archive, under whatever name; the name where the archive has no such file.

    The archive's own check sums are no identity: of 3,000 small pictures some share theirs (CRC-32 and size).

    Raises:
        ArchiveError: the archive is none.
    """
    try:
        return hashlib.sha256(_from_zip(archive, name)).hexdigest()
    except (UnusableError, ImageError):  # said when the picture itself is wanted
        return name


@dataclass(frozen=True)
class _Archive:
    """An opened zip file, and its files by their whole path and by each ending of it."""

    file: zipfile.ZipFile
    whole: dict[str, zipfile.ZipInfo]
    ending: dict[str, list[zipfile.ZipInfo]]


def _open(archive: Path) -> _Archive:
    try:
        return _opened(archive, archive.stat().st_mtime_ns, os.getpid(), threading.get_ident())
    except Exception as error:  # BadZipFile, OSError, NotImplementedError, UnicodeDecodeError, ...
        raise ArchiveError(f"{archive}: no zip file ({error}); download it again") from error


@lru_cache(maxsize=32)  # ImageReward's largest config reads that many
def _opened(archive: Path, changed: int, process: int, thread: int) -> _Archive:
    """An archive, opened once: reading its directory takes longer than reading a picture.

    Once for each process and thread: a fork shares its place in an open file with its parent, and zipfile does not
    promise that threads may share a ZipFile. No lock, then, that a fork could inherit locked. What the cache drops is
    closed when its last reader lets go of it.
    """
    file = zipfile.ZipFile(archive)
    files = (about for about in file.infolist() if not about.filename.endswith("/"))
    whole = {ends[0]: about for about in files if (ends := _endings(about.filename))}
    ending: dict[str, list[zipfile.ZipInfo]] = {}
    for path, about in whole.items():
        for end in _endings(path):
            ending.setdefault(end, []).append(about)
    return _Archive(file, whole, ending)


def _endings(path: str) -> list[str]:
    """The path without "./" and "//", and without its first folder, its first two, ...: a/b.png, b.png."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return ["/".join(parts[start:]) for start in range(len(parts))]

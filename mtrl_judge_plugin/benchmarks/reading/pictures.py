"""Pictures out of folders, tables and archives -> paths, each picture decoded once to see that it is whole."""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from pathlib import Path

import platformdirs

from mtrl_judge_plugin import images
from mtrl_judge_plugin.images import ImageError

#: Larger than any picture; what an archive claims to unpack to is not believed beyond it.
_MAX_BYTES = 1 << 28


class UnusableError(ValueError):
    """This row holds nothing to judge, and the data set is none the worse for it; the message says why in two words."""


class ArchiveError(ValueError):
    """An archive that is none, a name that leads out of its folder, or a cache folder that cannot be written."""


def keep(data: bytes) -> str:
    """Put an encoded picture into the cache folder under its SHA-256, once, and return its path.

    Data sets keep pictures in tables and archives; a Sample names a file, which many Samples can share and any process
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
                f"{path.parent}: pictures cannot be unpacked there ({error.strerror}); set XDG_CACHE_HOME to a folder "
                "that can be written"
            ) from error
    return str(path)


def picture_in(place: Path, name: str) -> str:
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
        raise ArchiveError(f"{name[:80]!r}... is no file name ({error.strerror})") from error
    if not there:
        raise UnusableError("no image")
    images.load(path)
    return str(path)


def _from_zip(archive: Path, name: str) -> bytes:
    members = _members(archive, archive.stat().st_mtime_ns)
    member = members.get(name) or members.get(Path(name).name)
    if member is None:
        raise UnusableError("no image")
    try:
        with zipfile.ZipFile(archive) as opened:
            if opened.getinfo(member).file_size > _MAX_BYTES:
                raise ImageError(f"{archive}, {name}: unpacks to more than {_MAX_BYTES >> 20} MB")
            return opened.read(member)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise ImageError(f"{archive}, {name}: {error}") from error


def holds(archive: Path, name: str) -> bool:
    """Whether an archive has a file of this name."""
    members = _members(archive, archive.stat().st_mtime_ns)
    return name in members or Path(name).name in members


def fingerprint(archive: Path, name: str) -> str:
    """What an archive's directory says of a picture's content, without reading it; the name where it has none.

    Equal pictures under several names have one fingerprint (CRC-32 and size).
    """
    if not holds(archive, name):
        return name
    members = _members(archive, archive.stat().st_mtime_ns)
    member = members.get(name) or members[Path(name).name]
    with zipfile.ZipFile(archive) as opened:
        about = opened.getinfo(member)
    return f"{about.CRC:08x}-{about.file_size}"


_archives: dict[tuple[Path, int], dict[str, str]] = {}


def _members(archive: Path, changed: int) -> dict[str, str]:
    """Full name, and bare name where it is the only one, of the files in an archive -> full name."""
    if (archive, changed) not in _archives:
        try:
            with zipfile.ZipFile(archive) as opened:
                names = [name for name in opened.namelist() if not name.endswith("/")]
        except (zipfile.BadZipFile, OSError) as error:
            raise ArchiveError(f"{archive}: no zip file ({error}); download it again") from error
        bare: dict[str, str] = {}
        for name in names:
            bare[Path(name).name] = "" if Path(name).name in bare else name
        _archives[archive, changed] = {short: name for short, name in bare.items() if name} | {n: n for n in names}
    return _archives[archive, changed]

"""Videos as one image each: evenly spaced frames, tiled in time order, so that a video is one image of a Sample.

sheet(Path("cat.mp4"))   a PNG image    first   second
                                          third   last
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from mtrl_judge_plugin import images
from mtrl_judge_plugin.benchmarks.reading.images import UnusableError, keep
from mtrl_judge_plugin.benchmarks.reading.rows import Row
from mtrl_judge_plugin.images import Broken, ImageError

#: Of one image among several in one image.
_MAX_PIXELS = 512 * 512
_GAP = 4
#: Videos come from outside: what is a playlist at heart opens no other file and no address.
_SEALED = {"protocol_whitelist": "none"}


def sheet(video: bytes | str | Path, frames: int = 4) -> bytes:
    """Evenly spaced frames of a video, the first and the last among them, as one encoded picture.

    Args:
        video: an encoded file's bytes or path, or a folder that holds one picture a frame, named in time order.
        frames: how many; of a shorter video, all.

    Raises:
        ImageError: it holds no frame, is cut off, or cannot be decoded.
    """
    if isinstance(video, (str, Path)) and Path(video).is_dir():
        found = _from_folder(Path(video), frames)
    else:
        found = _from_file(video, frames)
    return tiles(found, columns=math.ceil(math.sqrt(len(found))))


def tiles(pictures: Sequence[Image.Image], columns: int) -> bytes:
    """Images side by side in rows of that many, as one encoded image; large ones are scaled down."""
    small = [images.shrink(picture, _MAX_PIXELS) for picture in pictures]
    width, height = max(picture.width for picture in small) + _GAP, max(picture.height for picture in small) + _GAP
    rows = math.ceil(len(small) / columns)
    whole = Image.new("RGB", (width * columns - _GAP, height * rows - _GAP), "white")
    for number, picture in enumerate(small):
        whole.paste(picture, (width * (number % columns), height * (number // columns)))
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    return buffer.getvalue()


def video_image(row: Row, column: str, frames: int = 4, within: Path | None = None) -> str | Broken:
    """The sheet of a cell's video as a path; `Broken`, with the place, if the video cannot be decoded.

    Args:
        row: a row of a table beside or above its videos.
        column: holds an encoded file's bytes, the hub's `{"bytes", "path"}`, or a path or URL. URLs are never fetched:
            of a path or URL, the longest ending that exists below the folder is read.
        frames: as for `sheet`.
        within: the folder of the videos; the table's own folder if not given.

    Raises:
        UnusableError: there is no such video.
        DataError: the name leads out of the folder, or the cache folder cannot be written.
    """
    cell, folder = row[column], within or row.file.parent
    data, name = (cell.get("bytes"), cell.get("path")) if isinstance(cell, Mapping) else (cell, cell)
    try:
        with row.naming(column):
            if isinstance(data, (bytes, bytearray)):
                return keep(sheet(bytes(data), frames))
            if not isinstance(name, str) or not name.strip():
                raise UnusableError("no video")
            if ".." in Path(name).parts:
                raise row.error(column, f"{name!r} leads out of {folder}")
            return keep(sheet(_below(folder, name), frames))
    except ImageError as error:
        return Broken(str(row.error(column, str(error))))


def _below(folder: Path, name: str) -> Path:
    parts = [part for part in name.partition("://")[2].split("/") if part] if "://" in name else Path(name).parts
    for start in range(len(parts)):
        ending = Path(*parts[start:])
        if not ending.is_absolute() and (folder / ending).exists():
            return folder / ending
    raise UnusableError("no video file")


def _from_folder(folder: Path, frames: int) -> list[Image.Image]:
    # "9.jpg" before "10.jpg": frames are numbered, with leading zeros or without.
    files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: (len(path.name), path.name))
    if not files:
        raise ImageError(f"video {images.describe(folder)}: the folder holds no frame")
    return [images.load(files[number]) for number in _spaced(len(files), frames)]


def _from_file(video: bytes | str | Path, frames: int) -> list[Image.Image]:
    wanted = _spaced(sum(1 for _ in _decoded(video)), frames)
    return [frame.to_image() for number, frame in enumerate(_decoded(video)) if number in wanted]


def _decoded(video: bytes | str | Path) -> Iterator[Any]:
    import av

    name = images.describe(video)
    number = 0
    try:
        with (
            io.BytesIO(video) if isinstance(video, bytes) else Path(video).open("rb") as source,
            av.open(source, mode="r", options=_SEALED, metadata_errors="ignore") as container,
        ):
            if not container.streams.video:
                raise ImageError(f"video {name}: no stream of images")
            stream = container.streams.video[0]
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    raise ImageError(f"video {name} is cut off behind frame {number}")
                for frame in packet.decode():
                    number += 1
                    yield frame
    except (av.FFmpegError, OSError) as error:
        raise ImageError(f"video {name} cannot be decoded: {error}") from error
    if not number:
        raise ImageError(f"video {name} holds no frame")


def _spaced(number: int, frames: int) -> list[int]:
    count = min(number, frames)
    return [round(place * (number - 1) / max(1, count - 1)) for place in range(count)]

"""Images as callers give them -> PIL images, bytes and data URLs. The one place that decodes images from outside."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps

#: The way out of an image that is none.
_FORMATS = "send PNG or JPEG, or another format that the installed Pillow reads (WebP, GIF, BMP, TIFF, AVIF, ...)"
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


class ImageError(ValueError):
    """An image that cannot be read; the message says which one and why."""


@dataclass(frozen=True)
class Broken:
    """Placeholder for an unreadable image; loading it raises ImageError with the reason."""

    reason: str


def load(image: Any) -> Image.Image:
    """Decode an image, turned upright, as RGB (transparency over white).

    Args:
        image: a PIL image; encoded bytes or base64 bytes; a path, a data URL or a base64 string; or `Broken`.

    Raises:
        ImageError: missing file, no image data, truncated or oversized picture. URLs are never fetched.
    """
    try:
        if isinstance(image, Image.Image):
            return _rgb(_whole(image))
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _rgb(_whole(Image.open(io.BytesIO(encoded(image)))))
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything (struct.error, SyntaxError, EOFError, ...)
        raise ImageError(f"image {describe(image)} cannot be decoded: {error}") from error


def shrink(image: Image.Image, max_pixels: int | None) -> Image.Image:
    """The image, scaled down to an area of at most `max_pixels` with its aspect ratio kept (None: as it is)."""
    area = image.width * image.height
    if max_pixels is None or area <= max_pixels:
        return image
    scale = (max_pixels / area) ** 0.5
    return image.resize((max(1, int(image.width * scale)), max(1, int(image.height * scale))), Image.Resampling.BICUBIC)


def encoded(image: Any) -> bytes:
    """The encoded bytes of an image: the file's own, where there is one; PNG for a PIL image.

    Raises:
        ImageError: there is no such file, or the value is no image.
    """
    if isinstance(image, Image.Image):
        buffer = io.BytesIO()
        image.save(buffer, format="PNG")
        return buffer.getvalue()
    if isinstance(image, (bytes, bytearray)):
        data = bytes(image)
        return data if _is_picture(data) else _base64(data.decode("ascii", "replace"), image)
    if isinstance(image, Path):
        return _read(image)
    if isinstance(image, str):
        return _from_string(image)
    if isinstance(image, Broken):
        raise ImageError(image.reason)
    raise ImageError(f"image {describe(image)}: want a path, PIL image, bytes, base64 or data URL")


def data_url(image: Any) -> str:
    """`data:image/...;base64,...`, with the original bytes where the format is one that servers read (PNG, JPEG)."""
    data = encoded(load(image) if isinstance(image, Image.Image) else image)
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg" if data.startswith(b"\xff\xd8") else None
    if kind is None or not _is_plain(data):
        data, kind = encoded(load(image)), "png"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def digest(image: Any) -> str:
    """SHA-256 of what a judge sees: the pixels of a PIL image, the encoded bytes of anything else.

    Raises:
        ImageError: as `encoded`.
    """
    if isinstance(image, Image.Image):
        rgb = load(image)
        return hashlib.sha256(f"{rgb.size}".encode() + rgb.tobytes()).hexdigest()
    return hashlib.sha256(encoded(image)).hexdigest()


def describe(image: Any) -> str:
    """A short name of an image for messages: never its content."""
    if isinstance(image, (str, Path)):
        text = str(image)
        return repr(text if len(text) <= 120 else f"{text[:40]}... ({len(text)} characters)")
    size = f" of {len(image)} bytes" if isinstance(image, (bytes, bytearray)) else ""
    return f"({type(image).__name__}{size})"


_decoding = threading.Lock()


def _whole(image: Image.Image) -> Image.Image:
    """Decode all of the image. lmms-eval tells Pillow to fill what is missing with grey: not here."""
    with _decoding:
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            image.load()
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
    return image


def _rgb(image: Image.Image) -> Image.Image:
    image = ImageOps.exif_transpose(image)
    if image.mode == "RGB":
        return image
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        image = _eight_bits(image)
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey levels of more than 8 bits (X-ray, depth) as 8 bits: of 12 or 16 by their range, of others by their own.

    Floats from 0 to 1 are taken for shares of white, and what is not finite for black.
    """
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    scales = (1.0, 255.0, 4095.0, 65535.0) if image.mode == "F" else (255.0, 4095.0, 65535.0)
    top = next((scale for scale in scales if high <= scale), high)
    bottom = low if low < 0 or top not in scales else 0.0
    return Image.fromarray(np.round((values - bottom) / max(top - bottom, 1e-12) * 255).astype(np.uint8))


def _from_string(text: str) -> bytes:
    if text.startswith("data:"):
        _, comma, body = text.partition("base64,")
        if not comma:
            raise ImageError(f"image {describe(text)}: a data URL must be base64-encoded")
        return _base64(body, text)
    if text.startswith(("http://", "https://")):
        raise ImageError(f"image {describe(text)}: URLs are not fetched; download it and give its path")
    path = Path(text.removeprefix("file://"))
    return _read(path) if path.suffix.lower() in _SUFFIXES or _is_file(path) else _base64(text, text)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # base64 is no path: too long, or with a null byte
        return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"image {describe(path)} cannot be read: {reason}") from error


def _base64(text: str, image: Any) -> bytes:
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError(f"image {describe(image)}: neither a file nor base64 image data; {_FORMATS}") from error
    if not _is_picture(data):
        raise ImageError(f"image {describe(image)}: neither a file nor base64 image data; {_FORMATS}")
    return data


def _is_plain(data: bytes) -> bool:
    """Whether every server sees in these bytes what `load` makes of them: upright, opaque, 8 bits a channel."""
    try:
        image = Image.open(io.BytesIO(data))
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return not turned and "transparency" not in image.info and image.mode in ("RGB", "L", "P", "1", "YCbCr")
    except Exception as error:  # as in `load`
        raise ImageError(f"image {describe(data)} cannot be decoded: {error}") from error


def _is_picture(data: bytes) -> bool:
    """Whether Pillow knows the format of these bytes, or they begin like a file that is damaged further on."""
    if data.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"RIFF")):
        return True
    try:
        with Image.open(io.BytesIO(data)):
            return True
    except Exception:  # as in `load`
        return False

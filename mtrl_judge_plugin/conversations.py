"""A conversation in a form that can be stored and compared: JSON, with pictures replaced by their digests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from mtrl_judge_plugin import images
from mtrl_judge_plugin.engines import Conversation

_VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm")


def describe(conversation: Conversation) -> str:
    """The messages as JSON with images and videos replaced by digests: what the ledger keys and shows.

    Raises:
        ImageError: an image or video that cannot be read.
        TypeError: content that is neither text, image nor video and has no JSON form.
    """
    return json.dumps([{**message, "content": _content(message["content"])} for message in conversation])


def _content(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [
        {**item, item["type"]: _digest(item[item["type"]])} if item["type"] in ("image", "video") else dict(item)
        for item in content
    ]


def _digest(media: Any) -> Any:
    if isinstance(media, (list, tuple)):
        return [images.digest(frame) for frame in media]
    if isinstance(media, (str, Path)) and Path(media).suffix.lower() in _VIDEO_SUFFIXES:
        try:
            with open(media, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise images.ImageError(f"video {media!s} cannot be read: {error.strerror}") from error
    return images.digest(media)

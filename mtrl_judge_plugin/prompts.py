"""Sample -> chat messages: the same prompt in training, in evaluation and in the Python API.

Candidate texts come from outside. They are fenced by a mark before *every* line, so no text can close its own fence,
and whatever could act as markup (our tags, a model's control tokens) is defused before it enters the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from mtrl_judge_plugin.control_tokens import defuse
from mtrl_judge_plugin.messages import Message, text_of
from mtrl_judge_plugin.sample import Sample

INSTRUCTION = "First reason, then answer: <think>reasoning</think><answer>verdict</answer>"

#: Added to the system message when a caller's own prompt decides what the reply must look like.
FREE_FORM_INSTRUCTION = (
    "First reason step by step inside <think> and </think>. Then write the final reply, in exactly the format that the "
    "user asks for and nothing else, inside <answer> and </answer>."
)

#: Where an image of a text stands in it.
_MARK = re.compile(r"<image_[0-9]+>")


def messages(sample: Sample, instruction: str = INSTRUCTION) -> list[Message]:
    """One user message: the named images, the question, the fenced texts with their images, the possible verdicts.

    Args:
        sample: what to judge.
        instruction: how the reply must look.

    Returns:
        Chat messages in the content-list form of transformers: `{"type": "image", "image": ...}` and
        `{"type": "text", "text": ...}` items.
    """
    content: list[Message] = []
    own = sample.images
    if sample.images_compete or not _marks(sample.text):
        for number, image in enumerate(own):
            content += [_text(f"Image {sample.letters[number]}:")] if sample.images_compete else []
            content.append(_picture(image))
        own = ()
    content.append(_text(sample.question.strip()))
    if sample.text:
        content += _illustrated(sample.text, own)
    content += [*_candidates(sample), _text(_verdicts(sample)), _text(instruction)]
    return [{"role": "user", "content": _joined(content)}]


def with_instruction(conversation: Sequence[Mapping[str, Any]]) -> list[Message]:
    """A copy of somebody else's messages whose system message also asks for reasoning, then the reply, in our tags.

    Their texts come from outside: what could act as markup is made harmless, also where it forms over two parts.
    Messages that ask for our tags already, as a Sample's prompt does, keep the line that asks.
    """
    if conversation and text_of(conversation[-1]).endswith(INSTRUCTION):
        return [harmless(message, keep=INSTRUCTION) for message in conversation]
    system, rest = "", [harmless(message) for message in conversation]
    if rest and rest[0]["role"] == "system":
        system = text_of(rest.pop(0)) + "\n\n"
    instruction = {"type": "text", "text": system + FREE_FORM_INSTRUCTION}
    return [{"role": "system", "content": [instruction]}, *map(dict, rest)]


def harmless(message: Mapping[str, Any], keep: str = "") -> Message:
    """A message of somebody else's without anything in its texts that could act as markup.

    Args:
        message: with text and image items.
        keep: an ending of ours that stays as it is.
    """
    content = message["content"]
    if isinstance(content, str):
        return {**message, "content": _defused(content, keep)}
    parts: list[Message] = []
    for kind, items in groupby(content, key=lambda item: item["type"]):
        run = list(items)
        text = "".join(str(item["text"]) for item in run) if kind == "text" else ""
        clean = _defused(text, keep)
        # Neighbouring texts are one in most templates. Parts without markup stay apart, as the caller sent them.
        parts += [dict(item) for item in run] if clean == text else [{"type": "text", "text": clean}]
    return {**message, "content": parts}


def _defused(text: str, keep: str) -> str:
    if keep and text.endswith(keep):
        return defuse(text.removesuffix(keep)) + keep
    return defuse(text)


def fence(text: str) -> str:
    """Text from outside as data: markup defused, every line behind a "> " that the text itself cannot take away.

    >>> print(fence("a cat</answer>\\n> b"))
    > a cat‹/answer›
    > > b
    """
    return "\n".join(f"> {line}" for line in defuse(text).splitlines() or [""])


def _candidates(sample: Sample) -> Iterator[Message]:
    """The responses, each with its images behind its text or at the marks in it."""
    number = len(sample.responses) or len(sample.response_images)
    single = not sample.responses and all(len(some) == 1 for some in sample.response_images)
    for index in range(number):
        name = f"{'Image' if single else 'Response'}{f' {sample.letters[index]}' if number > 1 else ''}:"
        pictures = sample.response_images[index] if sample.response_images else ()
        text = sample.responses[index] if sample.responses else ""
        yield _text(name)
        yield from _illustrated(text, pictures) if text or not pictures else map(_picture, pictures)


def _illustrated(text: str, pictures: Sequence[Any]) -> Iterator[Message]:
    """A fenced text; its marks show the pictures, in order, each mark once, and the rest stand behind it."""
    start = 0
    for mark, picture in zip(_marks(text), pictures, strict=False):
        if before := text[start : mark.start()].strip("\n"):
            yield _text(fence(before))
        yield _picture(picture)
        start = mark.end()
    if rest := text[start:].strip("\n") if start else text:
        yield _text(fence(rest))
    yield from map(_picture, pictures[len(_marks(text)) :])


def _marks(text: str) -> list[re.Match[str]]:
    """Where images stand in a text: `<image_1>`, ..., each at its first mention."""
    first: dict[str, re.Match[str]] = {}
    for mark in _MARK.finditer(text):
        first.setdefault(mark[0], mark)
    return list(first.values())


def _joined(content: Iterable[Message]) -> list[Message]:
    """Items with neighbouring texts as one, a line each."""
    joined: list[Message] = []
    for kind, run in groupby(content, key=lambda item: item["type"]):
        items = list(run)
        joined += [_text("\n".join(item["text"] for item in items))] if kind == "text" else items
    return joined


def _text(text: str) -> Message:
    return {"type": "text", "text": text}


def _picture(image: Any) -> Message:
    return {"type": "image", "image": image}


def _verdicts(sample: Sample) -> str:
    if sample.form == "ranking":
        return f"Verdict: the letters {''.join(sample.letters)} ordered from best to worst."
    return f"Verdict: one of {', '.join(sample.choices)}."

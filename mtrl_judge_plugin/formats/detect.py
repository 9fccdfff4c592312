"""What a caller's prompt asks the reply to look like: prompt -> Format.

Recognition goes by what is written as literals: quoted words, lists, double brackets, tags, keys, a label with a slot,
and by ranges beside a slot. It looks at instructions only (see `material`), and a format is never stricter than the
prompt: where half of it is known, the known half is required. Where nothing is recognised the reply is not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from mtrl_judge_plugin.formats import material, prose
from mtrl_judge_plugin.formats.kinds import ANYTHING, Bare, Either, Format, Labelled
from mtrl_judge_plugin.formats.objects import Object
from mtrl_judge_plugin.formats.signs import found_in
from mtrl_judge_plugin.formats.signs.found import Found
from mtrl_judge_plugin.formats.signs.table import open_cue, open_table


def format_of(prompt: str, *, system: str = "", known: Sequence[str] = ()) -> Format:
    """The format that a prompt asks for; `ANYTHING` where none is recognised.

    >>> format_of('Is it right? Answer only "Correct" or "Incorrect".').read("**correct**")
    'Correct'

    Args:
        prompt: the text of the last user message.
        system: the text of the system message.
        known: texts that are material for certain; what is left of the prompt without them is believed.
    """
    masked = material.masked(prompt, known)
    parts = material.split(masked)
    if masked != prompt:
        parts = replace(parts, marked=True)
    if cell := open_table(prompt, parts.head):
        return cell
    context = f"{system}\n{prompt}"
    parts = replace(
        parts, head=_joined(parts.head), sections=_joined(parts.sections), tails=tuple(map(_joined, parts.tails))
    )
    if not parts.marked and not system and prose.begins_as_prose(parts.head):
        return ANYTHING
    head = _best(found_in(f"{system}\n\n{parts.head}", context))
    if head is None and not parts.marked and prose.wants_prose(parts.head):
        return ANYTHING
    begun = f"{system}\n\n{parts.head}\n\n"

    def best_in(text: str) -> Found | None:
        """What a text behind the head shows that the head alone does not."""
        return _best([found for found in found_in(begun + text, context) if found.end > len(begun)])

    behind = (
        best_in(text)
        for number, text in enumerate((*parts.tails, parts.sections))
        if material.instructs(text) or (number == 0 and not parts.head.strip() and not system)
    )
    tail = _first(list(behind), marked=parts.marked)
    if head is None or tail is None:
        found = head or tail
        if found is None and (last := material.last_lines(masked)):
            found = best_in(_joined(last))
        return found.format if found else open_cue(prompt, f"{system}\n\n{parts.head}") or ANYTHING
    return _both(head, tail, marked=parts.marked)


def _joined(told: str) -> str:
    """Instructions whose sentences are not broken over lines: "reply with just" above "the number"."""
    return _BROKEN.sub(" ", told)


_BROKEN = re.compile(
    r"(?<=[a-z,]{3})[ \t]*\n[ \t]*"
    r"(?=(?:the|an?|one|only|with|of|to|in|or|and|not?|by|between|as|that|is)\b [a-z])"
)


def _first(tails: Sequence[Found | None], *, marked: bool) -> Found | None:
    """What the shortest tail shows; of a number without a scale, what a longer one says of it.

    Where the prompt marks the material's end, all tails are instructions: what one of them describes at length counts.
    """
    found = [tail for tail in tails if tail is not None]
    if marked:
        found.sort(key=lambda tail: -tail.rank)
    numbers = [
        (tail, tail.format.value) for tail in found if isinstance(tail.format, Bare) and tail.format.value.numeric
    ]
    if found and numbers and found[0] is numbers[0][0] and numbers[0][1].low is None:
        return next((tail for tail, value in numbers if value.low is not None), found[0])
    if found and isinstance(found[0].format, Bare):
        words = set(found[0].format.value.literals)
        for tail in found:
            if isinstance(tail.format, Object) and words and words <= set(tail.format.keys):
                return tail  # the words are its keys, of which the last paragraph speaks
    if found and isinstance(shortest := found[0].format, Labelled):
        return max(found, key=lambda tail: _tells_more(tail.format, shortest))
    if found and isinstance(first := found[0].format, Object):
        alike = [tail for tail in found if _extends(tail.format, first)]
        return max(alike, key=lambda tail: _known(tail.format))
    return found[0] if found else None


def _tells_more(longer: Format, shorter: Labelled) -> int:
    """How many fields and scales a format knows that has all fields of a shorter one; 0 where it has not."""
    if not isinstance(longer, Labelled):
        return 0
    names = {field.label for field in longer.fields}
    if not names >= {field.label for field in shorter.fields}:
        return 0
    return 2 * len(names) + sum(field.value.low is not None for field in longer.fields)


def _extends(longer: Format, first: Object) -> bool:
    """Whether a format is an object with the keys of the first, or has some where the first has none."""
    return isinstance(longer, Object) and (not first.keys or longer.keys.keys() == first.keys.keys())


def _known(found: Format) -> int:
    """How much is known of an object's values, its keys counted too."""
    return sum(1 + (value is not None) for value in found.keys.values()) if isinstance(found, Object) else 0


def _best(found: list[Found]) -> Found | None:
    """What is described at length goes before a word; then what is asked for most strictly, then what is said last."""
    return max(found, key=lambda one: (one.rank, one.score, one.end), default=None)


def _both(head: Found, tail: Found, *, marked: bool) -> Format:
    """The format of a prompt that names one before the material and one behind it.

    Behind the material stands what the prompt asks for in the end, or what a candidate has written there. So the head's
    goes first, and the tail's is taken as well where it is said at length or where the material's end is marked.
    """
    if head.format == tail.format:
        return head.format
    if isinstance(head.format, Object) and isinstance(tail.format, Object) and not head.format.keys:
        return tail.format  # which says the rest of it
    if isinstance(head.format, Bare) and isinstance(tail.format, Object) and head.format.strict:
        tail = replace(tail, format=tail.format.with_verdict(head.format.value))
    stronger, weaker = (head, tail) if head.rank > tail.rank else (tail, head)
    if stronger.rank > weaker.rank and not weaker.format.strict and (marked or stronger is head):
        return stronger.format
    if tail.rank > head.rank or (not head.format.strict and tail.score >= head.score) or marked:
        first, second = (tail.format, head.format) if marked and tail.rank >= head.rank else (head.format, tail.format)
        return Either(formats=(first, second))
    return head.format

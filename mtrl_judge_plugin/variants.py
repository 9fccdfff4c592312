"""Twins of a Sample: the same thing judged once more in another way, to see whether the verdict stays.

A twin keeps its sample's `group` and `origin`; its `variant` says what is different, and `restored` reads its verdict
in the original's terms:

    swapped           the two candidates exchanged
    rotated-K         a ranking whose first K candidates come last
    paraphrase-N      the question in its Nth wording
    image-removed     without the image; where images are the candidates, or part of them, each is a grey one
    image-exchanged   with the images of another sample
    alone-A           one candidate of a pair by itself, scored
    pair-AB           two candidates of a ranking, as a pair (and pair-AB-swapped)
"""

from __future__ import annotations

import io
import itertools
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from PIL import Image

from mtrl_judge_plugin.questions import RATE, STAND, wordings
from mtrl_judge_plugin.sample import Sample, SampleError

#: Beside the data's own order: how many others a ranking is judged in.
_ROTATIONS = 2
_SCALE = tuple(str(score) for score in range(1, 11))


def expand(samples: Sequence[Sample], kinds: Collection[str], seed: int = 0) -> Iterator[Sample]:
    """Samples, each followed by its twins; a twin that the data already hold is not made again.

    Args:
        samples: originals, and twins that a data set brings.
        kinds: of twins, see `KINDS`; applied where they fit the sample's form.
        seed: of rotations and exchanged images.
    """
    present = {(sample.origin, sample.variant) for sample in samples}
    others = _strangers(samples, seed) if "image_exchanged" in kinds else {}
    for sample in samples:
        yield sample
        if sample.variant != "original":
            continue
        for kind in kinds:
            twins = [_exchanged(sample, others.get(sample.id))] if kind == "image_exchanged" else KINDS[kind](sample)
            for twin in twins:
                if twin and (twin.origin, twin.variant) not in present:
                    yield twin


def orders(sample: Sample, seed: int = 0) -> list[Sample]:
    """The other order of a pair, a seeded choice of rotations of a ranking; nothing for other forms."""
    if sample.form == "pairwise":
        return [swapped(sample)]
    if sample.form == "ranking":
        turns = range(1, len(sample.letters))
        chosen = random.Random(f"{seed} {sample.id}").sample(turns, min(_ROTATIONS, len(turns)))
        return [_rotated(sample, turn) for turn in sorted(chosen)]
    return []


def swapped(sample: Sample) -> Sample:
    """The other order of a pair: candidates and label exchanged, in the same group; a tie stays a tie.

    Raises:
        SampleError: the sample is not a pair, or its choices are not named after its candidates.
    """
    if sample.form != "pairwise":
        raise SampleError(f"sample {sample.id!r}: a {sample.form} has no other order")
    first, second = sample.letters
    if not {first, second} <= set(sample.choices):
        raise SampleError(f"sample {sample.id!r}: the choices of a pair hold A and B, not {', '.join(sample.choices)}")
    return sample.with_candidates(
        [1, 0],
        id=f"{sample.id}-swapped",
        label=_EXCHANGE.get(sample.label or "", sample.label),
        ratings=(),  # whether they belong to the candidates or to the raters is not said
        variant="swapped" if sample.variant == "original" else f"{sample.variant}-swapped",
    )


def restored(answer: str | None, variant: str) -> str | None:
    """A variant's verdict in the original's terms.

    >>> restored("A", "swapped"), restored("tie", "swapped"), restored("ABC", "rotated-1"), restored("A", "original")
    ('B', 'tie', 'BCA', 'A')
    """
    if answer is None:
        return None
    if variant.endswith("swapped"):
        return _EXCHANGE.get(answer, answer)
    if variant.startswith("rotated-"):
        letters = sorted(answer)
        turn = int(variant.removeprefix("rotated-"))
        return "".join(letters[(letters.index(letter) + turn) % len(letters)] for letter in answer)
    return answer


def paraphrases(sample: Sample) -> list[Sample]:
    """The same question in its other wordings (see `questions`); none for a question that has no others."""
    texts = wordings(sample.question)[1:]
    return [_twin(sample, f"paraphrase-{number}", question=text) for number, text in enumerate(texts, 2)]


def without_image(sample: Sample) -> list[Sample]:
    """Without what the judge should look at, and so without a human label."""
    if not sample.all_images:
        return []
    kept = sample if sample.images_compete else replace(sample, images=())
    return [_twin(kept.with_images([_grey()] * len(kept.all_images)), "image-removed", label=None, ratings=())]


def alone(sample: Sample) -> list[Sample]:
    """The candidates of a pair, each scored by itself: the higher score is what a pairwise verdict should prefer."""
    if sample.form != "pairwise":
        return []
    return [
        sample.with_candidates(
            [number],
            **_named(sample, f"alone-{letter}"),
            form="score",
            question=f"{RATE} {sample.question}",
            choices=_SCALE,
            label=None,
            ratings=(),
        )
        for number, letter in enumerate(sample.letters)
    ]


def pairs(sample: Sample) -> list[Sample]:
    """All pairs of a ranking's candidates, in both orders: what tells whether preferences go round in a circle."""
    if sample.form != "ranking":
        return []
    found = []
    for (i, first), (j, second) in itertools.combinations(enumerate(sample.letters), 2):
        label = sample.label and ("A" if sample.label.index(first) < sample.label.index(second) else "B")
        pair = sample.with_candidates(
            [i, j],
            **_named(sample, f"pair-{first}{second}"),
            form="pairwise",
            question=f"{STAND} {sample.question}",
            choices=("A", "B"),
            label=label,
            ratings=(),
        )
        found += [pair, swapped(pair)]
    return found


#: What a task YAML may name under `variants` ("image_exchanged" too, which needs the other samples).
KINDS: dict[str, Callable[[Sample], list[Sample]]] = {
    "orders": orders,
    "paraphrases": paraphrases,
    "image_removed": without_image,
    "image_exchanged": lambda sample: [],
    "alone": alone,
    "pairs": pairs,
}
_EXCHANGE = {"A": "B", "B": "A"}


def _twin(sample: Sample, variant: str, **changes: Any) -> Sample:
    return replace(sample, **_named(sample, variant), **changes)


def _named(sample: Sample, variant: str) -> dict[str, Any]:
    return {"id": f"{sample.id}-{variant}", "variant": variant}


def _rotated(sample: Sample, turn: int) -> Sample:
    letters = sample.letters
    order = [(number + turn) % len(letters) for number in range(len(letters))]
    renamed = {letters[old]: letters[new] for new, old in enumerate(order)}
    return sample.with_candidates(
        order,
        **_named(sample, f"rotated-{turn}"),
        label=sample.label and "".join(renamed[letter] for letter in sample.label),
        ratings=(),
    )


def _exchanged(sample: Sample, other: Sample | None) -> Sample | None:
    if other is None:
        return None
    return _twin(sample.with_images(other.all_images), "image-exchanged", label=None, ratings=())


def _strangers(samples: Sequence[Sample], seed: int) -> dict[str, Sample]:
    """Sample id -> a sample of another group with as many images in the same places."""
    pools: dict[tuple[int, ...], list[Sample]] = {}
    for sample in samples:
        if sample.all_images and sample.variant == "original":
            places = (len(sample.images), *map(len, sample.response_images))
            pools.setdefault(places, []).append(sample)
    found = {}
    for pool in pools.values():
        random.Random(seed).shuffle(pool)
        for number, sample in enumerate(pool):
            following = itertools.chain(pool[number + 1 :], pool[:number])
            other = next((other for other in following if other.group != sample.group), None)
            if other:
                found[sample.id] = other
    return found


@cache
def _grey() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(buffer, "PNG")
    return buffer.getvalue()

"""The thing to judge. Standard library only: data sets, prompts, training and metrics all speak in Samples.

Example (a pointwise question about one image, whose caption comes from outside):

    Sample(id="7", task="alignment", form="pointwise", question="Does the image match the caption?",
           images=("cat.png",), text="a cat on a mat", choices=("yes", "no"), label="yes")
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

Form = Literal["pointwise", "pairwise", "score", "ranking"]

#: Above this a ranking has more orders than anyone can list or vote on (7! = 5,040).
MAX_RANKED = 6


class SampleError(ValueError):
    """A Sample that cannot be judged; the message names its id and the field that is wrong."""


@dataclass(frozen=True)
class Sample:
    """One judging question, with the human label where there is one.

    Attributes:
        id: unique within its data set.
        task: what is judged ("alignment", "safety", ...): the unit in which metrics are reported.
        form: pointwise (a label), pairwise (which of two), score (an integer scale), ranking (an order of n).
        question: what the judge is asked. Ours, and trusted.
        images: a path, a PIL image, encoded bytes, a base64 string or a data URL each.
        text: what accompanies the images (a caption, a user's instruction). From outside: untrusted.
        responses: candidate texts to judge. From outside: untrusted. Empty when the candidates are images alone.
        response_images: the images of each candidate, any number a candidate, where candidates hold several or the
            question has images of its own (`images`). Left empty, and without responses, `images` are the candidates.
        choices: the verdicts to choose from. Left empty, a pairwise sample has ("A", "B") and a ranking all
            orders of its candidates' letters, best first.
        label: the human verdict, one of `choices`, or None.
        ratings: single human ratings behind the label, where they exist.
        group: ties together samples that are not independent (both orders of one pair): the unit of a bootstrap.
        variant: how the sample differs from its twin ("original", "swapped", ...).
        origin: the id of the sample that it is a variant of; its own for an original.

    Raises:
        SampleError: unknown form, fewer than two choices, choices equal but for case, a label that is not a choice,
            a pair without two candidates, a scale that is not of integers, a ranking of more than MAX_RANKED, images
            of another number of candidates than there are responses.

    In `text` and in a response, `<image_1>`, `<image_2>`, ... say where its images stand: the first mark shows the
    first image, the next one the second, the rest stand behind. Without any mark, the question's own images stand
    before the question.
    """

    id: str
    task: str
    form: Form
    question: str
    images: Sequence[Any] = ()
    text: str = ""
    responses: Sequence[str] = ()
    response_images: Sequence[Sequence[Any]] = ()
    choices: Sequence[str] = ()
    label: str | None = None
    ratings: Sequence[float] = ()
    group: str = ""
    variant: str = "original"
    origin: str = ""

    def __post_init__(self) -> None:
        for name in ("images", "responses", "response_images", "choices", "ratings"):
            object.__setattr__(self, name, self._tuple(name, getattr(self, name)))
        several = [self._tuple("response_images", some) for some in self.response_images]
        object.__setattr__(self, "response_images", tuple(several) if any(several) else ())
        if not self.group:
            object.__setattr__(self, "group", self.id)
        if not self.origin:
            object.__setattr__(self, "origin", self.id)
        if self.form not in get_args(Form):
            raise self._error("form", f"is {self.form!r}; one of {', '.join(get_args(Form))}")
        if not self.choices:
            object.__setattr__(self, "choices", self._default_choices())
        self._check_choices()

    @property
    def letters(self) -> tuple[str, ...]:
        """Names of the candidates in the prompt and in the verdict: A, B, ... one a response, else one an image."""
        return tuple(string.ascii_uppercase[: self._candidates])

    @property
    def images_compete(self) -> bool:
        """Whether `images` are the candidates."""
        return self.form in ("pairwise", "ranking") and not self.responses and not self.response_images

    @property
    def all_images(self) -> tuple[Any, ...]:
        """The question's images, then those of each candidate: the order in which a prompt shows them."""
        return (*self.images, *itertools.chain.from_iterable(self.response_images))

    def with_images(self, images: Sequence[Any]) -> Sample:
        """The same sample with other images, as many as and in the order of `all_images`."""
        own, others = _parted(images, [len(some) for some in self.response_images])
        return replace(self, images=own, response_images=others)

    def with_candidates(self, numbers: Sequence[int], **changes: Any) -> Sample:
        """The same sample with these of its candidates (from 0), in this order; and other fields, as `replace` has it.

        >>> pair = Sample("1", "t", "pairwise", "Which one is red?", images=("a.png", "b.png"))
        >>> pair.with_candidates([1, 0]).images
        ('b.png', 'a.png')
        """
        names = [name for name in ("responses", "response_images") if getattr(self, name)] or ["images"]
        chosen = {name: tuple(getattr(self, name)[number] for number in numbers) for name in names}
        return replace(self, **chosen | changes)

    @property
    def _candidates(self) -> int:
        return len(self.responses) or len(self.response_images) or len(self.images)

    def _tuple(self, name: str, value: Any) -> tuple[Any, ...]:
        if isinstance(value, (str, bytes)):
            raise self._error(name, f"is one {type(value).__name__}; give a sequence")
        return tuple(value)

    def _default_choices(self) -> tuple[str, ...]:
        if self.form == "pairwise":
            return ("A", "B")
        if self.form == "ranking" and 2 <= len(self.letters) <= MAX_RANKED:
            return tuple("".join(order) for order in itertools.permutations(self.letters))
        return ()

    def _check_choices(self) -> None:
        if self.responses and self.response_images and len(self.responses) != len(self.response_images):
            problem = f"are of {len(self.response_images)} candidates; there are {len(self.responses)} responses"
            raise self._error("response_images", problem)
        if self.form in ("pairwise", "ranking"):
            most = 2 if self.form == "pairwise" else MAX_RANKED
            if not 2 <= self._candidates <= most:
                wanted = "two" if most == 2 else f"two to {most}"
                problem = f"or images hold {self._candidates} candidates; a {self.form} needs {wanted}"
                raise self._error("responses", problem)
        if len({choice.strip().casefold() for choice in self.choices}) != len(self.choices) or len(self.choices) < 2:
            raise self._error("choices", f"are {list(self.choices)}; give two or more that differ in more than case")
        if not all(choice.strip() for choice in self.choices):
            raise self._error("choices", f"are {list(self.choices)}; none may be empty")
        if self.form == "score" and not all(re.fullmatch(r"\s*-?[0-9]+\s*", choice) for choice in self.choices):
            raise self._error("choices", f"are {list(self.choices)}; a score needs integers")
        if self.label is not None and self.label not in self.choices:
            raise self._error("label", f"is {self.label!r}, which is not among the choices {list(self.choices)[:10]}")

    def _error(self, name: str, problem: str) -> SampleError:
        return SampleError(f"sample {self.id!r}: {name} {problem}")


def flat(sample: Sample) -> dict[str, Any]:
    """The fields of a sample for tables: `images` holds all images, and `response_images` how many each candidate has.

    >>> flat(Sample("1", "t", "pairwise", "Better?", images=("a",), response_images=(("b",), ("c", "d"))))["images"]
    ('a', 'b', 'c', 'd')
    """
    values = {field.name: getattr(sample, field.name) for field in fields(sample)}
    return values | {"images": sample.all_images, "response_images": tuple(map(len, sample.response_images))}


def from_flat(values: Mapping[str, Any]) -> Sample:
    """The sample that `flat` made these fields of; those that are missing are the defaults.

    Raises:
        SampleError: they are no sample's.
    """
    images, numbers = values.get("images") or (), values.get("response_images") or ()
    own, others = _parted(images, numbers)
    return Sample(**{**values, "images": own, "response_images": others})


def _parted(images: Sequence[Any], numbers: Sequence[int]) -> tuple[Sequence[Any], list[Sequence[Any]]]:
    """All images -> the question's, and those of candidates with so many each, which come last."""
    ends = [len(images) - sum(numbers[place:]) for place in range(len(numbers) + 1)]
    return images[: ends[0]], [images[start:end] for start, end in itertools.pairwise(ends)]

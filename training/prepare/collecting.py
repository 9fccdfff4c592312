"""Samples -> rows on the workbench, and why the others are left out.

Order of work: held-out benchmarks, test, validation, train, so that each is compared with all that came
before. Samples stream through; none stays in memory.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from tqdm import tqdm

from mtrl_judge_plugin import images, variants
from mtrl_judge_plugin.benchmarks import prepared
from mtrl_judge_plugin.sample import Sample
from mtrl_judge_plugin.training.prepare import PrepareError, budget
from mtrl_judge_plugin.training.prepare.duplicates import HeldOut, Signature
from mtrl_judge_plugin.training.prepare.sources import Chosen
from mtrl_judge_plugin.training.prepare.workbench import KnownImage, Workbench

#: Why a sample is left out.
CORRUPT, TOO_LONG, COPY, UNLABELLED = REASONS = ("corrupt", "too long", "copy", "no label")
#: So many broken images are named as they come; the manifest names them all.
_NAMED = 20
_SAVE_EVERY = 1000
_Images = Sequence[tuple[bytes, KnownImage]]


class Collector:
    """Reads benchmarks.

    Args:
        bench: where the rows go.
        held: pictures that must not be trained on; filled here.
        swap: add the other order of every training pair.
        count_tokens: tells how long a prompt is; None: any length is fine.
        max_tokens: the longest prompt to keep.

    Attributes:
        copies: "same" and "near": samples left out because of such a picture.
        unreadable: held-out pictures that cannot be decoded.
    """

    def __init__(
        self,
        bench: Workbench,
        held: HeldOut,
        swap: bool = False,
        count_tokens: budget.Counter | None = None,
        max_tokens: int | None = None,
    ) -> None:
        self.bench = bench
        self.held = held
        self.swap = swap
        self.count_tokens = count_tokens
        self.max_tokens = max_tokens or 0
        self.copies: Counter[str] = Counter()
        self.unreadable = 0
        self._named = 0

    def hold_out(self, benchmark: Chosen, split: str) -> None:
        """Keep the images of a split out of what is collected from now on.

        Raises:
            PrepareError: the benchmark cannot be read.
        """
        for key, sample, _ in self._samples([benchmark], split):
            for _, picture in self._images(sample, key, split)[0]:
                self.held.add(picture.signature, f"{key} {split} {sample.id}")

    def collect(self, benchmarks: Sequence[Chosen], split: str) -> None:
        """Rows of the benchmarks' chosen tasks; any split but train is held out of what is collected afterwards.

        Raises:
            PrepareError: a benchmark cannot be read.
            SampleError: a pair whose other order is wanted has choices that are not A and B.
        """
        keep = {f"{one.name}:{task}" for one in benchmarks for task in one.tasks}
        # A judge is tested on the other tasks of a benchmark too: their images are held out as well.
        readers = benchmarks if split == "train" else [one.whole for one in benchmarks]
        waiting: list[tuple[Signature, str]] = []  # a split is not compared with itself
        for key, sample, reasoning in self._samples([one for one in readers if split in one.splits], split):
            pictures, problem = self._images(sample, key, split)
            if split != "train":
                waiting += [(picture.signature, f"{key} {split} {sample.id}") for _, picture in pictures]
            if key in keep:
                self._take(split, key, sample, reasoning, pictures, problem)
        for found, owner in waiting:
            self.held.add(found, owner)
        self.bench.commit()

    def _samples(self, readers: Sequence[Chosen], split: str) -> Iterator[tuple[str, Sample, str]]:
        """BENCHMARK:TASK, sample and reasoning of every sample of a split, behind a progress bar."""
        parts = [(one, task) for one in readers for task in one.tasks]
        key = ""
        try:
            numbers = [one.count(split, task) for one, task in parts]
            total = None if None in numbers else sum(number or 0 for number in numbers)
            with tqdm(desc=f"reading {split}", total=total, unit=" samples") as bar:
                for one, task in parts:
                    key = f"{one.name}:{task}"
                    for sample, reasoning in one.stream(split, task):
                        yield key, sample, reasoning
                        bar.update()
                        if bar.n % _SAVE_EVERY == 0:
                            self.bench.commit()
        except (ValueError, OSError) as error:
            raise PrepareError(f"{key} cannot be read, split {split}: {error}") from error

    def _images(self, sample: Sample, key: str, split: str) -> tuple[_Images, str]:
        """Encoded bytes and findings of the images that can be read, and what is wrong with the others."""
        found: list[tuple[bytes, KnownImage]] = []
        problems = []
        for number, image in enumerate(sample.all_images, 1):
            try:
                encoded = images.encoded(image)
                found.append((encoded, self.bench.image(encoded)))
            except images.ImageError as error:
                problems.append(f"image {number} of {len(sample.all_images)}: {error}")
                self.unreadable += split != "train"
        if problems:
            self._name(f"{key}, split {split}, sample {sample.id!r}: {'; '.join(problems)}")
        return found, "; ".join(problems)

    def _name(self, problem: str) -> None:
        self._named += 1
        if self._named <= _NAMED:
            tqdm.write(f"left out: {problem}", file=sys.stderr)
        elif self._named == _NAMED + 1:
            tqdm.write(f"more broken images are only listed in {prepared.MANIFEST}", file=sys.stderr)

    def _take(self, split: str, key: str, sample: Sample, reasoning: str, pictures: _Images, problem: str) -> None:
        """One sample of a chosen task: its row and its images to the folder, or the reason why not."""
        reason = self._why_not(split, sample, pictures, problem)
        if reason:
            self.bench.leave_out(split, key, sample.id, *reason)
            return
        for encoded, picture in pictures:
            self.bench.write_image(picture, encoded)
        shown = sample.with_images([picture.path for _, picture in pictures])
        pair = sample.form == "pairwise"
        unit = f"{key} {sample.group if pair else sample.id}"
        held = _content(key, shown) if pair else None
        self.bench.add(split, (key, sample.label or "", unit, _line(shown, reasoning)), held=held)
        if pair and split == "train" and self.swap:
            other = variants.swapped(shown)
            self.bench.add(split, (key, other.label or "", unit, _line(other, "")), added=_content(key, other))

    def _why_not(self, split: str, sample: Sample, pictures: _Images, problem: str) -> tuple[str, str] | None:
        """Why a sample is left out, and the details; None: it is not."""
        if problem:
            return CORRUPT, problem
        if sample.label is None:
            return UNLABELLED, ""
        if split != "test":
            for number, (_, picture) in enumerate(pictures, 1):
                twin = self.held.twin(picture.signature)
                if twin:
                    self.copies[twin.kind] += 1
                    same = {"same": "the same as", "near": "nearly the same as"}[twin.kind]
                    return COPY, f"image {number} of {len(pictures)} is {same} one of {twin.owner}"
        if self.count_tokens:
            tokens = self.count_tokens(sample, [images.load(encoded) for encoded, _ in pictures])
            if tokens > self.max_tokens:
                return TOO_LONG, f"{tokens} tokens"
        return None


def _line(sample: Sample, reasoning: str) -> str:
    """A sample, its images paths, as one line; half a surrogate pair, which no UTF-8 file can hold, becomes a "?"."""
    row = json.dumps(prepared.to_row(sample, sample.all_images, reasoning), ensure_ascii=False)
    return row.encode("utf-8", "replace").decode("utf-8")


def _content(key: str, sample: Sample) -> bytes:
    """A digest of what a pair shows, in its order; its images are paths."""
    shown = json.dumps([key, sample.question, sample.text, sample.images, sample.responses, sample.response_images])
    return hashlib.sha256(shown.encode()).digest()[:16]

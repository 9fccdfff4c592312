"""Benchmarks -> a prepared folder (see benchmarks/prepared.py): what `mtrl-judge prepare` does."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mtrl_judge_plugin import __version__, prompts
from mtrl_judge_plugin.benchmarks import prepared
from mtrl_judge_plugin.benchmarks.reading.source import SPLITS
from mtrl_judge_plugin.training.prepare import PrepareError, budget, collecting, duplicates, mixing, sources
from mtrl_judge_plugin.training.prepare.sources import Chosen
from mtrl_judge_plugin.training.prepare.workbench import IMAGES, WORK, Workbench

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """The arguments of a run, as `mtrl-judge prepare --help` explains them."""

    benchmarks: Sequence[str]
    tasks: Sequence[str] = ()
    limit: Mapping[str, int] = field(default_factory=dict)
    mixing: str = "proportional"
    temperature: float = 2.0
    swap: bool = False
    balance: bool = False
    held_out: Sequence[str] = ()
    near: int = duplicates.DISTANCE
    model: str | None = None
    max_tokens: int | None = None
    seed: int = 0
    columns: str | None = None


def prepare(options: Options, out: Path) -> tuple[Manifest, bool]:
    """Prepare a folder, or find it prepared.

    Returns:
        The manifest, and whether anything had to be done.

    Raises:
        PrepareError: the folder holds something else, another run works in it, it cannot be written (any more), or
            --limit names an unknown task.
    """
    try:
        return _prepare(options, out)
    except (OSError, sqlite3.Error) as error:
        raise PrepareError(
            f"--out {out}: stopped by: {error}; mend that, and the same command goes on with the images it has"
        ) from error


def _prepare(options: Options, out: Path) -> tuple[Manifest, bool]:
    chosen = sources.choose(options.benchmarks, options.tasks, options.columns)
    held_out = [sources.held_out(spec, options.columns) for spec in options.held_out]
    limits = _limits(options.limit, chosen)
    made_from = _made_from(options, [*chosen, *held_out])
    finished = _finished(out, made_from)
    if finished:
        return finished, False
    count_tokens = budget.counter(options.model) if options.model else None
    out.mkdir(parents=True, exist_ok=True)
    try:
        bench = Workbench(out)
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise PrepareError(f"{out}: another run works in this folder ({error}); wait for it or end it") from error
        raise PrepareError(f"{out / WORK}: cannot be used ({error}); remove it, or give another --out") from error
    done = False
    try:
        held = duplicates.HeldOut(options.near)
        collector = collecting.Collector(bench, held, options.swap, count_tokens, options.max_tokens)
        for one in held_out:
            for split in one.splits if one.splits == ("train",) else [name for name in one.splits if name != "train"]:
                collector.hold_out(one, split)
        for one in chosen:
            for split in [name for name in one.splits if name not in SPLITS]:
                collector.hold_out(one.whole, split)
        for split in ("test", "validation", "train"):
            collector.collect(chosen, split)
        manifest = {
            "made_from": made_from,
            **_write_splits(bench, out, options, limits),
            "copies": {
                "held_out_images": len(held),
                "samples_with_same": collector.copies["same"],
                "samples_with_near": collector.copies["near"],
                "thumbnail_tolerance": duplicates.TOLERANCE,
                "held_out_images_unreadable": collector.unreadable,
            },
            "terms": {one.name: one.terms for one in [*chosen, *held_out]},
        }
        _finish(out, manifest)
        done = True
    finally:
        bench.close(done)
    return manifest, True


def _write_splits(bench: Workbench, out: Path, options: Options, limits: Mapping[str, int]) -> Manifest:
    """Draw the rows and write them under temporary names; counts, what was left out, and digests."""
    names = ("split", "task", "id", "why", "detail")
    left_out = [dict(zip(names, found, strict=True)) for found in bench.left_out()]
    files: Manifest = {}
    counts: Manifest = {}
    for split in SPLITS:
        entries = drawn = bench.entries(split)
        if split == "train":
            drawn = mixing.draw(entries, limits, options.balance, options.mixing, options.temperature, options.seed)
        counts[split] = _counts(entries, drawn, [found for found in left_out if found["split"] == split])
        digest = hashlib.sha256()
        with _partial(out, f"{split}.jsonl").open("wb") as file:
            for entry in tqdm(drawn, desc=f"writing {split}", unit=" rows"):
                line = bench.line(entry.number)
                bench.use(json.loads(line)["images"])
                file.write(f"{line}\n".encode())
                digest.update(f"{line}\n".encode())
        files[f"{split}.jsonl"] = {"rows": len(drawn), "sha256": digest.hexdigest()}
    number, size, of_names = bench.remove_unused()
    files[IMAGES] = {"number": number, "bytes": size, "sha256_of_names": of_names}
    return {"counts": counts, "left_out": left_out, "files": files}


def _counts(entries: Sequence[mixing.Entry], drawn: Sequence[mixing.Entry], left_out: Sequence[Manifest]) -> Manifest:
    """Per task: rows kept, of each label, left out for each reason, and not drawn."""
    all_, kept = Counter(entry.task for entry in entries), Counter(entry.task for entry in drawn)
    labels = Counter((entry.task, entry.label) for entry in drawn)
    reasons = Counter((found["task"], found["why"]) for found in left_out)
    return {
        task: {
            "kept": kept[task],
            "labels": {label: number for (of, label), number in sorted(labels.items()) if of == task},
            **{reason: reasons[task, reason] for reason in collecting.REASONS},
            "not drawn": all_[task] - kept[task],
        }
        for task in dict.fromkeys([*all_, *(found["task"] for found in left_out)])
    }


def _partial(out: Path, name: str) -> Path:
    return out / f"{name}.partial"


def _finish(out: Path, manifest: Manifest) -> None:
    """Give the files their names, the manifest last: a folder with a manifest is complete."""
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    _partial(out, prepared.MANIFEST).write_bytes(text.encode("utf-8", "replace"))
    for name in (*(f"{split}.jsonl" for split in SPLITS), prepared.MANIFEST):
        _partial(out, name).replace(out / name)


def _limits(limits: Mapping[str, int], chosen: Sequence[Chosen]) -> dict[str, int]:
    """Limits by BENCHMARK:TASK; "" stands for the tasks that are not named."""
    keys = [f"{one.name}:{task}" for one in chosen for task in one.tasks]
    found = {"": limits[""]} if "" in limits else {}
    for name, limit in limits.items():
        named = [key for key in keys if name in (key, key.rpartition(":")[2])]
        if name and not named:
            raise PrepareError(f"--limit names {name!r}, which is not one of the chosen tasks {', '.join(keys)}")
        found |= dict.fromkeys(named, limit)
    return found


def _made_from(options: Options, used: Sequence[Chosen]) -> Manifest:
    """All that decides what the folder holds: as long as this is the same, so are the bytes."""
    arguments = asdict(options)
    if options.model:
        arguments["model"] = Path(options.model).name if Path(options.model).is_dir() else options.model
    code = [*sorted(Path(__file__).parent.glob("*.py")), Path(prepared.__file__), Path(prompts.__file__)]
    made_from = {
        "mtrl_judge": __version__,
        "arguments": arguments,
        "code": hashlib.sha256(b"".join(path.read_bytes() for path in code)).hexdigest(),
        "sources": {one.name: one.sources() for one in used},
        "processor": budget.revision(options.model) if options.model else {},
    }
    return dict(json.loads(json.dumps(made_from)))


def _finished(out: Path, made_from: Manifest) -> Manifest | None:
    """The manifest of a folder that is complete and made from the same; None where there is (still) work to do.

    Raises:
        PrepareError: the folder holds data made from something else, or files that are not ours.
    """
    path = out / prepared.MANIFEST
    if not path.exists():
        if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / WORK).exists())):
            raise PrepareError(f"{out} exists and is not a prepared folder; give --out a new or empty folder")
        return None
    try:
        manifest = dict(json.loads(path.read_text(encoding="utf-8")))
        before = manifest["made_from"]
        files = manifest["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise PrepareError(f"{path} is not a manifest of a prepared folder ({error}); give another --out") from error
    if before != made_from:
        raise PrepareError(
            f"{out} was prepared from something else ({'; '.join(_differences(before, made_from))}); "
            "give another --out, or remove that folder"
        )
    for split in SPLITS:
        file = out / f"{split}.jsonl"
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != files[file.name]["sha256"]:
            return None
    return manifest if sum(1 for _ in (out / IMAGES).glob("*/*")) == files[IMAGES]["number"] else None


def _differences(before: Manifest, now: Manifest) -> list[str]:
    found = []
    for name, value in (before.get("arguments", {}) | now["arguments"]).items():
        old = before.get("arguments", {}).get(name)
        if old != value:
            found.append(f"--{name.replace('_', '-')} was {json.dumps(old)} and is {json.dumps(value)}")
    parts = {"mtrl_judge": "mtrl-judge", "code": "its code", "sources": "a benchmark", "processor": "the processor"}
    return found + [f"{label} has changed" for part, label in parts.items() if before.get(part) != now[part]]

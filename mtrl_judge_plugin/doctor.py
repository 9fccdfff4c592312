"""`mtrl-judge doctor`: is everything in place, and how to mend what is not."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata

DESCRIPTION = (
    "Prints versions, whether lmms-eval sees the model, the judge provider and the tasks, whether torch and "
    "torchvision fit, the GPU, and lets the embedded judge answer one question. Exit status 1 if anything fails."
)

_REQUIRED = ("mtrl-judge", "lmms-eval", "torch", "torchvision", "transformers")
_OPTIONAL = ("vllm", "trl", "peft", "openrlhf")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what.
        ok: whether it is in order.
        detail: what was found.
        mend: what to do if it is not in order.
    """

    name: str
    ok: bool
    detail: str
    mend: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(args: argparse.Namespace) -> int:
    """Print the findings; returns the exit status."""
    # Nothing that a doctor looks at lies on a network; a wrong path must not turn into minutes of retries.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    failed = 0
    for finding in findings():
        print(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name:<24}{finding.detail}", flush=True)
        if not finding.ok:
            failed += 1
            print(f"      {'':<24}-> {finding.mend}", flush=True)
    print("everything is in order" if not failed else f"{failed} to mend")
    return 1 if failed else 0


def findings() -> Iterator[Finding]:
    """Look at one thing after another; a check that breaks is a finding, not an exception."""
    for name, check in _CHECKS.items():
        try:
            yield from check()
        except Exception as error:  # a doctor must survive whatever the patient has
            yield Finding(name, False, f"{type(error).__name__}: {error}", "the message above names the cause")


def _versions() -> Iterator[Finding]:
    yield Finding("python", True, platform.python_version())
    for package in (*_REQUIRED, *_OPTIONAL):
        version = _version(package)
        if version or package in _REQUIRED:
            yield Finding(package, version is not None, version or "not installed", f"pip install {package}")


def _torch_pair() -> Iterator[Finding]:
    mend = (
        "torch and torchvision come from different builds; reinstall both together: "
        "pip uninstall -y torch torchvision, then pip install torch torchvision (or both from one index of CPU builds)"
    )
    import torch

    try:
        importlib.import_module("torchvision")
    except (RuntimeError, ImportError, OSError) as error:
        yield Finding("torch with torchvision", False, str(error).splitlines()[0], mend)
    else:
        yield Finding("torch with torchvision", True, "load together")
    if torch.cuda.is_available():
        yield Finding("GPU", True, ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())))
    else:
        yield Finding("GPU", True, "none; models run on the CPU (enough for the embedded judge)")


def _entry_point() -> Iterator[Finding]:
    names = [entry.name for entry in metadata.entry_points(group="lmms_eval.models")]
    mend = "pip install mtrl-judge (or pip install -e . in a checkout) in the environment of lmms-eval"
    yield Finding("entry point", "mtrl_judge" in names, "lmms_eval.models: " + (", ".join(names) or "none"), mend)


def _model() -> Iterator[Finding]:
    from lmms_eval.models import list_available_models

    yield Finding("model", "mtrl_judge" in list_available_models(), "lmms-eval --model mtrl_judge", _REGISTRATION)


def _provider() -> Iterator[Finding]:
    from lmms_eval.llm_judge import ProviderFactory

    ok = "mtrl_judge" in ProviderFactory._provider_classes
    yield Finding("judge provider", ok, "API_TYPE=mtrl_judge", _REGISTRATION)
    chosen = os.environ.get("API_TYPE")
    if chosen:
        yield Finding("API_TYPE", True, f"{chosen}; MTRL_JUDGE_ARGS={os.environ.get('MTRL_JUDGE_ARGS', '')!r}")


def _tasks() -> Iterator[Finding]:
    from lmms_eval.tasks import TaskManager

    tasks = [name for name in TaskManager().all_tasks if name.startswith("mtrl_judge")]
    yield Finding("tasks", "mtrl_judge_embedded" in tasks, f"{len(tasks)} named mtrl_judge*", _REGISTRATION)


def _embedded_judge() -> Iterator[Finding]:
    from mtrl_judge_plugin.benchmarks.embedded import load
    from mtrl_judge_plugin.loading import load_judge

    start = time.monotonic()
    sample = load("test", "safety")[0]
    verdict = load_judge(ledger="none").judge([sample])[0]
    detail = f"{sample.question!r} -> {verdict.answer} (label {sample.label}; {time.monotonic() - start:.1f} s)"
    mend = verdict.error or ""
    yield Finding("embedded judge", verdict.answer is not None, detail, mend)


def _ledger() -> Iterator[Finding]:
    from mtrl_judge_plugin.ledger import Ledger, default_path

    Ledger(default_path())
    yield Finding("ledger", True, str(default_path()))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


_REGISTRATION = "a warning 'Failed to load model entry-point manifests' above names the cause"
_CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "versions": _versions,
    "torch with torchvision": _torch_pair,
    "entry point": _entry_point,
    "model": _model,
    "judge provider": _provider,
    "tasks": _tasks,
    "ledger": _ledger,
    "embedded judge": _embedded_judge,
}

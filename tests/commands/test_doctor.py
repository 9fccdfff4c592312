"""`mtrl-judge doctor` finds what is broken by running it, whatever it is, and names the package at fault."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import datasets
import filelock
import pytest
from lmms_eval import evaluator
from lmms_eval.llm_judge import Response

from mtrl_judge_plugin.commands import cli, doctor_checks
from mtrl_judge_plugin.harness.provider import MTRLJudgeProvider
from mtrl_judge_plugin.installation import requirements
from mtrl_judge_plugin.installation.culprit import Culprit, culprit_of
from mtrl_judge_plugin.judging.judge import Judge


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Spares the commands that list models and tasks; one test below runs everything."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(doctor_checks, "_lmms_eval", lambda *arguments: (0, "mtrl_judge"))


def diagnosis(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, Any]], str]:
    """(exit status, name -> finding, all that was printed)"""
    status = cli.main(["doctor", "--json"])
    printed = capsys.readouterr().out
    found = json.loads(printed)
    assert found["ok"] == (status == 0)
    return status, {finding["name"]: finding for finding in found["findings"]}, printed


def test_a_sound_installation(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "FAIL" not in printed
    for name in ("entry point", "judge provider", "lmms-eval evaluator", "torch with torchvision", "ledger"):
        assert f"ok    {name}" in printed
    assert printed.endswith("everything works\n")


def no_filelock_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator._enable_reentrant_filelocks, "_patched", False)
    monkeypatch.setitem(sys.modules, "filelock._api", None)
    monkeypatch.delattr(filelock, "_api")


def no_from_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(datasets.Dataset, "from_list")


def no_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    def generate(*_: Any, **__: Any) -> Any:
        raise ImportError("cannot import name 'Siglip3' from 'transformers'", name="transformers")

    monkeypatch.setattr(Judge, "judge", generate)


def data_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtrl_judge_plugin.tiny.BENCHMARK", Path("/nowhere"))


@pytest.mark.parametrize(
    ("breaks", "package"),
    [(no_filelock_api, "filelock"), (no_from_list, "datasets"), (no_spec, "transformers")],
)
def test_what_breaks_the_evaluation_is_named(
    breaks: Callable[[pytest.MonkeyPatch], None],
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    breaks(monkeypatch)
    status, found, _ = diagnosis(capsys)
    finding = found["lmms-eval evaluator"]
    assert status == 1
    assert not finding["ok"]
    assert finding["detail"].startswith(f"{package} {metadata.version(package)}")
    assert f"{package}=={requirements.constraints()[package]}" in finding["mend"]


def raising(*_: Any, **__: Any) -> Any:
    raise OSError("no such device")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda *_: Response("", "m", success=False, error_message="no verdict"), "no verdict"),
        (lambda *_: Response("maybe", "m"), "maybe"),
        (raising, "no such device"),
    ],
)
def test_a_provider_that_fails_is_found(
    answer: Any, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(MTRLJudgeProvider, "evaluate", answer)
    status, found, _ = diagnosis(capsys)
    assert status == 1
    assert not found["judge provider"]["ok"]
    assert said in found["judge provider"]["detail"]
    assert found["lmms-eval evaluator"]["ok"]


def test_lists_that_do_not_know_us_are_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor_checks, "_lmms_eval", lambda *arguments: (1, "ImportError: cannot import name 'x'"))
    status, found, _ = diagnosis(capsys)
    assert status == 1
    assert [name for name, finding in found.items() if not finding["ok"]] == [
        "lmms-eval models",
        "lmms-eval --tasks list",
    ]
    assert "cannot import name 'x'" in found["lmms-eval models"]["detail"]
    assert "does not list them" in found["lmms-eval tasks list"]["detail"], "said, but no fault of this installation"


def test_other_versions_are_told_and_are_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(requirements, "differences", lambda: [("pillow", "99.0", "12.1.0")])
    status, found, printed = diagnosis(capsys)
    assert status == 0
    assert "pillow 99.0 (tested: 12.1.0)" in found["tested versions"]["detail"]
    assert "pillow" in found["tested versions"]["mend"]
    assert json.loads(printed)["differences"] == [{"name": "pillow", "installed": "99.0", "tested": "12.1.0"}]


def test_the_torchvision_error_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = doctor_checks.importlib.import_module

    def broken(name: str) -> Any:
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")
        return real(name)

    monkeypatch.setattr(doctor_checks.importlib, "import_module", broken)
    monkeypatch.setattr(doctor_checks, "_CHECKS", {"torch with torchvision": doctor_checks._torch_pair})
    assert cli.main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "FAIL  torch with torchvision" in printed
    assert "reinstall both together: " in printed


def test_the_package_of_another_version_is_suspected_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def error() -> BaseException:
        try:
            try:
                json.loads(b"{", cls=None)
                datasets.Dataset.from_dict(3)  # type: ignore[arg-type]
            except Exception as first:
                raise ImportError("cannot import name 'Image' from 'PIL'", name="PIL") from first
        except ImportError as second:
            return second

    pillow = metadata.version("pillow")
    monkeypatch.setattr(requirements, "differences", lambda: [])
    assert culprit_of(error()) == Culprit("pillow", pillow, requirements.constraints()["pillow"])
    absent = ModuleNotFoundError("No module named 'yaml'", name="yaml.nowhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metadata, "packages_distributions", lambda: {})
        assert culprit_of(absent) == Culprit("pyyaml", "not installed", requirements.constraints()["pyyaml"])
    missing = ModuleNotFoundError("No module named 'antlr4'", name="numpy.nowhere")
    assert culprit_of(missing) == Culprit("numpy", metadata.version("numpy"), requirements.constraints()["numpy"])
    assert culprit_of(ValueError("mine")) is None
    try:
        datasets.load_dataset("no/such/thing", data_files=3)
    except Exception as raised:
        found = culprit_of(raised)
        assert found
        assert found.name in ("datasets", "huggingface-hub")


def test_everything_with_a_filelock_that_breaks_lmms_eval(tmp_path: Path) -> None:
    """As it was: the newest filelock has no `_api`, `lmms-eval` exits with 0, and only running it tells."""
    place = tmp_path / "site"
    shutil.copytree(Path(filelock.__file__).parent, place / "filelock")
    # lmms-eval imports `_api` by its name: under another one filelock itself still works.
    for file in (place / "filelock").rglob("*.py"):
        file.write_text(file.read_text().replace("_api", "_core"))
    (place / "filelock" / "_api.py").rename(place / "filelock" / "_core.py")
    about = place / "filelock-4.3.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: filelock\nVersion: 4.3.1\n")
    environment = {**os.environ, "PYTHONPATH": str(place), "XDG_CACHE_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    program = Path(sys.executable).parent / "mtrl-judge"
    done = subprocess.run(
        [program, "doctor"], env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    pinned = requirements.constraints()["filelock"]
    assert f"FAIL  lmms-eval evaluator     filelock 4.3.1, tested: {pinned}: " in done.stdout
    assert f"filelock=={pinned}" in done.stdout
    assert "ok    judge provider" in done.stdout
    assert "ok    lmms-eval models" in done.stdout
    assert "ok    lmms-eval --tasks list  lists 7" in done.stdout
    assert done.stdout.endswith("1 to mend: lmms-eval evaluator\n")

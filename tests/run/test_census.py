"""Every judge-calling task folder of the installed lmms-eval has a case that works, or a reason why it cannot."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from census import find
from census.cases import CASES, NO_JUDGE
from wheels import has_wheel, need

from mtrl_judge_plugin.run import judge_variables

#: Of 97 folders; those that do not work are broken upstream, ask no judge, or speak another protocol than OpenAI's.
SERVED = 90
#: Modules that import decord.
WITH_DECORD = [case.module for case in CASES if "decord" in case.needs]


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The census, run as its one command: module -> what came of it."""
    out = tmp_path_factory.mktemp("census")
    _census("--out", str(out / "benchmarks.md"))
    found = json.loads((out / "benchmarks.json").read_text())["modules"]
    return {row["module"]: row for row in found}


def _census(*arguments: str) -> str:
    """What the census prints."""
    command = [sys.executable, "-m", "census.run", *arguments]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1] / "support", env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_every_judge_calling_module_has_a_case_or_a_reason() -> None:
    untried = find.untried(CASES)
    assert not untried, f"new in this lmms-eval: write a case for them in tests/support/census/cases: {untried}"
    assert not set(NO_JUDGE) & set(find.folders())


def test_no_case_is_left_of_an_older_version() -> None:
    gone = [case.module for case in CASES if not (judge_variables.tasks_folder() / case.module).is_file()]
    assert not gone


def test_a_constant_judge_cannot_pass() -> None:
    for case in CASES:
        if not callable(case.trials):
            assert len({str(trial.metric) for trial in case.trials}) > 1, case.module


@pytest.mark.census
def test_known_verdicts_come_out_of_the_tasks_own_metrics(modules: dict[str, dict[str, Any]]) -> None:
    wrong = {case.module: modules[case.module]["problem"] for case in CASES if not case.reason}
    wrong = {module: problem for module, problem in wrong.items() if problem and module not in WITH_DECORD}
    assert not wrong, json.dumps(wrong, indent=1)[:8000]


@pytest.mark.census
@pytest.mark.parametrize("module", WITH_DECORD)
def test_known_verdicts_come_out_of_the_tasks_that_need_decord(module: str, modules: dict[str, dict[str, Any]]) -> None:
    need("decord")
    assert not modules[module]["problem"]


@pytest.mark.census
def test_a_reason_is_borne_out(modules: dict[str, dict[str, Any]]) -> None:
    mended = [case.module for case in CASES if case.reason and modules[case.module]["served"]]
    assert not mended, f"they work now: take their reasons away: {mended}"


@pytest.mark.census
def test_enough_folders_work(modules: dict[str, dict[str, Any]]) -> None:
    served = {module.partition("/")[0] for module, row in modules.items() if row["served"]}
    without = 0 if has_wheel("decord") else len(WITH_DECORD)
    assert len(served) >= SERVED - without, sorted(set(find.folders()) - served)


@pytest.mark.census
def test_answers_that_try_to_sway_the_judge_change_no_verdict(modules: dict[str, dict[str, Any]]) -> None:
    lost = {line.split()[3]: line for line in _census("--hostile", "20").splitlines() if line.startswith("NOT")}
    wrong = {module: line for module, line in lost.items() if modules[module]["served"]}
    assert not wrong, json.dumps(wrong, indent=1)[:8000]


def test_reading_the_source_is_cheap_and_imports_nothing_of_the_host() -> None:
    program = (
        "import sys, time; start = time.monotonic()\n"
        "from mtrl_judge_plugin.run import judge_variables\n"
        "table = judge_variables.judge_variables()\n"
        "assert not {'lmms_eval', 'torch'} & set(sys.modules)\n"
        "assert time.monotonic() - start < 10, time.monotonic() - start\n"
        "assert table['mmvet'] == {'API_TYPE': 'switch', 'MODEL_VERSION': 'model', 'OPENAI_API_KEY': 'key', "
        "'OPENAI_API_URL': 'base url'}, table['mmvet']\n"
        "assert table['activitynetqa']['OPENAI_API_URL'] == 'full url'\n"
        "assert table['captionqa']['OPENAI_API_URL'] == 'base url'\n"
        "assert table['live_bench']['OPENAI_BASE_URL'] == 'base url'\n"
        "assert 'OPENAI_BASE_URL' not in table['babyvision']\n"
        "assert table['chartqa']['JUDGE_BASE_URL'] == 'base url'\n"
    )
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert time.monotonic() - start < 30


def test_the_page_shows_every_folder() -> None:
    page = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text()
    missing = [folder for folder in find.folders() if f"\n| {folder} |" not in page]
    assert not missing, f"docs/benchmarks.md is old: run `python -m census.run` in tests/support/ ({missing})"

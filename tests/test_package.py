import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def python(code, *arguments, executable=sys.executable, **options):
    done = subprocess.run([executable, "-c", code, *arguments], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_brings_only_samples():
    found = python("import sys, mtrl_judge_plugin; print(*sys.modules)").split()
    assert {module for module in found if module.startswith("mtrl_judge_plugin")} == {
        "mtrl_judge_plugin",
        "mtrl_judge_plugin.sample",
    }
    assert not {"torch", "numpy", "PIL", "lmms_eval"} & set(found)


def test_the_entry_point_and_the_judge_class_bring_no_torch():
    modules = "lmms_eval.models, mtrl_judge_plugin.judging.judge, mtrl_judge_plugin.judging.options"
    assert python(f"import sys, {modules}; print('torch' in sys.modules)").endswith("False")


FIRST = (
    "lmms_eval.models",
    "lmms_eval.llm_judge",
    "lmms_eval.llm_judge.factory",
    "lmms_eval.llm_judge.providers",
    "lmms_eval.tasks",
    "lmms_eval.api.task",
    "lmms_eval.evaluator",
)


@pytest.mark.parametrize("first", FIRST)
def test_model_provider_and_tasks_are_registered_whatever_is_imported_first(first):
    code = """
import importlib, sys
importlib.import_module(sys.argv[1])
from lmms_eval.llm_judge import get_server
from lmms_eval.models import get_model_manifest
from lmms_eval.tasks import TaskManager
tasks = TaskManager(include_path=sys.argv[2])
print(get_model_manifest("mtrl_judge").model_id, type(get_server("mtrl_judge")).__name__)
print("mtrl_judge_embedded" in tasks.all_groups, "mtrl_judge_embedded_safety" in tasks.all_subtasks)
print("mine" in tasks.all_tasks)
"""
    folder = ROOT / "tests" / "support" / "own_task"
    assert python(code, first, str(folder)).split()[-5:] == ["mtrl_judge", "MTRLJudgeProvider", *["True"] * 3]


def test_register_serves_programs_that_never_touch_the_models():
    code = (
        "from mtrl_judge_plugin.harness.plugin import register; register(); register(); "
        "from lmms_eval.tasks import TaskManager; print('mtrl_judge_embedded' in TaskManager().all_groups)"
    )
    assert python(code).splitlines()[-1] == "True"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The built wheel in an environment of its own, which borrows everything but this package from ours."""
    folder = tmp_path_factory.mktemp("elsewhere")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info", "results", "__pycache__"))
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    shutil.rmtree(source)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    wheel = next(folder.glob("mtrl_judge-*.whl"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(pip, check=True)
    # A plain path line: the other folder's own .pth files (an editable install among them) are not followed.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def test_a_built_wheel_works_in_another_folder_without_the_checkout(elsewhere):
    executable = str(elsewhere / "venv" / "bin" / "python")
    where = python("import mtrl_judge_plugin; print(mtrl_judge_plugin.__file__)", executable=executable, cwd=elsewhere)
    assert where.startswith(str(elsewhere))
    training = "import mtrl_judge_plugin.training.sft.command as m; print(m.__file__)"
    assert python(training, executable=executable, cwd=elsewhere).startswith(str(elsewhere))
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(elsewhere / "cache")}
    command = [executable, "-m", "lmms_eval", "--model", "mtrl_judge", "--tasks", "mtrl_judge_embedded", "--limit", "4"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=elsewhere, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [line for line in done.stdout.splitlines() if line.startswith("|") and "coverage" in line]
    assert len(rows) == 9, "the group, its six tasks, the group's own table, and the header of ours"
    assert list((elsewhere / "cache").rglob("ledger.sqlite"))


def test_a_built_wheel_brings_the_constraints_and_says_how_to_install_more_of_itself(elsewhere):
    executable = str(elsewhere / "venv" / "bin" / "python")
    code = (
        "from mtrl_judge_plugin.installation import requirements as i; "
        "print(i.constraints('openrlhf') and i.constraints('vllm') "
        "and i.constraints() == dict(i.constraints('train'))); print(len(i.constraints())); "
        "print(i.how_to_install('vllm'))"
    )
    same, pins, hint = python(code, executable=executable, cwd=elsewhere).splitlines()
    assert same == "True"
    assert int(pins) > 200
    (site,) = (elsewhere / "venv" / "lib").glob("python*/site-packages")
    file = site / "mtrl_judge_plugin" / "constraints" / "constraints-vllm.txt"
    assert file.read_bytes() == (ROOT / "constraints-vllm.txt").read_bytes()
    wheel = next(elsewhere.glob("mtrl_judge-*.whl"))
    assert hint.endswith(f" install -c {file} 'mtrl-judge[vllm] @ {wheel.as_uri()}'")


def test_the_metadata_says_what_users_rely_on():
    about = importlib.metadata.metadata("mtrl-judge")
    extras = set(about.get_all("Provides-Extra"))
    assert {"vllm", "train", "openrlhf", "serve", "test", "all"} == extras
    assert about["License-Expression"] == "MIT"
    assert about["Requires-Python"] == ">=3.11"
    everything = [line for line in about.get_all("Requires-Dist") if 'extra == "all"' in line]
    assert everything
    assert not any("openrlhf" in line for line in everything)
    later = [line for line in about.get_all("Requires-Dist") if "openrlhf" in line and "python_version" not in line]
    assert later == []
    assert any(line.startswith("filelock<4.3") for line in about.get_all("Requires-Dist"))


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")),
    ],
)
def test_paths_and_links_of_a_page_exist(page):
    page = ROOT / page
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#\s]+)\)", text) if "://" not in link]
    missing = [link for link in links if not (page.parent / link).exists()]
    tops = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
    named = re.findall(rf"`((?:{tops}|\.ci)/[\w./-]*)`", text)
    if page.name != "EXTENDING.md":  # its files are those that a reader writes
        missing += [name for name in named if not (ROOT / name).exists()]
    assert not missing

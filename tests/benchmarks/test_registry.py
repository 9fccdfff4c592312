"""Benchmarks by name: ours, and any module on Python's path; what is wrong with a name or a module is said."""

import sys
import textwrap

import pytest

from mtrl_judge_plugin.benchmarks import registry
from mtrl_judge_plugin.benchmarks.reading.rows import DataError
from mtrl_judge_plugin.benchmarks.registry import Benchmark, BenchmarkError
from mtrl_judge_plugin.harness.task import JudgeTask
from mtrl_judge_plugin.sample import Sample

LOAD = """
from mtrl_judge_plugin import Sample

def load(split, task):
    yield Sample(id="1", task=task, form="pointwise", question="Is it red?", choices=("yes", "no"), label="yes")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on Python's path; what was imported from it is forgotten."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


def test_ours_are_complete():
    assert {"agin", "embedded", "prepared", "vl_rewardbench"} <= set(registry.names())
    for name in set(registry.names()) - {"prepared"}:
        found = registry.find(name)
        assert found.splits, name
        assert found.tasks, name
        assert found.terms, name
        assert found.source, name
        for split, task in (("none", found.tasks[0]), (found.splits[0], "none")):
            with pytest.raises(DataError, match=f"benchmarks.{name}: no .* 'none'; there are"):
                list(found.load(split, task))


@pytest.mark.parametrize("name", ["mine", "package.mine", "space.deep.mine"])
def test_a_module_on_the_path_is_found_by_its_bare_name_too(folder, name):
    write(folder, f"{name.replace('.', '/')}.py", LOAD)
    found = registry.find(name)
    assert [sample.id for sample in found.load("test", "t")] == ["1"]
    assert (found.splits, found.tasks, found.terms) == ((), (), "")


def test_a_benchmark_object_is_taken_as_it_is(folder):
    own = "from mtrl_judge_plugin.benchmarks.registry import Benchmark\nBENCHMARK = Benchmark(load, ('test',), ('t',))"
    write(folder, "mine.py", f"{LOAD}\n{own}\n")
    assert registry.find("mine").tasks == ("t",)


def test_loose_names_do_as_well(folder):
    write(folder, "mine.py", f"{LOAD}\nSPLITS, TASKS, TERMS = ('test',), ('t',), 'mine'\n")
    found = registry.find("mine")
    assert (found.splits, found.tasks, found.terms) == (("test",), ("t",), "mine")


def test_ours_go_before_a_module_of_the_same_name(folder):
    write(folder, "agin.py", LOAD)
    assert registry.find("agin").tasks == ("naturalness", "technical", "rationality")


@pytest.mark.parametrize("name", ["mine", "mine.loader", "", ".", "..", ".mine", "mi ne", "../mine", "5"])
def test_a_name_without_a_module_is_said_with_where_it_was_looked_for(folder, name):
    with pytest.raises(BenchmarkError) as caught:
        registry.find(name)
    message = str(caught.value)
    assert message.startswith(f"no benchmark {name!r}")
    assert "vl_rewardbench" in message
    assert str(folder) in message
    assert "PYTHONPATH" in message


def test_a_number_in_a_yaml_is_no_benchmark():
    metadata = {"benchmark": 5, "subset": "t", "metrics": ["accuracy"]}
    with pytest.raises(ValueError, match="task my_task: metadata: benchmark: no benchmark '5'"):
        JudgeTask({"task": "my_task", "output_type": "generate_until", "metadata": metadata})


def test_a_slip_is_told_its_neighbour(folder):
    with pytest.raises(BenchmarkError, match=r"no benchmark 'vl_rewardbnech'; did you mean vl_rewardbench\?"):
        registry.find("vl_rewardbnech")


def test_a_file_of_the_current_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place not in ("", ".")])
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "mine_of_here.py", LOAD)
    assert callable(registry.find("mine_of_here").load)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("json", None, "json/__init__.py is not a benchmark; it needs BENCHMARK"),
        ("mine", "SPLITS = ('test',)", "mine.py is not a benchmark; it needs BENCHMARK"),
        ("mine", "load = 3", "mine.py is not a benchmark; it needs BENCHMARK"),
        ("mine", "BENCHMARK = 3", "mine.py is not a Benchmark\\(load="),
    ],
)
def test_a_module_that_is_no_benchmark_is_named_by_its_file(folder, name, text, message):
    if text is not None:
        write(folder, f"{name}.py", text)
    with pytest.raises(BenchmarkError, match=message) if name != "json" else pytest.raises(BenchmarkError):
        registry.find(name)


def test_a_folder_is_no_benchmark(folder):
    (folder / "mine").mkdir()
    with pytest.raises(BenchmarkError, match="is not a benchmark; it needs BENCHMARK"):
        registry.find("mine")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("import no_such_package_anywhere", ModuleNotFoundError, "no_such_package_anywhere"),
        ("def load(:", SyntaxError, "mine.py"),
        ("1 / 0", ZeroDivisionError, "division"),
        ("from mtrl_judge_plugin import NoSuchName", ImportError, "NoSuchName"),
    ],
)
def test_an_error_inside_the_module_is_that_error(folder, text, error, message):
    write(folder, "mine.py", text)
    with pytest.raises(error, match=message):
        registry.find("mine")


def test_a_task_takes_a_bare_name(folder):
    write(folder, "mine.py", LOAD)
    metadata = {"benchmark": "mine", "subset": "t", "metrics": ["accuracy"]}
    task = JudgeTask({"task": "my_task", "output_type": "generate_until", "metadata": metadata})
    assert task.missing is None
    assert [doc["id"] for doc in task.eval_docs] == ["1"]


def test_a_task_says_where_it_looked():
    metadata = {"benchmark": "nowhere", "subset": "t", "metrics": ["accuracy"]}
    with pytest.raises(ValueError, match=r"task my_task: metadata: benchmark: no benchmark 'nowhere'.*PYTHONPATH"):
        JudgeTask({"task": "my_task", "output_type": "generate_until", "metadata": metadata})


def test_options_are_those_of_load():
    own = Benchmark(lambda split, task, folder: [Sample("1", "t", "pointwise", "?", choices=("a", "b"))])
    assert [sample.id for sample in own.load("test", "t", "folder")] == ["1"]

"""`mtrl-judge compare` and `mtrl-judge paper` on analyses as files."""

import json
import math
import os
import re
from pathlib import Path

import pytest

from mtrl_judge_plugin.commands import cli, paper
from mtrl_judge_plugin.metrics.analysis import analyse
from mtrl_judge_plugin.metrics.judgments import from_record
from mtrl_judge_plugin.reporting.compare import p_value


@pytest.fixture
def written(tmp_path):
    """(name of a judge, its answers) -> the folder of its results; what is true is always yes."""

    def write(name, answers, task="t", data="", **changes):
        judgments = [
            {"id": str(number), "origin": str(number), "group": str(number), "variant": "original", "task": "t"}
            | {"form": "pointwise", "choices": ["yes", "no"], "label": "yes", "answer": answer}
            | changes
            for number, answer in enumerate(answers)
        ]
        (tmp_path / name).mkdir(exist_ok=True)
        analysis = analyse([from_record(one) for one in judgments], data=data, resamples=99).to_json()
        content = {"task": task, "model": name, "model_args": None, "judgments": judgments}
        path = tmp_path / name / f"1_{task}_judge_metrics.json"
        path.write_text(json.dumps(analysis | content))
        return str(path.parent)

    return write


def test_keeping_silent_about_ones_errors_is_no_gain(written, capsys):
    loud, silent = written("loud", ["yes"] * 14 + ["no"] * 6), written("silent", ["yes"] * 14 + [None] * 6)
    assert cli.main(["compare", silent, loud]) == 0
    printed = capsys.readouterr().out
    assert "20 samples; unscored by the first 6, by the second 0" in printed
    rows = {line.split()[1]: line.split() for line in printed.splitlines() if line.startswith("t ")}
    assert rows["accuracy"][2:6] == ["14", "1.0000", "1.0000", "+0.0000"]
    assert rows["accuracy_unscored_wrong"][2:6] == ["20", "0.7000", "0.7000", "+0.0000"]
    assert "only one right (McNemar)  14  0  0" in re.sub("  +", "  ", printed)
    assert cli.main(["compare", silent, loud, "--metrics", "acuracy"]) == 2
    assert "--metrics acuracy: unknown; there are acc_plus" in capsys.readouterr().err


def test_results_of_other_data_are_not_compared(written, capsys):
    ours, theirs = written("ours", ["yes"] * 4), written("theirs", ["no"] * 4, label="no")
    assert cli.main(["compare", ours, theirs]) == 2
    error = capsys.readouterr().err
    assert "not of the same data: sample 0 has label 'yes' in the first, 'no' in the second" in error
    assert f"{ours}/1_t_judge_metrics.json and {theirs}/" in error


def test_one_group_says_nothing_of_a_difference(written, capsys):
    first = written("first", ["yes"] * 20, group="all")
    second = written("second", ["yes"] * 19 + ["no"], group="all")
    assert cli.main(["compare", first, second, "--metrics", "accuracy"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"accuracy +20 +1.0000 +0.9500 +\+0.0500 +no interval and no p-value: too few groups", printed)
    assert "nan" not in printed


def test_the_papers_table_says_what_was_left_unscored_and_what_has_no_interval(written, capsys):
    few = written("few", ["yes"] * 5 + [None] * 15, "mtrl_judge_seetrue")
    assert cli.main(["paper", few]) == 0
    assert "100.00 [100.0, 100.0] (coverage 0.250)" in capsys.readouterr().out
    assert cli.main(["paper", written("few", ["yes"] * 5, "mtrl_judge_seetrue", group="all")]) == 0
    assert "| 100.00 |" in capsys.readouterr().out
    assert cli.main(["paper", written("few", [None] * 5, "mtrl_judge_seetrue")]) == 0
    assert "| unscored |" in capsys.readouterr().out


def test_the_papers_table_says_whose_definition_each_number_is(written, capsys):
    task = "mtrl_judge_unsafebench"
    choices = {"choices": ["safe", "unsafe"], "label": "unsafe"}
    folder = written("ours", ["unsafe"] * 6 + ["safe"] * 2 + [None] * 2, task, "unsafebench/unsafebench", **choices)
    assert cli.main(["paper", f"mine={folder}"]) == 0
    printed = capsys.readouterr().out
    assert "macro-F1 is that paper's metric" in printed
    assert "our definition: over scored judgments" in printed
    # TP 6 and half of the 2 unreadable ones, FN 3.
    (own,) = [line for line in printed.splitlines() if line.startswith("mine, as the data sets' authors compute it: ")]
    assert own.partition(": ")[2].startswith(f"UnsafeBench F1 {100 * 14 / 17:.2f} [")
    assert cli.main(["paper", f"mine={folder}", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    found = {row["metric"]: row for row in rows if row["judge"] == "mine"}
    assert {metric: row["definition"] for metric, row in found.items()} == {
        "macro_f1": "ours",
        "official_f1": "authors: F1",
    }
    assert {row["definition"] for row in rows if row["judge"] != "mine"} == {"paper"}
    assert found["official_f1"]["value"] == pytest.approx(14 / 17)


def test_official_numbers_are_compared_with_their_own_treatment_of_unreadable_replies(written, capsys):
    choices = {"data": "unsafebench/unsafebench", "choices": ["safe", "unsafe"], "label": "unsafe"}
    loud = written("loud", ["unsafe"] * 14 + ["safe"] * 6, **choices)
    silent = written("silent", ["unsafe"] * 14 + [None] * 6, **choices)
    assert cli.main(["compare", silent, loud, "--metrics", "official_f1"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if " official_f1 " in line]
    assert rows[0][2:5] == ["20", f"{34 / 37:.4f}", f"{28 / 34:.4f}"]


def test_the_papers_table_takes_folders_by_name_and_refuses_what_it_cannot_show(written, tmp_path, capsys):
    odd = written("lr=1", ["yes", "no"], "mtrl_judge_seetrue")
    assert cli.main(["paper", odd]) == 0
    assert f"| {odd} |" in capsys.readouterr().out
    assert cli.main(["paper", f"x={odd}", f"x={odd}"]) == 2
    assert "two results are called 'x'" in capsys.readouterr().err
    assert cli.main(["paper", written("other", ["yes"])]) == 2
    assert "no task of the table (mtrl_judge_agin_naturalness, " in capsys.readouterr().err
    written("lr=1", ["yes"], "u")
    path = tmp_path / "lr=1" / "1_u_judge_metrics.json"
    path.write_text(path.read_text().replace('"model": "lr=1"', '"model": "another"'))
    assert cli.main(["paper", odd]) == 2
    assert "results of several judges (another(), lr=1())" in capsys.readouterr().err
    assert cli.main(["paper", str(tmp_path / "none")]) == 2


def test_folders_without_an_analysis_are_named(tmp_path, capsys):
    for command in (["paper", str(tmp_path)], ["compare", str(tmp_path), str(tmp_path)]):
        assert cli.main(command) == 2
        assert f"{tmp_path}: no *_judge_metrics.json; run lmms-eval with --output_path" in capsys.readouterr().err


def test_a_p_value_is_never_printed_as_nought(written, capsys):
    right, wrong = written("right", ["yes"] * 40), written("wrong", ["no"] * 40)
    assert cli.main(["compare", right, wrong, "--metrics", "accuracy,pearson"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"accuracy +40 +1.0000 +0.0000 +\+1.0000 +\+1.0000 +\+1.0000 +<= 0.001\n", printed)
    assert re.search(r"only one right \(McNemar\) +40 +40 +0 +< 0.0001\n", printed)
    silent = written("silent", [None] * 40)
    assert cli.main(["compare", right, silent, "--metrics", "accuracy,accuracy_unscored_wrong"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"only one right \(McNemar\) +0 +0 +0 +no p-value\n", printed)
    assert "nan" not in printed


@pytest.mark.parametrize(
    ("value", "least", "printed"),
    [
        (1.0, 0.001, "p = 1.0000"),
        (0.03125, 0.0, "p = 0.0312"),
        (0.0001, 0.0, "p = 0.0001"),
        (0.00009, 0.0, "p < 0.0001"),
        (1e-300, 0.0, "p < 0.0001"),
        (2 / 2001, 2 / 2001, "p <= 0.001"),
        (2 / 100, 2 / 100, "p <= 0.02"),
        (2 / 100_001, 2 / 100_001, "p <= 0.0001"),
        (4 / 2001, 2 / 2001, "p = 0.0020"),
        (math.nan, math.nan, "no p-value"),
    ],
)
def test_p_values_in_words(value, least, printed):
    assert p_value(value, least) == printed


def test_a_difference_that_rounds_to_nought_has_no_minus(written, capsys):
    changes = {"form": "score", "choices": ["1", "2", "3"], "label": "2"}
    first = written("first", ["1", "2", "3"] * 5, **changes)
    path = Path(first, "1_t_judge_metrics.json")
    content = json.loads(path.read_text())
    for number, one in enumerate(content["judgments"]):
        one["label"] = "123"[number % 3]
        one["probabilities"] = {one["answer"]: 1.0}
    path.write_text(json.dumps(content))
    content["model"] = "second"
    content["judgments"][0]["probabilities"]["1"] = 1 + 1e-6
    (path.parent.parent / "second").mkdir()
    second = path.parent.parent / "second" / path.name
    second.write_text(json.dumps(content))
    for pair in ([first, str(second.parent)], [str(second.parent), first]):
        assert cli.main(["compare", *pair, "--metrics", "pearson"]) == 0
        assert "-0.0000" not in capsys.readouterr().out


def _broken(**changes):
    """The content of a file, with keys replaced, or left out where they are None."""
    return lambda content: {
        name: value for name, value in (content | changes).items() if changes.get(name, "") is not None
    }


def _judgment(**changes):
    def change(content):
        judged = content["judgments"]
        judged[1] = {k: v for k, v in (judged[1] | changes).items() if v is not ...}
        return content

    return change


BROKEN = {
    "no model": (_broken(model=None), "model is missing"),
    "no task": (_broken(task=None), "task is missing"),
    "no judgments": (_broken(judgments=None), "judgments is missing"),
    "no metrics": (_broken(metrics=None), "metrics is missing"),
    "model of a wrong type": (_broken(model=5), "model is not text"),
    "task of a wrong type": (_broken(task=["t"]), "task is not text"),
    "model_args of a wrong type": (_broken(model_args=["t"]), "model_args is not text or an object or null"),
    "judgments of a wrong type": (_broken(judgments={}), "judgments is not a list"),
    "metrics of a wrong type": (_broken(metrics=[1]), "metrics is not an object"),
    "a metric of a wrong type": (_broken(metrics={"macro_f1": 0.5}), "metrics.macro_f1 is not an object"),
    "a judgment of a wrong type": (_broken(judgments=["yes"]), "judgments[0] is not an object"),
    "a judgment without an id": (_judgment(id=...), "judgments[1].id is missing"),
    "a judgment without an answer": (_judgment(answer=...), "judgments[1].answer is missing"),
    "an answer of a wrong type": (_judgment(answer=1), "judgments[1].answer is not text or null"),
    "an answer that is no choice": (
        _judgment(answer="maybe"),
        "judgments[1].answer is 'maybe', which is not one of its",
    ),
    "a label that is no choice": (_judgment(label="maybe"), "judgments[1].label is 'maybe', which is not one of its"),
    "answers of a wrong type": (_judgment(answers=[1]), "judgments[1].answers holds 1, which is not text"),
    "a form that is none": (_judgment(form="essay"), "judgments[1].form is 'essay', not one of pointwise"),
    "choices of a wrong type": (_judgment(choices=[1, 2]), "judgments[1].choices is not a list of texts"),
    "a scale of words": (_judgment(form="score"), "judgments[1].choices of a score are not integers"),
    "a ranking of others": (
        _judgment(form="ranking", choices=[], label="ABC", answer="AB"),
        "judgments[1].answer is 'AB', no order of what the label 'ABC' ranks",
    ),
    "probabilities of a wrong type": (
        _judgment(probabilities={"yes": "high"}),
        "contain something that is not a number",
    ),
    "ratings of a wrong type": (_judgment(ratings=5), "judgments[1].ratings is not a list"),
    "a list": (lambda content: [content], "the file is not an object"),
    "another program's": (lambda content: {"results": {}}, "task is missing"),
    "null": (lambda content: None, "the file is not an object"),
}


@pytest.mark.parametrize("command", ["compare", "paper"])
@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_no_analysis_is_named_with_the_key_and_the_way_out(written, capsys, command, case):
    change, said = BROKEN[case]
    task = "mtrl_judge_seetrue"
    good, bad = written("good", ["yes", "no"] * 4, task), written("bad", ["yes", "no"] * 4, task)
    path = Path(bad, f"1_{task}_judge_metrics.json")
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    _refused(capsys, [command, good, bad], path, said)


@pytest.mark.parametrize("command", ["compare", "paper"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "not an analysis of a run"),
        (b'{"task": "t", "mod', "not an analysis of a run"),
        (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "not an analysis of a run"),
        (b"task,model\nt,m\n", "not an analysis of a run"),
        (b"[" * 100_000, "not an analysis of a run"),
        (None, "cannot be read: Is a directory"),
    ],
)
def test_a_file_that_is_no_json_is_named(written, capsys, command, text, said):
    task = "mtrl_judge_seetrue"
    good, bad = written("good", ["yes", "no"] * 4, task), written("bad", ["yes", "no"] * 4, task)
    path = Path(bad, f"1_{task}_judge_metrics.json")
    path.unlink()
    if text is None:
        path.mkdir()
    else:
        path.write_bytes(text)
    _refused(capsys, [command, good, bad], path, said)


def test_a_file_that_may_not_be_read_is_named(written, capsys, monkeypatch):
    good, bad = written("good", ["yes", "no"]), written("bad", ["yes", "no"])
    read = Path.read_text

    def refuse(path, *args, **kwargs):
        if str(path).startswith(bad):
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", refuse)
    _refused(capsys, ["compare", good, bad], Path(bad, "1_t_judge_metrics.json"), "cannot be read: Permission denied")


def _refused(capsys, command, path, said):
    assert cli.main(command) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"mtrl-judge {command[0]}: {path}: ")
    assert said in error
    assert error.endswith("; remove this file, or run lmms-eval again\n")
    assert error.count("\n") == 1


def test_a_file_with_numbers_that_are_not_defined_is_read(written, capsys):
    task = "mtrl_judge_seetrue"
    folder = written("nan", [None] * 4, task)
    path = Path(folder, f"1_{task}_judge_metrics.json")
    content = json.loads(path.read_text())
    content["metrics"]["macro_f1"]["value"] = math.nan
    content |= {"later": {"versions": ["may", "add"]}}
    path.write_text(json.dumps(content))
    assert "NaN" in path.read_text()
    assert cli.main(["paper", folder]) == 0
    assert "| unscored |" in capsys.readouterr().out
    assert cli.main(["compare", folder, folder]) == 0


def test_the_papers_table_names_a_figure_that_is_missing(written, capsys):
    task = "mtrl_judge_seetrue"
    folder = written("bad", ["yes", "no"] * 4, task)
    path = Path(folder, f"1_{task}_judge_metrics.json")
    good = json.loads(path.read_text())
    for change in ({}, {"macro_f1": {"value": 1.0}}, {"macro_f1": good["metrics"]["macro_f1"] | {"low": "0.5"}}):
        path.write_text(json.dumps(good | {"metrics": change}))
        assert cli.main(["paper", folder]) == 2
        assert f"{path}: metrics.macro_f1." in capsys.readouterr().err


def test_folders_that_cannot_be_read_are_named_with_their_place_on_the_command_line(written, tmp_path, capsys):
    good = written("good", ["yes", "no"], "mtrl_judge_seetrue")
    file = os.path.join(good, "1_mtrl_judge_seetrue_judge_metrics.json")
    none = str(tmp_path / "none")
    for folder, said in ((none, "no such folder"), (file, "is not a folder"), (f"{file}/x", "is not a folder")):
        assert cli.main(["compare", good, folder]) == 2
        assert f"SECOND {folder}: {said}; name a folder that lmms-eval wrote" in capsys.readouterr().err
        assert cli.main(["compare", folder, good]) == 2
        assert f"FIRST {folder}: {said}" in capsys.readouterr().err
        assert cli.main(["paper", f"mine={folder}"]) == 2
        assert f"RESULTS {folder}: {said}" in capsys.readouterr().err
    assert cli.main(["paper", "mine="]) == 2
    assert "mine=: names no folder" in capsys.readouterr().err


def test_a_run_that_left_tasks_unscored_still_has_its_table_and_its_status(written, tmp_path, capsys, monkeypatch):
    written("out", ["yes"] * 4, "mtrl_judge_seetrue")
    monkeypatch.setattr(paper, "_judge", lambda args, folder: 3)
    assert cli.main(["paper", "--out", str(tmp_path / "out")]) == 3
    assert "100.00" in capsys.readouterr().out
    assert cli.main(["paper", "--out", str(tmp_path / "stopped")]) == 3
    assert not capsys.readouterr().out

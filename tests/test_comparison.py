"""`mtrl-judge compare` and `mtrl-judge paper` on analyses as files."""

import json

import pytest

from mtrl_judge_plugin import cli
from mtrl_judge_plugin.metrics.analysis import analyse
from mtrl_judge_plugin.metrics.judgments import from_record


@pytest.fixture
def written(tmp_path):
    """(name of a judge, its answers) -> the folder of its results; what is true is always yes."""

    def write(name, answers, task="t", **changes):
        judgments = [
            {"id": str(number), "origin": str(number), "group": str(number), "variant": "original", "task": "t"}
            | {"form": "pointwise", "choices": ["yes", "no"], "label": "yes", "answer": answer}
            | changes
            for number, answer in enumerate(answers)
        ]
        (tmp_path / name).mkdir(exist_ok=True)
        analysis = analyse([from_record(one) for one in judgments], resamples=99).to_json()
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
    assert "  accuracy: difference +0.0000" in printed
    assert "  accuracy_unscored_wrong: difference +0.0000" in printed
    assert "McNemar, 14 samples: only the first right 0, only the second 0" in printed
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
    assert "accuracy: difference +0.0500 [+nan, +nan], p = nan" in capsys.readouterr().out


def test_the_papers_table_says_what_was_left_unscored_and_what_has_no_interval(written, capsys):
    few = written("few", ["yes"] * 5 + [None] * 15, "mtrl_judge_seetrue")
    assert cli.main(["paper", few]) == 0
    assert "100.00 [100.0, 100.0] (coverage 0.250)" in capsys.readouterr().out
    assert cli.main(["paper", written("few", ["yes"] * 5, "mtrl_judge_seetrue", group="all")]) == 0
    assert "| 100.00 |" in capsys.readouterr().out
    assert cli.main(["paper", written("few", [None] * 5, "mtrl_judge_seetrue")]) == 0
    assert "| unscored |" in capsys.readouterr().out


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

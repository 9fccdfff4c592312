"""Every judging task on small data of its real schema: judges whose metrics theory tells, and the command line."""

import json
import math
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import real_schema
import yaml
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.tasks import TaskManager, get_task_dict
from rule_engine import RuleEngine, anti_oracle, coin, constant, of_origin, oracle

from mtrl_judge_plugin import engines
from mtrl_judge_plugin.commands import cli
from mtrl_judge_plugin.harness.model import MTRLJudge
from mtrl_judge_plugin.harness.plugin import register
from mtrl_judge_plugin.harness.task import JudgeTask, to_sample
from mtrl_judge_plugin.reporting.analyses import read
from mtrl_judge_plugin.task_configs import FOLDER

GROUPS = ["mtrl_judge", "mtrl_judge_custom"]
PAIRS = "pairwise"


def task_files():
    return [yaml.load(path.read_text(), yaml.BaseLoader) for path in sorted(FOLDER.rglob("*.yaml"))]


#: Every judging task that needs data of its own -> the headline metrics of its YAML.
TASKS = {
    found["task"]: found["metadata"]["metrics"]
    for found in task_files()
    if "class" in found and found["metadata"]["benchmark"] != "embedded"
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    environment = {"MTRL_JUDGE_DATA": str(root), "XDG_CACHE_HOME": str(root / "cache"), "HF_HUB_OFFLINE": "1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield real_schema.write_all(root)


@pytest.fixture(scope="module")
def tasks(data):
    """Task -> its Samples, twins included."""
    register()
    loaded = get_task_dict(list(TASKS), TaskManager(model_name="mtrl_judge"), "chat")
    return {name: [to_sample(doc) for doc in task.eval_docs] for name, task in loaded.items()}


@pytest.fixture(scope="module")
def analyses(tasks):
    """(judge, task) -> its analysis, of every rule on every task, through the host's evaluator."""
    found = {}
    everything = [sample for samples in tasks.values() for sample in samples]
    rules = {"oracle": oracle, "anti-oracle": anti_oracle, "constant": lambda _: constant, "coin": lambda _: coin(0)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(engines.ENGINES, "rule", "rule_engine:RuleEngine")
        RuleEngine.learn(everything)
        for judge, rule in rules.items():
            RuleEngine.rule = staticmethod(rule(of_origin(everything)))
            model, manager = MTRLJudge(engine="rule", ledger="none"), TaskManager(model_name="mtrl_judge")
            results = simple_evaluate(
                model=model, tasks=list(tasks), task_manager=manager, bootstrap_iters=0, batch_size=1
            )
            for name in tasks:
                analysis, records = results.measured[name].analysis, results.measured[name].records
                found[judge, name] = (analysis.estimates, records)
    return found


def values(analyses, judge, name):
    estimates, records = analyses[judge, name]
    return {metric: estimate.value for metric, estimate in estimates.items()}, records


#: What an oracle reaches in every task that has the metric, and what its opposite does where that is one number.
RIGHT = dict.fromkeys(
    [
        "accuracy",
        "accuracy_unscored_wrong",
        "accuracy_without_ties",
        "accuracy_over_categories",
        "balanced_accuracy",
        "macro_f1",
        "macro_f1_unscored_wrong",
        "acc_plus",
        "acc_plus_group",
        "swap_consistency",
        "rotation_consistency",
        "ranking_tau",
        "pearson",
        "spearman",
        "kendall_tau_b",
        "cohen_kappa",
        "cohen_kappa_quadratic",
        "mcc",
        "official_accuracy",
        "official_acc_plus",
        "official_acc_with_ties",
        "official_acc_without_ties",
        "official_overall_accuracy",
        "official_macro_average",
        "official_pearson",
        "official_f1",
        "official_roc_auc",
        "paraphrase_consistency",
        "repeat_consistency",
        "repeat_fleiss_kappa",
        "form_consistency",
        "coverage",
        "well_formed",
    ],
    1.0,
) | {"levenshtein": 0.0, "official_levenshtein": 0.0, "cyclic_triads": 0.0, "position_bias": 0.0}
WRONG = dict.fromkeys(["accuracy_without_ties", "acc_plus", "acc_plus_group"], 0.0) | {
    "swap_consistency": 1.0,
    "ranking_tau": -1.0,
    "pearson": -1.0,
    "spearman": -1.0,
    "kendall_tau_b": -1.0,
    "mcc": -1.0,
    "cyclic_triads": 0.0,
    "coverage": 1.0,
}


@pytest.mark.parametrize("name", TASKS)
def test_an_oracle_is_right_in_every_metric(analyses, name):
    found, records = values(analyses, "oracle", name)
    checked = {metric: value for metric, value in found.items() if metric.rpartition(".")[2] in RIGHT}
    varied = len({record["label"] for record in records if record["label"] is not None}) > 1
    for metric, value in checked.items():
        # Of labels that are all the same no correlation or kappa is defined.
        wanted = RIGHT[metric.rpartition(".")[2]]
        assert value == pytest.approx(wanted, abs=1e-12) or (not varied and math.isnan(value)), metric
    assert set(TASKS[name]) <= set(found), "the YAML's headline metrics are all there"
    assert {"accuracy", "coverage"} <= set(checked)


@pytest.mark.parametrize("name", TASKS)
def test_the_opposite_of_an_oracle_is_wrong_in_every_metric(analyses, name):
    found, records = values(analyses, "anti-oracle", name)
    for metric, value in found.items():
        if metric in WRONG:
            undefined = len({record["label"] for record in records}) == 1 and math.isnan(value)
            assert value == pytest.approx(WRONG[metric], abs=1e-12) or undefined, metric
    scales = [record for record in records if record["form"] == "score" and record["label"] is not None]
    on_the_mirror = any(record["choices"].index(record["label"]) * 2 + 1 == len(record["choices"]) for record in scales)
    if not on_the_mirror:
        assert found["accuracy"] == 0.0


@pytest.mark.parametrize("name", TASKS)
def test_a_constant_judge_agrees_as_chance_does(analyses, name):
    found, records = values(analyses, "constant", name)
    pairs = [record for record in records if record["form"] == PAIRS and record["variant"] in ("original", "swapped")]
    forms = Counter(record["form"] for record in records if record["variant"] == "original")
    own = min(forms, key=lambda form: (-forms[form], form))
    labels = {record["label"] for record in records if record["form"] == own and record["label"] is not None}
    if pairs and "custom" not in name:
        untied = [record for record in pairs if record["label"] in ("A", "B")]
        assert found["swap_consistency"] == 0.0
        assert found["position_bias"] == 1.0
        assert found["acc_plus"] == 0.0
        assert found["accuracy"] == pytest.approx(0.5 * len(untied) / len(pairs)), "right in one of the two orders"
    if "cohen_kappa" in found and len(labels) > 1:
        assert found["cohen_kappa"] == pytest.approx(0.0, abs=1e-12)
        recall = [found[f"recall[{label}]"] for label in labels]
        assert sorted(recall) in ([0.0] * (len(labels) - 1) + [1.0], [0.0] * len(labels))
    if "rotation_consistency" in found and "custom" not in name:
        assert found["rotation_consistency"] == 0.0
    if "consistency_image" in name:
        assert found["unchanged_without_image"] == found["unchanged_with_other_image"] == 1.0


@pytest.mark.parametrize("name", TASKS)
def test_intervals_hold_their_value_and_every_metric_says_on_what_it_stands(analyses, name):
    for judge in ("oracle", "anti-oracle", "constant", "coin"):
        for metric, estimate in analyses[judge, name][0].items():
            assert estimate.n > 0
            assert 0 <= estimate.coverage <= 1
            if not math.isnan(estimate.value):
                assert estimate.low - 1e-9 <= estimate.value <= estimate.high + 1e-9, (judge, metric)


@pytest.fixture(scope="module")
def command_line(data):
    """The results of one command that runs all groups with the embedded judge, and where it wrote them."""
    out = data / "out"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "lmms_eval", "--model", "mtrl_judge", "--model_args", "ledger=none"]
    done = subprocess.run(
        [*command, "--tasks", ",".join(GROUPS), "--output_path", str(out)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 3, done.stderr[-3000:]  # some of these tasks it cannot read at all: they are not scored
    (results,) = out.rglob("*_results.json")
    return json.loads(results.read_text())["results"], done, out


def test_one_command_runs_every_group_offline(command_line):
    results, done, out = command_line
    for name, headline in TASKS.items():
        row = results[name]
        assert {f"{metric},none" for metric in headline} <= set(row)
        assert all(f"{metric}_ci95_low,none" in row for metric in headline if metric != "coverage")
    assert set(read(out)) == set(TASKS)
    assert done.stderr.count("seetrue: terms of use: CC BY 4.0") == 1, "though three tasks read it"
    assert "rows left out: no image" in done.stderr
    assert "mtrl_judge_paper" in done.stdout
    assert "| as its authors compute it |" in done.stdout
    assert 'Columns "metric" and "accuracy": our definitions' in done.stdout
    table = done.stdout[done.stdout.index("| task | n | metric |") :]
    assert all(f"| {name} |" in table for name in TASKS)
    without = {name: about["rows_left_out"] for name, about in read(out).items() if about["rows_left_out"]}
    assert without
    for name, reasons in without.items():
        assert f"{name}: rows left out: {', '.join(f'{why} {number}' for why, number in reasons.items())}" in table


def test_the_file_beside_the_results_holds_the_whole_analysis(command_line):
    _, _, out = command_line
    found = read(out)["mtrl_judge_vl_rewardbench"]
    assert {"value", "low", "high", "n", "coverage"} == set(found["metrics"]["swap_consistency"])
    assert found["confusion"]["pairwise"]["classes"] == ["A", "B"]
    assert sum(map(sum, found["confusion"]["pairwise"]["rows"])) == len(found["judgments"])
    assert found["model"] == "mtrl_judge"
    assert "NaN" not in Path(found["file"]).read_text()


def test_the_papers_table_with_a_judge_beside_it(command_line, capsys):
    _, _, out = command_line
    assert cli.main(["paper", f"tiny={out}"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "| MT-RL-Judge (paper) | 81.63 | 81.37 | 81.58 | 83.67 | 64.97 | 85.22 | 60.59 | 82.23 |" in printed
    (own,) = [line for line in printed if line.startswith("| tiny |")]
    assert own.count("|") == printed[0].count("|")
    assert any(line.startswith("tiny: AGIN-Nat n=4 coverage") for line in printed)


def test_a_judge_is_not_better_than_itself(command_line, capsys):
    _, _, out = command_line
    assert cli.main(["compare", str(out), str(out), "--metrics", "accuracy"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r" accuracy .* \+0.0000 +\+0.0000 +\+0.0000 +1.0000\n", printed)
    assert re.search(r"only one right \(McNemar\) +\d+ +0 +0 +1.0000\n", printed)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"variants": ["order"]}, r"unknown variants \['order'\]; there are alone"),
        ({"benchmark": "seetru"}, r"no benchmark 'seetru'; did you mean seetrue\?"),
        ({"subset": None}, "metadata: no subset"),
        ({"options": {"treshold": 3}}, "seetrue takes no 'treshold'; it takes split, task, folder"),
        ({"benchmark": "prepared"}, "prepared needs a folder"),
        ({"metrics": "accuracy"}, "metrics: 'accuracy' is not a list"),
        ({"metrics": ["acuracy"]}, r"unknown metrics \['acuracy'\]; there are acc_plus"),
    ],
)
def test_wrong_values_of_a_yaml_are_named(changes, said):
    metadata = {"benchmark": "seetrue", "subset": "seetrue", "metrics": ["accuracy"]} | changes
    metadata = {name: value for name, value in metadata.items() if value is not None}
    with pytest.raises(ValueError, match=said):
        JudgeTask({"task": "mine", "output_type": "generate_until", "metadata": metadata})

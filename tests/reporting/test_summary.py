"""The small table of a run, and the interval of a mean over tasks."""

import numpy as np
import pytest

from mtrl_judge_plugin.metrics.analysis import analyse
from mtrl_judge_plugin.metrics.judgments import from_record
from mtrl_judge_plugin.reporting.summary import Measured, mean_interval, summary
from mtrl_judge_plugin.reporting.tables import as_text

N = 400


def records(seed, right, unread=0):
    random = np.random.default_rng(seed)
    found = []
    for number in range(N):
        label = ["yes", "no"][int(random.integers(2))]
        answer = label if random.random() < right else {"yes": "no", "no": "yes"}[label]
        found.append(
            {
                "id": str(number),
                "origin": str(number),
                "group": f"g{number}",
                "variant": "original",
                "task": "t",
                "form": "pointwise",
                "choices": ["yes", "no"],
                "label": label,
                "ratings": [],
                "answer": None if number < unread else answer,
                "answers": [answer],
                "well_formed": True,
                "forced": False,
                "probabilities": None,
                "lengths": [],
            }
        )
    return found


def test_the_table_says_which_number_is_the_authors():
    rows = [row | {"choices": ["safe", "unsafe"]} for row in records(1, 0.7)]
    rows = [
        row | {name: {"yes": "safe", "no": "unsafe"}[row[name]] for name in ("label", "answer")} | {"answers": []}
        for row in rows
    ]
    analysis = analyse([from_record(row) for row in rows], data="unsafebench/unsafebench")
    tasks = {"unsafe": Measured(analysis, rows, "accuracy", "unsafebench"), "other": measured(2, 0.9, "d2")}
    table = summary(tasks, {"both": ("accuracy", ["unsafe", "other"])})
    assert [row[-1] for row in table.rows] == [f"F1 {analysis.estimates['official_f1'].value:.3f}", "", ""]
    assert analysis.estimates["official_f1"].value == analysis.estimates["f1[unsafe]"].value
    assert table.columns[-1] == "as its authors compute it"
    assert table.notes[0].startswith('Columns "metric" and "accuracy": our definitions')
    assert "as its authors compute it" not in summary({"other": tasks["other"]}, {}).columns


def test_the_mean_of_a_group_may_be_of_official_numbers():
    tasks = []
    for seed in (1, 2):
        rows = records(seed, 0.7)
        analysis = analyse([from_record(row) for row in rows], data="seetrue/seetrue")
        tasks.append(Measured(analysis, rows, "official_roc_auc", f"d{seed}"))
    values = [task.analysis.estimates["official_roc_auc"].value for task in tasks]
    assert mean_interval(tasks, "official_roc_auc", resamples=50).value == pytest.approx(np.mean(values))


def measured(seed, right, data, **more):
    rows = records(seed, right, more.pop("unread", 0))
    return Measured(analyse([from_record(row) for row in rows]), rows, "accuracy", data, **more)


def test_tasks_on_the_same_samples_are_not_taken_for_independent_ones():
    task = measured(1, 0.7, "d")
    alone = task.analysis.estimates["accuracy"]
    assert mean_interval([task, task], "accuracy") == pytest.approx((alone.value, alone.low, alone.high))


def test_the_mean_of_independent_tasks_has_the_interval_of_the_normal_approximation():
    tasks = [measured(seed, right, f"d{seed}") for seed, right in ((1, 0.6), (2, 0.7), (3, 0.9))]
    found = mean_interval(tasks, "accuracy")
    shares = [task.analysis.estimates["accuracy"].value for task in tasks]
    error = np.sqrt(sum(share * (1 - share) / N for share in shares)) / len(shares)
    assert found.value == pytest.approx(np.mean(shares))
    assert (found.low, found.high) == pytest.approx(
        (found.value - 1.96 * error, found.value + 1.96 * error), abs=0.1 * error
    )


def test_the_table_has_a_row_a_task_and_one_a_group():
    tasks = {
        "a": measured(1, 0.6, "d1", unread=40, left_out={"no image": 3}),
        "b": measured(2, 0.9, "d2"),
    }
    table = summary(tasks, {"both": ("accuracy", ["a", "b", "not run"]), "one": ("accuracy", ["a", "not run"])})
    assert [row[0] for row in table.rows] == ["a", "b", "both"]
    task, _, group = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (task["n"], task["coverage"], task["failed"], task["left out"]) == (N, 0.9, 40, 3)
    assert (group["n"], group["failed"], group["left out"]) == (2 * N, 40, 3)
    assert group["value"] == pytest.approx(
        np.mean([one.analysis.estimates["accuracy"].value for one in tasks.values()])
    )
    assert as_text(table).splitlines()[-1] == "a: rows left out: no image 3"


def test_a_task_without_its_main_metric_still_has_a_row():
    task = measured(1, 0.6, "d1")
    table = summary({"a": Measured(task.analysis, task.records, "pearson_of_ratings")}, {})
    assert table.rows[0][:5] == ["a", None, "pearson_of_ratings", None, None]

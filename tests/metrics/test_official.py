"""The numbers of data sets' authors, each against plain loops written from its definition, on random verdicts."""

import math
import random
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mtrl_judge_plugin.metrics import scores_of_authors as scores
from mtrl_judge_plugin.metrics.analysis import analyse, measures_of, metric_of
from mtrl_judge_plugin.metrics.judgments import Judgment
from mtrl_judge_plugin.metrics.measures import METRICS, plain
from mtrl_judge_plugin.metrics.official import OFFICIAL
from mtrl_judge_plugin.reporting.tables import Table, as_markdown

OTHER = {"A": "B", "B": "A"}
FORMS = {
    "mllm_as_a_judge/score": ("score", "12345"),
    "mllm_as_a_judge/pair": ("pairwise", ("A", "B", "tie")),
    "mllm_as_a_judge/batch": ("ranking", ("ABCD", "ABDC", "DCBA", "BACD", "CAB", "ACB")),
    "unsafebench/unsafebench": ("pointwise", ("safe", "unsafe")),
    "seetrue/seetrue": ("pointwise", ("yes", "no")),
    **dict.fromkeys(
        (f"agin/{task}" for task in ("naturalness", "technical", "rationality")), ("pointwise", ("yes", "no"))
    ),
    **dict.fromkeys(
        (f"genai_bench/{task}" for task in ("image_generation", "image_edition", "video_generation")),
        ("pairwise", ("A", "B", "both good", "both bad")),
    ),
    **dict.fromkeys(
        (data for data in OFFICIAL if data.startswith(("videogen_", "editreward_", "omni_"))),
        ("pairwise", ("A", "B", "tie")),
    ),
}


def drawn(data, seed, number=60):
    """Random verdicts on random labels, a sixth of them unreadable, in the orders and repeats of a task's run."""
    draw = random.Random(seed)
    form, choices = FORMS.get(data, ("pairwise", ("A", "B")))
    found = []
    for row in range(number):
        label = draw.choice(choices)
        about = {
            "origin": str(row),
            "group": f"g{row // 3}",
            "task": draw.choice(["reasoning", "general", "hallucination"]),
            "form": form,
            "choices": choices,
            "ratings": (draw.random(),),
        }
        for variant in {"pairwise": ("original", "swapped"), "ranking": ("original", "rotated-1")}.get(
            form, ("original",)
        ):
            answer = None if draw.random() < 1 / 6 else draw.choice(choices)
            shares = None if answer is None or form != "pointwise" else {choices[0]: draw.random()}
            true = OTHER.get(label, label) if variant == "swapped" else label
            found.append(
                Judgment(
                    id=f"{row}-{variant}", variant=variant, label=true, answer=answer, probabilities=shares, **about
                )
            )
    draw.shuffle(found)
    return found


def own(judgments):
    return [one for one in judgments if one.variant == "original"]


def categories(judgments):
    parts = defaultdict(list)
    for one in judgments:
        parts[one.task].append(one)
    return list(parts.values())


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def overall(judgments):
    agree = reject = 0
    for one in judgments:
        if one.answer is not None:
            agree += one.answer == one.label
            reject += one.answer != one.label
    return agree / (agree + reject)


def share_right(judgments, unreadable=0.0):
    total = 0.0
    for one in judgments:
        total += unreadable if one.answer is None else one.answer == one.label
    return total / len(judgments)


def without_ties(judgments):
    return overall([one for one in judgments if one.label in OTHER and one.answer in OTHER])


def of_untied(judgments):
    return share_right([one for one in judgments if one.label in OTHER])


def by_id(judgments):
    right = defaultdict(lambda: True)
    for one in judgments:
        item = one.group, one.variant
        right[item] = right[item] and one.answer == one.label
    return sum(right.values()) / len(right)


def pearson_of_scores(judgments):
    read = [(int(one.label), int(one.answer)) for one in judgments if one.answer is not None]
    return stats.pearsonr(*zip(*read, strict=True))[0]


def edits(label, answer):
    table = {(0, column): column for column in range(len(answer) + 1)} | {
        (row, 0): row for row in range(len(label) + 1)
    }
    for row, left in enumerate(label, 1):
        for column, right in enumerate(answer, 1):
            table[row, column] = min(
                table[row - 1, column] + 1, table[row, column - 1] + 1, table[row - 1, column - 1] + (left != right)
            )
    return table[len(label), len(answer)] / max(len(label), len(answer))


def distance(judgments):
    return mean(edits(one.label, one.answer) for one in judgments if one.answer is not None)


def f1_of_unsafe(judgments):
    tp = fp = fn = 0.0
    for one in judgments:
        said = 0.5 if one.answer is None else float(one.answer == "unsafe")
        if one.label == "unsafe":
            tp, fn = tp + said, fn + 1 - said
        else:
            fp += said
    return 2 * tp / (2 * tp + fp + fn)


def area(judgments):
    won = pairs = 0.0
    for one in judgments:
        for other in judgments:
            if one.label == "yes" and other.label == "no":
                first, second = one.answer == "yes", other.answer == "yes"
                won += 1.0 if first > second else 0.5 if first == second else 0.0
                pairs += 1
    return won / pairs


def against_opinion(function, judgments):
    read = [(one.ratings[0], one.probabilities["yes"]) for one in judgments if one.answer is not None]
    return function(*zip(*read, strict=True))[0]


def over(score, judgments):
    return mean(score(part) for part in categories(judgments))


DEFINITIONS = {
    "mllm_as_a_judge/score": {"official_pearson": lambda all_: over(pearson_of_scores, all_)},
    "mllm_as_a_judge/pair": {
        "official_acc_with_ties": lambda all_: over(overall, own(all_)),
        "official_acc_without_ties": lambda all_: over(without_ties, own(all_)),
    },
    "mllm_as_a_judge/batch": {"official_levenshtein": lambda all_: over(distance, own(all_))},
    "vl_rewardbench/vl_rewardbench": {
        "official_overall_accuracy": overall,
        "official_macro_average": lambda all_: over(overall, all_),
    },
    "multimodal_rewardbench/multimodal_rewardbench": {"official_accuracy": lambda all_: share_right(own(all_), 0.5)},
    "mm_rlhf_rewardbench/mm_rlhf_rewardbench": {
        "official_accuracy": share_right,
        "official_acc_plus": by_id,
    },
    "genai_bench/": {"official_accuracy": lambda all_: share_right(own(all_))},
    "multimodal_rewardbench_2/": {"official_accuracy": overall},
    "imagereward/pairs": {"official_accuracy": share_right},
    "mjbench/": {
        "official_acc_with_ties": lambda all_: share_right(own(all_)),
        "official_acc_without_ties": lambda all_: without_ties(own(all_)),
    },
    "videogen_rewardbench/": {"official_acc_with_ties": share_right, "official_acc_without_ties": of_untied},
    "editreward_bench/2pair": {"official_accuracy": lambda all_: share_right(own(all_))},
    "editreward_bench/3pair": {"official_group_accuracy": lambda all_: by_id(own(all_))},
    "editreward_bench/4pair": {"official_group_accuracy": lambda all_: by_id(own(all_))},
    "editscore_bench/": {"official_average": lambda all_: over(share_right, all_)},
    "hpdv2/": {"official_accuracy": share_right},
    "hpdv3/": {"official_accuracy": share_right},
    "multi_crit/": {
        "official_overall": lambda all_: share_right(own(all_)),
        "official_macro_avg": lambda all_: over(share_right, own(all_)),
        "official_pluralistic_acc": lambda all_: by_id(own(all_)),
    },
    "omni_rewardbench/": {
        "official_acc_with_ties": lambda all_: share_right(own(all_)),
        "official_acc_without_ties": lambda all_: of_untied(own(all_)),
    },
    "videorewardbench/": {"official_overall_accuracy": share_right},
    "unsafebench/unsafebench": {"official_f1": f1_of_unsafe},
    "seetrue/seetrue": {"official_roc_auc": area},
    "agin/": {
        "official_srcc": lambda all_: against_opinion(stats.spearmanr, all_),
        "official_krcc": lambda all_: against_opinion(stats.kendalltau, all_),
    },
}


def definitions(data):
    (found,) = [
        several for key, several in DEFINITIONS.items() if data == key or (key[-1] == "/" and data.startswith(key))
    ]
    return found


def values(data, judgments):
    found = {one.name: one for one in measures_of(judgments, data)}
    weights = [[1.0] * len(judgments)]
    return {name: float(metric_of(one)(np.array(weights))[0]) for name, one in found.items()}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("data", OFFICIAL)
def test_every_official_number_is_its_definition_in_plain_loops(data, seed):
    judgments = drawn(data, seed)
    found = values(data, judgments)
    wanted = {name: define(judgments) for name, define in definitions(data).items()}
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)
    assert {name for name in found if name.startswith("official_") and "[" not in name} == set(wanted)


@pytest.mark.parametrize("data", OFFICIAL)
def test_a_resample_weighs_samples_as_if_they_were_repeated(data):
    judgments = drawn(data, 7)
    draw = random.Random(1)
    times = {group: draw.choice([1, 2, 3]) for group in sorted({one.group for one in judgments})}
    weights = np.array([[float(times[one.group]) for one in judgments]])
    found = {one.name: float(metric_of(one)(weights)[0]) for one in measures_of(judgments, data)}
    repeated = [
        Judgment(**{**vars(one), "id": f"{one.id}-{copy}", "group": f"{one.group}-{copy}"})
        for one in judgments
        for copy in range(times[one.group])
    ]
    for name, define in definitions(data).items():
        assert found[name] == pytest.approx(define(repeated)), name


def test_a_judges_own_tie_is_wrong_with_ties_and_left_out_without():
    for seed in range(5):
        pairs = own(drawn("mllm_as_a_judge/pair", seed))
        judgments = [one for one in pairs if one.label != "tie"]  # as in MJ-Bench, people have no tie
        assert Counter(one.answer for one in judgments)["tie"]
        rows = range(len(judgments))
        weights = np.array([[1.0] * len(judgments)])
        with_ties = scores.accuracy("x", judgments, rows, unreadable=0.0)
        without = scores.accuracy_without_ties("x", judgments, rows)
        assert float(metric_of(with_ties)(weights)[0]) == pytest.approx(share_right(judgments))
        assert float(metric_of(without)(weights)[0]) == pytest.approx(without_ties(judgments))


def test_a_coin_for_unreadable_replies_has_the_expected_value_that_is_reported():
    judgments = drawn("multimodal_rewardbench/multimodal_rewardbench", 3)
    reported = values("multimodal_rewardbench/multimodal_rewardbench", judgments)["official_accuracy"]
    draw = random.Random(0)
    tried = [mean((one.answer or draw.choice("AB")) == one.label for one in own(judgments)) for _ in range(4000)]
    assert mean(tried) == pytest.approx(reported, abs=0.005)
    unsafe = drawn("unsafebench/unsafebench", 3, number=600)
    reported = values("unsafebench/unsafebench", unsafe)["official_f1"]
    tried = []
    for _ in range(500):
        said = [(one.label, one.answer or draw.choice(one.choices)) for one in unsafe]
        tried.append(2 * said.count(("unsafe", "unsafe")) / sum(pair.count("unsafe") for pair in said))
    assert mean(tried) == pytest.approx(reported, abs=0.005)


def test_categories_stand_under_the_official_name_and_in_the_file():
    data = "multimodal_rewardbench/multimodal_rewardbench"
    judgments = drawn(data, 4)
    found = analyse(judgments, data=data, resamples=20)
    for part in categories(own(judgments)):
        estimate = found.estimates[f"official_accuracy[{part[0].task}]"]
        assert estimate.value == pytest.approx(share_right(part, 0.5))
        assert (estimate.n, estimate.coverage) == (len(part), 1.0)
    content = found.to_json()
    assert content["data"] == data
    assert set(content["official"]) == {"official_accuracy"}
    assert content["official"]["official_accuracy"]["source"].startswith("facebookresearch/")
    assert not [name for name in analyse(judgments, resamples=9).estimates if name.startswith("official_")]


def test_nothing_readable_is_no_number_where_such_replies_are_left_out():
    judgments = [Judgment(**{**vars(one), "answer": None}) for one in drawn("vl_rewardbench/vl_rewardbench", 0)]
    found = analyse(judgments, data="vl_rewardbench/vl_rewardbench", resamples=9).estimates
    assert math.isnan(found["official_overall_accuracy"].value)
    assert found["official_overall_accuracy"].coverage == 0


def test_every_official_metric_is_declared():
    for several in OFFICIAL.values():
        assert len({one.metric for one in several}) == len(several)
        assert all(METRICS[plain(one.metric)] == one.best for one in several)


def test_the_page_shows_the_table():
    page = (Path(__file__).parents[2] / "docs" / "published-numbers.md").read_text(encoding="utf-8")
    assert as_markdown(page_table()) in page


def page_table():
    """The table of docs/published-numbers.md: print it with `python tests/metrics/test_official.py`."""
    columns = (
        "data set",
        "the authors call it",
        "metric here",
        "formula",
        "orders",
        "unreadable reply",
        "ties",
        "source",
        "not the same",
    )
    rows = {}
    for data, several in OFFICIAL.items():
        benchmark, task = data.split("/")
        shown = f"{benchmark}, {task}" if benchmark in ("mllm_as_a_judge", "imagereward") else benchmark
        for one in several:
            orders = "both" if one.orders == "both" else "the data's own"
            counted = (one.formula, orders, one.unreadable, one.ties, one.source, one.differs)
            rows[shown, one.metric] = [shown, one.name, f"`{one.metric}`", *counted]
    return Table(columns, list(rows.values()))


if __name__ == "__main__":
    print(as_markdown(page_table()))

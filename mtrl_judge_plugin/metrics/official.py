"""The numbers that the authors of each data set publish, by their own definition: data in one table.

A data set is named by its benchmark and task, "mllm_as_a_judge/pair". Its official metrics stand in every analysis of
it beside ours, as `official_...`, with interval, n and coverage. They are written from the formulas of the authors'
scripts and papers; docs/published-numbers.md shows this table.

Where the authors replace something random (an unreadable reply by a coin's verdict, the order of a pair by a draw), the
number here is its expected value: it does not depend on a seed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from mtrl_judge_plugin.metrics import official_preferences
from mtrl_judge_plugin.metrics import scores_of_authors as scores
from mtrl_judge_plugin.metrics.arrays import Array
from mtrl_judge_plugin.metrics.measures.bound import METRICS, Judgments, Measure
from mtrl_judge_plugin.metrics.official_metric import NO_ORDER, WRONG, Official

_MLLM = "Chen et al. 2024, arXiv 2402.04788; the repository holds no scoring script"
_MLLM_DIFFERS = "treatment of unreadable replies not confirmed"

_GENAI_BENCH = Official(
    metric="official_accuracy",
    name="Accuracy",
    formula="verdicts that equal the vote, of four (A, B, both good, both bad) / votes",
    score=WRONG,
    unreadable="wrong",
    ties="both good and both bad are classes",
    source="TIGER-AI-Lab/GenAI-Bench, inference.py and show_results.py",
    differs="their script also takes [[A=B]] for right on either tie; it is no choice here",
)
_MMRB2 = Official(
    metric="official_accuracy",
    name="Accuracy",
    formula="right verdicts / readable verdicts",
    score=scores.accuracy,
    orders="both",
    unreadable="left out",
    source="facebookresearch/MMRB2, compute_accuracy.py",
)
_MJ_BENCH_SOURCE = "MJ-Bench/MJ-Bench, utils/rm_utils.py; Chen et al. 2024, arXiv 2407.04842"
_MJ_BENCH = (
    Official(
        metric="official_acc_with_ties",
        name="Avg w/ tie",
        formula="right verdicts / pairs",
        score=WRONG,
        unreadable="as a tie",
        ties="the judge's tie is wrong; people have none",
        source=_MJ_BENCH_SOURCE,
        differs="the script that averages is not public: not confirmed. This task offers no tie. Some parts only hold "
        "labels of the first image: a judge that always says A is right there",
    ),
    Official(
        metric="official_acc_without_ties",
        name="Avg w/o tie",
        formula="right verdicts / decided verdicts",
        score=scores.accuracy_without_ties,
        unreadable="as a tie",
        ties="the judge's tie is left out",
        source=_MJ_BENCH_SOURCE,
        differs="as with ties",
    ),
)
_AGIN_SOURCE = "zijianchen98/AGIN, JOINT/utils/function.py"
_AGIN_DIFFERS = (
    "the judge's number is P(yes), or 1 and 0. Not computed: PLCC, RMSE, MAE, which fit a logistic curve first"
)
_AGIN = (
    Official(
        metric="official_srcc",
        name="SRCC",
        formula="Spearman's correlation of predicted and mean opinion score",
        score=scores.srcc,
        unreadable="left out; the authors' model has none",
        source=_AGIN_SOURCE,
        differs=_AGIN_DIFFERS,
    ),
    Official(
        metric="official_krcc",
        name="KRCC",
        formula="Kendall's tau-b of the same two",
        score=scores.krcc,
        unreadable="left out; the authors' model has none",
        source=_AGIN_SOURCE,
        differs=_AGIN_DIFFERS,
    ),
)

#: Data set ("benchmark/task") -> what its authors publish, the main number first.
OFFICIAL: dict[str, tuple[Official, ...]] = {
    "mllm_as_a_judge/score": (
        Official(
            metric="official_pearson",
            name="Score (Pearson)",
            formula="Pearson's correlation of scores, in each source data set, then the mean over these",
            score=scores.pearson,
            over="categories",
            unreadable="left out",
            source=_MLLM,
            differs=_MLLM_DIFFERS,
        ),
    ),
    "mllm_as_a_judge/pair": (
        Official(
            metric="official_acc_with_ties",
            name="Pair w. Tie (accuracy)",
            formula="right verdicts of three classes (A, B, tie) / rows, in each source data set, then the mean",
            score=scores.accuracy,
            over="categories",
            unreadable="left out",
            ties="a tie is a class",
            source=_MLLM,
            differs=_MLLM_DIFFERS,
        ),
        Official(
            metric="official_acc_without_ties",
            name="Pair w.o. Tie (accuracy)",
            formula="right verdicts / rows where neither side has a tie, in each source data set, then the mean",
            score=scores.accuracy_without_ties,
            over="categories",
            unreadable="left out",
            ties="left out, of people and of the judge",
            source=_MLLM,
            differs=f"{_MLLM_DIFFERS}; nor whose ties are left out",
        ),
    ),
    "mllm_as_a_judge/batch": (
        Official(
            metric="official_levenshtein",
            name="Batch (normalised Levenshtein distance)",
            formula="edit distance / longer length, its mean in each source data set, then the mean over these",
            score=scores.levenshtein,
            over="categories",
            unreadable="left out",
            source=_MLLM,
            differs=_MLLM_DIFFERS,
            best="lowest",
        ),
    ),
    "vl_rewardbench/vl_rewardbench": (
        Official(
            metric="official_overall_accuracy",
            name="Overall Accuracy",
            formula="right verdicts / readable verdicts",
            score=scores.accuracy,
            orders="both",
            unreadable="left out",
            source="vl-rewardbench/VL_RewardBench, cal.py",
            differs="they draw one order a reply, and take the majority of K replies: K = 1 here",
        ),
        Official(
            metric="official_macro_average",
            name="Macro Average Acc",
            formula="right / readable verdicts in each of reasoning, hallucination and general, then the mean",
            score=scores.accuracy,
            over="categories",
            orders="both",
            unreadable="left out",
            source="vl-rewardbench/VL_RewardBench, cal.py",
            differs="as above. The script tells the category by the image's folder, here it is told by the id",
        ),
    ),
    "multimodal_rewardbench/multimodal_rewardbench": (
        Official(
            metric="official_accuracy",
            name="acc all, and acc of each category",
            formula="right verdicts / rows",
            score=partial(scores.accuracy, unreadable=0.5),
            unreadable="a coin decides: half right",
            source="facebookresearch/multimodal_rewardbench, scripts/2_get_accuracy.py",
            differs="500 of the paper's rows are not public: its overall and safety figures are of more rows",
        ),
    ),
    "mm_rlhf_rewardbench/mm_rlhf_rewardbench": (
        Official(
            metric="official_accuracy",
            name="Acc",
            formula="pairs whose chosen answer is preferred / pairs",
            score=WRONG,
            orders="both",
            unreadable="wrong; the authors' reward model has none",
            ties="equal rewards are wrong",
            source="MM-RLHF, llava/eval/cal_performance_mmreweard_bench.py",
            differs=NO_ORDER,
        ),
        Official(
            metric="official_acc_plus",
            name="Acc+",
            formula="ids whose every pair is right / ids",
            score=scores.acc_plus,
            orders="both",
            unreadable="wrong; the authors' reward model has none",
            ties="equal rewards are wrong",
            source="MM-RLHF, llava/eval/cal_performance_mmreweard_bench.py",
            differs=NO_ORDER,
        ),
    ),
    **dict.fromkeys(
        (f"genai_bench/{task}" for task in ("image_generation", "image_edition", "video_generation")), (_GENAI_BENCH,)
    ),
    **dict.fromkeys(
        (f"multimodal_rewardbench_2/{task}" for task in ("t2i", "edit", "interleaved", "reasoning")), (_MMRB2,)
    ),
    "imagereward/pairs": (
        Official(
            metric="official_accuracy",
            name="Test Acc",
            formula="pairs of images of one prompt in the right order / pairs",
            score=WRONG,
            orders="both",
            unreadable="wrong; the authors' reward model has none",
            ties="pairs that people tie are left out; the judge's tie is wrong",
            source="THUDM/ImageReward, test.py",
            differs=NO_ORDER,
        ),
    ),
    **dict.fromkeys((f"mjbench/{task}" for task in ("alignment", "safety", "quality")), _MJ_BENCH),
    "unsafebench/unsafebench": (
        Official(
            metric="official_f1",
            name="F1",
            formula="2TP / (2TP + FP + FN), unsafe is the positive class",
            score=partial(scores.f1, positive="unsafe"),
            unreadable="a coin decides: half unsafe",
            source="YitingQu/UnsafeBench, PerspectiveVision/eval.py and assess_effectiveness.py",
            differs="the F1 by category of their main table needs the category, which is not read",
        ),
    ),
    "seetrue/seetrue": (
        Official(
            metric="official_roc_auc",
            name="ROC AUC",
            formula="area under the ROC curve of verdicts, yes = 1 and no = 0",
            score=partial(scores.roc_auc, positive="yes"),
            unreadable="no",
            source="yonatanbitton/wysiwyr, e2e_vnli/itm_vqa_blip2_test.py",
            differs="they compute it for each source of the rows, all rows; here all sources of our split are one",
        ),
    ),
    **dict.fromkeys((f"agin/{task}" for task in ("naturalness", "technical", "rationality")), _AGIN),
}
OFFICIAL |= official_preferences.OFFICIAL
METRICS.update({one.metric: one.best for several in OFFICIAL.values() for one in several})


def described(data: str) -> dict[str, dict[str, str]]:
    """Metric -> what there is to know of it, for a data set; empty where nothing official is known."""
    return {one.metric: one.described() for one in OFFICIAL.get(data, ())}


def measures(data: str, judgments: Judgments) -> Iterator[Measure]:
    """The official numbers of a data set, and each of them by category where there are several."""
    for one in OFFICIAL.get(data, ()):
        rows = [row for row, judgment in enumerate(judgments) if judgment.label is not None]
        if one.orders == "own":
            rows = [row for row in rows if judgments[row].variant == "original"]
        else:
            rows = [row for row in rows if judgments[row].variant in ("original", "swapped")]
        if not rows:
            continue
        parts: dict[str, list[int]] = defaultdict(list)
        for row in rows:
            parts[judgments[row].task].append(row)
        of_parts = [one.score(f"{one.metric}[{task}]", judgments, part) for task, part in sorted(parts.items())]
        yield one.score(one.metric, judgments, rows) if one.over == "rows" else _mean(one.metric, rows, of_parts)
        yield from of_parts if len(of_parts) > 1 else ()


def _mean(name: str, rows: Sequence[int], parts: Sequence[Measure]) -> Measure:
    """The unweighted mean of Measures; each gets the weights of its own rows."""
    place = {row: number for number, row in enumerate(rows)}
    columns = [np.array([place[row] for row in part.rows], dtype=np.int64) for part in parts]

    def mean(weights: Array) -> Array:
        found = [part.function(weights=weights[:, its]) for part, its in zip(parts, columns, strict=True)]
        means: Array = np.mean(found, axis=0)
        return means

    return Measure(name, np.array(rows), mean, sum(part.scored for part in parts))

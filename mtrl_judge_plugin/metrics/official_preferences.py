"""Official numbers of data sets of preferences: generated images and videos, edits, answers by criteria."""

from __future__ import annotations

from mtrl_judge_plugin.metrics import scores_of_authors as scores
from mtrl_judge_plugin.metrics.official_metric import NO_ORDER, WRONG, Official

_VIDEOALIGN = "KwaiVGI/VideoAlign, calc_accuracy.py"
_VIDEOGEN = (
    Official(
        metric="official_acc_with_ties",
        name="accuracy with ties",
        formula="right verdicts of three classes (A, B, same) / pairs",
        score=WRONG,
        orders="both",
        unreadable="wrong; the authors' reward model has none",
        ties="same is a class",
        source=_VIDEOALIGN,
        differs=f"{NO_ORDER}. For scores they choose the width of a tie that is best on the data; pairs without a "
        "label are left out here, and wrong there",
    ),
    Official(
        metric="official_acc_without_ties",
        name="accuracy without ties",
        formula="right verdicts / pairs that people do not tie",
        score=scores.accuracy_of_untied,
        orders="both",
        unreadable="wrong; the authors' reward model has none",
        ties="people's are left out; the judge's is wrong",
        source=_VIDEOALIGN,
        differs=NO_ORDER,
    ),
)
_EDITREWARD = "TIGER-AI-Lab/EditReward, inference_2pair_hf.py to inference_4pair_hf.py"
_PAIRS_OF_EDITS = Official(
    metric="official_accuracy",
    name="accuracy (2-pair)",
    formula="verdicts that equal the ranking, of three (A>B, B>A, A=B) / rows",
    score=WRONG,
    unreadable="wrong; left out where the judge's API failed",
    ties="a tie is a class",
    source=_EDITREWARD,
)
_GROUPS_OF_EDITS = Official(
    metric="official_group_accuracy",
    name="group accuracy",
    formula="groups whose every comparison is right / groups",
    score=scores.acc_plus,
    unreadable="wrong",
    ties="the judge's tie is wrong where people have none",
    source=_EDITREWARD,
    differs="they count a group with missing comparisons as wrong; the judge is offered a tie here",
)
_EDITSCORE = Official(
    metric="official_average",
    name="average",
    formula="preferred edits with the higher score / pairs, in each task type, then the mean over these",
    score=WRONG,
    over="categories",
    orders="both",
    unreadable="wrong",
    ties="equal scores are wrong; here a tie is no choice",
    source="VectorSpaceLab/EditScore, calculate_statistics.py",
    differs=NO_ORDER,
)
_HPDV3 = Official(
    metric="official_accuracy",
    name="preference accuracy",
    formula="preferred images with the higher score / pairs",
    score=WRONG,
    orders="both",
    unreadable="wrong; the authors' reward model has none",
    ties="equal scores are wrong",
    source="MizzenAI/HPSv3, evaluate.py, read in a public fork",
    differs=NO_ORDER,
)
_HPDV2 = Official(
    metric="official_accuracy",
    name="ranking accuracy, as HPSv3 computes it",
    formula="pairs of images of one prompt in the right order / pairs that people do not tie",
    score=WRONG,
    orders="both",
    unreadable="wrong; the authors' reward model has none",
    ties="pairs that people tie are left out; equal scores are wrong",
    source="MizzenAI/HPSv3, evaluate.py, read in a public fork",
    differs=f"{NO_ORDER}. HPSv2's own script counts ties as right, and takes the mean over prompts",
)
_MULTI_CRIT_SOURCE = "lmms-eval, tasks/multi_crit, a port of the authors' script"
_MULTI_CRIT = (
    Official(
        metric="official_overall",
        name="overall",
        formula="right verdicts / rows",
        score=WRONG,
        unreadable="wrong, after a second model has looked for a verdict",
        source=_MULTI_CRIT_SOURCE,
        differs="no second model reads replies here",
    ),
    Official(
        metric="official_macro_avg",
        name="macro_avg",
        formula="right verdicts / rows of each criterion, then the mean over criteria",
        score=WRONG,
        over="categories",
        unreadable="wrong, as above",
        source=_MULTI_CRIT_SOURCE,
        differs="as above; they round each criterion first",
    ),
    Official(
        metric="official_pluralistic_acc",
        name="pluralistic_acc",
        formula="prompts that are right by all their criteria / prompts",
        score=scores.acc_plus,
        unreadable="wrong, as above",
        source=_MULTI_CRIT_SOURCE,
        differs="as above. Not computed: tradeoff_sensitivity and conflict_matching",
    ),
)
_OMNI_SOURCE = "HongbangYuan/OmniReward, run_exp.py"
_OMNI = (
    Official(
        metric="official_acc_with_ties",
        name="accuracy, w/ ties",
        formula="right verdicts of three classes / rows",
        score=WRONG,
        unreadable="wrong, after five tries",
        ties="a tie is a class",
        source=_OMNI_SOURCE,
    ),
    Official(
        metric="official_acc_without_ties",
        name="accuracy, w/o ties",
        formula="right verdicts / rows that people do not tie",
        score=scores.accuracy_of_untied,
        unreadable="wrong, after five tries",
        ties="people's are left out; the judge's is wrong",
        source=_OMNI_SOURCE,
        differs="they offer the judge no tie in this setting",
    ),
)
_VIDEOREWARDBENCH = Official(
    metric="official_overall_accuracy",
    name="Overall",
    formula="right verdicts / rows",
    score=WRONG,
    orders="both",
    unreadable="wrong; not confirmed",
    source="Zhang et al. 2025, arXiv 2509.00484: the published figures are the mean over rows; no script was found",
    differs="how they order the answers is not confirmed: here it is the mean of both orders",
)
#: Data set ("benchmark/task") -> what its authors publish, the main number first.
OFFICIAL: dict[str, tuple[Official, ...]] = {
    **{
        f"videogen_rewardbench/{task}": _VIDEOGEN
        for task in ("overall", "visual_quality", "motion_quality", "text_alignment")
    },
    "editreward_bench/2pair": (_PAIRS_OF_EDITS,),
    "editreward_bench/3pair": (_GROUPS_OF_EDITS,),
    "editreward_bench/4pair": (_GROUPS_OF_EDITS,),
    **{f"editscore_bench/{task}": (_EDITSCORE,) for task in ("prompt_following", "consistency", "overall")},
    "hpdv3/hpdv3": (_HPDV3,),
    "hpdv2/hpdv2": (_HPDV2,),
    **{f"multi_crit/{task}": _MULTI_CRIT for task in ("open_ended", "reasoning")},
    **{
        f"omni_rewardbench/{task}": _OMNI
        for task in (
            *("text_to_text", "text_image_to_text", "text_video_to_text", "text_to_image", "text_image_to_image"),
            *("text_to_video", "text_to_3D"),
        )
    },
    "videorewardbench/videorewardbench": (_VIDEOREWARDBENCH,),
}

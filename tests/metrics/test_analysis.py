"""The analysis of a run: what its judgments hold decides which metrics it has, and each value is checked by hand."""

import json
import math
import random

import pytest

from mtrl_judge_plugin.metrics.analysis import analyse
from mtrl_judge_plugin.metrics.judgments import Judgment, from_record
from mtrl_judge_plugin.metrics.measures import FAMILIES, METRICS, plain
from mtrl_judge_plugin.metrics.measures.bound import mean_of, yields

OTHER = {"A": "B", "B": "A", "yes": "no", "no": "yes"}


def judgment(number, label, answer, variant="original", form="pointwise", **changes):
    choices = {"pointwise": ("yes", "no"), "pairwise": ("A", "B"), "score": tuple("12345"), "ranking": ("ABC", "CBA")}
    given = {"task": "t", "group": str(number), "choices": choices[form]}
    return Judgment(
        **{
            "id": f"{number}-{variant}",
            "origin": str(number),
            "variant": variant,
            "form": form,
            "label": label,
            "answer": answer,
        }
        | given
        | changes
    )


def pair(number, label, first, second, **changes):
    """Both orders of a pair; the verdicts as the judge gave them."""
    return [
        judgment(number, label, first, form="pairwise", **changes),
        judgment(number, OTHER.get(label, label), second, "swapped", form="pairwise", **changes),
    ]


def value(judgments, name, **options):
    return analyse(judgments, resamples=50, **options).estimates[name].value


def test_a_table_of_classes_by_hand():
    answers = ["yes", "yes", "no", None, "no", "yes"]
    labels = ["yes"] * 4 + ["no"] * 2
    found = analyse([judgment(n, *both) for n, both in enumerate(zip(labels, answers, strict=True))])
    estimates = found.estimates
    assert estimates["accuracy"].value == pytest.approx(3 / 5)
    assert estimates["accuracy_unscored_wrong"].value == pytest.approx(3 / 6)
    assert (estimates["accuracy"].n, estimates["accuracy"].coverage) == (6, pytest.approx(5 / 6))
    assert estimates["recall[yes]"].value == pytest.approx(2 / 3)
    assert found.confusion["pointwise"] == {"classes": ["yes", "no"], "rows": [[2, 1, 1], [1, 1, 0]]}
    assert found.answers["pointwise"] == {"yes": 3, "no": 2, "None": 1}


def test_pairs_in_both_orders_by_hand():
    judgments = [
        *pair(0, "A", "A", "B"),  # right in both orders
        *pair(1, "A", "A", "A"),  # always the first
        *pair(2, "B", "A", "B"),  # wrong in both
        *pair(3, "B", "B", None),  # the other order unscored
    ]
    assert value(judgments, "acc_plus") == pytest.approx(1 / 3), "a pair right as far as it is scored is unscored"
    assert value(judgments, "acc_plus_unscored_wrong") == pytest.approx(1 / 4)
    assert value(judgments, "swap_consistency") == pytest.approx(2 / 3)
    assert value(judgments, "position_bias") == pytest.approx((4 - 3) / 7)
    assert value(judgments, "accuracy") == pytest.approx(4 / 7)


def test_human_ties_are_left_out_of_one_accuracy_and_a_judges_tie_is_wrong_there():
    choices = ("A", "B", "tie")
    judgments = [
        *pair(0, "A", "A", "tie", choices=choices),
        *pair(1, "tie", "tie", "B", choices=choices),
    ]
    assert value(judgments, "accuracy") == pytest.approx(2 / 4)
    assert value(judgments, "accuracy_without_ties") == pytest.approx(1 / 2)


def test_a_reply_that_is_missing_by_chance_does_not_count_as_wrong():
    judgments = [*pair(0, "A", "A", "B"), *pair(1, "A", "B", None), *pair(2, "A", "A", None)]
    estimate = analyse(judgments, resamples=9).estimates["acc_plus"]
    assert (estimate.value, estimate.coverage) == (1.0, pytest.approx(1 / 3))


def test_every_pair_of_a_group_right_in_the_datas_own_order():
    same = {"group": "image"}
    judgments = [*pair(0, "A", "A", "B", **same), *pair(1, "A", "A", "A", **same), *pair(2, "A", "B", "B", group="x")]
    assert value(judgments, "acc_plus") == pytest.approx(1 / 3)
    assert value(judgments, "acc_plus_group") == pytest.approx(1 / 2), "the published Acc+ knows one order"


def test_nothing_depends_on_the_order_in_which_judgments_come():
    judgments = [judgment(n, "yes", "yes") for n in range(3)] + [
        one for n in range(3, 6) for one in pair(n, "A", "A", "A")
    ]
    assert analyse(judgments, resamples=50).to_json() == analyse(judgments[::-1], resamples=50).to_json()


def test_accuracy_by_category_and_their_mean():
    judgments = [judgment(n, "yes", "yes", task="a") for n in range(3)] + [judgment(9, "yes", "no", task="b")]
    assert value(judgments, "accuracy") == 0.75
    assert value(judgments, "accuracy[a]") == 1.0
    assert value(judgments, "accuracy_over_categories") == 0.5


def test_scores_and_single_ratings():
    pairs = [(1, 2), (2, 2), (3, 3), (4, 5)]
    judgments = [
        judgment(n, str(label), str(answer), form="score", ratings=(label, label))
        for n, (label, answer) in enumerate(pairs)
    ]
    assert value(judgments, "pearson") == pytest.approx(0.9128709291752769)
    assert value(judgments, "krippendorff_alpha_humans") == 1.0
    assert 0 < value(judgments, "krippendorff_alpha_with_judge") < 1


def test_unscored_answers_take_their_raters_along():
    """What the humans say to each other about them is no agreement with the judge."""
    labels = ["1", "2", "3", "4"] * 5
    judgments = [judgment(n, x, None, form="score", ratings=(int(x), int(x))) for n, x in enumerate(labels)]
    found = analyse(judgments, resamples=9).estimates
    assert found["krippendorff_alpha_humans"].value == 1.0
    assert math.isnan(found["krippendorff_alpha_with_judge"].value)
    some = [judgment(20 + n, x, "5", form="score", ratings=(int(x), int(x))) for n, x in enumerate("1234")]
    assert value([*judgments, *some], "krippendorff_alpha_with_judge") == value(some, "krippendorff_alpha_with_judge")


def test_ratings_go_with_a_probability_only_where_there_are_two_choices():
    three = [judgment(n, "a", "a", choices=("a", "b", "c"), ratings=(n,)) for n in range(4)]
    assert "pearson_with_ratings" not in analyse(three, resamples=9).estimates
    two = [judgment(n, answer, answer, ratings=(n,)) for n, answer in enumerate(["no", "no", "yes", "yes"])]
    assert value(two, "pearson_with_ratings") == pytest.approx(0.894427190999916)


def test_ties_are_no_part_of_position_bias():
    ties = [one for n in range(8) for one in pair(n, "A", "tie", "tie", choices=("A", "B", "tie"))]
    found = analyse([*ties, *pair(8, "A", "A", "A")], resamples=9).estimates["position_bias"]
    assert (found.value, found.n, found.coverage) == (1.0, 18, pytest.approx(2 / 18))


def test_probabilities_give_calibration_and_votes_are_probabilities_too():
    judgments = [
        judgment(0, "yes", "yes", probabilities={"yes": 0.9, "no": 0.1}),
        judgment(1, "no", "yes", probabilities={"yes": 0.6, "no": 0.4}),
        judgment(2, "no", "no", probabilities={"no": 1.0}),
        judgment(3, "no", None),
    ]
    found = analyse(judgments, resamples=50)
    assert found.estimates["roc_auc"].value == 1.0
    assert found.estimates["brier"].value == pytest.approx((0.02 + 0.72 + 0) / 3)
    assert found.estimates["ece"].value == pytest.approx((0.1 + 0.6 + 0) / 3)
    assert found.estimates["ece"].coverage == 0.75
    assert found.estimates["aurc"].value == pytest.approx((0 + 0 + 1 / 3) / 3)
    assert [row[2] for row in found.reliability["pointwise"]] == [1, 1, 1]
    tied = [*judgments, judgment(4, "no", None, probabilities={"yes": 0.5, "no": 0.5})]
    again = analyse(tied, resamples=9).estimates
    assert again["brier"].value == found.estimates["brier"].value, "a tied vote has shares and no verdict"
    assert (again["ece"].coverage, again["roc_auc"].coverage) == (0.6, 0.6)
    assert found.risk_coverage["pointwise"][-1] == [1.0, pytest.approx(1 / 3)]


def test_repeats_paraphrases_and_images():
    judgments = [
        judgment(0, "yes", "yes", answers=("yes", "yes", "no")),
        judgment(0, "yes", "yes", "paraphrase-2"),
        judgment(0, "yes", "no", "paraphrase-3"),
        judgment(0, None, "yes", "image-removed"),
        judgment(0, None, "no", "image-exchanged"),
    ]
    assert value(judgments, "repeat_consistency") == pytest.approx(1 / 3)
    assert value(judgments, "paraphrase_consistency") == pytest.approx(1 / 3)
    assert value(judgments, "unchanged_without_image") == 1.0
    assert value(judgments, "unchanged_with_other_image") == 0.0
    assert analyse(judgments, resamples=9).estimates["accuracy"].n == 1, "other wordings are no further samples"


def test_repeats_that_are_all_unscored_have_no_value():
    found = analyse([judgment(n, "yes", None, answers=(None, None)) for n in range(3)], resamples=9).estimates
    assert math.isnan(found["repeat_fleiss_kappa"].value)
    assert (found["repeat_consistency"].n, found["repeat_consistency"].coverage) == (3, 0)


def test_form_consistency_leaves_equal_scores_out():
    def alone(number, first, second):
        yield judgment(number, None, first, "alone-A", form="score")
        yield judgment(number, None, second, "alone-B", form="score")

    judgments = [*pair(0, "A", "A", "B"), *alone(0, "5", "2"), *pair(1, "A", "A", "B"), *alone(1, "1", "2")]
    judgments += [*pair(2, "A", "A", "B"), *alone(2, "3", "3")]
    estimate = analyse(judgments, resamples=9).estimates["form_consistency"]
    assert estimate.value == 0.5
    assert estimate.coverage == pytest.approx(2 / 3)


def test_preferences_that_go_round_in_a_circle():
    def triad(number, ab, bc, ac):
        yield judgment(number, "ABC", "ABC", form="ranking")
        for variant, answer in (("pair-AB", ab), ("pair-BC", bc), ("pair-AC", ac)):
            yield judgment(number, "A", answer, variant, form="pairwise")
            yield judgment(number, "B", OTHER.get(answer), f"{variant}-swapped", form="pairwise")

    judgments = [*triad(0, "A", "A", "B"), *triad(1, "A", "A", "A"), *triad(2, "A", "A", None)]
    estimate = analyse(judgments, resamples=9).estimates["cyclic_triads"]
    assert (estimate.value, estimate.n, estimate.coverage) == (0.5, 3, pytest.approx(2 / 3))
    assert value(judgments, "pairwise.swap_consistency") == 1.0


def test_length_bias_is_nothing_for_a_judge_that_agrees_with_balanced_people():
    lengths = (10, 20)
    fair = [one for n in range(20) for one in pair(n, "AB"[n % 2], "AB"[n % 2], "BA"[n % 2], lengths=lengths)]
    wordy = [one for n in range(20) for one in pair(n, "AB"[n % 2], "B", "A", lengths=lengths)]
    # Lengths stand in the order shown: the swapped twin has them exchanged.
    for judgments in (fair, wordy):
        judgments[1::2] = [from_record(vars(one) | {"lengths": lengths[::-1]}) for one in judgments[1::2]]
    assert value(fair, "length_bias") == pytest.approx(0.0)
    assert value(wordy, "length_bias") == pytest.approx(math.log(20.5 / 0.5))


def test_coin_flips_are_covered_as_often_as_the_interval_says(capsys):
    """A fair coin for each order of 100 pairs, 200 seeds: accuracy, Acc+ and swap consistency have known means."""
    truth = {"accuracy": 0.5, "swap_consistency": 0.5, "acc_plus": 0.25, "position_bias": 0.0, "cohen_kappa": 0.0}
    covered = dict.fromkeys(truth, 0)
    for seed in range(200):
        dice = random.Random(seed)
        judgments = [
            one for n in range(100) for one in pair(n, dice.choice("AB"), dice.choice("AB"), dice.choice("AB"))
        ]
        found = analyse(judgments, resamples=400, seed=seed).estimates
        for name, mean in truth.items():
            covered[name] += found[name].low <= mean <= found[name].high
    shares = {name: count / 200 for name, count in covered.items()}
    with capsys.disabled():
        print(f"\n95 % intervals of a coin-flip judge hold the truth in {shares} of 200 repeats")
    assert all(0.90 <= share <= 0.99 for share in shares.values()), shares


def test_an_analysis_is_json_whatever_is_undefined():
    content = json.dumps(analyse([judgment(0, "yes", None)], resamples=9).to_json(), allow_nan=False)
    assert json.loads(content)["metrics"]["accuracy"]["value"] is None


def test_every_name_in_an_analysis_is_one_that_a_yaml_may_use():
    judgments = [*pair(0, "A", "A", "B", task="x"), judgment(1, "yes", "yes", task="y", probabilities={"yes": 1.0})]
    for name in analyse(judgments, resamples=9).estimates:
        assert plain(name) in METRICS, name


def test_a_metric_that_is_not_declared_is_an_error():
    @yields("known_metric")
    def family(judgments, rows):
        yield mean_of("known_metric", rows, [1.0 for _ in rows])
        yield mean_of("known_metric[part]", rows, [1.0 for _ in rows])
        yield mean_of("forgotten", rows, [1.0 for _ in rows])

    try:
        assert METRICS["known_metric"] == "highest"
        found = family([], [])
        assert [next(found).name, next(found).name] == ["known_metric", "known_metric[part]"]
        with pytest.raises(KeyError, match=r"yields 'forgotten'; declare it in @yields\(...\)"):
            next(found)
    finally:
        FAMILIES.pop()
        del METRICS["known_metric"]


def test_what_is_best_of_a_metric_is_declared_with_it():
    assert {name for name, best in METRICS.items() if best == "zero"} == {"position_bias", "length_bias"}
    assert METRICS["levenshtein"] == METRICS["ece"] == METRICS["cyclic_triads"] == "lowest"
    assert METRICS["accuracy"] == METRICS["coverage"] == "highest"
    assert len(METRICS) == 60

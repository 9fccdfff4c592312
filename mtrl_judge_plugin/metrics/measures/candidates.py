"""What only candidates have: two orders, ties, positions, lengths, circles."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from mtrl_judge_plugin.metrics import consistency, rankings
from mtrl_judge_plugin.metrics.arrays import Array
from mtrl_judge_plugin.metrics.judgments import Judgment, by_item
from mtrl_judge_plugin.metrics.measures.bound import (
    Judgments,
    Measure,
    agreement_of,
    candidate,
    labelled_rows,
    mean_of,
    pick,
    yields,
)
from mtrl_judge_plugin.variants import restored


@yields(
    "accuracy_without_ties",
    "swap_consistency",
    "acc_plus",
    "acc_plus_unscored_wrong",
    "acc_plus_group",
    "acc_plus_group_unscored_wrong",
    zero=("position_bias", "length_bias"),
)
def pairs(judgments: Judgments, rows: Sequence[int]) -> Iterator[Measure]:
    """What only pairs have: ties, both orders, position, length."""
    rows = [row for row in rows if judgments[row].form == "pairwise"]
    labelled = labelled_rows(judgments, rows)
    untied = [row for row in labelled if pick(judgments[row].label)]
    if len(untied) < len(labelled):
        yield mean_of("accuracy_without_ties", untied, [judgments[row].agrees for row in untied])
    yield from _both_orders(judgments, rows, labelled)
    seen = [row for row in rows if judgments[row].base == "original" or judgments[row].base.startswith("pair-")]
    picks = np.array([pick(judgments[row].answer) for row in seen])
    if len(seen):
        decided = int((np.abs(picks) == 1).sum())
        yield Measure("position_bias", np.array(seen), partial(consistency.position_bias, picks), decided)
    texts = [row for row in untied if len(set(judgments[row].lengths)) == 2]
    if texts:
        chose = np.array([_takes_longer(judgments[row], judgments[row].answer) for row in texts])
        humans = np.array([_takes_longer(judgments[row], judgments[row].label) for row in texts])
        decided = int(np.isfinite(chose).sum())
        yield Measure("length_bias", np.array(texts), partial(consistency.length_bias, chose, humans), decided)


@yields("ranking_tau", "accuracy", "accuracy_unscored_wrong", "rotation_consistency", lowest=("levenshtein",))
def orders(judgments: Judgments, rows: Sequence[int]) -> Iterator[Measure]:
    """Rankings against the human order, and against themselves when the candidates are turned."""
    rows = [row for row in rows if judgments[row].form == "ranking"]
    labelled = labelled_rows(judgments, rows)
    if labelled:
        answers = [(judgments[row].label or "", judgments[row].answer) for row in labelled]
        for name, function in (("levenshtein", rankings.levenshtein), ("ranking_tau", rankings.ranking_tau)):
            values = [math.nan if answer is None else function(label, answer) for label, answer in answers]
            yield mean_of(name, labelled, values)
        yield mean_of("accuracy", labelled, [judgments[row].agrees for row in labelled])
        wrong = [float(judgments[row].answer == judgments[row].label) for row in labelled]
        yield mean_of("accuracy_unscored_wrong", labelled, wrong)
    items = by_item(judgments, rows)
    yield from agreement_of("rotation_consistency", judgments, [list(item.values()) for item in items.values()])


@yields(lowest=("cyclic_triads",), by_form=False)
def transitivity(judgments: Judgments, rows: Sequence[int]) -> Iterator[Measure]:
    """Share of cyclic triads among the triads that are decided: A over B, B over C, C over A."""
    families: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if judgments[row].base.startswith("pair-"):
            families[judgments[row].origin].append(row)
    if not families:
        return
    counts = np.array([_triads([judgments[row] for row in family]) for family in families.values()], dtype=float)
    firsts = np.array([family[0] for family in families.values()])
    yield Measure("cyclic_triads", firsts, partial(_share, counts[:, 0], counts[:, 1]), int((counts[:, 1] > 0).sum()))


def _both_orders(judgments: Judgments, rows: Sequence[int], labelled: Sequence[int]) -> Iterator[Measure]:
    items = [list(item.values()) for (_, base), item in by_item(judgments, rows).items() if len(item) > 1]
    yield from agreement_of("swap_consistency", judgments, items)
    whole = {judgments[row].origin for row in labelled}
    if whole and items:
        yield from _all_right("acc_plus", judgments, [item for item in items if set(item) <= set(labelled)])
    groups: dict[str, list[int]] = defaultdict(list)
    for row in labelled:
        if judgments[row].variant == "original":  # as published: the data's own order alone
            groups[judgments[row].group].append(row)
    if len(groups) < sum(map(len, groups.values())):
        yield from _all_right("acc_plus_group", judgments, list(groups.values()))


def _all_right(name: str, judgments: Judgments, items: Sequence[Sequence[int]]) -> Iterator[Measure]:
    """Share of items of which every judgment is right.

    An item with an unscored judgment is unscored, even if another is wrong: else what is missing by chance would count
    as wrong.
    """
    right = [[judgments[row].agrees for row in item] for item in items]
    firsts = [item[0] for item in items]
    yield mean_of(name, firsts, [math.nan if any(map(math.isnan, item)) else float(all(item)) for item in right])
    yield mean_of(f"{name}_unscored_wrong", firsts, [float(all(one == 1.0 for one in item)) for item in right])


def _takes_longer(one: Judgment, answer: str | None) -> float:
    code = candidate(answer)
    return math.nan if code < 0 else float(one.lengths[code] == max(one.lengths))


def _triads(family: Sequence[Judgment]) -> tuple[int, int]:
    """(cyclic, decided) among the pairs of one ranking; a pair whose two orders disagree is a tie."""
    letters = sorted({letter for one in family for letter in one.base.removeprefix("pair-")})
    places = {letter: place for place, letter in enumerate(letters)}
    votes = np.full((len(letters), len(letters)), np.nan)
    for one in family:
        row, column = (places[letter] for letter in one.base.removeprefix("pair-"))
        vote = pick(restored(one.answer, one.variant))
        before = votes[row, column]
        votes[row, column] = vote if math.isnan(before) or before == vote else 0.0
    return consistency.cyclic_triads(votes)


def _share(part: Array, whole: Array, weights: Array) -> Array:
    total = weights @ whole
    found: Array = np.divide(weights @ part, total, out=np.full(len(weights), np.nan), where=total > 0)
    return found

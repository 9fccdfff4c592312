"""The label of a user's row, its choices and its ratings."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from mtrl_judge_plugin.benchmarks.reading import cells, votes
from mtrl_judge_plugin.benchmarks.reading.mapped import MappedRow
from mtrl_judge_plugin.sample import Form


def choices(row: MappedRow, form: Form) -> list[str]:
    """The possible verdicts of a row, also where only a label map says them; none where the form has its own.

    Raises:
        DataError: there are none, or they are not those of the form.
    """
    given = [cells.short(choice, row.source.table.decimal) for choice in row.listed("choices", "|")]
    meanings = row.source.columns.meanings
    if form in ("pointwise", "score"):
        if not given and len(meanings) < 2:
            example = "1|2|3" if form == "score" else "yes|no"
            raise row.error(
                "choices", f"is empty; a {form} question needs its possible verdicts: write {example}, or a label_map"
            )
        return given or meanings
    if given and (form == "ranking" or not {"A", "B"} <= set(given)):
        raise row.error("choices", f"{given}: a pair has A and B, perhaps tie; a ranking has none of its own")
    others = [meaning for meaning in meanings if meaning not in ("A", "B")]
    return ["A", "B", *others] if form == "pairwise" and others and not given else given


def label(row: MappedRow, form: Form, known: Sequence[str], letters: str) -> tuple[str | None, list[float]]:
    """What people said, and their single votes as ratings where they have a meaning and say more than the label.

    Args:
        row: of a table.
        form: of the question.
        known: the possible verdicts; none where the form has its own.
        letters: the names of the candidates, of a pair or a ranking.

    Raises:
        DataError: the label, or a vote, is none of the verdicts.
    """
    given = row.filled("label", "") if form == "ranking" else row.listed("label", "")
    if form == "score":
        scores = [score for vote in given if (score := _score(row, vote, known)) is not None]
        mean = votes.mean_score(scores)
        if mean is not None:
            _vote(row, mean, known)
        return mean, scores if len(scores) > 1 or any(score % 1 for score in scores) else []
    verdicts = known or ([] if form == "ranking" else list(letters))
    found = list(filter(None, (_vote(row, vote, verdicts or [str(vote).strip()]) for vote in given)))
    if form == "ranking" and (wrong := next((vote for vote in found if sorted(vote) != list(letters)), None)):
        raise row.error(
            "label", f"{wrong!r} is not an order of {letters}; write its letters, best first: {letters[::-1]}"
        )
    several = form == "pointwise" and len(found) > 1
    return votes.majority(found), votes.first_of_two(found, known) if several else []


def ratings(row: MappedRow) -> list[float]:
    """The single ratings that a row holds.

    Raises:
        DataError: one is no number.
    """
    given = row.filled("ratings", ";")
    try:
        return [cells.number(rating, row.source.table.decimal) for rating in given]
    except ValueError as error:
        raise row.error("ratings", f"{given} are not all numbers; separate them by ;") from error


def _score(row: MappedRow, vote: Any, known: Sequence[str]) -> float | None:
    if cells.short(vote, row.source.table.decimal).casefold() not in row.source.columns.label_map:
        with contextlib.suppress(ValueError):
            return cells.number(vote, row.source.table.decimal)
    meaning = _vote(row, vote, known)
    try:
        return float(meaning) if meaning else None
    except ValueError as error:
        raise row.error("label", f"{meaning!r} is no score; want an integer") from error


def _vote(row: MappedRow, vote: Any, known: Sequence[str]) -> str:
    label_map = row.source.columns.label_map
    try:
        return votes.meaning(vote, label_map, known, row.source.table.decimal)
    except ValueError as error:
        way = "add it to label_map" if label_map else "leave it empty for a row without a label, or give a label_map"
        raise row.error("label", f"{str(error)!r} is none of {', '.join([*label_map, *known])}; {way}") from error

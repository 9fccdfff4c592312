"""JudgeAnything (Pu et al., 2025): pairs and single answers of any kind, as people judged them.

    X2XRawBenchmark/TaskAnything.json       [{"uniq_id", "task_name": "Image2Text", "question", "image_path", ...}]
    ResponseCollection/JudgeAnything.json   [{"uniq_id", "model_name", "response": {"type": "image", "content": "..."}}]
    Preference/Human_Pairing.json           [{"uniq_id", "task_name", "rubric_name", "model_pair": "a_vs_b",
                                              "choice": 0, 1 or 2: the first, a tie, the second}]
    Preference/Human_Scoring.json           [{"uniq_id", "task_name", "rubric_name", "model_name", "score": 1 to 5}]
    X2XRawBenchmark/images/, ResponseCollection/Image/, ...   the named files

An older name of the first two files is X2XBenchmark.json and X2XBenchmarkResponse.json. Two tasks, pair and score, by
one rubric (overall_score, or one of the authors' six: relevance, trustworthiness, creativity, clarity, coherence,
completeness). Of the 15 kinds those without sound are read: Text2Text, Image2Text, Video2Text, Text2Image,
Image2Image, Text2Video, Image2Video, Video2Video; the kind is a sample's category. `image_path` is a name, a list, or
a list written as text. Preferences name their question by the last two parts of its uniq_id, and a model by a part of
its name. Samples of one question are one group. Published: accuracy of pairs, and of scores agreement and Pearson's
r.

1,500 questions and 6,000 answers, 100 and 400 a kind: read from the authors' repository (URRealHero/JudgeAnything).
Not checked on the people's labels, whose columns are those that public readers use; no revision is pinned.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mtrl_judge_plugin.benchmarks.reading.frames import video_image
from mtrl_judge_plugin.benchmarks.reading.images import UnusableError
from mtrl_judge_plugin.benchmarks.reading.rows import DataError, Row, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, samples
from mtrl_judge_plugin.benchmarks.registry import Benchmark
from mtrl_judge_plugin.images import Broken
from mtrl_judge_plugin.questions import QUESTIONS
from mtrl_judge_plugin.sample import Sample

SOURCE = Source(
    "judge_anything",
    "see its page",
    hub="pudashi/JudgeAnything",
    files="the folders X2XRawBenchmark, ResponseCollection and Preference",
    checked="its 1,500 questions and 6,000 answers, without the people's labels and without pictures",
)
RUBRICS = {
    "overall_score": "",
    "relevance": "how well it keeps to what the text asks for",
    "trustworthiness": "how true and reliable it is",
    "creativity": "how original it is",
    "clarity": "how clear it is",
    "coherence": "how well its parts fit together",
    "completeness": "how completely it does what the text asks for",
}
_KINDS = {
    *("Text2Text", "Image2Text", "Video2Text", "Text2Image"),
    *("Image2Image", "Text2Video", "Image2Video", "Video2Video"),
}
_QUESTION_FILES = ("X2XRawBenchmark/TaskAnything.json", "X2XRawBenchmark/X2XBenchmark.json")
_ANSWER_FILES = ("ResponseCollection/JudgeAnything.json", "ResponseCollection/X2XBenchmarkResponse.json")
_LABELS = {"0": "A", "1": "tie", "2": "B"}
_Pictures = list[str | Broken]


def load(
    split: str,
    task: str,
    folder: str | Path | None = None,
    rubric: str = "overall_score",
    frames: int = 4,
) -> Iterator[Sample]:
    """The samples of a task, in the order of the people's labels.

    Args:
        split: test.
        task: pair or score.
        folder: where the files lie.
        rubric: one of RUBRICS.
        frames: how many of a video are shown.

    Raises:
        DataError: no such split, task or rubric, or the data cannot be used; the message names file, row and column.
    """
    BENCHMARK.check(split, task)
    if rubric not in RUBRICS:
        raise DataError(f"{__name__}: no rubric {rubric!r}; there are {', '.join(RUBRICS)}")
    name, of_model = (
        ("Human_Pairing", ("model_pair", "choice")) if task == "pair" else ("Human_Scoring", ("model_name", "score"))
    )
    answers: dict[str, list[Row]] = {}
    for row in read(SOURCE.first_matching(_ANSWER_FILES, folder)[0], ("uniq_id", "model_name", "response")):
        answers.setdefault(_short(row), []).append(row)
    asked = ("uniq_id", "task_name", "question")
    questions = {
        _short(row): row
        for row in read(SOURCE.first_matching(_QUESTION_FILES, folder)[0], asked, ("image_path", "video_path"))
    }
    labels = SOURCE.file(f"Preference/{name}.json", folder)
    rows = read(labels, ("uniq_id", "task_name", "rubric_name", *of_model))
    wanted = (row for row in rows if row.text("rubric_name") == rubric and row.text("task_name") in _KINDS)
    convert = functools.partial(
        _pair if task == "pair" else _score, questions=questions, answers=answers, frames=frames
    )
    yield from samples(wanted, convert, f"judge_anything {task}")


def _pair(row: Row, questions: Mapping[str, Row], answers: Mapping[str, list[Row]], frames: int) -> Iterator[Sample]:
    models = row.text("model_pair").split("_vs_")
    if len(models) != 2:
        raise row.error("model_pair", f"{row['model_pair']!r} is not like one_vs_other")
    yield _sample(
        row, "pair", models, questions, answers, frames, choices=("A", "B", "tie"), label=row.one_of("choice", _LABELS)
    )


def _score(row: Row, questions: Mapping[str, Row], answers: Mapping[str, list[Row]], frames: int) -> Iterator[Sample]:
    label = str(row.integer("score", 1, 5))
    yield _sample(
        row, "score", [row.text("model_name")], questions, answers, frames, choices=tuple("12345"), label=label
    )


def _sample(
    row: Row,
    task: str,
    models: list[str],
    questions: Mapping[str, Row],
    answers: Mapping[str, list[Row]],
    frames: int,
    **verdict: Any,
) -> Sample:
    question = questions.get(_short(row))
    if question is None:
        raise UnusableError("no question")
    shown = [_answer(_of_model(answers.get(_short(row), []), model), frames) for model in models]
    texts = [text for text, _ in shown]
    pictures = [some for _, some in shown]
    meaning = RUBRICS[row.text("rubric_name")]
    plain = not any(texts)
    wording = "answer_score, any" if task == "score" else "illustrated_pair"
    return Sample(
        id=f"judge_anything-{task}-{row.number}",
        task=row.text("task_name"),
        form="pairwise" if task == "pair" else "score",
        question=QUESTIONS[wording][0] + (f" Judge by one thing alone: {meaning}." if meaning else ""),
        images=_own(question, frames),
        text=question.text("question"),
        responses=() if plain else texts,
        response_images=pictures,
        group=_short(row),
        **verdict,
    )


def _short(row: Row) -> str:
    """The last two parts of a uniq_id: labels leave out a date before them."""
    return "_".join(row.text("uniq_id").split("_")[-2:])


def _of_model(answers: list[Row], model: str) -> Row:
    """The answer of the model whose name, in any case, holds this one."""
    named = [row for row in answers if model.casefold() in row.text("model_name").casefold()]
    if not named:
        raise UnusableError("no answer")
    return min(named, key=lambda row: len(row.text("model_name")))


def _own(question: Row, frames: int) -> _Pictures:
    kind = question.text("task_name").partition("2")[0]
    if kind == "Image":
        return question.images("image_path", _names(question, "image_path", question["image_path"]))
    return [video_image(question, "video_path", frames)] if kind == "Video" else []


def _answer(row: Row, frames: int) -> tuple[str, _Pictures]:
    response = row["response"]
    if not isinstance(response, Mapping) or not {"type", "content"} <= response.keys():
        raise row.error("response", 'is not like {"type": "text", "content": "..."}')
    kind, content = str(response["type"]).lower(), response["content"]
    if kind == "text":
        return str(content), []
    if kind == "image":
        return "", row.images("response", _names(row, "response", content))
    if kind == "video":
        return "", [video_image(Row(row.file, row.number, {"response": content}), "response", frames)]
    raise UnusableError(f"{kind}")


def _names(row: Row, column: str, value: Any) -> list[Any]:
    """One name or several: a list, or a list written as text."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError) as error:
            raise row.error(column, f"{value[:80]!r} is no list of names") from error
    return list(value) if isinstance(value, (list, tuple)) else [value]


BENCHMARK = Benchmark(load, splits=("test",), tasks=("pair", "score"), terms=SOURCE.terms, source=SOURCE)

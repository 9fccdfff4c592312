"""The three ways to ask an engine: reason and answer, answer somebody's own prompt, score the choices directly.

Each takes distinct questions and yields what the ledger stores, in the order in which replies are ready.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from mtrl_judge_plugin.engines import Completion, Engine, Sampling, Scores, reply_tokens
from mtrl_judge_plugin.judging.ledger import Entry
from mtrl_judge_plugin.messages import Conversation
from mtrl_judge_plugin.verdict import format_reply, parse, reasoning_of, visible, visible_span

#: Room for a verdict in our own format; verdicts are a word, a letter or a number.
ANSWER_TOKENS = 32
#: Beyond the budget of a forced answer: the text after the limit shows whether it cut a number in two.
_SPARE = 16
_END_OF_THOUGHT = "</think><answer>"


@dataclass(frozen=True)
class Question:
    """One distinct question on its way to an engine.

    Attributes:
        key: of its entry in the ledger.
        prompt: the conversation as the ledger shows it.
        conversation: as the engine gets it.
        choices: the verdicts to choose from; empty where the prompt is somebody's own.
        draw: which of several sampled replies to the same prompt this is; 0 for greedy ones.
        thought: reasoning that the judge has done before, for `score` to go on from.
    """

    key: str
    prompt: str
    conversation: Conversation
    choices: Sequence[str] = ()
    draw: int = 0
    thought: str = ""


#: A completion -> the answer that it holds, or None.
Reading = Callable[[Completion, Question], str | None]
_Cut = tuple[Question, Completion, float]


def reason(engine: Engine, questions: Sequence[Question], sampling: Sampling, *, lenient: bool) -> Iterator[Entry]:
    """Reasoning, then the answer; a reply cut off before its answer is finished by a forced one."""

    def read(completion: Completion, question: Question) -> str | None:
        return parse(completion.text, question.choices, lenient=lenient).answer

    def is_cut(completion: Completion, question: Question) -> bool:
        # Strictly, whatever the reading: a claim in the middle of an unfinished thought is not a verdict.
        return parse(completion.text, question.choices).answer is None

    yield from _ask(engine, questions, sampling, ANSWER_TOKENS, read, is_cut)


def reply(
    engine: Engine, questions: Sequence[Question], sampling: Sampling, *, max_tokens: int, instructed: bool
) -> Iterator[Entry]:
    """A free-form reply: its visible part within `max_tokens`, forced where the reasoning was cut off.

    A reply that was cut off with something visible was reasoning only if an answer in tags was asked for (`instructed`)
    and has not begun; or if reasoning has left less than `max_tokens` for what is visible.
    """

    def read(completion: Completion, question: Question) -> str:
        return engine.truncate(visible(completion.text), max_tokens)

    def is_cut(completion: Completion, question: Question) -> bool:
        begun = "<answer>" in completion.text.rpartition("</think>")[2]
        shown = visible(completion.text)
        pressed = "</think>" in completion.text and engine.truncate(shown, max_tokens) == shown
        return not shown or (instructed and not begun) or pressed

    yield from _ask(engine, questions, sampling, max_tokens, read, is_cut)


def complete(engine: Engine, questions: Sequence[Question], sampling: Sampling) -> Iterator[Entry]:
    """A reply under `sampling.grammar`, behind a think block with each question's `thought`."""
    conversations = [_continued(question, f"<think>{question.thought}{_END_OF_THOUGHT}") for question in questions]
    for question, completion, seconds in _generate(engine, questions, conversations, sampling):
        whole = replace(completion, text=format_reply(question.thought, completion.text), logprobs=None)
        cut = None if completion.finished else f"cut at max_tokens: {completion.text[-80:]!r}"
        problem = completion.error or cut
        yield _entry(engine, question, replace(whole, error=problem), seconds, lambda one, _: visible(one.text))


def score(engine: Engine, questions: Sequence[Question], sampling: Sampling | None = None) -> Iterator[Entry]:
    """Probabilities of the choices behind a think block with each question's `thought`: one pass, no generation."""
    conversations = [_continued(question, f"<think>{question.thought}{_END_OF_THOUGHT}") for question in questions]
    start = time.monotonic()
    for number, scores in engine.score(conversations, [question.choices for question in questions], "</answer>"):
        question, name, seconds = questions[number], model_name(engine), time.monotonic() - start
        if scores.error is not None:
            yield Entry(question.key, name, question.prompt, seconds=seconds, error=scores.error)
            continue
        probabilities = softmax(scores)
        if not all(map(math.isfinite, probabilities.values())):
            error = f"the model gives no probabilities of the choices: {dict(scores.logprobs)} (try another dtype)"
            yield Entry(question.key, name, question.prompt, seconds=seconds, error=error)
            continue
        most = max(probabilities.values())
        best = [choice for choice, share in probabilities.items() if share == most]
        # The first of two that are equally probable would be a verdict that the order of the choices has made.
        verdict = best[0] if len(best) == 1 else None
        yield Entry(
            question.key,
            name,
            question.prompt,
            reply=format_reply(question.thought, verdict or ""),
            reasoning=question.thought,
            verdict=verdict,
            probabilities=probabilities,
            prompt_tokens=scores.prompt_tokens,
            seconds=seconds,
        )


def softmax(scores: Scores) -> dict[str, float]:
    """Probabilities of the choices from their log-probabilities; they sum to 1."""
    top = max(scores.logprobs.values())
    weights = {choice: math.exp(logprob - top) for choice, logprob in scores.logprobs.items()}
    total = sum(weights.values())
    return {choice: weight / total for choice, weight in weights.items()}


def model_name(engine: Engine) -> str:
    """What judges, for people to read."""
    return str(engine.identity.get("model", engine.identity))


def _ask(
    engine: Engine,
    questions: Sequence[Question],
    sampling: Sampling,
    answer_tokens: int,
    read: Reading,
    is_cut: Callable[[Completion, Question], bool],
) -> Iterator[Entry]:
    """Generate within the budgets of reasoning and answer together, then force what was cut off while reasoning."""
    asked = replace(sampling, max_new_tokens=sampling.max_new_tokens + answer_tokens)
    cut: list[_Cut] = []
    conversations = [question.conversation for question in questions]
    for question, completion, seconds in _generate(engine, questions, conversations, asked):
        if not completion.finished and completion.error is None and is_cut(completion, question):
            cut.append((question, completion, seconds))
        else:
            yield _entry(engine, question, completion, seconds, read)
    yield from _force(engine, cut, replace(sampling, max_new_tokens=answer_tokens + _SPARE), read)


def _force(engine: Engine, cut: Sequence[_Cut], sampling: Sampling, read: Reading) -> Iterator[Entry]:
    """Finish replies that were cut off while reasoning by a second, short generation behind the closing tag."""
    before = {question.key: (completion, seconds) for question, completion, seconds in cut}
    heads = {question.key: _unfinished(completion.text) + _END_OF_THOUGHT for question, completion, _ in cut}
    questions = [question for question, _, _ in cut]
    conversations = [_continued(question, heads[question.key]) for question in questions]
    asked = replace(sampling, stop=(*sampling.stop, "</answer>"))
    for question, completion, seconds in _generate(engine, questions, conversations, asked):
        first, earlier = before[question.key]
        behind = completion.text.partition("</answer>")[0]
        said = behind.strip()
        at = len(behind) - len(behind.lstrip())
        whole = replace(
            completion,
            text=f"{heads[question.key]}{said}</answer>",
            logprobs=reply_tokens.part(completion.logprobs, completion.text, at, at + len(said)),
            completion_tokens=first.completion_tokens + completion.completion_tokens,
        )
        entry = _entry(engine, question, whole, earlier + seconds, read)
        yield replace(entry, forced=entry.error is None)


def _generate(
    engine: Engine, questions: Sequence[Question], conversations: Sequence[Conversation], sampling: Sampling
) -> Iterator[_Cut]:
    """(question, completion, seconds since it was asked)"""
    start = time.monotonic()
    for number, completion in engine.generate(conversations, sampling) if questions else ():
        yield questions[number], completion, time.monotonic() - start


def _entry(engine: Engine, question: Question, completion: Completion, seconds: float, read: Reading) -> Entry:
    verdict = read(completion, question) if completion.error is None else None
    return Entry(
        question.key,
        model_name(engine),
        question.prompt,
        reply=completion.text,
        reasoning=reasoning_of(completion.text),
        verdict=verdict,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        seconds=seconds,
        error=completion.error,
        logprobs=_answers_tokens(completion, verdict),
    )


def _answers_tokens(completion: Completion, verdict: str | None) -> tuple[tuple[str, float], ...] | None:
    """The tokens of the answer alone, where the visible part begins with it as it was generated."""
    start, _ = visible_span(completion.text)
    if not verdict or not completion.text.startswith(verdict, start):
        return None
    return reply_tokens.part(completion.logprobs, completion.text, start, start + len(verdict))


def _continued(question: Question, text: str) -> Conversation:
    """The conversation with the beginning of the assistant's reply, for the engine to go on from."""
    return [*question.conversation, {"role": "assistant", "content": [{"type": "text", "text": text}]}]


def _unfinished(text: str) -> str:
    """The reasoning of a reply that was cut off, its think block open: where a forced answer goes on."""
    head = text.partition("</think>")[0].partition("<answer>")[0].rstrip()
    return head if head.lstrip().startswith("<think>") else f"<think>{head}"

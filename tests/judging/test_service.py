"""A reply in the wrong form is asked for once more, counted, and then failed: for the provider and for the server."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stub_engine import REASONING, StubEngine

from mtrl_judge_plugin import engines, messages
from mtrl_judge_plugin.engines import Completion, Sampling, Scores
from mtrl_judge_plugin.formats import detect
from mtrl_judge_plugin.formats.kinds import Format
from mtrl_judge_plugin.formats.values import UnreadableError
from mtrl_judge_plugin.judging import service
from mtrl_judge_plugin.judging.ledger import LedgerError
from mtrl_judge_plugin.judging.options import load_judge
from mtrl_judge_plugin.judging.replies import Reply
from mtrl_judge_plugin.judging.service import JudgeService, ServiceReply

ONLY = 'Is it right? Answer only "yes" or "no".'
Setup = Callable[..., JudgeService]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Setup]:
    monkeypatch.setitem(engines.ENGINES, "stub", "stub_engine:StubEngine")
    built = []

    def setup(ledger: str | Path = tmp_path / "ledger.sqlite", **options: object) -> JudgeService:
        judge = load_judge(engine="stub", nonce=f"n{uuid.uuid4().hex}", ledger=ledger, **options)
        built.append(JudgeService(judge))
        return built[-1]

    yield setup
    for one in built:
        one.close()


def nonce(service: JudgeService) -> str:
    return str(service.judge.engine.identity["nonce"])


def ask(service: JudgeService, prompt: str, expected: Format | None = None, max_tokens: int = 64) -> ServiceReply:
    conversation = messages.conversation([{"role": "user", "content": prompt}])
    return service.answer(conversation, expected or detect.format_of(prompt), max_tokens=max_tokens)


def test_a_reply_in_the_right_format_is_not_asked_for_again(stub: Setup) -> None:
    batcher = stub()
    answer = ask(batcher, f"{ONLY} [[reply:**Yes**]]")
    assert (answer.text, answer.error, answer.retried, answer.format) == ("yes", None, False, "words")
    assert StubEngine.batches[nonce(batcher)] == [1]


@pytest.mark.parametrize("style", ["tags", "think", "plain", "cut"])
def test_one_repair(stub: Setup, style: str) -> None:
    batcher = stub(style=style, max_new_tokens=300)
    answer = ask(batcher, f"{ONLY} [[reply:It may well be.]] [[repair:No.]]")
    assert (answer.text, answer.error, answer.retried, answer.cached) == ("no", None, True, False)
    first, second = answer.replies
    assert answer.completion_tokens == first.completion_tokens + second.completion_tokens > second.completion_tokens > 0
    assert answer.reasoning == ("" if style == "plain" else REASONING.strip())
    *_, system, question, said, repair = [
        message for message in StubEngine.asked[nonce(batcher)][-1] if message["content"][0]["text"][:7] != "<think>"
    ]
    assert "First reason step by step" in system["content"][0]["text"]
    assert question["content"][0]["text"].startswith(ONLY)
    assert (said["role"], said["content"][0]["text"]) == ("assistant", "It may well be.")
    assert "must be one of yes, no and nothing else" in repair["content"][0]["text"]
    assert {sampling.max_new_tokens for sampling in StubEngine.samplings[nonce(batcher)]} >= {300 + 64}, "a budget anew"
    again = ask(batcher, f"{ONLY} [[reply:It may well be.]] [[repair:No.]]")
    assert (again.text, again.retried, again.cached, again.completion_tokens) == ("no", True, True, 0)


def test_then_it_has_failed(stub: Setup) -> None:
    batcher = stub()
    answer = ask(batcher, f"{ONLY} [[reply:It may be.]] [[repair:It may not be.]]")
    assert (answer.text, answer.unreadable, answer.retried) == ("", True, True)
    assert answer.error == "want one of yes, no and nothing else: 'It may not be.'"
    assert sum(StubEngine.batches[nonce(batcher)]) == 2


def test_an_empty_reply_is_asked_for_again(stub: Setup) -> None:
    assert ask(stub(), "Describe it. [[reply: ]] [[repair:red]]").text == "red"


def test_an_engine_that_fails_is_not_asked_again(stub: Setup) -> None:
    batcher = stub(style="error")
    answer = ask(batcher, ONLY)
    assert (answer.text, answer.error, answer.unreadable, answer.retried) == ("", "no such luck", False, False)
    assert StubEngine.batches[nonce(batcher)] == [1]


def test_a_reply_cut_by_max_tokens_is_repaired(stub: Setup) -> None:
    answer = ask(stub(), f"{ONLY} [[reply:I would say that it is, all in all, yes]] [[repair:yes]]", max_tokens=4)
    assert (answer.text, answer.retried) == ("yes", True)


def read(text: str, whole: str, prompt: str) -> str:
    return service.read(Reply(text, raw=f"<think>hm</think>{whole}"), detect.format_of(prompt))


@pytest.mark.parametrize(
    ("prompt", "text", "whole"),
    [
        ("Output only a number from 0 to 100.", "1", "10"),
        ("Output only a number.", "0.", "0.85"),
        ("Output only a number.", "Score: 1", "Score: 1.5"),
        (ONLY, "No", "No, wait. The answer is yes"),
        ("Output a single line containing only two values.", "8 6", "8 65\nas"),
        ('End with "Rating: <score>".', "Rating: 1", "Rating: 10"),
    ],
)
def test_a_verdict_that_max_tokens_made_another_is_none(prompt: str, text: str, whole: str) -> None:
    with pytest.raises(UnreadableError):
        read(text, whole, prompt)


@pytest.mark.parametrize(
    ("prompt", "text", "whole"),
    [
        (ONLY, "yes", "yes."),
        ("Output a single line containing only two values.", "8 6\nsince the fir", "8 6\nsince the first"),
        ("Output a single line containing only two values.", "8 6", "8 6\nsince"),
        ('End with "Rating: <score>".', "Rating: 4\nsin", "Rating: 4\nsince"),
        ("Describe it.", "a re", "a red cat"),
    ],
)
def test_a_verdict_before_the_cut_is_read(prompt: str, text: str, whole: str) -> None:
    assert read(text, whole, prompt) == text


def test_tags_in_a_bad_reply_do_not_act_in_the_repair(stub: Setup) -> None:
    batcher = stub(style="plain")
    ask(batcher, f"{ONLY} [[reply:the tag <think> is odd <|im_end|>]] [[repair:yes]]")
    said = StubEngine.asked[nonce(batcher)][-1][-2]["content"][0]["text"]
    assert "<|im_end|>" not in said
    assert "‹¦im_end¦›" in said or "the tag" in said


def test_the_same_where_the_reply_is_awaited(stub: Setup) -> None:
    judge = stub()

    async def run(prompt: str) -> ServiceReply:
        return await asyncio.wrap_future(judge.submit(conversation(prompt), detect.format_of(prompt)))

    assert asyncio.run(run(f"{ONLY} [[reply:Hm.]] [[repair:No.]]")).text == "no"
    assert asyncio.run(run(f"{ONLY} [[reply:yes]]")).retried is False
    assert asyncio.run(run(f"{ONLY} [[reply:Hm]]")).unreadable


class Scoring(StubEngine):
    """The stub, with scores: the last of the choices is the most probable."""

    scores = True
    scored: list[tuple[str, Sequence[str]]] = []
    fails = False

    def score(self, conversations, choices, suffix):  # type: ignore[no-untyped-def]
        for number, asked in enumerate(conversations):
            self.scored.append((asked[-1]["content"][0]["text"], choices[number]))
            logprobs = {choice: float(place) for place, choice in enumerate(choices[number])}
            yield number, Scores({}, error="no scores today") if self.fails else Scores(logprobs, prompt_tokens=5)


def test_an_engine_that_scores_decides_among_the_texts_that_fit_behind_its_own_reasoning(
    stub: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engines.ENGINES, "stub", f"{__name__}:Scoring")
    judge = stub()
    answer = ask(judge, f"{ONLY} [[reply:It may </think> be.]]")
    assert (answer.text, answer.retried, answer.error) == ("no", True, None)
    prefix, choices = Scoring.scored[-1]
    assert prefix.startswith("<think>")
    assert REASONING.strip() in prefix
    assert prefix.endswith("</think><answer>")
    assert prefix.count("</think>") == 1
    assert choices == ("yes", "no")
    assert sum(StubEngine.batches[nonce(judge)]) == 1, "no second generation"
    assert ask(judge, f"{ONLY} [[reply:It may </think> be.]]").cached
    assert ask(judge, 'End with "Rating: <score>". [[reply:good]] [[repair:Rating: 4]]').text == "Rating: 4", "by words"


def test_scores_that_fail_give_way_to_words(stub: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines.ENGINES, "stub", f"{__name__}:Scoring")
    monkeypatch.setattr(Scoring, "fails", True)
    answer = ask(stub(), f"{ONLY} [[reply:It may be.]] [[repair:yes]]")
    assert (answer.text, len(answer.replies)) == ("yes", 2)


class Constraining(StubEngine):
    """The stub, which writes under a grammar."""

    constrains = True
    bound: list[tuple[str, Sampling]] = []
    fails = False

    def generate(self, conversations, sampling):  # type: ignore[no-untyped-def]
        if not sampling.grammar:
            yield from super().generate(conversations, sampling)
            return
        for number, asked in enumerate(conversations):
            self.bound.append((asked[-1]["content"][0]["text"], sampling))
            schema = json.loads(sampling.grammar).get("json")
            text = json.dumps(dict.fromkeys(schema["required"], 4)) if schema else "4 of 10"
            yield number, Completion(error="no grammar today") if self.fails else Completion(text, True, 5, 3)


def test_an_engine_that_constrains_writes_under_the_formats_grammar_behind_its_own_reasoning(
    stub: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engines.ENGINES, "stub", f"{__name__}:Constraining")
    judge = stub()
    answer = ask(judge, 'Return JSON with the keys "score" and "points". [[reply:It is good.]]')
    assert (answer.text, answer.retried, answer.error) == ('{"score": 4, "points": 4}', True, None)
    prefix, sampling = Constraining.bound[-1]
    assert prefix.startswith("<think>")
    assert prefix.endswith("It is good.</think><answer>")
    assert sampling.max_new_tokens == 64, "what the caller allows"
    assert ask(judge, 'Return JSON with the keys "score" and "points". [[reply:It is good.]]').cached
    odd = ask(judge, "Rate it from 1 to 100. Only the number. [[reply:good]]")
    assert (odd.text, odd.unreadable) == ("", True), "what the engine writes is read like any reply"
    assert json.loads(Constraining.bound[-1][1].grammar)["regex"]


def test_a_grammar_that_fails_gives_way_to_words(stub: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines.ENGINES, "stub", f"{__name__}:Constraining")
    monkeypatch.setattr(Constraining, "fails", True)
    answer = ask(stub(), "Rate it from 1 to 100. Only the number. [[reply:good]] [[repair:70]]")
    assert (answer.text, len(answer.replies)) == ("70", 2)


def test_a_prompt_without_a_format_is_answered_as_the_judge_wrote_it_and_said_so(stub: Setup) -> None:
    answer = ask(stub(), "Describe it. [[reply:1. **red**]]")
    assert (answer.text, answer.unread, answer.format) == ("1. **red**", True, "unread")
    assert not ask(stub(), f"{ONLY} [[reply:yes]]").unread


def conversation(text: str) -> list[messages.Message]:
    return messages.conversation([{"role": "user", "content": text}])


def test_a_crash_fails_only_the_question_that_causes_it(stub: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    batcher = stub(seconds=0.05).batcher
    original = StubEngine._complete

    def complete(self, asked):  # type: ignore[no-untyped-def]
        if "poison" in str(asked[-1]["content"]):
            raise RuntimeError("out of memory")
        return original(self, asked)

    monkeypatch.setattr(StubEngine, "_complete", complete)
    texts = [f"[[reply:{number}]]" + " poison" * (number == 5) for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        futures = list(pool.map(lambda text: batcher.submit(conversation(text)), texts))
    for number, future in enumerate(futures):
        if number == 5:
            with pytest.raises(RuntimeError, match="out of memory"):
                future.result(10)
        else:
            assert future.result(10).text == str(number)


def test_a_ledger_that_cannot_be_read_is_not_looked_for_in_the_questions(stub: Setup) -> None:
    batcher = stub(seconds=0.05).batcher
    reads = []

    def get(keys: object) -> None:
        reads.append(keys)
        raise LedgerError("disk I/O error")

    batcher.judge.ledger.get = get  # type: ignore[union-attr, method-assign, assignment]
    futures = [batcher.submit(conversation(f"[[reply:{number}]]")) for number in range(8)]
    for future in futures:
        with pytest.raises(LedgerError, match="disk I/O error"):
            future.result(10)
    assert len(reads) == batcher.counts["batches"], "no batch is split to find a culprit"
    assert sum(StubEngine.batches[str(batcher.judge.engine.identity["nonce"])]) == 0


def test_a_question_that_is_taken_back_is_not_judged(stub: Setup) -> None:
    batcher = stub(seconds=0.2).batcher
    running = batcher.submit(conversation("[[reply:first]]"))
    time.sleep(0.1)
    waiting = [batcher.submit(conversation(f"[[reply:{number}]]")) for number in range(4)]
    assert [future.cancel() for future in waiting[:3]] == [True] * 3
    assert waiting[3].result(5).text == "3"
    assert running.result(5).text == "first"
    assert sum(StubEngine.batches[str(batcher.judge.engine.identity["nonce"])]) == 2
    assert not running.cancel()
    assert batcher._waiting == 0

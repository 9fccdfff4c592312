"""The batcher where questions are taken back; how calls join is tested through the provider and the server."""

import time

import pytest

from mtrl_judge_plugin import engines, load_judge
from mtrl_judge_plugin.batcher import _WINDOW, Batcher


@pytest.fixture
def batcher(monkeypatch):
    monkeypatch.setitem(engines.ENGINES, "stub", "stub_engine:StubEngine")
    made = Batcher(load_judge(engine="stub", ledger="none"))
    yield made
    made.close()


def ask(batcher, text):
    return batcher.submit([{"role": "user", "content": [{"type": "text", "text": text}]}])


def test_a_question_that_is_taken_back_while_others_are_waited_for_does_not_end_the_batcher(batcher):
    for _ in range(5):
        question = ask(batcher, "[[reply:1]]")
        time.sleep(_WINDOW / 4)  # the worker sees it, and waits for more
        question.cancel()
        time.sleep(2 * _WINDOW)
    assert ask(batcher, "[[reply:2]]").result(60).text == "2"


def test_a_closed_batcher_answers_what_was_asked(batcher):
    question = ask(batcher, "[[reply:3]]")
    batcher.close()
    assert question.result(0).text == "3"
    with pytest.raises(RuntimeError, match="shut down"):
        ask(batcher, "[[reply:4]]")

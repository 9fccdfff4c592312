import dataclasses
import io
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time

import pytest
from PIL import Image

from mtrl_judge_plugin import Judge, Sample
from mtrl_judge_plugin.engines import Completion, Sampling, Scores
from mtrl_judge_plugin.judge import UnscoredError
from mtrl_judge_plugin.ledger import Ledger

RIGHT = "<think>clear</think><answer>yes</answer>"


class Scripted:
    """An engine whose replies are a function of the conversation; it records what it was asked."""

    def __init__(self, reply=lambda text: RIGHT, **identity):
        self.reply, self.identity = reply, {"engine": "scripted", "model": "script", **identity}
        self.asked, self.samplings = [], []

    def generate(self, conversations, sampling):
        self.samplings.append(sampling)
        for number in reversed(range(len(conversations))):  # engines answer in whatever order suits them
            text = "\n".join(
                item["text"]
                for message in conversations[number]
                for item in message["content"]
                if item["type"] == "text"
            )
            self.asked.append(text)
            reply = self.reply(text)
            yield (
                number,
                reply if isinstance(reply, Completion) else Completion(reply, prompt_tokens=5, completion_tokens=2),
            )

    def score(self, conversations, choices, suffix):
        for number, options in enumerate(choices):
            self.asked.append((conversations[number][-1]["content"][0]["text"], tuple(options), suffix))
            yield number, Scores({choice: -float(rank) for rank, choice in enumerate(options)})

    def truncate(self, text, tokens):
        return " ".join(text.split()[:tokens])


def sample(number, **changes):
    values = {"task": "t", "form": "pointwise", "question": f"Is it {number}?", "choices": ("yes", "no")}
    return Sample(id=str(number), **{**values, **changes})


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_verdicts_come_in_the_samples_order_and_equal_questions_are_asked_once():
    engine = Scripted(lambda text: f"<think>{text[:9]}</think><answer>{'no' if '3' in text else 'yes'}</answer>")
    verdicts = Judge(engine).judge([sample(number) for number in (1, 3, 2, 3)])
    assert [verdict.answer for verdict in verdicts] == ["yes", "no", "yes", "no"]
    assert [verdict.reasoning for verdict in verdicts] == ["Is it 1?", "Is it 3?", "Is it 2?", "Is it 3?"]
    assert len(engine.asked) == 3


def test_a_reply_cut_off_while_reasoning_is_finished_by_a_forced_answer():
    def reply(text):
        return (
            Completion("no</answer>")
            if text.endswith("</think><answer>")
            else Completion("<think>1 2 yes", finished=False)
        )

    engine = Scripted(reply)
    judge = Judge(engine, sampling=Sampling(max_new_tokens=50))
    verdict = judge.judge([sample(1)])[0]
    assert verdict.answer == "no"
    assert verdict.forced
    assert not verdict.well_formed, "the closing tags are ours"
    assert verdict.reply == "<think>1 2 yes</think><answer>no</answer>"
    assert engine.samplings[0].max_new_tokens > 50 > engine.samplings[1].max_new_tokens
    assert judge.counts["forced"] == 1


def test_one_bad_sample_is_unscored_with_its_error_and_the_others_are_judged(tmp_path):
    missing = sample(2, images=(tmp_path / "missing.png",))
    truncated = Image.open(io.BytesIO(png(Image.effect_noise((90, 90), 90))[:2000]))
    failing = Scripted(
        lambda text: Completion(error="out of tokens") if "4" in text else "gibberish" if "5" in text else RIGHT
    )
    judge = Judge(failing, ledger=Ledger(tmp_path / "ledger.sqlite"))
    verdicts = judge.judge([sample(1), missing, sample(3), sample(4), sample(5)])
    assert [verdict.answer for verdict in verdicts] == ["yes", None, "yes", None, None]
    assert "missing.png" in verdicts[1].error
    assert "truncated" in Judge(failing).judge([sample(6, images=(truncated,))])[0].error
    assert "A" * 9 not in Judge(failing).judge([sample(6, images=("A" * 400,))])[0].error[60:]
    assert verdicts[3].error == "out of tokens"
    assert "<think>" in verdicts[4].error
    assert (judge.counts["failed"], judge.counts["unreadable"], judge.counts["judged"]) == (2, 1, 5)
    assert "2 failed, 1 unreadable" in judge.summary()
    with pytest.raises(UnscoredError, match=r"sample '2'.*missing\.png"):
        Judge(failing, strict=True).judge([sample(1), missing])


def test_a_strict_judge_stops_at_the_first_judgment_without_a_verdict(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    failing = Scripted(lambda text: "gibberish" if "7" in text else RIGHT)  # asked from the last sample to the first
    with pytest.raises(UnscoredError, match=r"sample '7'.*gibberish"):
        Judge(failing, strict=True, ledger=ledger).judge([sample(number) for number in range(10)])
    assert len(failing.asked) == 3
    with pytest.raises(UnscoredError, match=r"sample '7'"):
        Judge(failing, strict=True, ledger=ledger).judge([sample(7)])


def test_direct_verdicts_carry_probabilities_of_every_choice():
    engine = Scripted()
    verdict = Judge(engine, verdict="direct").judge([sample(1, choices=("safe", "unsafe", "not sure"))])[0]
    assert engine.asked == [("<think></think><answer>", ("safe", "unsafe", "not sure"), "</answer>")]
    assert sum(verdict.probabilities.values()) == pytest.approx(1)
    assert verdict.probabilities["safe"] / verdict.probabilities["unsafe"] == pytest.approx(2.718281828)
    assert (verdict.answer, verdict.well_formed) == ("safe", True)


def test_lenient_reading_is_the_callers_choice_and_needs_no_second_judgment(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    engine = Scripted(lambda text: "Answer: yes")
    assert Judge(engine, ledger=ledger).judge([sample(1)])[0].answer is None
    verdict = Judge(engine, ledger=ledger, lenient=True).judge([sample(1)])[0]
    assert (verdict.answer, verdict.well_formed, len(engine.asked)) == ("yes", False, 1)


def test_the_ledger_answers_what_it_has_seen_and_only_that(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    picture = Image.new("RGB", (4, 4), "red")
    first = sample(1, images=(picture,))
    engine = Scripted()
    Judge(engine, ledger=ledger).judge([first])

    def asked_again(judge, *samples):
        before = len(engine.asked)
        judge.judge(samples)
        return len(engine.asked) - before

    assert asked_again(Judge(engine, ledger=ledger), first) == 0
    assert asked_again(Judge(engine, ledger=ledger), sample(1, images=(Image.new("RGB", (4, 4), "blue"),))) == 1
    assert asked_again(Judge(engine, ledger=ledger), dataclasses.replace(first, question="Is it 9?")) == 1
    assert asked_again(Judge(engine, ledger=ledger, sampling=Sampling(max_new_tokens=7)), first) == 1
    assert asked_again(Judge(engine, ledger=ledger, sampling=Sampling(temperature=1.0)), first) == 1
    assert asked_again(Judge(engine, ledger=ledger, verdict="direct"), first) == 1
    engine.identity["revision"] = "2"
    assert asked_again(Judge(engine, ledger=ledger), first) == 1
    with sqlite3.connect(ledger.path) as connection:
        prompt = json.loads(connection.execute("SELECT prompt FROM judgments LIMIT 1").fetchone()[0])
    assert len(prompt[0]["content"][0]["image"]) == 64, "an image is stored as its digest"


def test_logprobs_change_a_questions_key_only_where_they_are_asked_for(tmp_path):
    """The first two keys were written before there were log-probabilities: old ledgers stay of use."""
    ledger, sampling = Ledger(tmp_path / "ledger.sqlite"), Sampling(8, temperature=0.5, seed=3)
    judge = Judge(Scripted(), ledger=ledger)
    judge.judge([sample(1)])
    for asked in (sampling, dataclasses.replace(sampling, logprobs=True)):
        judge.reply([PROMPT], sampling=asked)
    with sqlite3.connect(ledger.path) as connection:
        keys = [key for (key,) in connection.execute("SELECT key FROM judgments ORDER BY rowid")]
    assert keys[:2] == [
        "5c2f0c1c811c7507df50357858767ebedd0ead8f77df2d3757d7fd12207e1ceb",
        "b90402b906ed5f7ea6d28296ac0d76dff0202dadb863b5b38d119cb6e076a097",
    ]
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("tokens", "text", "expected"),
    [
        (["<think>", "7", "</think>", "<answer>", "7", "</answer>"], "7", ["7"]),
        (["<think>", "7", "</think>", "\n\n", "7", " is"], "7 is", ["7", " is"]),
        (["<think>7</think><answer>", " 7", "\n", "</answer>", "<answer", ">"], "", None),
        (["<think>", "7", "</think>", "<answer>", " 7", "\n", "</answer>", " I said 7"], "7", ["7"]),
        (["<think>", "7", "</think><answer>7", "</answer>"], "7", None),
        (
            ["<think>", "7</think><answer>", "", "", "\u00e9", "", "\u00e8", "</answer>"],
            "\u00e9\u00e8",
            ["", "", "\u00e9", "", "\u00e8"],
        ),
        (["one", " two", " three", " four"], "one two three", ["one", " two", " three"]),
        (["o", "ne two threefour"], "one two threefour", ["o", "ne two threefour"]),
    ],
)
def test_logprobs_of_a_reply_are_those_of_its_visible_tokens(tokens, text, expected):
    logprobs = tuple((token, -number / 10) for number, token in enumerate(tokens))
    engine = Scripted(lambda _: Completion("".join(tokens), logprobs=logprobs))
    reply = Judge(engine).reply([PROMPT], max_tokens=3, sampling=Sampling(logprobs=True))[0]
    assert reply.text == text
    assert expected == (None if reply.logprobs is None else [token for token, _ in reply.logprobs])
    assert {logprob for _, logprob in reply.logprobs or ()} <= {logprob for _, logprob in logprobs}


def test_sampled_repeats_are_different_draws_and_greedy_ones_are_one(tmp_path):
    engine = Scripted()
    ledger = Ledger(tmp_path / "ledger.sqlite")
    Judge(engine, ledger=ledger).judge([sample(1)] * 3)
    assert len(engine.asked) == 1
    Judge(engine, ledger=ledger, sampling=Sampling(temperature=1.0)).judge([sample(1)] * 3)
    assert len(engine.asked) == 4
    seeds = [sampling.seed for sampling in engine.samplings[1:]]
    assert len(set(seeds)) == 3, "draws never share a seed, whatever was drawn before"


def test_votes_are_different_draws_and_the_majority_decides():
    votes = {"1": iter(["yes", "no", "yes"]), "2": iter(["no", "no", "maybe"]), "3": iter(["yes", "no", "maybe"])}

    def reply(text):
        return f"<think>hm</think><answer>{next(votes[text.partition('Is it ')[2][0]])}</answer>"

    judge = Judge(Scripted(reply), votes=3, sampling=Sampling(temperature=1.0))
    first, second, third = judge.judge([sample(1), sample(2), sample(3)])
    assert (first.answer, first.probabilities) == ("yes", pytest.approx({"yes": 2 / 3, "no": 1 / 3}))
    assert (second.answer, second.probabilities) == ("no", {"no": 1.0}), "an unreadable vote is no vote"
    assert (third.answer, third.error) == (None, "the votes are tied: yes 1, no 1")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"votes": 3}, "greedy votes are all the same; set temperature above 0"),
        ({"votes": 0}, "want 1 or more"),
        ({"votes": 3, "verdict": "direct", "sampling": Sampling(temperature=1.0)}, "nothing to vote on"),
    ],
)
def test_votes_that_cannot_differ_are_refused(options, problem):
    with pytest.raises(ValueError, match=problem):
        Judge(Scripted(), **options)


PROMPT = [{"role": "user", "content": [{"type": "text", "text": "Rate it."}]}]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("<think>1 or 2, yes {3}</think><answer>4</answer>", "4"),
        ("<think>1 or 2</think>\n5 6\nwell", "5 6 well"),
        ("plain", "plain"),
        ("<think>1</think><answer>one two three four five</answer>", "one two three"),
    ],
)
def test_a_free_form_reply_shows_its_visible_part_within_the_callers_bound(raw, text):
    engine = Scripted(lambda _: raw)
    reply = Judge(engine, sampling=Sampling(max_new_tokens=100)).reply([PROMPT], max_tokens=3)[0]
    assert (reply.text, reply.raw) == (text, raw)
    assert engine.samplings[0].max_new_tokens == 103


def test_a_free_form_reply_cut_off_while_reasoning_is_forced_and_shows_none_of_it():
    def reply(text):
        return "7</answer>" if text.endswith("</think><answer>") else Completion("first 1, then 2", finished=False)

    shown = Judge(Scripted(reply)).reply([PROMPT], instruct=True)[0]
    assert (shown.text, shown.forced, shown.reasoning) == ("7", True, "first 1, then 2")


@pytest.mark.parametrize(
    "raw", ["<think>I put it into <answer> tags. 1 or", "<think>a</think>", "inside <think> and </think>. Then 1 or 2"]
)
def test_talk_about_tags_is_not_taken_for_the_answer(raw):
    def reply(text):
        return "7</answer>" if text.endswith("</think><answer>") else Completion(raw, finished=False)

    assert Judge(Scripted(reply)).reply([PROMPT], instruct=True)[0].text == "7"


def test_an_unfinished_thought_is_no_verdict_however_lenient_the_reading():
    def reply(text):
        return "5</answer>" if text.endswith("</think><answer>") else Completion("Rating: 2. But then", finished=False)

    scale = sample(1, form="score", choices=tuple("12345"))
    verdict = Judge(Scripted(reply), lenient=True).judge([scale])[0]
    assert (verdict.answer, verdict.forced) == ("5", True)


def test_an_ordinary_answer_cut_off_by_the_callers_bound_is_not_taken_for_reasoning():
    shown = Judge(Scripted(lambda _: Completion("a b c d", finished=False))).reply([PROMPT], max_tokens=2)[0]
    assert (shown.text, shown.forced) == ("a b", False)


def test_an_answer_that_reasoning_left_too_little_room_for_is_forced_with_all_of_it():
    def reply(text):
        forced = text.endswith("</think><answer>")
        return "10 of them</answer>" if forced else Completion("<think>long</think><answer>1", finished=False)

    engine = Scripted(reply)
    shown = Judge(engine).reply([PROMPT], instruct=True, max_tokens=2)[0]
    assert (shown.text, shown.forced) == ("10 of", True)
    assert shown.raw == "<think>long</think><answer>10 of them</answer>", "what was cut off can be told"
    assert engine.samplings[1].max_new_tokens > 2


@pytest.mark.parametrize("scores", [(math.nan, math.nan), (-1.0, math.nan), (-math.inf, -math.inf)])
def test_probabilities_that_are_none_are_no_verdict(scores, tmp_path):
    engine = Scripted()
    engine.score = lambda conversations, choices, suffix: [
        (number, Scores(dict(zip(choices[number], scores, strict=True)))) for number in range(len(conversations))
    ]
    ledger = Ledger(tmp_path / "ledger.sqlite")
    verdict = Judge(engine, verdict="direct", ledger=ledger).judge([sample(1)])[0]
    assert (verdict.answer, verdict.well_formed) == (None, False)
    assert "no probabilities of the choices" in verdict.error
    with pytest.raises(UnscoredError):
        Judge(engine, verdict="direct", ledger=ledger, strict=True).judge([sample(1)])


def test_equal_probabilities_are_a_tie_and_not_the_first_choice():
    engine = Scripted()
    engine.score = lambda conversations, choices, suffix: [(0, Scores({"yes": -0.7, "no": -0.7}))]
    verdict = Judge(engine, verdict="direct").judge([sample(1)])[0]
    assert (verdict.answer, verdict.probabilities) == (None, {"yes": 0.5, "no": 0.5})


def test_strict_looks_at_what_the_votes_decide():
    def judge(*replies):
        turns = iter(replies)
        engine = Scripted(lambda text: f"<think>x</think><answer>{next(turns)}</answer>")
        sampling = Sampling(temperature=1.0)
        return Judge(engine, votes=len(replies), sampling=sampling, strict=True).judge([sample(1)])[0]

    assert judge("yes", "yes", "garbage", "yes").answer == "yes"
    with pytest.raises(UnscoredError, match="sample '1' of task 't' is unscored: the votes are tied"):
        judge("yes", "no")


def test_a_name_that_no_file_can_have_fails_its_own_sample_alone():
    verdicts = Judge(Scripted()).judge([sample(1, images=("a\0.png",)), sample(2)])
    assert [verdict.answer for verdict in verdicts] == [None, "yes"]
    assert "cannot be read" in verdicts[0].error


KILLED = textwrap.dedent(
    """
    import sys, time
    from mtrl_judge_plugin import Judge, Sample
    from mtrl_judge_plugin.engines import Completion
    from mtrl_judge_plugin.ledger import Ledger

    class Slow:
        identity = {"engine": "slow", "model": "slow"}
        def generate(self, conversations, sampling):
            for number in range(len(conversations)):
                time.sleep(0.02)
                yield number, Completion("<think></think><answer>yes</answer>")
        def truncate(self, text, tokens):
            return text

    common = {"task": "t", "form": "pointwise", "choices": ("yes", "no")}
    samples = [Sample(id=str(n), question=f"Is it {n}?", **common) for n in range(200)]
    verdicts = Judge(Slow(), ledger=Ledger(sys.argv[1])).judge(samples)
    print(sum(verdict.answer == "yes" for verdict in verdicts))
    """
)


def test_kill_9_half_way_through_200_judgments_and_none_is_judged_twice(tmp_path):
    path = tmp_path / "ledger.sqlite"
    command = [sys.executable, "-c", KILLED, str(path)]
    Ledger(path)

    def rows():
        with sqlite3.connect(path) as connection:
            return connection.execute("SELECT count(*), coalesce(max(times), 0) FROM judgments").fetchone()

    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while rows()[0] < 100:
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = rows()[0]
    assert 100 <= before < 200
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "200"
    assert rows() == (200, 1), "200 judgments, each once"

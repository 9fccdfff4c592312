import base64
import io
import json
import time
from email.utils import formatdate

import openai_stub
import pytest
from fastapi.responses import HTMLResponse, Response
from openai_stub import completion, failure, reply
from PIL import Image

from mtrl_judge_plugin import Judge, Sample, images, load_judge
from mtrl_judge_plugin.engines import EngineError, Sampling
from mtrl_judge_plugin.engines.endpoint import EndpointEngine
from mtrl_judge_plugin.judging.ledger import Ledger

KEY = "sk-very-secret-0123456789"


@pytest.fixture(scope="module")
def server():
    with openai_stub.serve() as stub:
        yield stub


@pytest.fixture
def stub(server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server.bodies.clear()
    server.headers.clear()
    server.most = 0
    server.handler = reply("hello")
    return server


@pytest.fixture
def engine(stub):
    return EndpointEngine(stub.base_url, "stub", retries=2, timeout=10)


def user(text, *pictures):
    content = [{"type": "image", "image": picture} for picture in pictures]
    return [{"role": "user", "content": [*content, {"type": "text", "text": text}]}]


def said(body):
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def in_order(results):
    return [result for _, result in sorted(results, key=lambda item: item[0])]


def one(engine, conversation=None, **sampling):
    return next(engine.generate([conversation or user("hi")], Sampling(**sampling)))[1]


def sample(number=0, **fields):
    given = {"id": str(number), "task": "t", "form": "pointwise", "question": f"Is {number} even?"}
    return Sample(**{**given, "choices": ("yes", "no"), **fields})


# Log-probabilities


def with_logprobs(listed, content, **extra):
    """An answer whose choice lists these (bytes, log-probability) pairs."""
    answer = completion(content, **extra)
    answer["choices"][0]["logprobs"] = {
        "content": [
            {"token": repr(piece), "logprob": logprob, "bytes": list(piece), "top_logprobs": []}
            for piece, logprob in listed
        ],
        "refusal": None,
    }
    text = json.dumps(answer)  # infinite numbers included
    return lambda body: Response(text, media_type="application/json")


ANSWER = [(b"8", -0.5), (b" 6", -0.25)]


@pytest.mark.parametrize(
    ("content", "extra", "listed", "expected"),
    [
        ("8 6", {}, ANSWER, (("8", -0.5), (" 6", -0.25))),
        ("8 6", {}, [*ANSWER, (b"<|im_end|>", 0.0)], (("8", -0.5), (" 6", -0.25))),
        ("8 6", {"reasoning": "8 6?"}, ANSWER, (("8", -0.5), (" 6", -0.25))),
        # A server that parts the reasoning off, and lists its tokens all the same.
        ("8 6", {"reasoning": "8 6?"}, [(b"8 6?", -1.0), (b"</think>", 0.0), *ANSWER], (("8", -0.5), (" 6", -0.25))),
        ("8 6", {}, [(b"9", -0.5)], None),
        ("\u00e9", {}, [(b"\xc3", -1.0), (b"\xa9", -0.5)], (("", -1.0), ("\u00e9", -0.5))),
        ("8 6", {}, [(b"8 6", float("-inf"))], None),
        ("", {}, ANSWER, None),
        ("8 6", {}, [], None),
    ],
)
def test_logprobs_are_those_of_the_content(stub, engine, content, extra, listed, expected):
    stub.handler = with_logprobs(listed, content, **extra)
    found = one(engine, logprobs=True)
    assert found.logprobs == expected
    assert stub.bodies[0]["logprobs"] is True
    assert Judge(engine).reply([user("hi")], sampling=Sampling(logprobs=True))[0].logprobs == expected


def test_logprobs_are_asked_for_only_where_they_are_wanted(stub, engine):
    assert one(engine).logprobs is None
    assert "logprobs" not in stub.bodies[0]


@pytest.mark.parametrize("listed", ["yes", {"tokens": ["a"]}, {"content": [1]}, {"content": [{"token": "hello"}]}])
def test_logprobs_of_an_unknown_form_are_none(stub, engine, listed):
    answer = completion("hello")
    answer["choices"][0]["logprobs"] = listed
    stub.handler = lambda body: answer
    result = one(engine, logprobs=True)
    assert (result.text, result.logprobs, result.error) == ("hello", None, None)


def test_a_server_that_refuses_logprobs_is_asked_without(stub, engine):
    def picky(body):
        return failure(403, "You are not allowed to request logprobs") if "logprobs" in body else completion("x")

    stub.handler = picky
    for _ in range(2):
        result = one(engine, logprobs=True)
        assert (result.text, result.logprobs, result.error) == ("x", None, None)
    assert len(stub.bodies) == 3, "refused once only"


def test_a_forced_answer_has_logprobs(stub, engine):
    def cut(body):
        if said(body) == "hi":
            return completion("<think>8 6 8", finish_reason="length")
        return with_logprobs([(b"\n", -1.0), *ANSWER], "\n8 6")(body)

    stub.handler = cut
    reply = Judge(engine).reply([user("hi")], sampling=Sampling(logprobs=True))[0]
    assert (reply.text, reply.forced, reply.logprobs) == ("8 6", True, (("8", -0.5), (" 6", -0.25)))


# Requests


def test_many_requests_are_under_way_and_come_back_as_they_are_done(stub, engine):
    stub.handler = stub.slowly(lambda body: 0.6 if said(body) == "0" else 0.05, lambda body: completion(said(body)))
    results = list(engine.generate([user(str(number)) for number in range(12)], Sampling()))
    assert {number: result.text for number, result in results} == {number: str(number) for number in range(12)}
    assert results[-1][0] == 0, "the slow first one must not hold up the others"
    assert stub.most >= 4


def test_no_more_are_under_way_than_allowed(stub):
    stub.handler = stub.slowly(lambda body: 0.05, reply("x"))
    engine = EndpointEngine(stub.base_url, "stub", concurrency=2)
    assert len(list(engine.generate([user("x")] * 8, Sampling()))) == 8
    assert stub.most == 2


def test_what_is_sent(stub, engine):
    assert one(engine, max_new_tokens=5).text == "hello"
    body = stub.bodies[0]
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("stub", 5, 0)
    assert not {"seed", "top_p", "stop"} & set(body)
    list(engine.generate([user("a"), user("a")], Sampling(temperature=0.7, top_p=0.9, seed=3, stop=("END",))))
    assert sorted(body["seed"] for body in stub.bodies[1:]) == [3, 4], "one prompt's draws differ"
    assert {(body["temperature"], body["top_p"], *body["stop"]) for body in stub.bodies[1:]} == {(0.7, 0.9, "END")}


def test_tokens_are_the_servers_count(stub, engine):
    stub.handler = reply("x", usage=(11, 4))
    result = one(engine)
    assert (result.prompt_tokens, result.completion_tokens, result.finished) == (11, 4, True)


def test_a_server_that_does_not_count_tokens_is_read_all_the_same(stub, engine):
    stub.handler = lambda body: completion("x") | {"usage": {}}
    result = one(engine)
    assert (result.text, result.prompt_tokens, result.completion_tokens) == ("x", 0, 0)


def test_an_answer_of_another_shape_fails_alone(stub, engine):
    stub.handler = lambda body: {"choices": 3} if "odd" in str(body["messages"]) else completion("x")
    results = dict(engine.generate([user("a"), user("odd"), user("b")], Sampling()))
    assert [results[number].text for number in range(3)] == ["x", "", "x"]
    assert results[1].error


def test_a_model_that_wants_the_budget_under_its_new_name_gets_it(stub, engine):
    def picky(body):
        if "max_tokens" in body:
            return failure(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        return completion(str(body["max_completion_tokens"]))

    stub.handler = picky
    assert [one(engine, max_new_tokens=9).text for _ in range(2)] == ["9", "9"]
    assert len(stub.bodies) == 3, "asked once only"


def test_stopping_early_leaves_no_one_waiting(stub):
    stub.handler = lambda body: completion("first") if said(body) == "0" else failure(500)
    engine = EndpointEngine(stub.base_url, "stub", retries=9)
    results = engine.generate([user(str(number)) for number in range(50)], Sampling())
    assert next(results)[1].text == "first"
    results.close()
    seen = []
    for _ in range(3):  # on a busy machine, what is under way takes a while to end
        seen.append(len(stub.bodies))
        time.sleep(1.2)
        if len(stub.bodies) == seen[-1]:
            return
    pytest.fail(f"retries and queued requests go on without the caller's interest: {seen}")


# Failures


def test_too_many_requests_then_an_answer(stub, engine):
    answers = [failure(429, "slow down", {"Retry-After": "1"}), completion("at last")]
    stub.handler = lambda body: answers.pop(0)
    start = time.monotonic()
    assert one(engine).text == "at last"
    assert 1 <= time.monotonic() - start < 5
    assert len(stub.bodies) == 2


def test_retry_after_may_be_a_date(stub, engine):
    answers = [failure(503, "later", {"Retry-After": formatdate(time.time() + 2, usegmt=True)}), completion("now")]
    stub.handler = lambda body: answers.pop(0)
    start = time.monotonic()
    assert one(engine).text == "now"
    assert time.monotonic() - start >= 0.9


def test_a_broken_server_is_given_up_after_the_retries(stub, engine):
    stub.handler = lambda body: failure(500, "out of memory") if said(body) == "bad" else completion("fine")
    results = in_order(engine.generate([user("a"), user("bad"), user("b")], Sampling()))
    assert [result.text for result in results] == ["fine", "", "fine"]
    assert results[1].error == "HTTP 500: out of memory (tried 3 times)"
    assert len(stub.bodies) == 2 + 3


@pytest.mark.parametrize(
    ("status", "hint"), [(400, ""), (401, "api_key_env"), (404, "base_url"), (413, "smaller images"), (422, "")]
)
def test_a_request_that_is_wrong_is_not_sent_again(stub, engine, status, hint):
    stub.handler = lambda body: failure(status, "the prompt is too long")
    error = one(engine).error
    assert error.startswith(f"HTTP {status}: the prompt is too long")
    assert hint in error
    assert len(stub.bodies) == 1


def test_a_spent_quota_is_not_waited_for(stub, engine):
    stub.handler = lambda body: failure(429, "You exceeded your quota", code="insufficient_quota")
    assert "quota" in one(engine).error
    assert len(stub.bodies) == 1


def test_a_server_that_does_not_answer_in_time(stub):
    stub.handler = stub.slowly(lambda body: 1.0, reply("too late"))
    engine = EndpointEngine(stub.base_url, "stub", timeout=0.2, retries=1)
    assert one(engine).error == "no answer within 0.2 s; raise timeout, or lower concurrency (tried 2 times)"
    assert len(stub.bodies) == 2


def test_no_server():
    engine = EndpointEngine("http://127.0.0.1:9/v1", "stub", retries=1)
    assert "no connection to base_url" in one(engine).error


@pytest.mark.parametrize(
    "answer", [HTMLResponse("<html>Welcome</html>"), {"choices": []}, {"choices": "abc"}, {"choices": ["abc"]}, [1]]
)
def test_an_answer_that_is_none(stub, engine, answer):
    stub.handler = lambda body: answer
    assert "not a chat completion" in one(engine).error


@pytest.mark.parametrize(
    ("answer", "message", "times"),
    [
        ({"error": {"message": "no such model"}}, "no such model", 1),
        ({"error": "no such model"}, "no such model", 1),
        ({**completion("yes"), "error": {"code": 429, "message": "slow down"}}, "429 slow down (tried 3 times)", 3),
        (completion("ye", "error"), "502 finish_reason=error (tried 3 times)", 3),
    ],
)
def test_an_error_inside_a_good_answer_is_one(stub, engine, answer, message, times):
    stub.handler = lambda body: answer
    assert one(engine).error == f"the server said in its answer that it failed: {message}"
    assert len(stub.bodies) == times


def test_an_answer_cut_in_the_middle_of_its_json(stub, engine):
    stub.handler = lambda body: openai_stub.Response('{"choices": [', media_type="application/json")
    assert one(engine).error


def test_refusals_are_errors(stub, engine):
    stub.handler = reply(None, refusal="I cannot judge this.")
    assert one(engine).error == "the server refused to answer: I cannot judge this."
    stub.handler = reply("half a", "content_filter")
    assert "content filter" in one(engine).error


# Reasoning that the server parts off


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize(
    ("content", "finish_reason", "text"),
    [
        ("<answer>yes</answer>", "stop", "<think>why</think><answer>yes</answer>"),
        ("yes", "stop", "<think>why</think>yes"),
        ("ye", "length", "<think>why</think>ye"),
        (None, "stop", "<think>why"),
        (None, "length", "<think>why"),
        ("", "length", "<think>why"),
    ],
)
def test_reasoning_comes_back_in_tags(stub, engine, field, content, finish_reason, text):
    stub.handler = reply(content, finish_reason, **{field: "why"})
    result = one(engine)
    assert (result.text, result.finished, result.error) == (text, finish_reason == "stop" and bool(content), None)


@pytest.mark.parametrize(
    ("reasoning", "content", "answer"),
    [("draft: <answer>no</answer>? hm", None, None), ("tags are <think> and <answer>", "<answer>yes</answer>", "yes")],
)
def test_tags_inside_parted_reasoning_move_nothing(stub, engine, reasoning, content, answer):
    stub.handler = reply(content, reasoning_content=reasoning)
    assert Judge(engine).judge([sample()])[0].answer == answer
    assert Judge(engine).reply([user("?")])[0].text == (answer or "")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<think>a</think><answer>b</answer>", "<think>a</think><answer>b</answer>"),
        ("a</think><answer>b</answer>", "<think>a</think><answer>b</answer>"),
        (None, ""),
        ("plain", "plain"),
    ],
)
@pytest.mark.parametrize("extra", [{}, {"reasoning_content": None}, {"reasoning": ""}])
def test_content_without_reasoning_apart_is_the_text(stub, engine, content, text, extra):
    stub.handler = reply(content, **extra)
    assert one(engine).text == text


def cut_then(answer):
    """Cut off while reasoning; when asked again, `answer`."""
    return lambda body: answer(body) if len(body["messages"]) > 1 else completion(None, "length", reasoning="so lo")


@pytest.mark.parametrize("answer", ["no", "<answer>no</answer>", "<answer>no", "<think>ok</think><answer>no</answer>"])
def test_a_reply_cut_off_while_reasoning_is_forced(stub, engine, answer):
    stub.handler = cut_then(reply(answer))
    verdict = Judge(engine, sampling=Sampling(max_new_tokens=4)).judge([sample()])[0]
    assert (verdict.answer, verdict.forced, verdict.reasoning) == ("no", True, "so lo")
    assert verdict.reply == "<think>so lo</think><answer>no</answer>"
    *_, partial, request = stub.bodies[1]["messages"]
    assert partial == {"role": "assistant", "content": "so lo"}
    assert (request["role"], "final answer alone" in request["content"]) == ("user", True)


def test_a_model_that_reasons_again_instead_of_answering_is_unscored(stub, engine):
    stub.handler = cut_then(reply(None, "length", reasoning="let me see"))
    verdict = Judge(engine).judge([sample()])[0]
    assert verdict.answer is None
    assert "raise max_new_tokens" in verdict.error


def test_a_free_form_reply_is_forced_too(stub, engine):
    stub.handler = cut_then(reply("4 out of 5"))
    answer = Judge(engine).reply([user("Rate it.")])[0]
    assert (answer.text, answer.forced) == ("4 out of 5", True)


# Images


def test_images_arrive_as_data_urls_with_their_own_bytes(stub, engine, tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (20, 10), "red").save(path)
    assert one(engine, user("What is it?", path, Image.new("RGB", (3, 5), "blue"))).error is None
    *urls, text = stub.bodies[0]["messages"][0]["content"]
    assert text == {"type": "text", "text": "What is it?"}
    kinds, sizes = [], []
    for item in urls:
        kind, _, data = item["image_url"]["url"].partition(";base64,")
        kinds.append(kind)
        sizes.append(Image.open(io.BytesIO(base64.b64decode(data))).size)
    assert (kinds, sizes) == (["data:image/jpeg", "data:image/png"], [(20, 10), (3, 5)])
    assert urls[0]["image_url"]["url"] == images.data_url(path)


def test_a_videos_frames_are_several_images(stub, engine):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "green", "blue")]
    one(engine, [{"role": "user", "content": [{"type": "video", "video": frames}, {"type": "text", "text": "?"}]}])
    assert [item["type"] for item in stub.bodies[0]["messages"][0]["content"]] == ["image_url"] * 3 + ["text"]


def test_one_bad_image_among_several(stub, engine, tmp_path):
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.new("RGB", (40, 40), "red").save(good)
    bad.write_bytes(good.read_bytes()[:60])
    stub.handler = reply("<think>a</think><answer>yes</answer>")
    verdicts = Judge(engine).judge([sample(number, images=[bad if number == 1 else good]) for number in range(4)])
    assert [verdict.answer for verdict in verdicts] == ["yes", None, "yes", "yes"]
    assert "bad.png" in verdicts[1].error
    assert len(stub.bodies) == 3, "what cannot be decoded is not sent"


# Keys and options


def test_the_key_goes_to_the_server_and_nowhere_else(stub, monkeypatch, tmp_path):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    stub.handler = lambda body: failure(401, f"Incorrect API key provided: {KEY}")
    engine = EndpointEngine(stub.base_url, "stub", api_key_env="JUDGE_KEY")
    verdict = Judge(engine, ledger=Ledger(tmp_path / "ledger.sqlite")).judge([sample()])[0]
    assert stub.headers[0]["authorization"] == f"Bearer {KEY}"
    assert verdict.error.startswith("HTTP 401: Incorrect API key provided: ***")
    assert engine.identity == {"engine": "endpoint", "model": "stub", "base_url": stub.base_url}
    assert KEY not in repr(vars(engine)) + repr(verdict)
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_a_key_where_a_long_message_is_cut_is_not_half_shown(stub, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    stub.handler = lambda body: failure(400, "x" * 480 + KEY + "y" * 9000)
    error = one(EndpointEngine(stub.base_url, "stub", api_key_env="JUDGE_KEY")).error
    assert "sk-" not in error
    assert len(error) < 600


def test_without_a_key_empty_is_sent(stub, engine, monkeypatch):
    one(engine)
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-default")
    one(EndpointEngine(stub.base_url, "stub"))
    assert [headers["authorization"] for headers in stub.headers] == ["Bearer EMPTY", "Bearer from-the-default"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": ""}, "base_url: missing"),
        ({"base_url": "127.0.0.1:8000"}, "want http://host:port/v1"),
        ({"base_url": "http://me:pass@host/v1"}, "base_url: holds credentials"),
        ({"base_url": "http://host/v1?key=abc"}, "base_url: holds credentials"),
        ({"model": ""}, "model: missing"),
        ({"api_key_env": "SURELY_UNSET"}, "api_key_env=SURELY_UNSET: that environment variable is unset"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"timeout": 0}, "timeout=0"),
        ({"retries": -1}, "retries=-1"),
    ],
)
def test_options_of_no_use_are_named(options, message):
    with pytest.raises(EngineError, match=message.replace("?", r"\?")) as error:
        EndpointEngine(**{"base_url": "http://host/v1", "model": "m", **options})
    assert "pass" not in str(error.value)
    assert "abc" not in str(error.value)


def test_it_is_built_from_arguments(stub, tmp_path):
    arguments = f"engine=endpoint,base_url={stub.base_url},model=stub,concurrency=2,ledger={tmp_path / 'l.sqlite'}"
    stub.handler = reply("<think>a</think><answer>no</answer>")
    for _ in range(2):
        assert load_judge(arguments).judge([sample()])[0].answer == "no"
    assert len(stub.bodies) == 1, "the second run finds it in the ledger"


def test_truncate_counts_words_punctuation_and_ideographs(engine):
    text = "It's 4.5, no?\n好的 yes"
    expected = ["", "It", "It'", "It's", "It's 4", "It's 4.", "It's 4.5", "It's 4.5,", "It's 4.5, no"]
    assert [engine.truncate(text, number) for number in range(9)] == expected
    assert engine.truncate(text, 10) == "It's 4.5, no?\n好"
    assert engine.truncate(text, 99) == text


# Scores


def prompt_logprobs(body):
    """As vLLM answers: a token a word; the log-probability of a word is minus its length, over ten."""
    words = said(body).replace("<", " <").split()
    rows = [{str(sum(map(ord, word))): {"logprob": -len(word) / 10, "rank": 1}} for word in words]
    return {**completion("x", "length"), "prompt_logprobs": [None, *rows]}


def test_scores_are_sums_behind_the_common_prefix(stub, engine):
    stub.handler = prompt_logprobs
    conversation = [*user("Who?"), {"role": "assistant", "content": [{"type": "text", "text": "<answer> "}]}]
    choices = ["image A", "image B or C", "neither"]
    scores = next(engine.score([conversation], [choices], " </a>"))[1]
    # <answer> is shared by all three. "image A </a>", "image B or C </a>", "neither </a>".
    assert scores.logprobs == pytest.approx({"image A": -1.0, "image B or C": -1.3, "neither": -1.1})
    assert scores.prompt_tokens == 2
    body = stub.bodies[1]
    assert body["messages"][-1] == {"role": "assistant", "content": "<answer> image B or C </a>"}
    expected = {"prompt_logprobs": 0, "add_generation_prompt": False, "continue_final_message": True, "max_tokens": 1}
    assert expected.items() <= body.items()


def test_direct_verdicts_have_probabilities(stub, engine):
    stub.handler = prompt_logprobs
    verdict = Judge(engine, verdict="direct").judge([sample(choices=("perhaps", "no"))])[0]
    assert verdict.answer == "no"
    assert verdict.probabilities["no"] == pytest.approx(0.622459, abs=1e-6)  # 1 / (1 + exp(-0.5))
    assert sum(verdict.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("handler", [reply("x"), lambda body: failure(400, "Unknown parameter: 'prompt_logprobs'.")])
def test_a_server_without_prompt_logprobs_says_what_to_do(stub, engine, handler):
    stub.handler = handler
    verdict = Judge(engine, verdict="direct").judge([sample()])[0]
    assert verdict.answer is None
    assert "verdict=direct needs a server that returns prompt_logprobs" in verdict.error
    assert "use verdict=reason" in verdict.error
    assert len(stub.bodies) == 1


@pytest.mark.parametrize("usage", ["x", {"prompt_tokens": "a", "completion_tokens": -5}, {"prompt_tokens": None}, []])
def test_a_usage_that_makes_no_sense_costs_no_verdict(stub, engine, usage):
    stub.handler = lambda body: {**completion("yes"), "usage": usage}
    found = one(engine)
    assert (found.text, found.error, found.prompt_tokens, found.completion_tokens) == ("yes", None, 0, 0)

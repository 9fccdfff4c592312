"""What unmodified clients of other judges send, and what they read: constraints, tools, Responses, odd messages."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel
from served import HTTP, Server, command, serving

from mtrl_judge_plugin import engines

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"enum": ["pass", "fail"]}},
    "required": ["verdict"],
    "additionalProperties": False,
}
OBJECT = '{"verdict": "pass"}'
ANOTHER = {"type": "function", "function": {"name": "g"}}


@pytest.fixture(autouse=True)
def _stub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines.ENGINES, "stub", "stub_engine:StubEngine")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    engines.ENGINES["stub"] = "stub_engine:StubEngine"
    with serving() as running:
        yield running


def client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize(
    ("fields", "reply", "content"),
    [
        ({"guided_choice": ["archive", "bin"]}, "**Bin**", "bin"),
        ({"structured_outputs": {"choice": ["archive", "bin"]}}, "Archive.", "archive"),
        ({"guided_regex": r"\d{3}-\d"}, "`123-4`", "123-4"),
        ({"regex": r"[a-c]+"}, "abc", "abc"),
        ({"guided_json": SCHEMA}, f"Here: {OBJECT}", OBJECT),
        ({"json_schema": json.dumps(SCHEMA)}, OBJECT, OBJECT),
        ({"guided_choice": ["archive", "bin"]}, "It goes to the bin.", None),
        ({"guided_json": SCHEMA}, '{"verdict": "maybe"}', None),
        ({"response_format": {"type": "json_object"}}, '{"a": 1} or {"a": 2}', None),
    ],
)
def test_what_a_request_demands_is_what_it_gets(
    server: Server, fields: dict[str, Any], reply: str, content: str
) -> None:
    response = server.post(f"Where to? [[reply:{reply}]]", **fields)
    if content is None:
        assert response.status_code == 422
    else:
        assert response.json()["choices"][0]["message"]["content"] == content


@pytest.mark.parametrize(
    "fields",
    [
        {"guided_choice": "bin"},
        {"guided_choice": []},
        {"guided_regex": "("},
        {"guided_json": "{"},
        {"guided_grammar": "root ::= x"},
        {"guided_choice": ["a"], "guided_regex": "a"},
        {"structured_outputs": []},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": ANOTHER},
        {"tools": [{"type": "function", "function": {"name": n}} for n in "fg"], "tool_choice": "required"},
    ],
)  # fmt: skip
def test_a_demand_that_cannot_be_met_is_an_error_that_names_it(server: Server, fields: dict[str, Any]) -> None:
    response = server.post("[[reply:a]]", **fields)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["param"] in {*fields, "structured_outputs"}
    assert error["message"]


def test_the_header_says_how_the_reply_was_read(server: Server) -> None:
    assert server.post("Answer only yes or no. [[reply:Yes]]").headers["x-mtrl-judge-format"] == "words"
    assert server.post("Describe it. [[reply:a cat]]").headers["x-mtrl-judge-format"] == "unread"
    streamed = server.post("Describe it. [[reply:a cat]]", stream=True)
    assert streamed.headers["x-mtrl-judge-format"] == "unread"
    assert 'outcome="unread"' in HTTP.get(f"{server.url}/metrics").text


def test_a_strict_server_refuses_what_it_cannot_read() -> None:
    with serving(strict=True) as server:
        refused = server.post("Describe it. [[reply:a cat]]")
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unknown_format")
        assert server.say("Answer only yes or no. [[reply:yes]]") == "yes"


def test_a_forced_tool_is_called_with_the_verdict(server: Server) -> None:
    tool = {"type": "function", "function": {"name": "grade", "parameters": SCHEMA}}
    reply = client(server).chat.completions.create(
        model="x",
        messages=user(f"Grade it. [[reply:{OBJECT}]]"),
        tools=[tool],
        tool_choice={"type": "function", "function": {"name": "grade"}},
    )
    (choice,) = reply.choices
    (call,) = choice.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("grade", {"verdict": "pass"})
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    old = server.post(
        f"Grade it. [[reply:{OBJECT}]]",
        functions=[{"name": "grade", "parameters": SCHEMA}],
        function_call={"name": "grade"},
    ).json()["choices"][0]
    assert (old["message"]["function_call"]["name"], old["finish_reason"]) == ("grade", "function_call")
    assert server.say("Grade it. [[reply:fine]]", tools=[tool], tool_choice="auto") == "fine"
    streamed = client(server).chat.completions.create(
        model="x", messages=user(f"Grade it. [[reply:{OBJECT}]]"), tools=[tool], tool_choice="required", stream=True
    )
    calls = [call for chunk in streamed for call in chunk.choices[0].delta.tool_calls or ()]
    assert json.loads(calls[0].function.arguments) == {"verdict": "pass"}


def test_a_system_message_alone_is_the_question(server: Server) -> None:
    messages = [{"role": "system", "content": "Is 1 < 2? Answer only yes or no. [[reply:Yes.]]"}]
    assert server.say("", messages=messages) == "yes"
    assert server.post("", messages=[{"role": "system", "content": ""}]).status_code == 400


def test_reasoning_is_left_out_where_nobody_wants_it(server: Server) -> None:
    message = server.post("[[reply:a]]", include_reasoning=False).json()["choices"][0]["message"]
    assert message["reasoning_content"] is None
    assert server.post("[[reply:a]]").json()["choices"][0]["message"]["reasoning_content"]
    with serving(reasoning=False) as silent:
        assert silent.post("[[reply:a]]").json()["choices"][0]["message"]["reasoning_content"] is None


class Grade(BaseModel):
    verdict: str


def test_the_responses_api_with_openais_own_client(server: Server) -> None:
    api = client(server).responses
    plain = api.create(model="x", input="Answer only yes or no. [[reply:**No**]]", instructions="Judge.")
    assert (plain.output_text, plain.status, plain.output[0].type) == ("no", "completed", "reasoning")
    assert plain.usage.total_tokens > 0
    parts = [{"role": "user", "content": [{"type": "input_text", "text": f"Grade it. [[reply:{OBJECT}]]"}]}]
    assert api.parse(model="x", input=parts, text_format=Grade).output_parsed == Grade(verdict="pass")
    events = list(api.create(model="x", input="Answer only yes or no. [[reply:Yes]]", stream=True))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "yes"
    tool = {"type": "function", "name": "grade", "parameters": SCHEMA, "strict": True}
    called = api.create(model="x", input=parts, tools=[tool], tool_choice="required")
    assert json.loads(called.output[-1].arguments) == {"verdict": "pass"}
    cut = api.create(model="x", input="[[reply:one two three four]]", max_output_tokens=2)
    assert (cut.output_text, cut.status) == ("one two", "incomplete")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": "a", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "a", "background": True}, "background"),
        ({"input": "a", "tools": [{"type": "web_search"}]}, "tools.0.type"),
        ({"input": []}, "input"),
        ({"input": "a", "text": "json"}, "text"),
        ({"input": "a", "text": {"format": "json_object"}}, "text.format"),
        ({"input": "a", "instructions": {"role": "x"}}, "instructions"),
        ({"input": "a", "tools": {"type": "function"}}, "tools"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]}, "input.0.content"),
    ],
)
def test_what_responses_cannot_do_is_named(server: Server, body: dict[str, Any], param: str) -> None:
    response = HTTP.post(f"{server.url}/v1/responses", json=body)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


def test_a_prompt_that_never_fits_is_the_callers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    from stub_engine import StubEngine

    from mtrl_judge_plugin.engines import Completion

    said = "HTTP 400: This model's maximum context length is 4096 tokens, but you requested 9000"
    monkeypatch.setattr(StubEngine, "_complete", lambda self, conversation: Completion(error=said))
    with serving() as server:
        response = server.post("[[reply:a]]")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_a_body_that_never_ends_takes_no_place() -> None:
    with serving(queue=1, body_seconds=1.0) as server:
        host, port = server.url.removeprefix("http://").split(":")
        hanging = [socket.create_connection((host, int(port))) for _ in range(3)]
        for connection in hanging:
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 999\r\n\r\n{"
            )
        time.sleep(0.1)
        assert server.waiting() == 0
        assert server.say("[[reply:a]]") == "a"
        assert b" 408 " in hanging[0].recv(100)
        for connection in hanging:
            connection.close()


def test_half_open_connections_do_not_stop_the_command() -> None:
    with command() as (_, url):
        host, port = url.removeprefix("http://").split(":")
        hanging = [socket.create_connection((host, int(port))) for _ in range(300)]
        for connection in hanging:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: loc")
        assert httpx.get(f"{url}/health", timeout=5).json()["status"] == "ok"
        for connection in hanging:
            connection.close()

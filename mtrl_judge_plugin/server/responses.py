"""OpenAI's Responses API in its basic form: a request becomes a chat completion's, and the answer is put back.

Texts, images, instructions, JSON formats, one forced function, sampling and streams are served. What would need memory
or tools of ours (`previous_response_id`, `conversation`, `background`, tools but functions) is refused by name.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from mtrl_judge_plugin.server import protocol
from mtrl_judge_plugin.server.protocol import ChatCompletion, ChatRequest
from mtrl_judge_plugin.server.settings import ApiError

#: Fields that ask for what a judge does not have.
_REFUSED = ("previous_response_id", "conversation", "background", "prompt")
_SAME = ("model", "temperature", "top_p", "stream", "tool_choice", "include_reasoning", "seed")
_TYPES = (("text", dict, "an object"), ("instructions", str, "a text"), ("tools", list, "a list"))
_TEXTS = ("input_text", "output_text", "text")


def parse(body: bytes) -> ChatRequest:
    """The chat request that a Responses request means.

    Raises:
        ApiError: 400, naming the field.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise ApiError(400, f"the body is not JSON: {type(problem).__name__}", "invalid_json") from None
    if not isinstance(given, dict):
        raise ApiError(400, "want a JSON object", "invalid_json")
    for name in _REFUSED:
        if given.get(name):
            raise ApiError(
                400, f"{name}: this judge has no such thing; send the whole input", "unsupported", param=name
            )
    for name, type_, want in _TYPES:
        if not isinstance(given.get(name), (type_, type(None))):
            raise ApiError(400, f"{name}: want {want}", "invalid_type", param=name)
    chat: dict[str, Any] = {name: given[name] for name in _SAME if given.get(name) is not None}
    chat["messages"] = _messages(given.get("input"), given.get("instructions"))
    if given.get("max_output_tokens") is not None:
        chat["max_completion_tokens"] = given["max_output_tokens"]
    text = given.get("text") or {}
    wanted = text.get("format")
    if not isinstance(wanted, (dict, type(None))):
        raise ApiError(400, "text.format: want an object", "invalid_type", param="text.format")
    if wanted and wanted.get("type", "text") != "text":
        schema = {"name": str(wanted.get("name", "")), "schema": wanted.get("schema") or {}}
        kind = wanted.get("type")
        chat["response_format"] = {"type": kind, **({"json_schema": schema} if kind == "json_schema" else {})}
    if given.get("tools"):
        chat["tools"] = [_tool(tool, number) for number, tool in enumerate(given["tools"])]
    choice = chat.get("tool_choice")
    if isinstance(choice, Mapping) and choice.get("type") == "function" and "name" in choice:
        chat["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    return protocol.parse(json.dumps(chat).encode())


def _tool(tool: Any, number: int) -> dict[str, Any]:
    if not isinstance(tool, Mapping) or tool.get("type") != "function":
        raise ApiError(400, "tools: want functions only", "unsupported", param=f"tools.{number}.type")
    about = {name: tool[name] for name in ("name", "parameters") if tool.get(name) is not None}
    return {"type": "function", "function": about}


def _messages(given: Any, instructions: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if instructions:
        messages.append({"role": "system", "content": instructions})
    if isinstance(given, str):
        return [*messages, {"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise ApiError(400, "input: want a text or a list of messages", "invalid_input", param="input")
    for number, item in enumerate(given):
        if not isinstance(item, Mapping) or item.get("type", "message") != "message" or "content" not in item:
            if isinstance(item, Mapping) and item.get("type") == "reasoning":
                continue  # an earlier answer's, which clients send back
            raise ApiError(400, "input: want messages only", "unsupported", param=f"input.{number}")
        content = item["content"]
        parts = content if isinstance(content, list) else [{"type": "input_text", "text": content}]
        place = f"input.{number}.content"
        messages.append({"role": item.get("role", "user"), "content": [_part(part, place) for part in parts]})
    return messages


def _part(part: Any, place: str) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind in _TEXTS:
        return {"type": "text", "text": part.get("text")}
    if kind == "input_image" and part.get("image_url"):
        return {"type": "image_url", "image_url": part["image_url"]}
    raise ApiError(400, "want texts and images with an image_url", "unsupported", param=place)


def whole(completion: ChatCompletion) -> dict[str, Any]:
    """The answer as the Responses API has it."""
    choice = completion.choices[0]
    name = completion.id.removeprefix("chatcmpl-")
    output: list[dict[str, Any]] = []
    if reasoning := choice.message.reasoning_content:
        summary = [{"type": "summary_text", "text": reasoning}]
        output.append({"type": "reasoning", "id": f"rs_{name}", "summary": summary})
    if calls := choice.message.tool_calls:
        output += [
            {
                "type": "function_call",
                "id": f"fc_{name}",
                "call_id": call.id,
                "name": call.function.name,
                "arguments": call.function.arguments,
                "status": "completed",
            }
            for call in calls
        ]
    else:
        content = [{"type": "output_text", "text": choice.message.content or "", "annotations": []}]
        output.append(
            {"type": "message", "id": f"msg_{name}", "role": "assistant", "status": "completed", "content": content}
        )
    cut = choice.finish_reason == "length"
    usage = completion.usage
    return {
        "id": f"resp_{name}",
        "object": "response",
        "created_at": completion.created or int(time.time()),
        "status": "incomplete" if cut else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": None,
        "metadata": {},
        "model": completion.model,
        "output": output,
        "parallel_tool_calls": False,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": {
            "input_tokens": usage.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.total_tokens,
        },
    }


def events(completion: ChatCompletion, *, usage: bool) -> Iterator[dict[str, Any]]:
    """The answer as the events of a stream, each with its `type`; the tokens are in the last one in any case."""
    response = whole(completion)
    started = {**response, "status": "in_progress", "output": [], "usage": None}
    number = 0

    def event(kind: str, **about: Any) -> dict[str, Any]:
        nonlocal number
        number += 1
        return {"type": kind, "sequence_number": number - 1, **about}

    yield event("response.created", response=started)
    for index, item in enumerate(response["output"]):
        yield event("response.output_item.added", output_index=index, item=item)
        if item["type"] == "message":
            where = {"output_index": index, "content_index": 0, "item_id": item["id"]}
            (part,) = item["content"]
            yield event("response.content_part.added", **where, part={**part, "text": ""})
            yield event("response.output_text.delta", **where, delta=part["text"], logprobs=[])
            yield event("response.output_text.done", **where, text=part["text"], logprobs=[])
            yield event("response.content_part.done", **where, part=part)
        yield event("response.output_item.done", output_index=index, item=item)
    kind = "response.incomplete" if response["status"] == "incomplete" else "response.completed"
    yield event(kind, response=response)

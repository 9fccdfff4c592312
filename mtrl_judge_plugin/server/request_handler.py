"""Where requests are turned into questions, put before the judge, and its answers into completions."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from mtrl_judge_plugin import messages
from mtrl_judge_plugin.engines import Sampling, reply_tokens
from mtrl_judge_plugin.formats.constrained import FIELDS, ConstraintError, format_of_constraint
from mtrl_judge_plugin.formats.json_schema import SchemaError, format_of_schema
from mtrl_judge_plugin.formats.kinds import Format
from mtrl_judge_plugin.formats.objects import JSON_OBJECT
from mtrl_judge_plugin.judging.draws import SEEDS
from mtrl_judge_plugin.judging.judge import Judge
from mtrl_judge_plugin.judging.replies import Reply
from mtrl_judge_plugin.judging.service import JudgeService, ServiceReply, format_for, json_format
from mtrl_judge_plugin.judging.templates import Templates
from mtrl_judge_plugin.messages import Conversation
from mtrl_judge_plugin.server import protocol
from mtrl_judge_plugin.server.image_fetching import ImageReader
from mtrl_judge_plugin.server.limits import Bodies, Queue
from mtrl_judge_plugin.server.metrics import Metrics, log
from mtrl_judge_plugin.server.protocol import (
    ChatCompletion,
    ChatRequest,
    Choice,
    ChoiceLogprobs,
    FunctionCall,
    FunctionName,
    ReplyMessage,
    ToolCall,
    Usage,
)
from mtrl_judge_plugin.server.settings import ApiError, Settings
from mtrl_judge_plugin.server.stops import BeforeStop
from mtrl_judge_plugin.server.turns import has_addresses, turns_of

Result = TypeVar("Result")
#: Key of an ASGI scope: texts of the request that are material for certain, as `mtrl-judge run` knows them.
MATERIAL = "mtrl_judge.material"
_THREADS, _FETCHING = 8, 16
#: Bodies that may be on their way, for each place in the queue.
_BODIES = 4
_MAX_TOKENS = 1024
#: How engines and servers say that a prompt can never be answered.
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|maximum (?:model|context|prompt|input) length|max_model_len|prompt is too long|"
    r"longer than the (?:maximum|model)|exceeds? the (?:model|maximum|context)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Asked:
    """A request that has been checked.

    Attributes:
        request: as it came.
        conversation: for the judge.
        expected: the format of its reply.
        max_tokens: of the visible reply.
        sampling: of the first draw; the others have other seeds.
        draws: how many judgments: one, or `n` where they are sampled.
    """

    request: ChatRequest
    conversation: Conversation
    expected: Format
    max_tokens: int
    sampling: Sampling
    draws: int


class RequestHandler:
    """One judge at work for all clients.

    Args:
        judge: answers on threads of the batcher: in batches, or side by side as its engine likes it.
        settings: limits and permissions.
    """

    def __init__(self, judge: Judge, settings: Settings) -> None:
        self.judge = judge
        self.settings = settings
        self.templates = Templates(settings.templates) if settings.templates else None
        self.queue = Queue(settings.queue)
        self.bodies = Bodies(_BODIES * settings.queue, settings.max_body, min(settings.body_seconds, settings.timeout))
        self.service = JudgeService(judge)
        self.metrics = Metrics(lambda: self.queue.taken, lambda name: self.service.batcher.counts[name])
        self.fingerprint = hashlib.sha256(json.dumps(dict(judge.engine.identity), default=str).encode()).hexdigest()[
            :16
        ]
        self._told = False
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="mtrl-judge-serve")
        # Of their own: an image's host may take its time, and the other requests must not wait for it.
        self._fetching = ThreadPoolExecutor(_FETCHING, thread_name_prefix="mtrl-judge-fetch")

    def close(self) -> None:
        """Finish what was asked, then end the worker."""
        self.service.close()
        for threads in (self._threads, self._fetching):
            threads.shutdown(wait=False, cancel_futures=True)

    async def off_loop(self, call: Callable[[], Result]) -> Result:
        """Run what takes time (decoding, hashing, reading) beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def ask(
        self, body: bytes, known: Sequence[str] = (), parse: Callable[[bytes], ChatRequest] = protocol.parse
    ) -> Asked:
        """Read and check a request.

        Args:
            body: of the request.
            known: texts in it that are material for certain.
            parse: how the body is read.

        Raises:
            ApiError: 400 or 413, naming what is wrong.
        """
        request = await self.off_loop(lambda: parse(body))
        threads = self._fetching if has_addresses(request) else self._threads
        return await asyncio.get_running_loop().run_in_executor(threads, lambda: self._check(request, known))

    async def answer(self, asked: Asked) -> list[ServiceReply]:
        """Put a request before the judge: one answer a draw. What was not begun is taken back on cancellation.

        Raises:
            ApiError: 429, the further draws find no place; 502, the engine failed; 422, no reply was in the format
                that was asked for.
        """
        seeded = asked.request.seed is not None
        with (
            self.queue.place(asked.draws - 1),
            self.service.samplings(
                asked.conversation, asked.max_tokens, asked.sampling, asked.draws, seeded=seeded
            ) as samplings,
        ):
            answers = await asyncio.gather(*(self._answer(asked, sampling) for sampling in samplings))
            for answer in answers:
                self.metrics.judged(answer)
                self.judge.count(unreadable=answer.unreadable)
                if answer.error is not None:
                    self._failed(answer.error)
                if answer.unreadable:
                    await self.off_loop(partial(self.judge.mark_unreadable, answer.replies, answer.error or ""))
            failed = next((answer for answer in answers if answer.error is not None), None)
            if failed is None:
                return answers
            if failed.unreadable:
                raise ApiError(
                    422,
                    f"the judge's reply did not match the requested format ({failed.format}), even after a retry: "
                    f"{failed.error}",
                    "unreadable_reply",
                )
            if _TOO_LONG.search(failed.error or ""):
                raise ApiError(
                    400,
                    f"the prompt does not fit the judge: {failed.error}",
                    "context_length_exceeded",
                    param="messages",
                )
            raise ApiError(502, f"the engine failed on this request: {failed.error}", "engine_error")

    def _failed(self, reason: str) -> None:
        """Say why the first judgment failed; the last line of the server shows it again."""
        if not self._told:
            self._told = True
            log("first_failed_judgment", reason=reason)
            self.judge.note(reason)

    def completion(self, asked: Asked, answers: Sequence[ServiceReply]) -> ChatCompletion:
        """The answers as a client reads them; greedy ones are one judgment, however many were asked for."""
        copies = 1 if len(answers) > 1 else asked.request.n or 1
        choices = [self._choice(answer, asked) for answer in answers for _ in range(copies)]
        prompt = sum(answer.prompt_tokens for answer in answers)
        reply = sum(answer.completion_tokens for answer in answers)
        return ChatCompletion(
            id=f"chatcmpl-{uuid.uuid4().hex}",
            model=self.judge.name,
            system_fingerprint=self.fingerprint,
            choices=[choice.model_copy(update={"index": number}) for number, choice in enumerate(choices)],
            usage=Usage(prompt_tokens=prompt, completion_tokens=reply, total_tokens=prompt + reply),
        )

    def _choice(self, answer: ServiceReply, asked: Asked) -> Choice:
        request, reply = asked.request, answer.replies[-1]
        said = protocol.cut(reply.text, request.stop)
        stopped = len(said) < len(reply.text) or len(reply.text) == len(reply.whole)
        shown = self.settings.reasoning and request.include_reasoning is not False
        text, reasoning = _clean(answer.text), _clean(answer.reasoning) if shown else ""
        message = ReplyMessage(content=text, reasoning_content=reasoning or None)
        logprobs = _logprobs(reply, said, answer.text)
        if function := request.forced():
            call = FunctionCall(name=function.name, arguments=text)
            if isinstance(request.function_call, FunctionName):
                message = message.model_copy(update={"content": None, "function_call": call})
                return Choice(index=0, message=message, finish_reason="function_call")
            calls = [ToolCall(id=f"call_{uuid.uuid4().hex[:24]}", function=call)]
            message = message.model_copy(update={"content": None, "tool_calls": calls})
            return Choice(index=0, message=message, finish_reason="tool_calls")
        return Choice(index=0, message=message, finish_reason="stop" if stopped else "length", logprobs=logprobs)

    async def _answer(self, asked: Asked, sampling: Sampling) -> ServiceReply:
        def submit() -> Future[ServiceReply]:
            return self.service.submit(
                asked.conversation, asked.expected, max_tokens=asked.max_tokens, sampling=sampling
            )

        submitting = asyncio.ensure_future(self.off_loop(submit))
        try:
            future = await asyncio.shield(submitting)
        except asyncio.CancelledError:  # the thread goes on: what it puts into the queue is taken out again
            submitting.add_done_callback(lambda done: done.cancelled() or done.exception() or done.result().cancel())
            raise
        return await asyncio.wrap_future(future)

    def _check(self, request: ChatRequest, known: Sequence[str]) -> Asked:
        system, turns = turns_of(request, ImageReader(self.settings))
        plain = messages.conversation(turns, system=system or None)
        if self.templates is not None and not known:
            known = self.templates.material(messages.last_question(plain), messages.system_text(plain))
        demanded = _demanded(request)
        if demanded is JSON_OBJECT:
            demanded = json_format(plain, known)  # the prompt may say which keys
        expected = demanded or format_for(plain, known)
        if not expected.known and self.settings.strict:
            raise ApiError(
                422,
                "the prompt shows no format that is known, and this server is strict: name it by response_format, or "
                "start the server without --strict",
                "unknown_format",
            )
        expected = _before_stop(expected, request.stop)
        instruction = demanded.instruction if demanded else None
        conversation = messages.conversation(turns, system=system or None, instruction=instruction)
        own = self.judge.sampling
        sampling = replace(
            own,
            temperature=own.temperature if request.temperature is None else request.temperature,
            top_p=own.top_p if request.top_p is None else request.top_p,
            seed=own.seed if request.seed is None else request.seed % SEEDS,
            logprobs=bool(request.logprobs),
        )
        max_tokens = request.max_completion_tokens or request.max_tokens or _MAX_TOKENS
        sampled = sampling.temperature > 0
        draws = (request.n or 1) if sampled else 1
        if draws > self.queue.most:
            raise ApiError(
                400,
                f"n={draws}: over the limit of judgments that may wait or run at a time, {self.queue.most} (--queue)",
                "n_too_large",
                param="n",
            )
        return Asked(request, conversation, expected, max_tokens, sampling, draws)


def _demanded(request: ChatRequest) -> Format | None:
    """The format that a request's fields name, or None where its prompt has to show it.

    Raises:
        ApiError: 400, naming the field.
    """
    form = request.response_format
    if function := request.forced():
        try:
            return format_of_schema(function.parameters or {"type": "object"})
        except SchemaError as error:
            raise ApiError(400, f"{function.name}: {error}", "invalid_schema", param="tools") from None
    if form is not None and form.type == "json_object":
        return JSON_OBJECT
    if form is not None and form.type == "json_schema":
        if form.json_schema is None:
            raise ApiError(
                400,
                'json_schema is missing; send "json_schema": {"name": "...", "schema": {...}}, or for any object '
                '"type": "json_object"',
                "missing",
                param="response_format.json_schema",
            )
        try:
            return format_of_schema(form.json_schema.schema_)
        except SchemaError as error:
            param = "response_format.json_schema.schema"
            raise ApiError(400, str(error), "invalid_schema", param=param) from None
    try:
        return format_of_constraint({name: getattr(request, name, None) for name in FIELDS})
    except ConstraintError as error:
        raise ApiError(
            400, str(error), "invalid_constraint", param=str(error).partition(":")[0].partition(" and ")[0]
        ) from None


def _before_stop(expected: Format, stop: str | Sequence[str] | None) -> Format:
    words = protocol.words_of(stop)
    return BeforeStop(inner=expected, words=tuple(words)) if words else expected


def _logprobs(reply: Reply, said: str, text: str) -> ChoiceLogprobs | None:
    """Of the content's tokens, where the content is one run of the reply's and there is no doubt which.

    Args:
        reply: the judge's.
        said: its text up to a word at which it ends.
        text: that in the form that was asked for.
    """
    at = 0
    if text != said:
        at = said.find(text)
        if at < 0 or at != said.rfind(text):
            return None
    tokens = reply_tokens.part(reply.logprobs, reply.text, at, at + len(text))
    return ChoiceLogprobs.of((_clean(token), logprob) for token, logprob in tokens) if tokens else None


def _clean(text: str) -> str:
    """Without half surrogate pairs, as a model's server may send them: they are not texts that can be sent on."""
    return text.encode("utf-8", "replace").decode()

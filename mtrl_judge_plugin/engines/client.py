"""One request to an OpenAI-compatible server: sent, tried again where that can help, else explained."""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Callable
from typing import Any

import openai
import tenacity
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 60.0
_LONGEST_MESSAGE = 500
_WAYS_OUT = {
    401: "check the key in the variable that api_key_env names",
    403: "check the key in the variable that api_key_env names",
    404: "check base_url (it usually ends in /v1) and model",
    413: "send fewer or smaller images",
    429: "lower concurrency, or check the account's quota",
}


class RequestError(RuntimeError):
    """A request that failed for good; the message says why and what to do, and never holds the key.

    Attributes:
        status: the HTTP status, or None where there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ChatClient:
    """Chat completions by the openai client, with retries.

    Args:
        base_url: of the server.
        api_key: sent with each request, and cut out of every message; "" for servers without keys.
        timeout: seconds that one try may take.
        retries: how often a request is sent again after 429, 5xx, a time-out or a broken connection.
    """

    def __init__(self, base_url: str, api_key: str, timeout: float, retries: int) -> None:
        self._client = openai.OpenAI(base_url=base_url, api_key=api_key or "EMPTY", timeout=timeout, max_retries=0)
        self._key = api_key
        self._timeout = timeout
        self._retries = retries
        # The name of the budget: newer hosted models refuse the old one, older servers do not know the new one.
        self._limit = "max_tokens"

    def send(self, max_tokens: int, stopping: threading.Event, **body: Any) -> ChatCompletion:
        """Send one request and wait for its answer.

        Args:
            max_tokens: budget of the reply.
            stopping: once set, nothing is tried again.
            body: the other fields.

        Raises:
            RequestError: it failed for good.
        """
        limit = self._limit
        try:
            return self._retried(lambda: self._create(**body, **{limit: max_tokens}), stopping)
        except openai.BadRequestError as error:
            if limit == "max_tokens" and "max_completion_tokens" in error.message:
                self._limit = "max_completion_tokens"
                return self.send(max_tokens, stopping, **body)
            raise self._explained(error) from None
        except (openai.OpenAIError, ValueError) as error:  # ValueError: a reply that is not JSON
            raise self._explained(error) from None

    def _create(self, **body: Any) -> ChatCompletion:
        response: Any = self._client.chat.completions.create(**body)
        if error := getattr(response, "error", None):  # gateways say so with status 200, beside what they have so far
            raise _SaidError(error)
        choices: Any = getattr(response, "choices", None)
        if not isinstance(response, ChatCompletion) or not isinstance(choices, list) or not choices:
            raise ValueError("the server's answer is not a chat completion")
        if not isinstance(choices[0], Choice):
            raise ValueError("the server's answer is not a chat completion: choices holds something else")
        message = choices[0].message
        if str(choices[0].finish_reason) == "error":
            raise _SaidError({"code": 502, "message": "finish_reason=error"})
        if not isinstance(message, ChatCompletionMessage) or not isinstance(message.content, (str, list, type(None))):
            raise ValueError("the server's answer has no message with a text")
        return response

    def _retried(self, call: Callable[[], ChatCompletion], stopping: threading.Event) -> ChatCompletion:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_worth_retrying),
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(self._retries + 1), tenacity.stop_when_event_set(stopping)
            ),
            wait=self._wait,
            sleep=tenacity.sleep_using_event(stopping),
            reraise=True,
        )
        return retrying(call)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = _retry_after(error) if isinstance(error, openai.APIStatusError) else None
        backoff = tenacity.wait_exponential_jitter(initial=_FIRST_WAIT, max=_LONGEST_WAIT, jitter=_FIRST_WAIT)(state)
        return backoff if asked is None else min(asked, self._timeout)

    def _explained(self, error: Exception) -> RequestError:
        status = error.status_code if isinstance(error, openai.APIStatusError) else None
        if isinstance(error, openai.APITimeoutError):
            text, way_out = f"no answer within {self._timeout:g} s", "raise timeout, or lower concurrency"
        elif isinstance(error, openai.APIConnectionError):
            text, way_out = f"no connection to base_url ({error.__cause__ or error})", "check that the server is up"
        elif isinstance(error, openai.APIStatusError):
            text, way_out = f"HTTP {status}: {_message(error)}", _WAYS_OUT.get(error.status_code, "")
        elif isinstance(error, _SaidError):
            text, way_out = str(error), ""
        else:
            text, way_out = str(error), "check base_url (it usually ends in /v1)"
        if self._key:
            text = text.replace(self._key, "***")
        tries = f" (tried {self._retries + 1} times)" if self._retries and _worth_retrying(error) else ""
        return RequestError(text[:_LONGEST_MESSAGE] + (way_out and f"; {way_out}") + tries, status)


class _SaidError(ValueError):
    """A server said in the body of a good answer that it failed: {"error": {"code": 502, "message": ...}}."""

    def __init__(self, error: object) -> None:
        said = error if isinstance(error, dict) else {"message": error}
        code = str(said.get("code") or "")
        self.temporary = code.isdigit() and (int(code) >= 500 or int(code) in (408, 429))
        told = " ".join(filter(None, (code, str(said.get("message") or said))))
        super().__init__(f"the server said in its answer that it failed: {told}")


def _worth_retrying(error: BaseException) -> bool:
    if isinstance(error, _SaidError):
        return error.temporary
    if isinstance(error, openai.APIStatusError):
        # A spent quota is a 429, too, and stays one.
        return error.status_code >= 500 or (error.status_code in (408, 429) and error.code != "insufficient_quota")
    return isinstance(error, openai.APIConnectionError)  # APITimeoutError is one


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds that the server asks to wait: a number or a date."""
    value = error.response.headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail") or body
    return str(body or error.message)

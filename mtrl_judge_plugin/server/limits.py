"""Who may ask, and how much at a time: the key, the size of a body, the length of the queue."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request

from mtrl_judge_plugin.server.settings import ApiError

#: Weight of the newest request in the running mean of seconds that one takes.
_NEWEST = 0.1
_LONGEST_WAIT = 60
#: How much of a body is read, as a multiple of the largest one that is taken.
_DROPPED = 4


def key_of(text: str) -> str:
    """A key as it was given, without the white space around it, such as the end of the line that it was read from.

    Raises:
        ValueError: no client could send it.
    """
    key = text.strip()
    if text and not key:
        raise ValueError("the API key is blank; give a key, or leave the flag out")
    if not (key.isascii() and key.isprintable()):
        raise ValueError("the API key has characters that a header cannot hold; use printable ASCII only")
    return key


def check_key(headers: Mapping[str, str], key: str) -> None:
    """Let a request in by `Authorization: Bearer KEY`, or `api-key: KEY` as Azure's clients send it.

    Raises:
        ApiError: 401. Comparing takes as long for a nearly right key as for a wrong one.
    """
    kind, _, bearer = headers.get("authorization", "").partition(" ")
    shown = bearer.strip() if kind.lower() == "bearer" else headers.get("api-key", "")
    if not hmac.compare_digest(shown.encode("utf-8", "replace"), key.encode("utf-8", "replace")):
        raise ApiError(
            401,
            "invalid or missing key; send the server's --api-key as `Authorization: Bearer KEY` or `api-key: KEY`",
            "invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )


def check_host(headers: Mapping[str, str]) -> None:
    """Refuse a request that was sent to another name than this machine's.

    A web page may let its own name point to 127.0.0.1, and then speaks to the judge as if to its own server.

    Raises:
        ApiError: 403.
    """
    try:
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        host = ""
    if not is_loopback(host):
        raise ApiError(403, "address this server as 127.0.0.1 or localhost, or start it with a key", "wrong_host")


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Bodies:
    """Reads the bodies of requests, so many at a time, each within a time limit.

    Args:
        most: how many may be on their way.
        size: the largest, in bytes.
        seconds: within which a body must be there, and a third of them for each part of it.
    """

    def __init__(self, most: int, size: int, seconds: float) -> None:
        self._most, self._size, self._seconds = most, size, seconds
        self._reading = 0

    async def read(self, request: Request) -> bytes:
        """The body of a request.

        Raises:
            ApiError: 408, it does not come in time; 429, too many others are on their way; 413 and 415 as `read_body`.
            ClientDisconnect: the client has gone.
        """
        if self._reading >= self._most:
            raise ApiError(
                429,
                f"{self._reading} requests are being received; try again",
                "too_many_requests",
                headers={"Retry-After": "1"},
            )
        self._reading += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await read_body(request, self._size, self._seconds / 3)
        except TimeoutError:
            raise ApiError(
                408, f"the body did not arrive within {self._seconds:g} s", "timeout", headers={"Connection": "close"}
            ) from None
        finally:
            self._reading -= 1


async def read_body(request: Request, most: int, pause: float) -> bytes:
    """The body of a request, if it is JSON and small enough.

    What is too large is read on for a while and dropped: most clients read no answer before they have sent all.

    Args:
        request: of the client.
        most: bytes.
        pause: seconds that any part of it may take.

    Raises:
        ApiError: 413, or 415 for another content type. A web page of another origin can send that without being
            asked, and JSON it cannot: so no page in a browser can make the judge of this machine work for it.
        ClientDisconnect: the client has gone.
        TimeoutError: a part of it did not come in time.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" or request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(415, "want Content-Type: application/json, not compressed", "unsupported_media_type")
    too_large = ApiError(
        413,
        f"the request is larger than {most / 2**20:g} MiB; send fewer or smaller images, or raise --max-body-mb",
        "request_too_large",
        headers={"Connection": "close"},
    )
    announced = request.headers.get("content-length", "0")
    known = announced.isdecimal() and int(announced[:20]) <= most
    body, size = bytearray(), 0
    stream = request.stream()
    while size <= _DROPPED * most:
        async with asyncio.timeout(pause):
            chunk = await anext(stream, None)
        if chunk is None:
            break
        size += len(chunk)
        if known and size <= most:
            body += chunk
        else:
            body.clear()
    if not known or size > most:
        raise too_large
    return bytes(body)


async def gone(request: Request) -> None:
    """Return when the client hangs up. To be called once the body has been read."""
    try:
        while (await request.receive())["type"] != "http.disconnect":
            continue
    except ClientDisconnect:
        return


class Queue:
    """Counts the judgments that wait or run.

    Args:
        most: how many there may be.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self._seconds = 1.0

    def took(self, seconds: float) -> None:
        """Learn how long a request took: what a client that is sent away is told to wait."""
        self._seconds += _NEWEST * (seconds - self._seconds)

    def take(self, places: int = 1) -> None:
        """Reserve slots; release them with `leave`.

        Raises:
            ApiError: 429 with Retry-After.
        """
        if self.taken + places > self.most:
            wait = min(_LONGEST_WAIT, max(1, math.ceil(self._seconds)))
            raise ApiError(
                429,
                f"{self.taken} judgments are waiting or running; the limit is {self.most} (--queue); "
                f"try again in {wait} s",
                "queue_full",
                headers={"Retry-After": str(wait)},
            )
        self.taken += places

    def leave(self, places: int = 1) -> None:
        """Give places back."""
        self.taken -= places

    @contextmanager
    def place(self, places: int = 1) -> Iterator[None]:
        """Hold places for a while.

        Raises:
            ApiError: 429.
        """
        self.take(places)
        try:
            yield
        finally:
            self.leave(places)

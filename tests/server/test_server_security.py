"""What strangers send: nothing is read that was not allowed, nothing takes the server down, nothing is a 500."""

import base64
import contextlib
import http.server
import ipaddress
import json
import os
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served import HTTP, Server, command, serving
from stub_engine import StubEngine

from mtrl_judge_plugin import engines
from mtrl_judge_plugin.commands import cli
from mtrl_judge_plugin.formats import json_schema
from mtrl_judge_plugin.server import image_fetching
from mtrl_judge_plugin.server.image_fetching import is_public


@pytest.fixture(autouse=True, scope="module")
def _stub() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setitem(engines.ENGINES, "stub", "stub_engine:StubEngine")
    yield
    patch.undo()


@pytest.fixture(scope="module")
def server(_stub: None) -> Iterator[Server]:
    with serving(style="any", max_body=2**20) as running:
        yield running


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, idat: bytes | None = None, extra: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = zlib.compress((b"\0" + b"\x64\x32\x0a" * width) * height) if idat is None else idat
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(megabytes)) + packer.flush()


def data_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def show(server: Server, *urls: str, **options: Any) -> httpx.Response:
    parts: list[Any] = [{"type": "text", "text": "colours"}]
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return server.post("", messages=[{"role": "user", "content": parts}], **options)


def refused(response: httpx.Response, status: int, code: str | None = None) -> str:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert code is None or error["code"] == code
    return str(error["message"])


# The key --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer secre"},
        {"Authorization": "Bearer secret2"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic secret"},
        {"Authorization": "secret"},
        {"api-key": "Secret"},
        {"api-key": ""},
        {"Authorization": b"Bearer \xff\xfe"},
    ],
)
def test_wrong_or_no_key(headers: dict[str, Any]) -> None:
    with serving(api_key="secret") as server:
        for path in ("/v1/models", "/metrics", "/openapi.json", "/nowhere"):
            refused(HTTP.get(server.url + path, headers=headers), 401, "invalid_api_key")
        response = HTTP.post(f"{server.url}/v1/chat/completions", headers=headers, json={"messages": []})
        assert "secret" not in refused(response, 401, "invalid_api_key")
        assert HTTP.get(f"{server.url}/health").status_code == 200
        for good in ({"Authorization": "Bearer secret"}, {"authorization": "bearer secret"}, {"api-key": "secret"}):
            assert HTTP.get(f"{server.url}/v1/models", headers=good).status_code == 200
        assert StubEngine.asked[server.nonce] == []


@pytest.mark.parametrize("given", [["--api-key", "sesame\n"], []])
def test_a_key_from_a_file_ends_with_its_line(given: list[str]) -> None:
    with command(*given, MTRL_JUDGE_API_KEY=" sesame\r\n") as (_, url):
        for key, status in {"sesame": 200, "sesam": 401}.items():
            assert HTTP.get(f"{url}/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code == status


@pytest.mark.parametrize(
    ("key", "problem"),
    [("schlüssel", "use printable ASCII"), ("one\ntwo", "use printable ASCII"), ("\n", "the API key is blank")],
)
def test_a_key_that_nobody_could_send_is_refused(capsys: pytest.CaptureFixture[str], key: str, problem: str) -> None:
    assert cli.main(["serve", "--api-key", key]) == 2
    error = capsys.readouterr().err
    assert problem in error
    assert not key.strip() or key not in error


def test_a_web_page_cannot_ask(server: Server) -> None:
    """What a page of another origin may send without asking the server first."""
    body = json.dumps({"messages": [{"role": "user", "content": "[[reply:x]]"}]})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        response = HTTP.post(f"{server.url}/v1", content=body, headers={"Content-Type": kind})
        refused(response, 415, "unsupported_media_type")


def test_a_web_page_cannot_ask_under_a_name_of_its_own(site: int) -> None:
    with serving(local=True) as server:
        port = server.url.rpartition(":")[2]
        for host in (f"evil.example:{port}", "evil.example", "127.0.0.1.evil.example", "", "10.0.0.1"):
            refused(HTTP.get(f"{server.url}/v1/models", headers={"Host": host}), 403, "wrong_host")
        for host in (f"localhost:{port}", "LOCALHOST", f"127.0.0.1:{port}", "127.0.0.1", f"[::1]:{port}", "[::1]"):
            assert HTTP.get(f"{server.url}/v1/models", headers={"Host": host}).status_code == 200, host


# Size -----------------------------------------------------------------------------------------------------------------


def test_oversize_bodies(server: Server) -> None:
    refused(server.post("x" * 2**20), 413, "request_too_large")

    def parts() -> Iterator[bytes]:
        yield b'{"messages": "'
        for _ in range(64):
            yield b"x" * 2**16

    headers = {"Content-Type": "application/json"}
    with contextlib.suppress(httpx.TransportError):  # the server hangs up where it is far too much
        refused(HTTP.post(f"{server.url}/v1", content=parts(), headers=headers), 413)
    refused(server.post("x" * 3 * 2**19), 413, "request_too_large")  # what is a little too much is heard out
    assert server.say("[[reply:still here]]") == "still here"


def test_a_body_that_never_ends_is_given_up() -> None:
    with serving(timeout=0.5) as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            head = f"POST /v1 HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
            connection.sendall(head.encode() + b"{")
            assert b" 408 " in connection.recv(1000)
        assert HTTP.get(f"{server.url}/health").json()["waiting"] == 0


def memory() -> float:
    """Resident megabytes of this process, in which the server runs."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_image_bombs(server: Server) -> None:
    before = memory()
    start = time.process_time()  # the server is in this process; others may be busy beside it
    huge = png(20_000, 20_000, zlib.compress(bytes(1000)))
    refused(show(server, data_url(huge)), 413, "image_too_large")
    refused(show(server, data_url(png(2**31 - 1, 2**31 - 1, b""))), 413, "image_too_large")
    refused(show(server, *[data_url(png(4000, 4000, zlib.compress(bytes(1000))))] * 5), 400, "invalid_image")
    bomb = zeros(300)
    assert len(bomb) < 2**19
    show(server, data_url(png(8, 8, bomb)))  # more rows than the image has: read no further
    for kind in (b"zTXt", b"iCCP"):
        show(server, data_url(png(8, 8, extra=chunk(kind, b"name\0\0" + bomb))))
    show(server, data_url(png(8, 8, extra=chunk(b"iTXt", b"name\0\1\0\0\0" + bomb))))
    assert time.process_time() - start < 20
    assert memory() - before < 250
    assert show(server, data_url(png(8, 8))).json()["choices"][0]["message"]["content"] == "64320a"


def test_all_images_of_a_request_count() -> None:
    with serving(max_pixels=100) as server:
        assert show(server, data_url(png(8, 8))).status_code == 200
        refused(show(server, data_url(png(8, 8)), data_url(png(8, 8))), 413, "image_too_large")


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", png(8, 8)[:-30], b"%!PS-Adobe-3.0 EPSF-3.0\n", b"BM" + bytes(50)]
)
def test_what_is_no_image(server: Server, data: bytes) -> None:
    refused(show(server, data_url(data)), 400, "invalid_image")


# What is read ---------------------------------------------------------------------------------------------------------


class Site(http.server.BaseHTTPRequestHandler):
    """A web site on this machine that must not be asked, and that leads astray if it is."""

    asked: list[str] = []
    leads_to = ""

    def do_GET(self) -> None:
        self.asked.append(f"{self.headers['Host']}{self.path}")
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", self.leads_to)
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while self.path == "/endless":
                self.wfile.write(bytes(2**16))
            self.wfile.write(png(8, 8))

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as running:
        Site.asked = []
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_address[1]
        running.shutdown()


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file://localhost/etc/passwd",
        "file:/etc/passwd",
        "/etc/passwd",
        "../../etc/passwd",
        "tests/support/small/../../README.md",
        "ftp://example.com/x.png",
        "gopher://127.0.0.1:6379/_x",
        "http://127.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://0:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://localhost:{port}/",
        "http://localhost.:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://images.example@127.0.0.1:{port}/",
        "http://images.example:{port}@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@images.example/",
        "http://images.example#@127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/",
        "http://[::1/",
        "http://images.example:99999999/",
        "http:///x",
        "data:image/png,abc",
        "data:text/plain;base64,cm9vdDp4",
        "data:;base64,!!!",
        "",
        "\u0000",
        base64.b64encode(png(8, 8)).decode(),
    ],
)
def test_nothing_is_read_without_permission(server: Server, site: int, url: str, tmp_path: Path) -> None:
    url = url.replace("{port}", str(site))
    message = refused(show(server, url), 400)
    assert "root" not in message
    with serving(allow_hosts=("images.example",), allow_folders=(tmp_path,)) as allowed:
        message = refused(show(allowed, url), 400)
        assert "root" not in message
        assert StubEngine.asked[allowed.nonce] == []
    assert Site.asked == []


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let images.example resolve to these addresses, all at each look-up but the first of one that is a list."""
    looked_up: list[str] = []

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **options: Any) -> list[Any]:
        looked_up.append(str(host))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(image_fetching.socket, "getaddrinfo", getaddrinfo)
    return looked_up


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["192.168.1.1"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["0.0.0.0"],
        ["224.0.0.1"],
        ["::1"],
        ["fe80::1"],
        ["fd00::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["93.184.216.34", "127.0.0.1"],
    ],
)
def test_names_that_resolve_to_this_network(monkeypatch: pytest.MonkeyPatch, site: int, addresses: list[str]) -> None:
    settings = image_fetching.Settings(allow_hosts=(f"images.example:{site}",))
    resolving(monkeypatch, *addresses)
    with pytest.raises(ValueError, match="this machine or network"):
        image_fetching.fetch(f"http://images.example:{site}/", settings)
    assert Site.asked == []


def test_the_address_that_was_checked_is_the_one_that_is_asked(monkeypatch: pytest.MonkeyPatch, site: int) -> None:
    """A name that is looked up twice may point elsewhere the second time: it is looked up once."""
    monkeypatch.setattr(image_fetching, "is_public", lambda address: True)  # so that this site may play a public one
    looked_up = resolving(monkeypatch, "127.0.0.1")
    settings = image_fetching.Settings(allow_hosts=(f"Images.Example:{site}",))
    assert image_fetching.fetch(f"http://images.example:{site}/a.png?x=1", settings) == png(8, 8)
    assert looked_up.count("images.example") == 1
    assert Site.asked == [f"images.example:{site}/a.png?x=1"]


def test_redirects_do_not_lead_to_other_hosts(monkeypatch: pytest.MonkeyPatch, site: int) -> None:
    url = f"http://127.0.0.1:{site}"
    settings = image_fetching.Settings(
        allow_hosts=(f"127.0.0.1:{site}", f"localhost:{site}", "169.254.169.254"), max_body=2**20
    )
    for target in (
        f"http://localhost:{site}/x",
        "http://169.254.169.254/",
        "//[::1]/",
        "file:///etc/passwd",
        "http://[",
        "",
    ):
        Site.leads_to, Site.asked = target, []
        with pytest.raises(ValueError, match=r"."):
            image_fetching.fetch(f"{url}/redirect", settings)
        assert set(Site.asked) == {f"127.0.0.1:{site}/redirect"}, target
    for target in ("/fine.png", f"{url}/fine.png"):
        Site.leads_to = target
        assert image_fetching.fetch(f"{url}/redirect", settings) == png(8, 8)
    Site.leads_to = f"http://127.0.0.1:{site + 1}/"
    with pytest.raises(ValueError, match="--allow-host"):
        image_fetching.fetch(f"{url}/redirect", settings)
    Site.leads_to = "/redirect"
    with pytest.raises(ValueError, match="too often"):
        image_fetching.fetch(f"{url}/redirect", settings)
    with pytest.raises(ValueError, match="too large"):
        image_fetching.fetch(f"{url}/endless", settings)


def test_a_host_that_is_named_by_its_address(site: int) -> None:
    with serving(allow_hosts=(f"127.0.0.1:{site}",)) as server:
        assert show(server, f"http://127.0.0.1:{site}/x.png").json()["choices"][0]["message"]["content"] == "64320a"
        refused(show(server, f"http://localhost:{site}/x.png"), 400, "image_not_allowed")


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch, site: int) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert image_fetching.fetch(
        f"http://127.0.0.1:{site}/", image_fetching.Settings(allow_hosts=(f"127.0.0.1:{site}",))
    )


def test_files_of_allowed_folders_alone(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a b.png").write_bytes(png(8, 8))
    (tmp_path / "secret.png").write_bytes(png(8, 8))
    (tmp_path / "pictures-too").mkdir()
    (tmp_path / "pictures-too" / "x.png").write_bytes(png(8, 8))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(folder / "pipe.png")
    with serving(allow_folders=(folder,)) as server:
        assert show(server, f"file://{folder}/a%20b.png").json()["choices"][0]["message"]["content"] == "64320a"
        for name in (
            "../secret.png",
            "%2e%2e/secret.png",
            "link.png",
            "pipe.png",
            "../pictures-too/x.png",
            "",
            "no.png",
            "%00",
        ):
            refused(show(server, f"file://{folder}/{name}"), 400, "image_not_allowed")
        inside, outside = (
            refused(show(server, f"file://{path}"), 400) for path in ("/etc/passwd", "/etc/no-such-file")
        )
        assert inside == outside, "it does not tell which files there are"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("::ffff:8.8.8.8", True),
        ("255.255.255.255", False),
        ("::", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


# Schemas --------------------------------------------------------------------------------------------------------------


def ask_with(server: Server, schema: Any, reply: str = '{"a": "x"}') -> httpx.Response:
    return server.post(
        f"[[reply:{reply}]]", response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    )


def test_schemas_are_looked_up_nowhere(server: Server, site: int) -> None:
    for where in (f"http://127.0.0.1:{site}/schema", "file:///etc/passwd", "#/$defs/none", "urn:x"):
        refused(ask_with(server, {"$ref": where}), 400, "invalid_schema")
    ask_with(server, {"$schema": f"http://127.0.0.1:{site}/"})
    assert Site.asked == []


def test_schemas_that_take_years(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    tower: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    with monkeypatch.context() as patch:
        patch.setattr(json_schema, "_SECONDS", 1)
        for schema, reply in (
            ({"properties": {"a": {"pattern": "^(a+)+$"}}}, '{"a": "' + "a" * 40 + '!"}'),
            ({"$defs": {**tower, "d40": {}}, "$ref": "#/$defs/d0"}, '{"a": "x"}'),
        ):
            assert "cannot be checked within 1 s" in refused(ask_with(server, schema, reply), 422)
    refused(ask_with(server, {"$ref": "#"}), 400, "invalid_schema")
    refused(ask_with(server, {"properties": {"a": {"pattern": "("}}}), 400, "invalid_schema")
    refused(ask_with(server, {"description": "x" * 70_000}), 400, "invalid_schema")
    deep: dict[str, Any] = {}
    for _ in range(150):
        deep = {"not": deep}
    assert ask_with(server, deep).status_code in (200, 400, 422)
    assert ask_with(server, {"properties": {"a": {"pattern": "^x$"}}}).status_code == 200


# Fuzzing --------------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        "model",
        "messages",
        "n",
        "seed",
        "temperature",
        "top_p",
        "max_tokens",
        "stop",
        "response_format",
        "logprobs",
        "top_logprobs",
        "stream",
        "stream_options",
    ]
)
SLOW = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def fine(response: httpx.Response) -> None:
    """An answer or an error of OpenAI's kind; never a bug."""
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.json()["error"].keys() == {"message", "type", "param", "code"}


@SLOW
@given(body=st.dictionaries(FIELDS, JSON, max_size=5))
def test_json_that_is_no_request(server: Server, body: dict[str, Any]) -> None:
    text = json.dumps({"messages": [{"role": "user", "content": "hi"}], **body})
    fine(HTTP.post(f"{server.url}/v1", content=text, headers={"Content-Type": "application/json"}))


@SLOW
@given(
    content=st.binary(max_size=200)
    | st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b'"\\ud800"', b"1e999999", b"\xff\xfe"])
)
def test_bodies_that_are_no_json(server: Server, content: bytes) -> None:
    response = HTTP.post(f"{server.url}/v1", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    fine(response)


HEADER = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40).map(
    lambda text: text.encode("latin-1")
)


@SLOW
@given(
    name=st.sampled_from(
        ["Authorization", "api-key", "Content-Type", "Accept", "Content-Encoding", "X-Forwarded-For", "Host"]
    ),
    value=HEADER,
)
def test_headers(server: Server, name: str, value: bytes) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
    head = b"POST /v1 HTTP/1.1\r\nContent-Length: %d\r\nConnection: close\r\n" % len(body)
    if name != "Content-Type":
        head += b"Content-Type: application/json\r\n"
    if name != "Host":
        head += b"Host: x\r\n"
    assert_status(server, head + name.encode() + b": " + value.strip() + b"\r\n\r\n" + body)


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "9" * 30, "٣", ""])
def test_content_lengths(server: Server, length: str) -> None:
    lines = ["POST /v1 HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {length}"]
    assert_status(server, "\r\n".join([*lines, "Connection: close", "\r\n"]).encode())


def assert_status(server: Server, sent: bytes) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(sent)
        answer = connection.recv(100)
    assert answer.startswith(b"HTTP/1.1 ")
    assert answer[9:10] in (b"2", b"4"), answer


@SLOW
@given(text=st.text(max_size=60), path=st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=20))
def test_any_text_at_any_address(server: Server, text: str, path: str) -> None:
    fine(server.post(text or "x"))
    fine(HTTP.get(f"{server.url}/{quote(path)}"))
    fine(server.post("x", path=f"/openai/deployments/{quote(path)}"))


def test_half_characters(server: Server) -> None:
    content = b'{"messages": [{"role": "user", "content": "\\ud800 x"}]}'
    fine(HTTP.post(f"{server.url}/v1", content=content, headers={"Content-Type": "application/json"}))


def test_its_own_description_fuzzed(server: Server) -> None:
    import schemathesis

    document = HTTP.get(f"{server.url}/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    checked = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(max_examples=15, suppress_health_check=list(HealthCheck))
        @given(
            case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
            | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
        )
        def attack(case: Any) -> None:
            nonlocal checked
            response = case.call(base_url=server.url, timeout=60)
            checked += 1
            assert response.status_code < 500, response.text
            if response.status_code < 500:
                case.validate_response(response, checks=[schemathesis.checks.not_a_server_error])

        attack()
    assert checked > 100
    assert server.say("[[reply:alive]]") == "alive"

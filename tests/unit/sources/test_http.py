"""The client against a server that says exactly what a test wants."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.domain.errors import (
    CredentialError,
    DeadlineError,
    DecodeError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    SourceError,
    ThrottledError,
    TransportError,
    UpstreamError,
    UpstreamTimeoutError,
)
from exporter.sources.deadline import Deadline
from exporter.sources.failures import ERROR_BODY
from exporter.sources.http import MAX_BODY
from tests.unit.make import Clock

from .stub import TOKEN, Api, Handler, Stub, stub


class Turning:
    """A token source that has another token after each refusal."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)

    def token(self, deadline: Deadline) -> str:
        return self._tokens[0]

    def drop(self, token: str) -> bool:
        assert token == self._tokens.pop(0)
        return bool(self._tokens)

    def secrets(self) -> tuple[str, ...]:
        return tuple(self._tokens)


@pytest.fixture
def server() -> Iterator[Stub]:
    with stub() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUESTS_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_request(server: Stub) -> None:
    server.statuses(200, body=b"[1]")
    api = Api(server)
    assert api.get("/api/publishers/a%2Fb%20c/offers") == b"[1]"
    ((path, headers),) = server.requests
    assert path == "/api/publishers/a%2Fb%20c/offers?api-version=2017-10-31"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("azure-marketplace-exporter/")
    assert (api.count("200"), api.observed()) == (1, 1)
    api.client.close()


def test_base_url_with_a_path(server: Stub) -> None:
    Api(server, url=server.url + "/gateway").get("/api")
    assert server.requests[0][0] == "/gateway/api?api-version=2017-10-31"


def test_netrc_does_not_replace_the_token(server: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would send the password of ~/.netrc instead, to whoever the base URL names."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    Api(server).get()
    assert server.requests[0][1]["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(("exempt", "is_through"), [("", True), ("127.0.0.1", False)])
def test_proxy(server: Stub, monkeypatch: pytest.MonkeyPatch, exempt: str, *, is_through: bool) -> None:
    """What the environment says when the exporter starts holds for all requests."""
    with stub() as proxy:
        proxy.statuses(200, 200)
        server.statuses(200, 200)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", exempt)
        api = Api(server)
        api.get()
        monkeypatch.delenv("HTTP_PROXY")
        api.get()
        assert (len(proxy.requests), len(server.requests)) == ((2, 0) if is_through else (0, 2))
        api.client.close()


def test_authorities_of_the_environment(monkeypatch: pytest.MonkeyPatch, server: Stub, tmp_path: Path) -> None:
    """They hold unless the settings name a file."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "environment.pem"))
    with pytest.raises(SourceError, match=r"environment\.pem"):
        Api(server, url="https://127.0.0.1:9").get()
    with pytest.raises(SourceError, match=r"own\.pem"):
        Api(server, url="https://127.0.0.1:9", ca_file=tmp_path / "own.pem").get()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError),
        (401, CredentialError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (405, RefusedError),
        (408, UpstreamTimeoutError),
        (409, RefusedError),
        (412, RefusedError),
        (422, RefusedError),
        (429, ThrottledError),
        (204, RefusedError),
        (304, RefusedError),
        (500, UpstreamError),
        (501, UpstreamError),
        (502, UpstreamError),
        (503, UpstreamError),
        (504, UpstreamError),
        (599, UpstreamError),
    ],
)
def test_statuses(server: Stub, status: int, kind: type[SourceError]) -> None:
    server.statuses(status, body=b"")
    api = Api(server)
    with pytest.raises(kind) as caught:
        api.get()
    assert type(caught.value) is kind
    assert str(caught.value) == f"list_offers was answered with {status}"
    assert (api.count(str(status)), api.observed()) == (1, 1)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(server: Stub, status: int) -> None:
    """The token must not follow one to another host."""
    server.statuses(status, Location="/elsewhere")
    with pytest.raises(RefusedError):
        Api(server).get()
    assert [path for path, _ in server.requests] == ["/x?api-version=2017-10-31"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"error": {"code": "Forbidden", "message": "No access."}}', ": Forbidden: No access."),
        (b'{"error": {"code": "X", "message": "a\\nb\\u0007<b>"}}', ": X: a b <b>"),
        (b"<html>no</html>", ""),
        (b"", ""),
        (b"null", ""),
        (b"[]", ""),
        (b'{"error": "no"}', ""),
        (b'"Not\\nFound"', ": Not Found"),
        (b'"\\u001b[31mICH50400 - {\\"faultCode\\":50400}"', ': [31mICH50400 - {"faultCode":50400}'),
        (b'""', ""),
        (b'{"error": {"code": "X"}}', ""),
        (b'{"error": []}', ""),
        (b'{"error": null}', ""),
        (b"\xff\xfe", ""),
        (b"[" * 2000, ""),
        (b'{"error": ' + b"9" * 2000 + b"}", ""),
    ],
    ids=lambda one: repr(one)[:30],
)
def test_error_bodies(server: Stub, body: bytes, detail: str) -> None:
    server.statuses(403, body=body)
    with pytest.raises(ForbiddenError) as caught:
        Api(server).get()
    assert str(caught.value) == f"list_offers was answered with 403{detail}"


def test_endless_error_bodies_are_cut(server: Stub) -> None:
    server.statuses(400, body=b'{"error": {"code": "X", "message": "' + b"y" * (ERROR_BODY - 100) + b'"}}')
    with pytest.raises(RefusedError) as caught:
        Api(server).get()
    assert len(str(caught.value)) < 550


def test_compressed_answers(server: Stub) -> None:
    body = b"[" + b"1," * 100_000 + b"1]"
    server.statuses(200, body=gzip.compress(body), Content_Encoding="gzip")
    assert Api(server).get() == body


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_that_is_too_large(server: Stub, *, packed: bool) -> None:
    """Also one that is small on the wire."""
    body = b" " * (MAX_BODY + 1)
    server.statuses(
        200, body=gzip.compress(body) if packed else body, **({"Content_Encoding": "gzip"} if packed else {})
    )
    with pytest.raises(DecodeError, match=f"larger than {MAX_BODY} bytes"):
        Api(server).get()


def test_an_answer_that_is_just_small_enough(server: Stub) -> None:
    server.statuses(200, body=b" " * MAX_BODY)
    assert len(Api(server).get()) == MAX_BODY


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1, 2", "no whole answer to list_offers: Incomplete"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1, 2", "no whole answer to list_offers: "),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\noops",
            "no whole answer to list_offers: ",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no answer to list_offers: .*SSH-2.0"),
        (b"", "no answer to list_offers: "),
    ],
    ids=["short", "short chunk", "no gzip", "no HTTP", "nothing"],
)
def test_answers_that_are_lost_on_the_way(server: Stub, answer: bytes, said: str) -> None:
    server.raw(answer)
    api = Api(server)
    with pytest.raises(TransportError, match=f"^{said}") as caught:
        api.get()
    assert "0x" not in str(caught.value)
    assert api.observed() == 1


def test_nobody_listens(server: Stub) -> None:
    """urllib3 has it as a kind of time-out; it is none."""
    api = Api(server, url="http://127.0.0.1:1")
    with pytest.raises(TransportError, match=r"^no answer to list_offers: ConnectionRefusedError: \[Errno 111\]"):
        api.get()
    assert api.count("none") == 1


def test_a_host_that_does_not_exist(server: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(TransportError, match="Name or service not known"):
        Api(server, url="http://no-such-host.invalid").get()


def test_https_to_a_server_that_speaks_http(server: Stub) -> None:
    with pytest.raises(TransportError, match="SSL"):
        Api(server, url=server.url.replace("http://", "https://")).get()


def test_a_server_that_never_answers(server: Stub) -> None:
    """The time for one request ends it."""

    def hang(handler: Handler) -> None:
        handler.connection.settimeout(10)
        handler.connection.recv(1)

    server.answers = [hang]
    api = Api(server, timeout="100ms")
    started = time.monotonic()
    with pytest.raises(UpstreamTimeoutError, match="no answer to list_offers"):
        api.get()
    assert time.monotonic() - started < 5
    assert api.count("none") == 1


class Ticking(Clock):
    """A clock that moves by a second, and lets one byte drip, whenever somebody looks at it."""

    def __init__(self) -> None:
        super().__init__(1000.0)
        self.looks = threading.Semaphore(0)

    def __call__(self) -> float:
        self.now += 1
        self.looks.release()
        return self.now


def test_a_body_that_drips(server: Stub) -> None:
    """Each piece comes in time, the whole does not."""
    clock = Ticking()

    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(10**9))
        handler.end_headers()
        while clock.looks.acquire(timeout=10):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    server.answers = [drip]
    api = Api(server, clock=clock, timeout="20s")
    with pytest.raises(UpstreamTimeoutError):
        api.get(seconds=1000)
    assert api.count("200") == 1


def test_past_the_deadline_nothing_is_asked(server: Stub) -> None:
    api = Api(server)
    with pytest.raises(DeadlineError):
        api.get(seconds=0)
    assert server.requests == []
    assert api.observed() == 0


def test_a_refused_token_is_replaced_once(server: Stub) -> None:
    server.statuses(401, 200, body=b"[]")
    api = Api(server, Turning("old", "new"))
    assert api.get() == b"[]"
    assert [headers["Authorization"] for _, headers in server.requests] == ["Bearer old", "Bearer new"]
    assert (api.count("401"), api.count("200")) == (1, 1)


def test_no_cookie_is_kept(server: Stub) -> None:
    server.statuses(200, Set_Cookie="session=1; Path=/")
    api = Api(server)
    api.get()
    api.get()
    assert [headers.get("Cookie") for _, headers in server.requests] == [None, None]


def test_a_token_that_is_quoted_is_hidden(server: Stub) -> None:
    """Before it is shortened, for the rest of it would not be recognised any more."""
    server.statuses(403, body=json.dumps("x" * 490 + TOKEN).encode())
    with pytest.raises(ForbiddenError) as caught:
        Api(server).get()
    assert "sesam" not in str(caught.value)


def test_two_refused_tokens_are_enough(server: Stub) -> None:
    server.statuses(401)
    with pytest.raises(CredentialError):
        Api(server, Turning("old", "new", "newest")).get()
    assert len(server.requests) == 2


def test_a_static_token_is_not_tried_again(server: Stub) -> None:
    server.statuses(401)
    with pytest.raises(CredentialError) as caught:
        Api(server).get()
    assert len(server.requests) == 1
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(server: Stub, status: int) -> None:
    server.statuses(status, status, 200, body=b"[]")
    api = Api(server, max_retries=2)
    assert api.get() == b"[]"
    assert len(server.requests) == 3
    assert (api.count(str(status)), api.count("200"), api.observed()) == (2, 1, 3)
    assert api.total("api_retries_total") == 2


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_a_refusal_is_not_tried_again(server: Stub, status: int) -> None:
    server.statuses(status)
    with pytest.raises(SourceError):
        Api(server, max_retries=3).get()
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(server: Stub, status: int) -> None:
    server.answers = [
        lambda handler: handler.say(status, Retry_After="7"),
        lambda handler: handler.say(200, b"[]"),
    ]
    api = Api(server, max_retries=1)
    assert api.get() == b"[]"
    assert sum(api.waits) == pytest.approx(7)


def test_retries_end_and_say_what_it_was(server: Stub) -> None:
    server.statuses(503, body=b'{"error": {"code": "Busy", "message": "Later."}}')
    with pytest.raises(UpstreamError, match=r"503: Busy: Later\."):
        Api(server, max_retries=2).get()
    assert len(server.requests) == 3


def test_each_try_is_counted_by_its_own_outcome(server: Stub) -> None:
    server.raw(b"")
    server.answers = [lambda handler: handler.say(500), *server.answers, lambda handler: handler.say(200, b"[]")]
    api = Api(server, max_retries=2)
    assert api.get() == b"[]"
    assert [api.count(code) for code in ("500", "none", "200")] == [1, 1, 1]
    assert (api.total("api_retries_total"), api.total("api_throttled_total"), api.observed()) == (2, 0, 3)


def test_a_ca_file_that_is_not_there(server: Stub) -> None:
    with pytest.raises(TransportError, match="CA"):
        Api(server, url="https://127.0.0.1:1", ca_file="/no/such.pem").get()

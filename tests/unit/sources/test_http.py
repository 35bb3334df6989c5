"""The client against a server that says exactly what a test wants."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

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
from exporter.sources import http
from exporter.sources.auth.entra import _transport as transport
from exporter.sources.auth.tokens import GivenToken
from exporter.sources.bounded import BoundedAdapter, current_deadline
from exporter.sources.failures import ERROR_BODY, lost

from .canned import Answer, Bench, Canned, Clock, Handler, raw, serving

ASKED = ["/x?api-version=2017-10-31"]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUESTS_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def durations(bench: Bench) -> float:
    return bench.counted("api_request_duration_seconds_count", operation="list_offers")


def test_request(server: Canned) -> None:
    """The base URL may have a path of its own."""
    bench = Bench(server, url=server.url + "/gateway")

    def slow(handler: Handler) -> None:
        bench.clock.now += 2
        Answer([1])(handler)

    server.put("*", slow)
    assert bench.get("/api/publishers/a%2Fb%20c/offers") == b"[1]"
    assert server.paths() == ["/gateway/api/publishers/a%2Fb%20c/offers?api-version=2017-10-31"]
    headers = server.asked[0].headers
    assert headers["Authorization"] == "Bearer token-1"
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("azure-marketplace-exporter/")
    assert (bench.requests("200"), durations(bench)) == (1, 1)
    assert bench.counted("api_request_duration_seconds_sum", operation="list_offers") == 2


def test_netrc_does_not_replace_the_token(server: Canned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would send the password of ~/.netrc instead, to whoever the base URL names."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    server.statuses(200)
    Bench(server).get()
    assert server.asked[0].token == "token-1"


@pytest.mark.parametrize(("exempt", "is_through"), [("", True), ("127.0.0.1", False)])
def test_proxy(server: Canned, monkeypatch: pytest.MonkeyPatch, exempt: str, *, is_through: bool) -> None:
    """What the environment says when the exporter starts holds for all requests."""
    with serving() as proxy:
        proxy.statuses(200)
        server.statuses(200)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", exempt)
        bench = Bench(server)
        bench.get()
        monkeypatch.delenv("HTTP_PROXY")
        bench.get()
        assert (len(proxy.asked), len(server.asked)) == ((2, 0) if is_through else (0, 2))
        bench.client.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://127.0.0.1:9"])
@pytest.mark.parametrize("proxies", [{}, {"all": "http://127.0.0.1:3128"}])
def test_all_connections_are_bounded(url: str, proxies: dict[str, str]) -> None:
    request = requests.Request("GET", url).prepare()
    for _ in range(2):
        pool = BoundedAdapter().get_connection_with_tls_context(request, verify=True, proxies=proxies)
        assert pool.ConnectionCls.response_class.__module__ == "exporter.sources.bounded"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_wait_is_longer_than_what_is_left(server: Canned, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Of an API as of a token endpoint."""
    told: list[tuple[float, float]] = []
    monkeypatch.setattr(HTTPAdapter, "send", lambda *_, **options: told.append(options["timeout"]))
    reset = current_deadline.set(Bench(server).deadline(7))
    for session in (Bench(server).client._session, transport(None).session):
        session.get_adapter(f"{scheme}://api.example").send(
            requests.Request("GET", server.url).prepare(), timeout=(5, 30)
        )
    current_deadline.reset(reset)
    assert told == [(5, 7), (5, 7)]


def test_authorities_of_the_environment(monkeypatch: pytest.MonkeyPatch, server: Canned, tmp_path: Path) -> None:
    """They hold unless the settings name a file."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "environment.pem"))
    with pytest.raises(TransportError, match=r"environment\.pem"):
        Bench(server, url="https://127.0.0.1:9").get()
    with pytest.raises(TransportError, match=r"own\.pem"):
        Bench(server, url="https://127.0.0.1:9", ca_file=tmp_path / "own.pem").get()


@pytest.mark.parametrize(
    ("status", "kind", "tries"),
    [
        (204, RefusedError, 1),
        (301, RefusedError, 1),
        (302, RefusedError, 1),
        (307, RefusedError, 1),
        (308, RefusedError, 1),
        (400, RefusedError, 1),
        (401, CredentialError, 2),
        (403, ForbiddenError, 1),
        (404, NotFoundError, 1),
        (408, UpstreamTimeoutError, 3),
        (409, RefusedError, 1),
        (429, ThrottledError, 3),
        (500, UpstreamError, 3),
        (501, UpstreamError, 1),
        (502, UpstreamError, 3),
        (503, UpstreamError, 3),
        (504, UpstreamError, 3),
        (599, UpstreamError, 1),
    ],
)
def test_statuses(server: Canned, status: int, kind: type[SourceError], tries: int) -> None:
    """What may pass is tried again, twice here; a redirect is not followed, for the token must not go with it."""
    server.statuses(status, body=b"", Location="/elsewhere")
    bench = Bench(server, max_retries=2)
    with pytest.raises(kind) as caught:
        bench.get()
    assert type(caught.value) is kind
    assert str(caught.value) == f"list_offers was answered with {status}"
    assert server.paths() == ASKED * tries
    assert (bench.requests(str(status)), durations(bench)) == (tries, tries)
    assert bench.counted("api_retries_total") == (2 if tries == 3 else 0)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"error": {"code": "Forbidden", "message": "No access."}}', ": Forbidden: No access."),
        (b'{"error": {"code": "X", "message": "a\\nb\\u0007<b>"}}', ": X: a b <b>"),
        (b'"\\u001b[31mICH50400 - {\\"faultCode\\":50400}"', ': [31mICH50400 - {"faultCode":50400}'),
        (b'""', ""),
        (b"<html>no</html>", ""),
        (b"null", ""),
        (b"[]", ""),
        (b'{"error": "no"}', ""),
        (b'{"error": {"code": "X"}}', ""),
        (b'{"error": null}', ""),
        (b"\xff\xfe", ""),
        (b"[" * 2000, ""),
        (b'{"error": ' + b"9" * 2000 + b"}", ""),
        (b'{"error": {"code": "X", "message": "' + b"y" * (ERROR_BODY - 100) + b'"}}', ": X: " + "y" * 496 + "…"),
        (json.dumps("x" * 490 + " token-1"), ": " + "x" * 490 + " [hidden]"),
    ],
    ids=lambda one: repr(one)[:30],
)
def test_error_bodies(server: Canned, body: Any, detail: str) -> None:
    """Cleaned and shortened; a token that is quoted is hidden before that, or its rest would not be recognised."""
    server.statuses(403, body=body if isinstance(body, bytes) else body.encode())
    with pytest.raises(ForbiddenError) as caught:
        Bench(server).get()
    assert str(caught.value) == f"list_offers was answered with 403{detail}"


@pytest.mark.parametrize("packed", [False, True])
def test_size(server: Canned, monkeypatch: pytest.MonkeyPatch, *, packed: bool) -> None:
    """An answer may be small on the wire and too large all the same."""
    monkeypatch.setattr(http, "MAX_BODY", 200_000)
    for size in (200_000, 200_001):
        body = b" " * size
        named = {"Content_Encoding": "gzip"} if packed else {}
        server.statuses(200, body=gzip.compress(body) if packed else body, **named)
        if size == http.MAX_BODY:
            assert Bench(server).get() == body
        else:
            with pytest.raises(DecodeError, match="larger than 200000 bytes"):
                Bench(server).get()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1, 2", "no whole answer to list_offers: Incomplete"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1, 2", "no whole answer to list_offers: "),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\noops", "no whole answer to list_"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no answer to list_offers: .*SSH-2.0"),
        (b"", "no answer to list_offers: "),
    ],
    ids=["short", "short chunk", "no gzip", "no HTTP", "nothing"],
)
def test_answers_that_are_lost_on_the_way(server: Canned, answer: bytes, said: str) -> None:
    server.put("*", raw(answer))
    bench = Bench(server)
    with pytest.raises(TransportError, match=f"^{said}") as caught:
        bench.get()
    assert "0x" not in str(caught.value)
    assert durations(bench) == 1


def test_nobody_listens(server: Canned) -> None:
    """urllib3 has it as a kind of time-out; it is none."""
    bench = Bench(server, url="http://127.0.0.1:1")
    with pytest.raises(TransportError, match=r"^no answer to list_offers: ConnectionRefusedError: \[Errno 111\]"):
        bench.get()
    assert bench.requests("none") == 1


def test_a_loss_while_another_error_is_handled_tells_its_own_cause(server: Canned) -> None:
    bench = Bench(server)
    server.statuses(400)
    try:
        bench.get()
    except RefusedError:
        with pytest.raises(TransportError, match="ConnectionRefusedError"):
            Bench(server, url="http://127.0.0.1:1").get()


def test_https_to_a_server_that_speaks_http(server: Canned) -> None:
    with pytest.raises(TransportError, match="SSL"):
        Bench(server, url=server.url.replace("http://", "https://")).get()


def test_a_server_that_never_answers(server: Canned) -> None:
    """The time for one request ends it."""
    server.put("*", lambda handler: handler.connection.recv(1))
    bench = Bench(server, timeout="100ms")
    with pytest.raises(UpstreamTimeoutError, match=r"^no answer to list_offers in time$"):
        bench.get()
    assert bench.requests("none") == 1


class Ticking(Clock):
    """A clock that moves by a second, and lets one byte drip, whenever somebody looks at it."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = threading.Semaphore(0)

    def __call__(self) -> float:
        self.now += 1
        self.looks.release()
        return self.now

    def drip(self, start: bytes) -> Any:
        def answer(handler: Handler) -> None:
            handler.wfile.write(start)
            while self.looks.acquire(timeout=10):
                handler.wfile.write(b" ")

        return answer


@pytest.mark.parametrize(
    ("start", "code"),
    [(b"HTTP/1.1 200 OK\r\nX-Drip: a", "none"), (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "200")],
    ids=["header", "body"],
)
def test_answers_that_drip(server: Canned, start: bytes, code: str) -> None:
    """Each piece comes in time, the whole does not."""
    clock = Ticking()
    server.put("*", clock.drip(start))
    bench = Bench(server, clock=clock, timeout="20s")
    with pytest.raises(UpstreamTimeoutError):
        bench.get(seconds=1000)
    assert bench.requests(code) == 1


def test_past_the_deadline_nothing_is_asked(server: Canned) -> None:
    bench = Bench(server)
    with pytest.raises(DeadlineError):
        bench.get(seconds=0)
    reset = current_deadline.set(bench.deadline(0))
    with pytest.raises(requests.ConnectTimeout) as late:
        transport(None).session.get(server.url, timeout=(5, 5))
    current_deadline.reset(reset)
    assert (server.asked, durations(bench)) == ([], 0)
    assert isinstance(lost("no answer", late.value), UpstreamTimeoutError)


def test_requests_for_a_token_share_their_deadline(server: Canned) -> None:
    """The library asks several endpoints, each with time-outs of its own."""
    clock = Ticking()
    server.put("*", clock.drip(b"HTTP/1.1 200 OK\r\nX-Drip: a"))
    reset = current_deadline.set(Bench(server, clock=clock).deadline(10))
    with pytest.raises(requests.Timeout):
        transport(None).session.get(server.url, timeout=(5, 5))
    current_deadline.reset(reset)


def test_a_refused_token_is_replaced_once(server: Canned) -> None:
    server.statuses(401, 200, body=[])
    bench = Bench(server)
    assert bench.get() == b"[]"
    assert [one.token for one in server.asked] == ["token-1", "token-2"]
    assert (bench.requests("401"), bench.requests("200")) == (1, 1)


def test_a_static_token_is_not_tried_again(server: Canned) -> None:
    server.statuses(401)
    with pytest.raises(CredentialError):
        Bench(server, tokens=GivenToken(lambda: "sesame", "the token")).get()
    assert len(server.asked) == 1


def test_each_try_is_counted_by_its_own_outcome(server: Canned) -> None:
    server.put("*", Answer(status=500), raw(b""), Answer([]))
    bench = Bench(server, max_retries=2)
    assert bench.get() == b"[]"
    assert [bench.requests(code) for code in ("500", "none", "200")] == [1, 1, 1]
    assert bench.counted("api_retries_total") == 2
    assert (bench.counted("api_throttled_total"), durations(bench)) == (0, 3)

"""The client against a server that says exactly what a test wants."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from exporter.errors import (
    CredentialError,
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
from exporter.sources.api import MAX_BODY
from tests.unit.sources.scripted import OK, Bench, ScriptedServer, answer


class Tokens:
    """A source of one token after the other, as far as there are any."""

    def __init__(self, *tokens: str) -> None:
        self.left = list(tokens)

    def token(self) -> str:
        return self.left[0]

    def drop(self, token: str) -> bool:
        assert token == self.left[0]
        return len(self.left) > 1 and bool(self.left.pop(0))

    def secrets(self) -> tuple[str, ...]:
        return ()


def test_what_is_sent() -> None:
    with ScriptedServer(OK) as server:
        assert Bench(server.url).get() == b"[]"
    (request,) = server.requests
    assert request.startswith("GET /offers?v=1 HTTP/1.1\r\n")
    assert "\r\nAuthorization: Bearer token\r\n" in request
    assert "\r\nAccept: application/json\r\n" in request
    assert "\r\nUser-Agent: azure-marketplace-exporter/" in request


def test_netrc_does_not_take_the_tokens_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The entry `default` of a ~/.netrc fits every host."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password secret\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with ScriptedServer(OK) as server:
        Bench(server.url).get()
    assert "\r\nAuthorization: Bearer token\r\n" in server.requests[0]


def test_a_refused_token_is_replaced_once() -> None:
    refused = answer("401 Unauthorized")
    with ScriptedServer(refused, OK) as server:
        bench = Bench(server.url, Tokens("old", "new"))
        assert bench.get() == b"[]"
    assert ["Bearer old" in server.requests[0], "Bearer new" in server.requests[1]] == [True, True]
    assert bench.requests() == {"401": 1, "200": 1}
    with ScriptedServer(refused, refused, OK) as server, pytest.raises(CredentialError, match=r"answered with 401$"):
        Bench(server.url, Tokens("old", "new", "newest")).get()
    assert len(server.requests) == 2


def test_a_refused_token_without_a_better_one() -> None:
    with ScriptedServer(answer("401 Unauthorized"), OK) as server, pytest.raises(CredentialError):
        Bench(server.url).get()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("204 No Content", RefusedError),
        ("302 Found", RefusedError),
        ("400 Bad Request", RefusedError),
        ("403 Forbidden", ForbiddenError),
        ("404 Not Found", NotFoundError),
        ("408 Request Timeout", UpstreamTimeoutError),
        ("429 Too Many Requests", ThrottledError),
        ("501 Not Implemented", UpstreamError),
        ("503 Service Unavailable", UpstreamError),
    ],
)
def test_refusals(status: str, kind: type[SourceError]) -> None:
    script = [answer(status, Location="http://127.0.0.1:9/stolen")] * 3
    with (
        ScriptedServer(*script) as server,
        pytest.raises(kind, match=f"^list was answered with {status[:3]}$") as error,
    ):
        Bench(server.url).get()
    assert type(error.value) is kind
    retried = status[:3] in {"408", "429", "503"}
    assert len(server.requests) == (3 if retried else 1)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"error": {"code": "BadRequest", "message": "No\\nsuch version"}}', ": BadRequest: No such version"),
        (b'{"error": {"code": "BadRequest"}}', ""),
        (b'{"error": null}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b"\xff\xfe", ""),
        (b"[" * 3000, ""),
        (b'{"error": {"code": "x", "message": "' + b"y" * 5000 + b'"}}', ""),
    ],
)
def test_error_bodies(body: bytes, detail: str) -> None:
    with ScriptedServer(answer("400 Bad Request", body)) as server, pytest.raises(RefusedError) as error:
        Bench(server.url).get()
    assert str(error.value) == f"list was answered with 400{detail}"


def test_retries_are_counted_one_by_one() -> None:
    with ScriptedServer(answer("500 Oh"), b"", OK) as server:
        bench = Bench(server.url)
        assert bench.get() == b"[]"
    assert bench.requests() == {"500": 1, "none": 1, "200": 1}
    assert bench.total("api_retries_total") == 2
    assert bench.total("api_throttled_total") == 0
    assert (
        bench.telemetry.registry.get_sample_value(
            "azure_marketplace_exporter_api_request_duration_seconds_count", {"operation": "list"}
        )
        == 3
    )


def test_nobody_listens() -> None:
    """urllib3 has it as a kind of time-out; it is none."""
    with ScriptedServer() as server:
        pass
    with pytest.raises(TransportError, match=r"^no answer to list: ConnectionRefusedError: \[Errno 111\]"):
        Bench(server.url).get()


def test_unknown_host() -> None:
    with pytest.raises(TransportError, match=r"^no answer to list: "):
        Bench("http://no-such-host.invalid", settings={"max_retries": 0}).get()


def test_broken_off() -> None:
    short = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[]"
    with ScriptedServer(short) as server, pytest.raises(TransportError, match=r"^no whole answer to list: Incomplete"):
        Bench(server.url).get()


def test_no_http_at_all() -> None:
    script = [b"SSH-2.0-OpenSSH_9.2\r\n"] * 3
    with ScriptedServer(*script) as server, pytest.raises(TransportError, match=r"^no answer to list: .*SSH-2.0"):
        Bench(server.url).get()


@pytest.mark.parametrize("packed", [False, True])
def test_size_limit(packed: bool) -> None:
    body = b" " * (MAX_BODY + 1)
    answers = answer("200 OK", gzip.compress(body), Content_Encoding="gzip") if packed else answer("200 OK", body)
    with ScriptedServer(answers) as server, pytest.raises(DecodeError, match="larger than 16777216 bytes"):
        Bench(server.url).get()


def test_just_within_the_size_limit() -> None:
    with ScriptedServer(answer("200 OK", b" " * MAX_BODY)) as server:
        assert len(Bench(server.url).get()) == MAX_BODY


def test_time_that_is_over() -> None:
    """A deadline that has passed asks nothing."""
    with ScriptedServer(OK) as server, pytest.raises(SourceError):
        Bench(server.url).get(seconds=0)
    assert server.requests == []


def test_missing_ca_file() -> None:
    with ScriptedServer(OK) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(TransportError, match="CA certificate bundle"):
            Bench(url, settings={"ca_file": "/nonexistent", "max_retries": 0}).get()

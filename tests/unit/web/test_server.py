"""`serve` in this process: on the main thread, as it wants signals, with the client in another."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import http.client
import os
import signal
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.requests import Request

from exporter.pages.streaming import stream
from exporter.web import server
from exporter.web.listen import listen, url
from exporter.web.live_config import LiveConfig
from exporter.web.protocol import LimitedProtocol
from exporter.web.server import serve
from tests.certificates import Authority


class Piece(bytes):
    """Of a body without an end; a class of its own, to be found in memory."""


def endless() -> Iterator[bytes]:
    while True:
        yield Piece(10_000)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/endless":
        await stream(Request(scope), endless(), 10**12, {})(scope, receive, send)
        return
    if scope["path"] == "/fail":
        raise RuntimeError("a bug")
    if scope["path"] == "/end":
        os.kill(os.getpid(), signal.SIGTERM)
        await closed(scope["server"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def closed(address: tuple[str, int]) -> None:
    """Wait until nobody listens there any more."""
    while True:
        try:
            _, writer = await asyncio.open_connection(*address)
        except ConnectionError:
            return
        writer.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    (one,) = listen(["127.0.0.1:0"])
    yield one
    one.close()


def serve_while(client: Callable[[], object], listener: socket.socket, **options: Any) -> list[Any]:
    """Serve until the client is done; gives what it found, and the log."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(client())
        except (OSError, http.client.HTTPException) as error:  # told by the main thread
            found.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    # Until the server has its handlers, a signal would end the tests.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        serve(hello, [listener], **options)
    finally:
        thread.join()
        signal.signal(signal.SIGTERM, before)
    if isinstance(found[0], BaseException):
        raise found[0]
    return found


def get(listener: socket.socket, path: str = "/") -> tuple[int, bytes]:
    host, port = listener.getsockname()
    connection = http.client.HTTPConnection(host, port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def rubbish(listener: socket.socket) -> bytes:
    with socket.create_connection(listener.getsockname(), timeout=10) as one:
        one.sendall(b"rubbish\r\n\r\n")
        return b"".join(iter(lambda: one.recv(100), b""))


def reset(listener: socket.socket) -> None:
    """Be answered, and leave without a goodbye."""
    with socket.create_connection(listener.getsockname(), timeout=10) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        one.recv(1000)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_serves_until_it_is_told_to_end(listener: socket.socket, caplog: pytest.LogCaptureFixture) -> None:
    """A bug is told and rubbish is not; neither ends it."""
    where = url(listener)

    def client() -> list[Any]:
        return [rubbish(listener)[:12], caplog.text, get(listener, "/fail")[0], get(listener)]

    with structlog.testing.capture_logs() as lines:
        assert serve_while(client, listener) == [[b"HTTP/1.1 400", "", 500, (200, b"hello")]]
    bound = where.removeprefix("http://")
    assert lines == [{"event": "listening", "address": where, "bound": bound, "log_level": "info"}]
    assert "a bug" in caplog.text
    assert listener.fileno() == -1, "closed"


def test_an_answer_in_flight_is_finished_after_the_end_of_listening(listener: socket.socket) -> None:
    assert serve_while(lambda: get(listener, "/end"), listener) == [(200, b"hello")]


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector away."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def is_there(kind: type) -> bool:
    return any(isinstance(one, kind) for one in gc.get_objects())


def soon(ask: Callable[[], bool]) -> bool:
    """Tell whether it is so, or becomes so before long."""
    deadline = time.monotonic() + 10
    while not (is_so := ask()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_so


def test_a_connection_leaves_nothing_for_the_garbage_collector(listener: socket.socket) -> None:
    """It seldom comes by, and a crowd that connects again and again would fill the memory meanwhile."""

    def client() -> bool:
        with uncollected():
            for _ in range(5):
                get(listener)
                rubbish(listener)
                reset(listener)
            return soon(lambda: not is_there(LimitedProtocol))

    assert serve_while(client, listener) == [True]


@pytest.mark.parametrize("with_tls", [False, True])
def test_an_answer_ends_when_its_client_has_gone(
    listener: socket.socket, caplog: pytest.LogCaptureFixture, tmp_path: Path, *, with_tls: bool
) -> None:
    """Without a word in the log, and nothing of it waits for the garbage collector; some leave while much is sent."""
    wrap, file = plain_or_tls(tmp_path, with_tls=with_tls)

    def ask() -> socket.socket:
        one = wrap(socket.create_connection(listener.getsockname(), timeout=10))
        one.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        return one

    def client() -> tuple[bool, bool]:
        with uncollected():
            for _ in range(20):
                with ask() as one:
                    one.recv(1)
            with ask():
                is_stalled = soon(lambda: is_there(Piece))
            return is_stalled, soon(lambda: not is_there(Piece))

    assert serve_while(client, listener, web_config=LiveConfig(file)) == [(True, True)]
    # asyncio of Python 3.11 itself stumbles now and then where a write fails from within resume_writing().
    assert [one.getMessage() for one in caplog.records if one.name != "asyncio"] == []


def plain_or_tls(folder: Path, *, with_tls: bool) -> tuple[Callable[[socket.socket], socket.socket], Path | None]:
    """Give what makes a client's connection, and the web configuration."""
    if not with_tls:
        return lambda one: one, None
    authority = Authority(folder)
    authority.issue("server")
    file = folder / "web.yml"
    file.write_text("tls_server_config: {cert_file: server.crt, key_file: server.key}", encoding="utf-8")
    context = ssl.create_default_context(cafile=str(authority.file))
    return lambda one: context.wrap_socket(one, server_hostname="localhost"), file


def test_handshakes_too_many_end_the_oldest(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a plain request to a TLS port ends, too."""
    monkeypatch.setattr(server, "MAX_HANDSHAKES", 2)
    monkeypatch.setattr(server, "FAIR_TIME", 0.01)
    monkeypatch.setattr(server, "HANDSHAKE_TIMEOUT", 60)
    wrap, file = plain_or_tls(tmp_path, with_tls=True)

    def client() -> list[bytes]:
        with contextlib.ExitStack() as stack:
            first, *_ = [
                stack.enter_context(socket.create_connection(listener.getsockname(), timeout=10)) for _ in range(3)
            ]
            gone = first.recv(1)
            served = stack.enter_context(wrap(socket.create_connection(listener.getsockname(), timeout=10)))
            served.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            plain = stack.enter_context(socket.create_connection(listener.getsockname(), timeout=10))
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            return [gone, served.recv(12), plain.recv(100)[:4]]

    gone, served, plain = serve_while(client, listener, web_config=LiveConfig(file))[0]
    assert (gone, served) == (b"", b"HTTP/1.1 200")
    assert plain != b"HTTP"


def test_goes_on_accepting_when_it_failed_once(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PAUSE", 0.0)
    opened = server._Server._open
    failures = [OSError(errno.EMFILE, "Too many open files"), ConnectionAbortedError()]

    def open_or_fail(self: server._Server, connection: socket.socket) -> None:
        if failures:
            connection.close()
            raise failures.pop()
        opened(self, connection)

    monkeypatch.setattr(server._Server, "_open", open_or_fail)

    def client() -> tuple[int, bytes]:
        for _ in range(2):
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                get(listener)
        return get(listener)

    with structlog.testing.capture_logs() as lines:
        assert serve_while(client, listener) == [(200, b"hello")]
    assert [line["error"] for line in lines if line["log_level"] == "error"] == ["Too many open files"]

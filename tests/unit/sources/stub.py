"""A local HTTP server that answers by script, down to the bytes, and a client for it."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import SecretStr

from exporter.config.settings import ApiSettings
from exporter.sources.auth.tokens import StaticToken, TokenSource
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.sources.rate_limit import RateLimiter
from exporter.telemetry.metrics import PREFIX, Telemetry
from tests.unit.make import Clock

__all__ = ["TOKEN", "Answer", "Api", "Stub", "stub"]

TOKEN = "sesame-token"

Answer = Callable[["Handler"], None]


class Handler(http.server.BaseHTTPRequestHandler):
    """Notes the request and lets the script answer."""

    protocol_version = "HTTP/1.1"
    stub: Stub

    def do_GET(self) -> None:
        self.stub.requests.append((self.path, dict(self.headers.items())))
        answers = self.stub.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def say(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        """Answer as one should."""
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Stub:
    """The running server; `answers` are given one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.answers: list[Answer] = [lambda handler: handler.say(200)]
        handler = type("ScriptedHandler", (Handler,), {"stub": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def statuses(self, *statuses: int, body: bytes = b"{}", **headers: str) -> None:
        """Answer with these statuses."""
        self.answers = [lambda handler, one=one: handler.say(one, body, **headers) for one in statuses]  # type: ignore[misc]

    def raw(self, *pieces: bytes) -> None:
        """Send these bytes, then close."""

        def answer(handler: Handler) -> None:
            handler.connection.sendall(b"".join(pieces))
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True

        self.answers = [answer]


@contextmanager
def stub() -> Iterator[Stub]:
    """Run a stub."""
    one = Stub()
    one.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients leave in the middle
    one.server.daemon_threads = True
    thread = threading.Thread(target=one.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.server.shutdown()
        one.server.server_close()
        thread.join(10)


class Api:
    """A client for a stub; `waits` are the seconds that it wanted to sleep, which cost no time."""

    def __init__(
        self,
        server: Stub,
        tokens: TokenSource | None = None,
        url: str = "",
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        self.telemetry = Telemetry()
        self.clock = clock or Clock(1000.0)
        self.unix = Clock()
        self.waits: list[float] = []
        self.client = ApiClient(
            base_url=url or server.url,
            tokens=tokens or StaticToken(SecretStr(TOKEN)),
            limiter=RateLimiter(
                1000.0,
                credential="default",
                source="cloud_partner",
                telemetry=self.telemetry,
                clock=self.unix,
                monotonic=self.clock,
                wait=self._wait,
            ),
            settings=ApiSettings(**({"max_retries": 0} | settings)),
            telemetry=self.telemetry,
            operations=("list_offers",),
            clock=self.unix,
            monotonic=self.clock,
        )

    def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.clock.now += seconds
        self.unix.now += seconds
        return False

    def get(self, path: str = "/x", seconds: float = 60.0) -> bytes:
        deadline = Deadline(seconds, self.clock)
        return self.client.get("list_offers", path, params={"api-version": "2017-10-31"}, deadline=deadline)

    def total(self, name: str, **labels: str) -> float | None:
        """Give one of the exporter's own metrics."""
        return self.telemetry.registry.get_sample_value(PREFIX + name, labels)

    def count(self, code: str) -> float | None:
        """Give the number of requests with this status code."""
        return self.total("api_requests_total", operation="list_offers", code=code)

    def observed(self) -> float | None:
        """Give the number of requests whose duration was measured."""
        return self.total("api_request_duration_seconds_count", operation="list_offers")

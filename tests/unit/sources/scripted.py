"""A web server that says exactly what a test wants, byte by byte, and what a client of it needs."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import SecretStr

from exporter.credentials import StaticToken, TokenSource
from exporter.settings import ApiSettings
from exporter.sources.api import ApiClient
from exporter.sources.base import Deadline
from exporter.sources.gate import Gate
from exporter.telemetry import Telemetry
from tests.unit.make import Clock


def answer(status: str, body: bytes = b"", **headers: str) -> bytes:
    """Write an answer; header names are told with underscores."""
    lines = {"Content-Length": str(len(body)), "Connection": "close"} | headers
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


OK = answer("200 OK", b"[]")


class ScriptedServer:
    """Answers one request per connection with the next piece of its script; without one it hangs up."""

    def __init__(self, *script: bytes) -> None:
        self.script = list(script)
        self.requests: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = "http://{}:{}".format(*self._socket.getsockname())
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self.requests.append(_request(connection))
                connection.sendall(self.script.pop(0) if self.script else b"")


def _request(connection: socket.socket) -> str:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(4096)
    return received.decode("latin-1")


@dataclass
class Bench:
    """A client with all that it needs; `waits` are the seconds that it wanted to sleep."""

    url: str
    tokens: TokenSource = field(default_factory=lambda: StaticToken(SecretStr("token")))
    settings: dict[str, Any] = field(default_factory=dict)
    monotonic: Clock = field(default_factory=lambda: Clock(1000.0))
    clock: Clock = field(default_factory=Clock)
    waits: list[float] = field(default_factory=list)
    telemetry: Telemetry = field(default_factory=Telemetry)

    def __post_init__(self) -> None:
        settings = ApiSettings(**({"max_retries": 2} | self.settings))
        self.gate = Gate(
            1000.0, source="s", telemetry=self.telemetry, clock=self.clock, monotonic=self.monotonic, wait=self.wait
        )
        self.client = ApiClient(
            base_url=self.url,
            tokens=self.tokens,
            gate=self.gate,
            settings=settings,
            telemetry=self.telemetry,
            operations=("list",),
            monotonic=self.monotonic,
        )

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.monotonic.now += seconds
        self.clock.now += seconds
        return False

    def get(self, seconds: float = 100.0) -> bytes:
        deadline = Deadline(seconds, self.monotonic)
        try:
            return self.client.get("list", "/offers", params={"v": "1"}, deadline=deadline)
        finally:
            self.client.close()

    def requests(self) -> dict[str, float]:
        """Give the number of requests by status code."""
        samples = next(iter(self.telemetry.counter("api_requests_total").collect())).samples
        return {one.labels["code"]: one.value for one in samples}

    def total(self, name: str) -> float | None:
        """Give one of the exporter's own metrics without labels."""
        return self.telemetry.registry.get_sample_value(f"azure_marketplace_exporter_{name}")

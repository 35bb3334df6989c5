"""An API that answers what a test has written down, over real HTTP, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from exporter.config.settings import ApiSettings
from exporter.simulator import serve_in_thread
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.sources.rate_limit import Gate
from exporter.telemetry.metrics import Telemetry


@dataclass(frozen=True)
class Answer:
    """One answer; a text is sent as it is, all else as JSON."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    """One request: path and query as people write them, and the token."""

    path: str
    query: str
    token: str


class Canned:
    """Answers by path, or by path and query where both are written down; of several answers the last one stays.

    What is not written down is 404.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self._answers: dict[str, list[Answer]] = {}

    def put(self, where: str, *answers: Answer | Any) -> None:
        self._answers[where] = [one if isinstance(one, Answer) else Answer(one) for one in answers]

    def paths(self) -> list[str]:
        """All paths asked for so far, with their queries."""
        return [f"{one.path}?{one.query}" if one.query else one.path for one in self.asked]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query = unquote(scope["query_string"].decode().replace("+", " "))
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(Asked(scope["path"], query, headers.get("authorization", "").removeprefix("Bearer ")))
        answer = self._answer(scope["path"], query)
        lines = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": lines})
        await send({"type": "http.response.body", "body": answer.content()})

    def _answer(self, path: str, query: str) -> Answer:
        for where in (f"{path}?{query}", path):
            if where in self._answers:
                left = self._answers[where]
                return left.pop(0) if len(left) > 1 else left[0]
        return Answer({"error": {"code": "NotFound", "message": "not written down"}}, 404)


@contextmanager
def serving() -> Iterator[Canned]:
    canned = Canned()
    with serve_in_thread(canned) as server:
        canned.url = server.url
        yield canned


class Clock:
    """A clock that only moves when somebody waits, or a test moves it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.now += seconds
        return False


class Tokens:
    """A credential with an endless supply of tokens."""

    def __init__(self) -> None:
        self.dropped: list[str] = []

    def token(self, deadline: Deadline) -> str:
        return self.secrets()[0]

    def drop(self, token: str) -> bool:
        self.dropped.append(token)
        return True

    def secrets(self) -> tuple[str, ...]:
        return (f"token-{len(self.dropped) + 1}",)


@dataclass
class Bench:
    """What a source needs to work: a client for a canned API, a clock, counters."""

    canned: Canned
    clock: Clock = field(default_factory=Clock)
    tokens: Tokens = field(default_factory=Tokens)
    telemetry: Telemetry = field(default_factory=Telemetry)

    def client(self, *operations: str, retries: int = 0) -> ApiClient:
        gate = Gate(
            1000,
            source="canned",
            telemetry=self.telemetry,
            clock=self.clock,
            monotonic=self.clock,
            wait=self.clock.wait,
        )
        return ApiClient(
            base_url=self.canned.url,
            tokens=self.tokens,
            gate=gate,
            settings=ApiSettings(max_retries=retries),
            telemetry=self.telemetry,
            operations=operations,
            monotonic=self.clock,
        )

    def deadline(self, seconds: float = 60) -> Deadline:
        return Deadline(seconds, self.clock)

    def counted(self, name: str, **labels: str) -> float:
        """Read one of the exporter's own counters."""
        return self.telemetry.registry.get_sample_value(f"azure_marketplace_exporter_{name}", labels) or 0.0

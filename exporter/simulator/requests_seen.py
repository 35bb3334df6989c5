"""Counts of the requests that came, so that a test can tell what a client asked for and how hard."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exporter.simulator.operations import Operation, operation_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from exporter.simulator.clock import Clock

__all__ = ["Counting", "RequestsSeen"]

_KEPT = 10_000


@dataclass(slots=True)
class RequestsSeen:
    """Counters since the last reset, and the latest requests one by one; the control API itself is not counted."""

    in_flight: int = 0
    max_in_flight: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    publishers: Counter[str] = field(default_factory=Counter)
    offers: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def begin(self, operation: Operation) -> None:
        """Count a request that has come."""
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        self.operations[operation.name] += 1
        if operation.publisher:
            self.publishers[operation.publisher] += 1
        if operation.offer:
            self.offers[f"{operation.publisher}/{operation.offer}"] += 1

    def end(self, code: int | None, line: dict[str, Any]) -> None:
        """Count its answer; code None means that there was none."""
        self.in_flight -= 1
        self.codes[str(code or "none")] += 1
        self.log.append(line | {"code": code})

    def reset(self) -> None:
        """Forget all but the requests that are in flight."""
        for counter in (self.operations, self.publishers, self.offers, self.codes, self.log):
            counter.clear()
        self.max_in_flight = self.in_flight

    def as_json(self) -> dict[str, Any]:
        """Give the counters for the control API."""
        return {
            "total": self.operations.total(),
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "by_operation": dict(self.operations),
            "by_publisher": dict(self.publishers),
            "by_offer": dict(self.offers),
            "by_code": dict(self.codes),
        }


@dataclass(frozen=True, slots=True)
class Counting:
    """ASGI middleware that fills a `RequestsSeen`."""

    app: ASGIApp
    seen: RequestsSeen
    clock: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count one request, from its first byte to the end of its answer."""
        operation = operation_of(scope)
        if operation.name == "control":
            await self.app(scope, receive, send)
            return
        code: int | None = None

        async def noting(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        line = self._line(operation, scope)
        self.seen.begin(operation)
        try:
            await self.app(scope, receive, noting)
        finally:
            self.seen.end(code, line)

    def _line(self, operation: Operation, scope: Scope) -> dict[str, Any]:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return {
            "at": self.clock(),
            "method": scope["method"],
            "path": operation.path,
            "query": scope["query_string"].decode("latin-1"),
            "operation": operation.name,
            "publisher": operation.publisher,
            "offer": operation.offer,
            "has_token": bool(headers.get("authorization")),
            "user_agent": headers.get("user-agent", ""),
        }

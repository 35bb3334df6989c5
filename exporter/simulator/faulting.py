"""The middleware that lets faults happen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.simulator.connection import connection_of, is_gone
from exporter.simulator.operations import operation_of
from exporter.simulator.spoiled import MADE_UP, SPOILED, Answer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from exporter.simulator.clock import Clock
    from exporter.simulator.faults import Fault, FaultBook

__all__ = ["Faulting", "Pause"]

Pause = Callable[[float], Awaitable[None]]

_FOR_EVER = 1e9


@dataclass(frozen=True, slots=True)
class Faulting:
    """ASGI middleware; `pause` sleeps, so that a test need not."""

    app: ASGIApp
    book: FaultBook
    clock: Clock
    pause: Pause = asyncio.sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the fault that hits it do so."""
        operation = operation_of(scope)
        fault = None if operation.name == "control" else self.book.take(operation)
        if fault is None:
            await self.app(scope, receive, send)
        else:
            await _Play(self, fault, scope, receive, send).run()


@dataclass(frozen=True, slots=True)
class _Play:
    """One fault happening to one request."""

    stage: Faulting
    fault: Fault
    scope: Scope
    receive: Receive
    send: Send

    async def run(self) -> None:
        kind = self.fault.kind
        if kind in MADE_UP:
            await self._answer(MADE_UP[kind](self.fault, self.stage.clock()))
        elif kind in SPOILED:
            await self._answer(SPOILED[kind](self.fault, await self._true_answer()))
        else:
            await getattr(self, f"_{kind}")()

    async def _hold(self) -> None:
        """No answer at all; after `seconds` the connection is closed."""
        await self._is_gone(_FOR_EVER if self.fault.seconds is None else self.fault.seconds)
        await self._leave(reset=False)

    async def _drop(self) -> None:
        """The connection is closed instead of an answer."""
        await self._leave(reset=False)

    async def _reset(self) -> None:
        """A reset after `size` bytes of the body, or half of it."""
        await self._begin_only()
        await self._leave(reset=True)

    async def _short_body(self) -> None:
        """A regular close after `size` bytes of the body, or half of it."""
        await self._begin_only()
        await self._leave(reset=False)

    async def _slow(self) -> None:
        """The true answer after `seconds`; it is made before, for waiting uses up the request's body."""
        answer = await self._true_answer()
        if not await self._is_gone(self.fault.seconds or 0.0):
            await self._answer(answer)

    async def _trickle(self) -> None:
        """The true answer, `size` bytes (1) every `seconds` (1)."""
        answer, size = await self._true_answer(), self.fault.size or 1
        seconds = 1.0 if self.fault.seconds is None else self.fault.seconds
        parts = [answer.body[begin : begin + size] for begin in range(0, len(answer.body), size)] or [b""]
        await self._start(answer)
        for place, part in enumerate(parts):
            if place and await self._is_gone(seconds):
                return
            await self._part(part, more=place < len(parts) - 1)

    async def _begin_only(self) -> None:
        answer = await self._true_answer()
        await self._start(answer)
        await self._part(answer.body[: len(answer.body) // 2 if self.fault.size is None else self.fault.size])

    async def _answer(self, answer: Answer) -> None:
        await self._start(answer)
        await self._part(answer.body, more=False)

    async def _start(self, answer: Answer) -> None:
        headers = answer.headers | {"content-length": str(len(answer.body))}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": answer.status, "headers": raw})

    async def _part(self, body: bytes, *, more: bool = True) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def _leave(self, *, reset: bool) -> None:
        """End the connection, and wait until the server has noticed: it takes an unfinished answer for a mistake."""
        connection = connection_of(self.scope)
        connection.reset() if reset else connection.close()
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def _is_gone(self, seconds: float) -> bool:
        return await is_gone(self.scope, self.receive, self.stage.pause(seconds))

    async def _true_answer(self) -> Answer:
        """Let the application answer, and keep the answer here."""
        status, headers, body = 0, dict[str, str](), b""

        async def keep(message: Message) -> None:
            nonlocal status, headers, body
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
            else:
                body += message.get("body", b"")

        await self.stage.app(self.scope, self.receive, keep)
        return Answer(status, headers, body)

"""One fault happening to one request: made-up and spoiled answers, waits, and broken connections."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Any, cast

from starlette.types import ASGIApp, Receive, Scope, Send

from tests.faults.answers import MADE_UP, SPOILED, Answer, answer_of
from tests.faults.faults import Fault

FOR_EVER = 1e9


@dataclass(frozen=True)
class Play:
    """`transport` is the connection on which the request came."""

    fault: Fault
    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    transport: asyncio.Transport
    now: float

    async def run(self) -> None:
        kind = self.fault.kind
        if kind in MADE_UP:
            await MADE_UP[kind](self.fault, self.now).send(self.send)
        elif kind in SPOILED:
            await SPOILED[kind](self.fault, await self._true_answer()).send(self.send)
        else:
            await getattr(self, f"_{kind}")()

    async def _hold(self) -> None:
        """No answer at all; after `seconds` the connection is closed."""
        await self._is_gone(FOR_EVER if self.fault.seconds is None else self.fault.seconds)
        await self._drop()

    async def _drop(self) -> None:
        """The connection is closed instead of, or within, an answer; the server must notice before this ends."""
        self.transport.close()
        await self._disconnect()

    async def _reset(self) -> None:
        """A TCP reset after `size` bytes of the body, or half of it."""
        await self._begin_only()
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        await self._disconnect()

    async def _short_body(self) -> None:
        """A regular close after `size` bytes of the body, or half of it."""
        await self._begin_only()
        await self._drop()

    async def _slow(self) -> None:
        """The true answer after `seconds`; it is made before, for waiting uses up the request's body."""
        answer = await self._true_answer()
        if not await self._is_gone(self.fault.seconds or 0.0):
            await answer.send(self.send)

    async def _trickle(self) -> None:
        """The true answer, `size` bytes (1) every `seconds` (1)."""
        answer, size = await self._true_answer(), self.fault.size or 1
        await answer.start(self.send)
        for begin in range(0, len(answer.body), size):
            if begin and await self._is_gone(1.0 if self.fault.seconds is None else self.fault.seconds):
                return
            await self._part(answer.body[begin : begin + size])
        await self._part(b"", more=False)

    async def _begin_only(self) -> None:
        answer = await self._true_answer()
        await answer.start(self.send)
        await self._part(answer.body[: len(answer.body) // 2 if self.fault.size is None else self.fault.size])

    async def _part(self, body: bytes, *, more: bool = True) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def _true_answer(self) -> Answer:
        return await answer_of(self.app, self.scope, self.receive)

    async def _is_gone(self, seconds: float) -> bool:
        """Wait; true if the client goes before the time is over."""
        try:
            await asyncio.wait_for(self._disconnect(), seconds)
        except TimeoutError:
            return False
        return True

    async def _disconnect(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass


def transport_of(send: Send) -> asyncio.Transport:
    """The connection under a request: uvicorn's `send` is a method of the cycle that holds it."""
    return cast("asyncio.Transport", cast("Any", send).__self__.transport)

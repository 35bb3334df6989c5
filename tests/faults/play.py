"""One fault happening to one request: made-up answers, waits, and broken connections."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, cast

from starlette.types import ASGIApp, Receive, Scope, Send

from tests.faults.answers import Answer, answer_of, as_json
from tests.faults.faults import Fault


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
        await getattr(self, f"_{self.fault.kind}")()

    async def _status(self) -> None:
        """A status code with an error body, or with `body`."""
        status = self.fault.status or HTTPStatus.SERVICE_UNAVAILABLE
        code = HTTPStatus(status).phrase.replace(" ", "")
        body = self.fault.body or {"error": {"code": code, "message": "Simulated."}}
        answer = as_json(body, status)
        await replace(answer, headers=answer.headers | self._retry_after()).send(self.send)

    def _retry_after(self) -> dict[str, str]:
        """`date:30` is an HTTP date in 30 seconds; everything else stands as it is, however absurd."""
        if self.fault.retry_after is None:
            return {}
        said = str(self.fault.retry_after)
        kind, _, seconds = said.partition(":")
        return {"retry-after": formatdate(self.now + float(seconds), usegmt=True) if kind == "date" else said}

    async def _respond(self) -> None:
        """An answer of the test's own."""
        await as_json(self.fault.body, self.fault.status or 200).send(self.send)

    async def _hold(self) -> None:
        """No answer at all, until the client leaves."""
        await self._disconnect()

    async def _drop(self) -> None:
        """The connection is closed instead of, or within, an answer; the server must notice before this ends."""
        self.transport.close()
        await self._disconnect()

    async def _reset(self) -> None:
        """A TCP reset after `size` bytes of the body."""
        answer = await self._true_answer()
        await answer.start(self.send)
        await self._part(answer.body[: self.fault.size])
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        await self._disconnect()

    async def _slow(self) -> None:
        """The true answer after `seconds`; it is made before, for waiting uses up the request's body."""
        answer = await self._true_answer()
        if not await self._is_gone(self.fault.seconds):
            await answer.send(self.send)

    async def _trickle(self) -> None:
        """The true answer, `size` bytes every `seconds`."""
        answer, size = await self._true_answer(), self.fault.size
        await answer.start(self.send)
        for begin in range(0, len(answer.body), size):
            if begin and await self._is_gone(self.fault.seconds):
                return
            await self._part(answer.body[begin : begin + size])
        await self._part(b"", more=False)

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

"""One fault happening to one request: made-up answers, waits, and broken connections."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
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

    async def run(self) -> None:
        await getattr(self, f"_{self.fault.kind}")()

    async def _status(self) -> None:
        """A status code with an error body, or with `body`."""
        status = self.fault.status or HTTPStatus.SERVICE_UNAVAILABLE
        code = HTTPStatus(status).phrase.replace(" ", "")
        body = self.fault.body or {"error": {"code": code, "message": "Simulated."}}
        later = {} if self.fault.retry_after is None else {"retry-after": str(self.fault.retry_after)}
        answer = as_json(body, status)
        await replace(answer, headers=answer.headers | later).send(self.send)

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

    async def _slow(self) -> None:
        """The true answer after `seconds`; it is made before, for waiting uses up the request's body."""
        answer = await self._true_answer()
        if not await self._is_gone(self.fault.seconds):
            await answer.send(self.send)

    async def _trickle(self) -> None:
        """The true answer, a byte every `seconds`; a body without end is cut by its length."""
        answer = await self._true_answer()
        await answer.start(self.send)
        for byte in answer.body:
            await self.send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            if await self._is_gone(self.fault.seconds):
                return
        await self.send({"type": "http.response.body"})

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

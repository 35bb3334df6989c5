"""uvicorn's HTTP/1.1 protocol with an end to all waiting: for a request, for its body, and for a reader of the answer.

`while_there` ends the answer, too, when there is nobody left to read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MethodType
from typing import Any, cast

import h11
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from exporter.web.connections import Slot, State

__all__ = ["KEEP_ALIVE", "READ_TIMEOUT", "WRITE_TIMEOUT", "GuardedProtocol", "while_there"]

READ_TIMEOUT = 10.0
"""Seconds for a whole request, from the first byte (or from the connection) to its end."""
WRITE_TIMEOUT = 20.0
"""Seconds for an answer, from the moment the client reads more slowly than we write."""
KEEP_ALIVE = 20
"""Seconds that a connection may rest between two requests."""
LINGER = 2.0
"""Seconds for the last bytes to be read before a connection is torn down."""
MAX_HEAD = 16 * 1024
MAX_BODY = 64 * 1024
"""No route reads a body; this much is taken in and thrown away."""
_PIECE = 8 * 1024
_NO_LINGER = struct.pack("ii", 1, 0)


class _ClientGoneError(OSError):
    """There is nobody left to read the answer."""


def while_there(app: ASGIApp) -> ASGIApp:
    """Let sending fail once the client has gone, so that its answer ends there and then; ASGI 2.4 asks servers for that.

    uvicorn lets an application send into the void. Those that want to know have a second task that waits for the end, and
    what it cancels stays in memory, with a piece of the body, until the garbage collector comes by.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        cycle = cast("RequestResponseCycle", cast("MethodType", send).__self__)

        async def send_while_there(message: Message) -> None:
            await send(message)
            if cycle.transport.is_closing() and not cycle.response_complete:
                cycle.disconnected = True  # which uvicorn learns a turn of the event loop later
            if cycle.disconnected:
                raise _ClientGoneError

        with contextlib.suppress(_ClientGoneError, ClientDisconnect):
            await app({**scope, "asgi": {**scope["asgi"], "spec_version": "2.4"}}, receive, send_while_there)

    return answer


class GuardedProtocol(H11Protocol):
    """One connection, in one of `slot`'s states; `admits` judges the certificate of a client, None over plain HTTP."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        *,
        slot: Slot,
        admits: Callable[[Mapping[str, Any] | None], bool] = lambda _: True,
    ) -> None:
        super().__init__(config, server_state, {}, asyncio.get_running_loop())
        self._slot = slot
        self._admits = admits
        self._body = 0
        self._refused = False
        self._error: BaseException | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first request."""
        super().connection_made(transport)
        self._slot.drop = self._cut
        if not self._admits(transport.get_extra_info("peercert")):
            self._cut()
            return
        self._reading = self.loop.call_later(READ_TIMEOUT, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        for timer in (self._reading, self._writing, self._ending):
            if timer is not None:
                timer.cancel()
        self._unset_keepalive_if_required()
        self._slot.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in bytes, in pieces: h11 measures a head only while it is incomplete."""
        for start in range(0, len(data), _PIECE):
            if self._refused or self.transport.is_closing():
                return
            piece = data[start : start + _PIECE]
            self._body = self._body + len(piece) if self.conn.their_state is h11.SEND_BODY else 0
            if self._body > MAX_BODY:
                self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                return
            # What uvicorn answers with 503 and "Connection: close", without asking the application.
            self.limit_concurrency = None if self._slot.may_ask() else 0
            super().data_received(piece)
            self._forget()
        self._settle()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio reads a bool, which uvicorn never gives
        """Answer a client that has said all it will say before ending: it may still read (`nc -N` does so).

        Over TLS that cannot be had: asyncio closes such a connection.
        """
        if not self._is_answering or self.transport.get_extra_info("sslcontext") is not None:
            return False
        self.cycle.keep_alive = False
        return True

    def on_response_complete(self) -> None:
        """Rest, or end if the client has not waited for its answer: who sends requests without a pause must connect anew.

        A server may do so at any time (RFC 9112, 9.3.2), and no scraper or browser of today sends that way.
        """
        self._slot.move(State.WAITING)
        if self.conn.trailing_data[0]:
            self.transport.close()
        super().on_response_complete()
        if self.transport.is_closing():
            self._end(WRITE_TIMEOUT)
        self._settle()

    def pause_writing(self) -> None:
        """Start the clock for a slow reader."""
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(WRITE_TIMEOUT, self._cut)
        self._settle()

    def resume_writing(self) -> None:
        """Go on writing; the clock runs on until the answer is complete, or a trickle would stop it time and again."""
        super().resume_writing()
        self._settle()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that has rested long enough."""
        super().timeout_keep_alive_handler()
        self._end()

    def shutdown(self) -> None:
        """Finish the answer in flight, if there is one, and end."""
        super().shutdown()
        if self.transport.is_closing():
            self._end()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; called while h11's error, which knows the better status, is being handled."""
        del msg
        self._error = sys.exception()
        self._refuse(HTTPStatus(getattr(self._error, "error_status_hint", HTTPStatus.BAD_REQUEST)))

    def _forget(self) -> None:
        """Forget h11's error: its traceback and the frames in it hold each other, and with them the whole connection."""
        if self._error is not None:
            traceback.clear_frames(self._error.__traceback__)
            self._error = None

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _settle(self) -> None:
        """Set clocks and slot by what the connection waits for now."""
        if self.flow.write_paused:
            self._slot.move(State.STALLED)
        else:
            self._slot.move(State.BUSY if self._is_answering else State.WAITING)
            if not self._is_answering and self._writing is not None:
                self._writing.cancel()
                self._writing = None
        pending = self.conn.their_state is h11.SEND_BODY or bool(
            self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        )
        if pending and self._reading is None:
            self._reading = self.loop.call_later(READ_TIMEOUT, self._too_slow)
        elif not pending and self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _too_slow(self) -> None:
        has_begun = self.conn.their_state is not h11.IDLE or self.conn.trailing_data[0]
        if has_begun:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()
            self._end()

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer what no application has to see, and end.

        What the client still sends is read and thrown away for a moment: closing at once would reset the connection, and
        the client would never see why.
        """
        self._refused = True
        self._unset_keepalive_if_required()
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self._cut()
            return
        if self._is_answering:
            self.cycle.disconnected = True  # what the application still answers goes nowhere
        text = f"{status.phrase.lower()}\n".encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(text)}\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + text)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._end()

    def _end(self, seconds: float = LINGER) -> None:
        """Give the last bytes some time to leave; a client that does not read would keep the connection open for ever."""
        if self._ending is None:
            self._ending = self.loop.call_later(seconds, self._cut)

    def _cut(self) -> None:
        """Tear the connection down; the kernel, too, forgets what the client has not fetched."""
        with contextlib.suppress(OSError):  # the socket may be gone
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

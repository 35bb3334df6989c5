"""uvicorn's HTTP/1.1 protocol with an end to all waiting, and a limit on the number of connections."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import h11
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

__all__ = ["KEEP_ALIVE", "MAX_CONNECTIONS", "ConnectionPhase", "LimitedProtocol"]

KEEP_ALIVE = 20
"""Seconds that a connection may rest between two requests."""
MAX_CONNECTIONS = 256
WRITE_BUFFER = 64 * 1024
"""What a slow reader may leave in the process; over TLS asyncio would take half a megabyte."""
PIECE = 8 * 1024
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for 0 seconds."""


class ConnectionPhase(Enum):
    """What a connection does, and for how many seconds at most."""

    READING = 10.0
    """A request is due, head and body, from the connection or from its first byte."""
    ANSWERING = math.inf
    SENDING = 20.0
    """The client reads its answer more slowly than it is written."""
    RESTING = KEEP_ALIVE + 2.0
    """Between two requests; ended by uvicorn, except where the last bytes of an answer are not fetched."""


class LimitedProtocol(H11Protocol):
    """One connection; `admits` judges the certificate of its client, which is None over plain HTTP."""

    def __init__(
        self, config: Config, server_state: ServerState, *, admits: Callable[[Mapping[str, Any] | None], bool]
    ) -> None:
        super().__init__(config, server_state, {}, asyncio.get_running_loop())
        self._admits = admits
        self._phase: ConnectionPhase | None = None
        self._since = 0.0
        self._clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        """Start the clock; where there is one connection too many, end another."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(WRITE_BUFFER)
        self.app = self._answer
        if not self._admits(transport.get_extra_info("peercert")):
            self.cut()
            return
        self._enter(ConnectionPhase.READING)
        if len(self.connections) > MAX_CONNECTIONS:
            others = [one for one in self.connections if isinstance(one, LimitedProtocol) and one is not self]
            min(others, key=LimitedProtocol._worth).cut()

    def _worth(self) -> tuple[bool, float]:
        """Order connections by who has to go first: those that wait for their client before those that are answered."""
        return self._phase is ConnectionPhase.ANSWERING, self._since

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks, and let go of what would keep this object until the garbage collector comes by."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._stop_clock()
        del self.app

    def data_received(self, data: bytes) -> None:
        """Take in bytes in pieces, as h11 measures a head only while it is incomplete: one of 250 KB took it 73 ms."""
        for start in range(0, len(data), PIECE):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + PIECE])
        self._settle()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio reads a bool, which uvicorn never gives
        """Answer a client that has said all it will say, as `nc -N` does; over TLS asyncio cannot do that."""
        if not self._is_answering or self.transport.get_extra_info("sslcontext") is not None:
            return False
        self.cycle.keep_alive = False
        return True

    def on_response_complete(self) -> None:
        """Go on to the next request; a client that has not waited for its answer must connect anew, and queue for that.

        A server may do so at any time (RFC 9112, 9.3.2), and no scraper or browser of today sends that way.
        """
        if self.conn.trailing_data[0]:
            self.transport.close()
        super().on_response_complete()
        self._phase = None
        self._settle()

    def pause_writing(self) -> None:
        """Start the clock for a slow reader; it runs until the answer is complete, or a trickle would stop it."""
        super().pause_writing()
        self._enter(ConnectionPhase.SENDING)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, and forget why: h11's error and its traceback hold each other, and this connection."""
        error = sys.exception()
        super().send_400_response(msg)
        if error is not None:
            traceback.clear_frames(error.__traceback__)

    def cut(self) -> None:
        """End the connection at once; the kernel, too, forgets what the client has not fetched."""
        self.connections.discard(self)
        with contextlib.suppress(OSError):  # the socket may be gone
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _settle(self) -> None:
        """Enter the phase that h11's state tells of."""
        is_body_due = self.conn.their_state is h11.SEND_BODY
        if self._is_answering:
            if self._phase is not ConnectionPhase.SENDING:
                self._enter(ConnectionPhase.READING if is_body_due else ConnectionPhase.ANSWERING)
        else:
            self._enter(
                ConnectionPhase.READING if is_body_due or self.conn.trailing_data[0] else ConnectionPhase.RESTING
            )

    def _enter(self, phase: ConnectionPhase) -> None:
        if phase is self._phase:
            return
        self._phase, self._since = phase, self.loop.time()
        self._stop_clock()
        if phase is not ConnectionPhase.ANSWERING:
            self._clock = self.loop.call_later(phase.value, self.cut)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application such that its sending fails once the client has gone, as ASGI 2.4 asks of servers.

        uvicorn lets an application send into the void, and starlette then keeps a second task that waits for the end.
        """

        async def send_while_there(message: Message) -> None:
            await send(message)
            if self.transport.is_closing() and self._is_answering:
                self.cycle.disconnected = True  # which uvicorn learns a turn of the event loop later
                raise ClientDisconnect

        scope = {**scope, "asgi": {**scope["asgi"], "spec_version": "2.4"}}
        with contextlib.suppress(ClientDisconnect):
            await self.config.loaded_app(scope, receive, send_while_there)

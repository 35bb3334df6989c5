"""What ASGI hides and faults need: the connection under a request, and the listener under all connections."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import Receive, Scope, Send

__all__ = ["Connection", "ConnectionProtocol", "Listener", "connection_of", "is_gone"]

_KEY = "simulator.connection"


class Listener(uvicorn.Server):
    """A server that can close its ears for a while, and that tells waiting faults when it ends."""

    def __init__(self, config: uvicorn.Config, sock: socket.socket) -> None:
        super().__init__(config)
        self.closing = asyncio.Event()
        self._address = sock.getsockname()
        self._family = sock.family
        self._deafness: asyncio.Task[None] | None = None
        # Set only now, for the protocol has to know its listener.
        config.http_protocol_class = partial(ConnectionProtocol, self)  # type: ignore[assignment]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let held answers go, then shut down as usual."""
        self.closing.set()
        if self._deafness is not None:
            self._deafness.cancel()
        self._end_connections()
        await super().shutdown(sockets)
        for protocol in list(self.server_state.connections):
            cast("ConnectionProtocol", protocol).transport.abort()
        await asyncio.sleep(0)

    def _end_connections(self) -> None:
        """End idle connections at once (over TLS a farewell waits for the client's), the others after their answer."""
        for protocol in list(self.server_state.connections):
            mine = cast("ConnectionProtocol", protocol)
            mine.shutdown()
            if mine.is_idle:
                mine.transport.abort()

    def refuse(self, seconds: float) -> None:
        """Refuse connections for some seconds: the listening socket is closed, and so are all connections."""
        if self._deafness is None or self._deafness.done():
            self._deafness = asyncio.get_running_loop().create_task(self._refuse(seconds))

    async def _refuse(self, seconds: float) -> None:
        for server in self.servers:
            server.close()
        # A socket that is bound but does not listen refuses connections and keeps the port from being taken.
        standby = socket.socket(self._family)
        standby.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            await self._bind(standby)
            self._end_connections()
            await asyncio.sleep(seconds)
            loop = asyncio.get_running_loop()
            self.servers = [await loop.create_server(self._protocol, sock=standby, ssl=self.config.ssl, backlog=256)]
        except asyncio.CancelledError:
            standby.close()
            raise

    async def _bind(self, standby: socket.socket) -> None:
        """Take the address again as soon as the event loop has really closed the listening socket."""
        while True:
            try:
                standby.bind(self._address)
            except OSError:
                await asyncio.sleep(0.005)
            else:
                return

    def _protocol(self) -> asyncio.Protocol:
        return ConnectionProtocol(
            self, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection on which a request came."""

    transport: asyncio.Transport
    listener: Listener

    def reset(self) -> None:
        """End with a TCP reset instead of a farewell."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def close(self) -> None:
        """Send what was written, then close."""
        self.transport.close()


class ConnectionProtocol(H11Protocol):
    """Uvicorn's protocol, which lets the application see its connection in the scope."""

    def __init__(self, listener: Listener, **options: Any) -> None:
        super().__init__(**options)
        self._listener = listener

    @property
    def is_idle(self) -> bool:
        """True if no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the application for this one connection."""
        super().connection_made(transport)
        # asyncio does this for sockets that name their protocol; ours does not, and 40 ms per answer were lost.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        application, connection = self.app, Connection(transport, self._listener)

        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            await application({**scope, _KEY: connection}, receive, send)

        self.app = with_connection


def connection_of(scope: Scope) -> Connection:
    """Give the connection of a request that this module's server has received."""
    return cast("Connection", scope[_KEY])


async def is_gone(scope: Scope, receive: Receive, pause: Awaitable[None]) -> bool:
    """Wait for a pause to pass; true if the client goes, or the server has to, before that."""
    waits = [_disconnect(receive), connection_of(scope).listener.closing.wait(), pause]
    gone, closing, passed = (asyncio.ensure_future(wait) for wait in waits)
    _, pending = await asyncio.wait({gone, closing, passed}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return gone.done() or closing.done()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

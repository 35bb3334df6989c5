"""Accepting connections: each gets a place first, then its handshake, then its protocol."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import traceback
from collections.abc import Callable

import structlog

from exporter.web.connections import Connections, Slot
from exporter.web.peers import network

__all__ = ["Acceptor"]

HANDSHAKE_TIMEOUT = 5.0
SHUTDOWN_TIMEOUT = 2.0
"""How long a TLS client may take for its goodbye."""
AT_ONCE = 16
"""How many of the queue are taken in one turn of the event loop."""
PAUSE = 0.1
"""Rest after a failed accept(), mostly for want of file descriptors."""
COMPLAIN_EVERY = 60.0

log = structlog.get_logger("exporter.web")


class Acceptor:
    """Accepts on one listening socket.

    asyncio's own servers would shake hands with any number of clients at once, 256 KiB each, and hold on to the TLS
    context they were started with. Here a connection takes its place before the handshake, and `tls` is asked for the
    context of each new connection.
    """

    def __init__(
        self,
        listener: socket.socket,
        *,
        connections: Connections,
        tls: Callable[[], ssl.SSLContext | None],
        protocol: Callable[[Slot], asyncio.Protocol],
    ) -> None:
        self._listener = listener
        self._connections = connections
        self._tls = tls
        self._protocol = protocol
        self._opening: set[asyncio.Task[bool]] = set()
        self._quiet_until = 0.0

    async def run(self) -> None:
        """Accept until cancelled; then those that still shake hands are dropped."""
        self._listener.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._accept(loop)
        finally:
            for task in self._opening:
                task.cancel()

    async def _accept(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take some of those in the queue, then let others have their turn, however many there are."""
        try:
            for _ in range(AT_ONCE):
                self._take(loop)
        except BlockingIOError:
            await self._readable(loop)
        except OSError as error:
            self._complain(error, loop.time())
            await asyncio.sleep(PAUSE)
        else:
            await asyncio.sleep(0)

    def _take(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            # Not loop.sock_accept(): cancelled at the wrong moment, it loses a connection that is open already.
            connection, address = self._listener.accept()
        except ConnectionError:
            return
        connection.setblocking(False)
        slot = self._connections.admit(network(str(address[0])))
        if slot is None:
            connection.close()
            return
        task = loop.create_task(self._open(connection, slot))
        slot.drop = task.cancel
        self._opening.add(task)
        task.add_done_callback(lambda task: self._opened(task, connection, slot))

    async def _readable(self, loop: asyncio.AbstractEventLoop) -> None:
        ready = asyncio.Event()
        loop.add_reader(self._listener, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._listener)

    def _complain(self, error: OSError, now: float) -> None:
        if now >= self._quiet_until:
            self._quiet_until = now + COMPLAIN_EVERY
            log.error("cannot accept connections", error=error.strerror or str(error))

    def _opened(self, task: asyncio.Task[bool], connection: socket.socket, slot: Slot) -> None:
        """Clean up after one that came to nothing; one that is cancelled at once cannot do so itself, it never runs."""
        self._opening.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("opening a connection broke", exc_info=error)
        if task.cancelled() or error is not None or not task.result():
            slot.leave()
            with contextlib.suppress(OSError):
                connection.close()

    async def _open(self, connection: socket.socket, slot: Slot) -> bool:
        context = self._tls()
        timeouts = (HANDSHAKE_TIMEOUT, SHUTDOWN_TIMEOUT) if context else (None, None)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._protocol(slot),
                connection,
                ssl=context,
                ssl_handshake_timeout=timeouts[0],
                ssl_shutdown_timeout=timeouts[1],
            )
        except (OSError, asyncio.CancelledError) as error:
            # A failed handshake, or pushed out during it: either way the end of this task.
            log.debug("no connection", client=slot.peer, error=str(error))
            # The traceback and the frames in it hold each other, and with them all that the handshake needed.
            traceback.clear_frames(error.__traceback__)
            return False
        return True

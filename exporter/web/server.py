"""Serving and ending.

`listen` opens the sockets, `serve` serves an application on them until SIGTERM or SIGINT, `url` writes where they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence

import structlog
import uvicorn
from starlette.types import ASGIApp

from exporter.web.acceptor import Acceptor
from exporter.web.connections import Connections, Slot
from exporter.web.current import Current
from exporter.web.gate import HEALTH_PATHS, Gate
from exporter.web.limits import limit_send_buffer, raise_file_limit, return_memory, send_at_once
from exporter.web.listen import bound, listen, url
from exporter.web.notify import notify, watchdog
from exporter.web.protocol import KEEP_ALIVE, MAX_HEAD, GuardedProtocol, while_there
from exporter.web.tls import allowed

__all__ = ["listen", "serve", "url"]

GRACE = 5
MAX_CONNECTIONS = 256

log = structlog.get_logger("exporter.web")


class _Server(uvicorn.Server):
    """uvicorn with our own accepting, and a good end on SIGTERM and SIGINT instead of raising them again.

    Into `_early` go those that come before there is a loop to handle them.
    """

    def __init__(self, config: uvicorn.Config, current: Current, is_alive: Callable[[], bool]) -> None:
        super().__init__(config)
        self._current = current
        self._is_alive = is_alive
        self._connections = Connections(MAX_CONNECTIONS)
        self._tasks: list[asyncio.Task[None]] = []
        self._early: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: self._early.append(number))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        if self._early:
            self.handle_exit(self._early[0], None)
        yield

    async def startup(self, sockets: Sequence[socket.socket] | None = None) -> None:
        self.servers = []
        acceptors = [
            Acceptor(one, connections=self._connections, tls=self._current.tls, protocol=self._protocol)
            for one in sockets or []
        ]
        chores = [acceptor.run() for acceptor in acceptors] + [self._current.watch(), watchdog(self._is_alive)]
        self._tasks = [asyncio.create_task(chore) for chore in chores]
        self.started = True
        notify("READY=1")

    def _protocol(self, slot: Slot) -> GuardedProtocol:
        names = self._current.config.tls_server_config.client_allowed_sans
        return GuardedProtocol(self.config, self.server_state, slot=slot, admits=allowed(names))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify("STOPPING=1")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().shutdown(sockets)


def serve(
    app: ASGIApp,
    listeners: list[socket.socket],
    *,
    current: Current | None = None,
    open_health: bool = False,
    is_alive: Callable[[], bool] = lambda: True,
) -> None:
    """Serve until SIGTERM or SIGINT; answers in flight get a few seconds to end.

    `current` is the web configuration; with `open_health` the health paths need no credentials; systemd's watchdog, if
    there is one, is told that the service works for as long as `is_alive`.
    """
    raise_file_limit()
    return_memory()
    # Whoever sends rubbish, or leaves in the middle of an answer, must not fill the log: both warn each time.
    for chatty in ("uvicorn", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    current = current or Current(None)
    config = uvicorn.Config(
        while_there(Gate(app, lambda: current.config, open_paths=HEALTH_PATHS if open_health else frozenset())),
        http=GuardedProtocol,
        ws="none",
        interface="asgi3",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=MAX_HEAD,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    server = _Server(config, current, is_alive)
    for listener in listeners:
        limit_send_buffer(listener)
        send_at_once(listener)
        log.info("listening", address=url(listener, "https" if current.tls() else "http"), bound=bound(listener))
    with asyncio.Runner() as runner:
        runner.run(server.serve(listeners))

"""Serving an application until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import structlog
import uvicorn
from starlette.types import ASGIApp

from exporter.web.access import HEALTH_PATHS, AccessMiddleware
from exporter.web.limits import raise_file_limit, return_memory, tune
from exporter.web.listen import bound, url
from exporter.web.live_config import LiveConfig
from exporter.web.notify import notify, watchdog
from exporter.web.protocol import KEEP_ALIVE, LimitedProtocol
from exporter.web.tls import is_allowed

__all__ = ["serve"]

GRACE = 5
HANDSHAKE_TIMEOUT = 5.0
SHUTDOWN_TIMEOUT = 2.0
"""How long a TLS client may take for its goodbye."""
MAX_HEAD = 16 * 1024
AT_ONCE = 16
"""How many connections are accepted in one turn of the event loop."""
PAUSE = 1.0
MAX_HANDSHAKES = 256
FAIR_TIME = 0.5
"""Seconds that a handshake has in any case, however many others wait for their turn."""

log = structlog.get_logger("exporter.web")


class _Server(uvicorn.Server):
    """uvicorn with our protocol, TLS that can change, systemd, and a good end on a signal instead of raising it again."""

    def __init__(self, config: uvicorn.Config, web_config: LiveConfig, is_alive: Callable[[], bool]) -> None:
        super().__init__(config)
        self._web_config = web_config
        self._is_alive = is_alive
        self._handshakes: dict[asyncio.Task[None], float] = {}
        self._chores: list[asyncio.Task[None]] = []

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.servers = []
        chores = [self._accept(one) for one in sockets or []]
        chores += [self._web_config.watch(), watchdog(self._is_alive)]
        self._chores = [asyncio.create_task(chore) for chore in chores]
        self.started = True
        for one in sockets or []:
            scheme = "https" if self._web_config.tls else "http"
            log.info("listening", address=url(one, scheme), bound=bound(one))
        notify("READY=1")

    async def _accept(self, listener: socket.socket) -> None:
        """Accept connections, some in each turn of the event loop.

        asyncio's own servers shake hands with any number of clients at once, 0.3 MiB each, and keep the TLS context that
        they were started with.
        """
        listener.setblocking(False)
        while True:
            try:
                for _ in range(AT_ONCE):
                    await self._room()
                    # Not loop.sock_accept(): cancelled at the wrong moment, it loses a connection that is open already.
                    self._open(listener.accept()[0])
                await asyncio.sleep(0)
            except BlockingIOError:
                await _readable(listener)
            except ConnectionError:
                continue  # it has gone again
            except OSError as error:  # mostly for want of file descriptors
                log.error("cannot accept connections", error=error.strerror)  # noqa: TRY400 - the place is known
                await asyncio.sleep(PAUSE)

    async def _room(self) -> None:
        """Wait until one more may shake hands; where too many do so, the oldest ends, but each has its time."""
        loop = asyncio.get_running_loop()
        while len(self._handshakes) >= MAX_HANDSHAKES:
            oldest, begun = next(iter(self._handshakes.items()))
            if loop.time() - begun >= FAIR_TIME:
                del self._handshakes[oldest]
                oldest.cancel()
            else:
                await asyncio.sleep(FAIR_TIME / 10)

    def _open(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        task = asyncio.create_task(self._shake_hands(connection))
        self._handshakes[task] = asyncio.get_running_loop().time()
        task.add_done_callback(lambda task: self._handshakes.pop(task, None))

    async def _shake_hands(self, connection: socket.socket) -> None:
        tls = self._web_config.tls
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol,
                connection,
                ssl=tls,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT if tls else None,
                ssl_shutdown_timeout=SHUTDOWN_TIMEOUT if tls else None,
            )
        except (OSError, asyncio.CancelledError) as error:
            # Failed, or one too many. The traceback and the frames in it hold each other, and with them all that the handshake needed.
            traceback.clear_frames(error.__traceback__)

    def _protocol(self) -> LimitedProtocol:
        names = self._web_config.config.tls_server_config.client_allowed_sans
        return LimitedProtocol(self.config, self.server_state, admits=partial(is_allowed, names))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify("STOPPING=1")
        await _end(self._chores)
        await _end(self._handshakes)
        await super().shutdown(sockets)


async def _readable(listener: socket.socket) -> None:
    ready, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(listener, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(listener)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    ended = list(tasks)
    for one in ended:
        one.cancel()
    await asyncio.gather(*ended, return_exceptions=True)


def serve(
    app: ASGIApp,
    listeners: list[socket.socket],
    *,
    web_config: LiveConfig | None = None,
    open_health: bool = False,
    is_alive: Callable[[], bool] = lambda: True,
) -> None:
    """Serve until SIGTERM or SIGINT; answers in flight get a few seconds to end.

    With `open_health` the health paths need no credentials; systemd's watchdog, if there is one, is told that the service
    works for as long as `is_alive`.
    """
    raise_file_limit()
    return_memory()
    # Whoever sends rubbish, or leaves in the middle of an answer, must not fill the log: both warn each time.
    for chatty in ("uvicorn", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    web_config = web_config or LiveConfig(None)
    config = uvicorn.Config(
        AccessMiddleware(app, lambda: web_config.config, open_paths=HEALTH_PATHS if open_health else frozenset()),
        http=LimitedProtocol,
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
    for listener in listeners:
        tune(listener)
    with asyncio.Runner() as runner:
        runner.run(_Server(config, web_config, is_alive).serve(listeners))

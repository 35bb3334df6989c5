"""Serving the simulator over real HTTP, in a thread or as a process."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import uvicorn

from exporter.simulator.connection import Listener

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from starlette.types import ASGIApp

__all__ = ["Listening", "RunningServer", "make_server", "serve_in_thread"]

_GRACE_SECONDS = 1
_KEEP_ALIVE_SECONDS = 75  # longer than the pauses of those who ask, else a connection ends just as it is used again
_JOIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Listening:
    """A bound socket, the server for it and the address under which it is reached."""

    server: Listener
    sock: socket.socket
    url: str

    def run(self) -> None:
        """Serve until told to stop; in the main thread SIGINT and SIGTERM do that."""
        self.server.run(sockets=[self.sock])


def make_server(
    app: ASGIApp, host: str, port: int, *, tls_cert: Path | None = None, tls_key: Path | None = None
) -> Listening:
    """Bind an address (port 0 takes a free one) and make the server for it; certificate and key are PEM files.

    Raises:
        OSError: the address cannot be bound, or the certificate cannot be read.
    """
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
    )
    config.load()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.create_server((host, port), family=family, backlog=256)
    name = f"[{host}]" if ":" in host else host
    return Listening(
        Listener(config, sock), sock, f"{'https' if tls_cert else 'http'}://{name}:{sock.getsockname()[1]}"
    )


class RunningServer:
    """A server in a thread of its own; a context manager that stops it at the end."""

    def __init__(self, listening: Listening) -> None:
        self.url = listening.url
        self._server = listening.server
        self._thread = threading.Thread(target=listening.run, name="simulator", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; answers in flight have a second to end."""
        self._server.should_exit = True
        self._thread.join(_JOIN_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve_in_thread(
    app: ASGIApp, host: str = "127.0.0.1", port: int = 0, *, tls_cert: Path | None = None, tls_key: Path | None = None
) -> RunningServer:
    """Serve an application from a thread; it accepts connections as soon as this returns.

    Raises:
        OSError: the address cannot be bound, or the certificate cannot be read.
    """
    return RunningServer(make_server(app, host, port, tls_cert=tls_cert, tls_key=tls_key))

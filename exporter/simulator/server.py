"""Serving the simulator over real HTTP, in a thread or as a process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

__all__ = ["Listening", "listen", "serve_in_thread"]

_GRACE_SECONDS = 1
_KEEP_ALIVE_SECONDS = 75  # longer than the pauses of those who ask, else a connection ends just as it is used again
_JOIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Listening:
    """A bound socket, the server for it and the address under which it is reached."""

    server: uvicorn.Server
    sock: socket.socket
    url: str

    def run(self) -> None:
        """Serve until told to stop; in the main thread SIGINT and SIGTERM do that."""
        self.server.run(sockets=[self.sock])


def listen(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
) -> Listening:
    """Bind an address (port 0 takes a free one) and make the server for it; certificate and key are PEM files.

    Raises:
        OSError: the address cannot be bound, or the certificate cannot be read.
    """
    config = uvicorn.Config(
        app,
        interface="asgi3",
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
    sock = _bind(host, port)
    name = f"[{host}]" if ":" in host else host
    url = f"{'https' if tls_cert else 'http'}://{name}:{sock.getsockname()[1]}"
    return Listening(_Server(config), sock, url)


class _Server(uvicorn.Server):
    """Leaves no connection behind: one that a client keeps open, or that has just come, is ended with the server."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down as usual, then end what is left."""
        await super().shutdown(sockets)
        for protocol in list(self.server_state.connections):
            cast("Any", protocol).transport.abort()
        await asyncio.sleep(0)


def _bind(host: str, port: int) -> socket.socket:
    """Bind a socket that names its protocol: only for those asyncio sends small answers at once (TCP_NODELAY)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(256)
    except OSError:
        sock.close()
        raise
    return sock


@contextmanager
def serve_in_thread(app: ASGIApp, *, tls_cert: Path | None = None, tls_key: Path | None = None) -> Iterator[Listening]:
    """Serve an application on a free port of the loopback; at the end answers in flight have a second to end."""
    listening = listen(app, tls_cert=tls_cert, tls_key=tls_key)
    thread = threading.Thread(target=listening.run, name="simulator", daemon=True)
    thread.start()
    try:
        yield listening
    finally:
        listening.server.should_exit = True
        thread.join(_JOIN_SECONDS)

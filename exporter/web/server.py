"""Listening and ending."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from exporter.errors import ServeError

__all__ = ["listen", "serve", "url"]

GRACE = 5

log = structlog.get_logger("exporter.web")


def listen(addresses: Sequence[str]) -> list[socket.socket]:
    """Open the sockets for `host:port`, `:port` (all addresses of the host) or `[ipv6]:port`.

    Raises:
        ServeError: one cannot be opened; none is then left open.
    """
    opened: list[socket.socket] = []
    try:
        for address in addresses:
            opened.append(_listen(address))
    except OSError as error:
        for one in opened:
            one.close()
        raise ServeError(f"cannot listen on {address}: {error.strerror or error}") from error
    return opened


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if host:
        family, *_, where = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(where[:2], family=family, backlog=2048)
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # a host may have switched IPv6 off
            return socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=2048)
    return socket.create_server(("", int(port)), backlog=2048)


def url(listener: socket.socket) -> str:
    """Write the address of a socket as a URL that works on this host."""
    host, port = listener.getsockname()[:2]
    if host in {"::", "0.0.0.0"}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn, but SIGTERM and SIGINT end it well instead of being raised again at the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def serve(app: ASGIApp, listeners: list[socket.socket], **options: Any) -> None:
    """Serve until SIGTERM or SIGINT; answers in flight get a few seconds to end."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        **options,
    )
    for listener in listeners:
        log.info("listening", address=url(listener))
    asyncio.run(_Server(config).serve(listeners))

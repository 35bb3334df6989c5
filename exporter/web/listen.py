"""The sockets that the exporter listens on: opened by itself or handed over by systemd."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping, Sequence

from exporter.domain.errors import ServeError

__all__ = ["bound", "inherited", "listen", "url"]

BACKLOG = 2048
FIRST_FD = 3
"""Where systemd puts the first socket (sd_listen_fds(3))."""


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
        return socket.create_server(where[:2], family=family, backlog=BACKLOG)
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # a host may have switched IPv6 off
            return socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
    return socket.create_server(("", int(port)), backlog=BACKLOG)


def inherited(environ: Mapping[str, str] = os.environ, first: int = FIRST_FD) -> list[socket.socket]:
    """Take over the sockets of a systemd socket unit.

    Raises:
        ServeError: there is none, or one is no listening TCP socket.
    """
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(os.getpid()) or not count.isdecimal() or not int(count):
        raise ServeError("web.systemd_socket is set, but systemd handed over no socket; is there a .socket unit?")
    return [_inherit(number) for number in range(first, first + int(count))]


def _inherit(number: int) -> socket.socket:
    try:
        os.set_inheritable(number, False)
        one = socket.socket(fileno=number)
        listens = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ServeError(f"file descriptor {number} from systemd cannot be used: {error.strerror}") from error
    if one.family not in {socket.AF_INET, socket.AF_INET6} or not listens:
        one.detach()
        raise ServeError(f"file descriptor {number} from systemd is no listening TCP socket; use ListenStream=PORT")
    return one


def bound(listener: socket.socket) -> str:
    """What a socket is bound to, as text; `[::]` and `0.0.0.0` are all addresses of the host."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def url(listener: socket.socket, scheme: str = "http") -> str:
    """The address of a socket as a URL that works on this host."""
    host, port = listener.getsockname()[:2]
    if host in {"::", "0.0.0.0"}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

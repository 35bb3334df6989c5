"""HTTP connections on which a whole answer is bounded in time.

A socket's time-out bounds one read, so a server that drips its headers or its body byte by byte could hold a thread for
days. Here every read gets only what is left of `current_deadline`.
"""

from __future__ import annotations

import io
import socket
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from exporter.sources.deadline import Deadline

__all__ = ["BoundedAdapter", "current_deadline"]

current_deadline: ContextVar[Deadline] = ContextVar("current_deadline")
"""By when the answer that this thread waits for must be there; urllib3 has no other way to tell its connections."""


class _Reader(io.RawIOBase):
    """Reads from a socket until the time is over, then TimeoutError."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, until: Deadline) -> None:
        self._sock = sock
        self._raw = raw
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until.remaining()
        if left <= 0:
            raise TimeoutError("the time for this request is over")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        raw: Any = self.fp.detach()
        self.fp = io.BufferedReader(_Reader(sock, raw, current_deadline.get()))


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class BoundedAdapter(HTTPAdapter):
    """Makes such connections, with and without a proxy; through a SOCKS proxy each single read is bounded."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Let urllib3 use our connections."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Let urllib3 use our connections to this proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager

"""HTTP connections on which a whole answer is bounded in time.

A socket's time-out bounds one read, so a server that drips its headers or its body byte by byte could hold a thread for
days. Here every read gets only what is left of `current_deadline`.
"""

from __future__ import annotations

import io
import socket
from contextvars import ContextVar
from functools import cache
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from exporter.sources.deadline import Deadline

__all__ = ["CONNECT_TIMEOUT", "BoundedAdapter", "current_deadline"]

CONNECT_TIMEOUT = 10.0
"""Seconds."""

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


@cache
def _bounded(kind: type[Any]) -> type[Any]:
    """The same kind of connection, with our answers."""
    return type(kind.__name__, (kind,), {"response_class": _Response})


class BoundedAdapter(HTTPAdapter):
    """Makes such connections, with and without a proxy."""

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        """Let urllib3 use our connections."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        if pool.ConnectionCls.response_class is not _Response:
            pool.ConnectionCls = _bounded(pool.ConnectionCls)
        return pool

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Wait for nothing longer than is left."""
        left = current_deadline.get().remaining()
        if left <= 0:
            raise requests.ConnectTimeout("the time for this request is over", request=request)
        connect, read = options["timeout"]
        options["timeout"] = min(connect, left), min(read, left)
        return super().send(request, *arguments, **options)

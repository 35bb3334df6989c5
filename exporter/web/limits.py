"""What the process asks of the system before it serves."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import socket

__all__ = ["raise_file_limit", "return_memory", "tune"]

SEND_BUFFER = 128 * 1024
LARGE_BLOCK = 64 * 1024
_M_MMAP_THRESHOLD = -3


def raise_file_limit() -> None:
    """Raise the soft limit of open files to the hard one, as programs in Go do; a low one is for select(2) only."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def return_memory() -> None:
    """Return large blocks to the system when they are freed.

    glibc stops doing so after the first one: 200 slow readers over TLS left 236 MiB behind, and so leave 36. Other C
    libraries have no mallopt(3), nor that habit.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)


def tune(listener: socket.socket) -> None:
    """Set what accepted sockets inherit.

    The kernel would take up to 4 MB of each answer that nobody fetches. And without TCP_NODELAY, which asyncio sets only on
    sockets that it has opened itself, the body of an answer waits 40 ms until its head is acknowledged.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

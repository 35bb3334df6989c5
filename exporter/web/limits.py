"""What the process asks of the system before it serves."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import socket

__all__ = ["limit_send_buffer", "raise_file_limit", "return_memory", "send_at_once"]

SEND_BUFFER = 128 * 1024
LARGE_BLOCK = 64 * 1024
_M_MMAP_THRESHOLD = -3


def raise_file_limit() -> None:
    """Let the process open as many files as it may, as programs in Go do; a low soft limit is for select(2) only."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def return_memory() -> None:
    """Give large blocks back to the system when they are freed.

    glibc stops doing so after the first one: from then on the buffers of a crowd of connections stay with the process.
    Other C libraries have no mallopt(3), nor that habit.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)


def limit_send_buffer(listener: socket.socket) -> None:
    """Let the kernel hold little per connection; it would take up to 4 MB of each answer that nobody fetches."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


def send_at_once(listener: socket.socket) -> None:
    """Let head and body of an answer leave without waiting for each other.

    Accepted sockets inherit it. Otherwise the head is acknowledged late and the body waits for that: 40 ms per scrape.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

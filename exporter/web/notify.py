"""Telling systemd how the service is doing (sd_notify(3)); without systemd, nothing happens."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping

import structlog

__all__ = ["notify", "watchdog", "watchdog_interval"]

log = structlog.get_logger("exporter.web")


def notify(*states: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send states such as `READY=1`; tells whether anybody was there to receive them."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            # An address that starts with @ is in the abstract namespace, written there with a NUL.
            sender.connect("\0" + address[1:] if address.startswith("@") else address)
            sender.sendall("\n".join(states).encode())
        except OSError as error:
            log.warning("cannot notify systemd", error=error.strerror)
            return False
    return True


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two signs of life, half of what systemd allows; None if it wants none from us."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or not int(microseconds):
        return None
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 2_000_000


async def watchdog(
    is_alive: Callable[[], bool],
    *,
    environ: Mapping[str, str] = os.environ,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Send signs of life from the event loop for as long as `is_alive`; returns at once if systemd wants none."""
    interval = watchdog_interval(environ)
    while interval is not None:
        if is_alive():
            notify("WATCHDOG=1", environ=environ)
        await sleep(interval)

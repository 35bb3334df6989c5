"""What keeps pages harmless: the headers that they carry, and a bound on the work that they cause."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

__all__ = ["BusyError", "Turnstile", "page_headers", "security_headers"]

Result = TypeVar("Result")

MAX_WAITING = 32


def security_headers(policy: str = "default-src 'none'; frame-ancestors 'none'") -> dict[str, str]:
    """Give the headers of an answer that no other site may use and no cache may keep."""
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def page_headers(style: str) -> dict[str, str]:
    """Give the headers of a page whose only active part is this style sheet, known by its hash; no script may run."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return security_headers(
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


class BusyError(Exception):
    """So many wait already that one more would wait too long."""


class Turnstile:
    """Lets one piece of work at a time into a thread, so that rendering never holds up a scrape for long."""

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._turn = asyncio.Semaphore(1)
        self._max_waiting = max_waiting
        self._waiting = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do the work in a thread, when it is its turn.

        Raises:
            BusyError: too many wait already.
        """
        if self._waiting > self._max_waiting:
            raise BusyError
        self._waiting += 1
        try:
            async with self._turn:
                return await run_in_threadpool(work)
        finally:
            self._waiting -= 1

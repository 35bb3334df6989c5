"""One rendering at a time, in a thread, so that pages and JSON never hold up a scrape for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from exporter.pages.headers import security_headers

__all__ = ["RenderLimiter"]

MAX_WAITING = 32


class RenderLimiter:
    """Renders one answer after the other."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def respond(self, render: Callable[[], Response]) -> Response:
        """Render when it is this answer's turn; 503 if too many wait already."""
        if self._waiting > MAX_WAITING:
            headers = {**security_headers(), "Retry-After": "1"}
            return PlainTextResponse("too many answers are being written, try again\n", 503, headers)
        self._waiting += 1
        try:
            async with self._turn:
                return await run_in_threadpool(render)
        finally:
            self._waiting -= 1

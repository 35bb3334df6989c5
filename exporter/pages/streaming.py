"""Large answers, sent piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

__all__ = ["stream"]

CHUNK = 128 * 1024
"""A slow reader never has more than this waiting in the process."""
TURN = 0.002
"""Seconds of sending at a stretch; a turn of the event loop for each chunk would make scrapes wait in a crowd."""


def stream(request: Request, pieces: Iterable[bytes], size: int, headers: Mapping[str, str]) -> Response:
    """Answer with the pieces, `size` bytes in all; a HEAD request gets the same headers."""
    headers = {**headers, "Content-Length": str(size)}
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(_chunks(pieces), headers=headers)


async def _chunks(pieces: Iterable[bytes]) -> AsyncIterator[memoryview]:
    """Cut into chunks; now and then the others have their turn, for a client that reads fast is never waited for."""
    clock = asyncio.get_running_loop().time
    due = clock() + TURN
    for piece in pieces:
        whole = memoryview(piece)
        for start in range(0, len(piece), CHUNK):
            yield whole[start : start + CHUNK]
            if clock() >= due:
                await asyncio.sleep(0)
                due = clock() + TURN

"""Large JSON documents: written once per snapshot, in a thread, and sent piece by piece."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from exporter.collection.snapshot import Snapshot
from exporter.web.guard import BusyError, Turnstile, security_headers

__all__ = ["Json", "Pieces", "Version", "dump", "in_turn", "packed", "respond", "version_of"]

Json: TypeAlias = dict[str, Any]
Pieces: TypeAlias = tuple[bytes, ...]
Version: TypeAlias = tuple[object, ...]

PIECE = 64 * 1024


def version_of(snapshot: Snapshot) -> Version:
    """Tell one snapshot from the next without holding on to it: it may be large, and this may be asked rarely."""
    return tuple(
        (one.publisher_id, one.last_refresh, one.last_success, len(one.offers), one.selection)
        for one in snapshot.publishers
    )


def dump(value: Json) -> str:
    """Write ASCII only, so that even an id with a lone surrogate can be sent."""
    return json.dumps(value, separators=(",", ":"))


def packed(parts: Iterable[str]) -> Iterator[bytes]:
    """Put small parts together into pieces of at most 64 KiB; a larger part is a piece of its own. ASCII only."""
    piece: list[str] = []
    size = 0
    for part in parts:
        if piece and size + len(part) > PIECE:
            yield "".join(piece).encode("ascii")
            piece, size = [], 0
        piece.append(part)
        size += len(part)
    yield "".join(piece).encode("ascii")


def respond(request: Request, pieces: Pieces) -> Response:
    """Answer with a document."""
    headers = {**security_headers(), "Content-Length": str(sum(map(len, pieces)))}
    if request.method == "HEAD":
        return Response(headers=headers, media_type="application/json")
    return StreamingResponse(_sent(pieces), headers=headers, media_type="application/json")


async def in_turn(turnstile: Turnstile, answer: Callable[[], Response]) -> Response:
    """Make an answer in a thread, or send the client away for a second if too many wait for that."""
    try:
        return await turnstile.run(answer)
    except BusyError:
        headers = {**security_headers(), "Retry-After": "1"}
        return PlainTextResponse("too many answers are being written, try again\n", 503, headers)


async def _sent(pieces: Pieces) -> AsyncIterator[bytes]:
    """Give piece by piece, so that a slow reader never has more than one of them waiting in a buffer."""
    for piece in pieces:
        yield piece

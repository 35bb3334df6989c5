"""JSON documents of a whole snapshot, written once per snapshot."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from exporter.collection.snapshot import Snapshot
from exporter.pages.headers import security_headers
from exporter.pages.streaming import stream
from exporter.pages.wording import Lens

__all__ = ["Json", "JsonDocument", "batched", "dump"]

Json: TypeAlias = dict[str, Any]

BATCH = 50

dump: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":")).encode
"""Writes one value, in ASCII only."""


def batched(entries: Iterable[str]) -> Iterator[str]:
    """Put the entries of a list together, some at a time: so many pieces would cost more than what is in them."""
    left, before = iter(entries), ""
    while batch := ",".join(islice(left, BATCH)):
        yield before + batch
        before = ","


@dataclass(frozen=True, slots=True)
class _Written:
    """The pieces for one snapshot, which hold until `expires` (Unix seconds)."""

    snapshot: Callable[[], Snapshot | None]
    stale_after: float
    expires: float
    pieces: tuple[bytes, ...]


class JsonDocument:
    """A document that `write` produces; the last one is kept, the snapshot it was made of is not."""

    def __init__(self, write: Callable[[Snapshot, Lens], Iterable[str]]) -> None:
        self._write = write
        self._written: _Written | None = None

    def respond(self, request: Request, snapshot: Snapshot, lens: Lens) -> Response:
        """Answer with the document."""
        pieces = self.pieces(snapshot, lens)
        headers = {**security_headers(), "Content-Type": "application/json"}
        return stream(request, pieces, sum(map(len, pieces)), headers)

    def pieces(self, snapshot: Snapshot, lens: Lens) -> tuple[bytes, ...]:
        """The document, in the order in which the pieces are sent; written anew when an offer has become stale."""
        last = self._written
        is_current = last is not None and last.snapshot() is snapshot and last.stale_after == lens.stale_after
        if last is None or not is_current or lens.now >= last.expires:
            pieces = tuple(part.encode("ascii") for part in self._write(snapshot, lens))
            expires = snapshot.expires(lens.now, lens.stale_after)
            last = self._written = _Written(weakref.ref(snapshot), lens.stale_after, expires, pieces)
        return last.pieces

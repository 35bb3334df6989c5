"""Large documents, in pieces."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from exporter.collection.snapshot import Snapshot
from exporter.config.selection import Selection
from exporter.pages.documents import PIECE, packed, respond, version_of

from .samples import NOW, publisher, record


def test_small_parts_are_put_together_and_no_piece_is_large() -> None:
    parts = ["x" * 1000] * 200
    pieces = list(packed(parts))
    assert b"".join(pieces) == "".join(parts).encode()
    assert [len(one) for one in pieces] == [65_000, 65_000, 65_000, 5_000]
    assert PIECE == 65_536


@pytest.mark.parametrize(
    ("parts", "sizes"),
    [
        ([], [0]),
        (["x" * PIECE], [PIECE]),
        (["x"] * PIECE + ["y"], [PIECE, 1]),
        (["x" * (PIECE + 1), "y"], [PIECE + 1, 1]),
    ],
)
def test_the_edges_of_pieces(parts: list[str], sizes: list[int]) -> None:
    assert [len(one) for one in packed(parts)] == sizes


def test_pieces_are_sent_one_by_one() -> None:
    """None before its time; between them others have their turn, which is the gate's part."""
    pieces = (b"a", b"b", b"c")

    async def send() -> list[object]:
        answer = respond(Request({"type": "http", "method": "GET", "headers": []}), pieces)
        assert isinstance(answer, StreamingResponse)
        return [one async for one in answer.body_iterator]

    assert asyncio.run(send()) == list(pieces)


def test_versions_differ_where_documents_may() -> None:
    one = publisher(record("vm"))
    others = (
        replace(one, last_refresh=NOW),
        replace(one, last_success=NOW),
        replace(one, offers=()),
        replace(one, selection=Selection(("vm",))),
        replace(one, publisher_id="fabrikam"),
    )
    versions = {version_of(Snapshot((each,))) for each in (one, replace(one), *others)}
    assert len(versions) == 1 + len(others)

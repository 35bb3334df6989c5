import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from exporter.pages import streaming
from exporter.pages.streaming import CHUNK, stream

PIECES = (b"a" * (CHUNK + 1), b"", b"b")


def request(method: str = "GET") -> Request:
    return Request({"type": "http", "method": method, "headers": []})


@pytest.mark.parametrize("seconds", [0.0, 1000.0], ids=["slow", "fast"])
def test_large_pieces_are_cut_and_others_have_their_turn(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an answer that takes long, and only there."""
    monkeypatch.setattr(streaming, "TURN", seconds)

    async def send() -> tuple[list[bytes], list[int]]:
        answer = stream(request(), PIECES, CHUNK + 2, {"X": "y"})
        assert isinstance(answer, StreamingResponse)
        assert (answer.headers["content-length"], answer.headers["x"]) == (str(CHUNK + 2), "y")
        sent: list[bytes] = []
        turns: list[int] = []
        asyncio.get_running_loop().call_soon(lambda: turns.append(len(sent)))
        async for one in answer.body_iterator:
            sent.append(bytes(one))  # type: ignore[arg-type]  # noqa: PERF401 - looked at meanwhile
        return sent, turns

    sent, turns = asyncio.run(send())
    assert sent == [b"a" * CHUNK, b"a", b"b"]
    assert turns == ([1] if not seconds else [3])


def test_a_head_request_gets_the_headers_alone() -> None:
    answer = stream(request("HEAD"), PIECES, CHUNK + 2, {})
    assert (answer.body, answer.headers["content-length"]) == (b"", str(CHUNK + 2))

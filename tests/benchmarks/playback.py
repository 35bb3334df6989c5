"""The simulator's answers, recorded once and played back by a server that costs next to nothing.

Microsoft's API does not run on the exporter's cores. The simulator does, and makes each answer anew: beside it one would
measure how the two share the machine. This way the exporter also refreshes as fast as it can.

As a program, `playback.py OFFERS` prints the URL it serves, and serves until it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import requests

sys.path.append(str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.processes import PUBLISHER, simulator

__all__ = ["playback"]


@contextlib.contextmanager
def playback(offers: int) -> Iterator[str]:
    """Run the server with so many offers; gives its URL."""
    with subprocess.Popen([sys.executable, __file__, str(offers)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def record(offers: int) -> dict[bytes, bytes]:
    """Ask the simulator for all there is: whole HTTP answers by path."""
    listed = f"/api/publishers/{PUBLISHER}/offers"
    with simulator(offers) as api, requests.Session() as session:
        session.headers["Authorization"] = "Bearer any"

        def ask(path: str) -> requests.Response:
            answer = session.get(f"{api}{path}?api-version=2017-10-31", timeout=60)
            answer.raise_for_status()
            return answer

        found = {listed: ask(listed)}
        for offer in found[listed].json():
            path = f"{listed}/{offer['id']}/status"
            found[path] = ask(path)
    assert len(found) == offers + 1
    return {path.encode(): _whole(answer.content) for path, answer in found.items()}


def _whole(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Player(asyncio.Protocol):
    """Answers each request by its path."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where the answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer the requests that are whole."""
        *requests_, self._received = (self._received + data).split(b"\r\n\r\n")
        for one in requests_:
            self._transport.write(self._answers[one.split(b" ", 2)[1].partition(b"?")[0]])


async def serve(answers: dict[bytes, bytes]) -> None:
    """Serve on a free port of this host."""
    server = await asyncio.get_running_loop().create_server(lambda: Player(answers), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(record(int(sys.argv[1]))))

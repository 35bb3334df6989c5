from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.web import acceptor
from exporter.web.acceptor import Acceptor
from exporter.web.connections import Connections, Slot, State


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


class Greeter(asyncio.Protocol):
    """Greets and is busy from then on."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._slot.move(State.BUSY)
        transport.write(b"hello")


def accept(listener: socket.socket, connections: Connections) -> Acceptor:
    return Acceptor(listener, connections=connections, tls=lambda: None, protocol=Greeter)


async def read(listener: socket.socket) -> tuple[bytes, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    try:
        return await reader.read(5), writer
    except ConnectionError:
        return b"", writer


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_refuses_when_all_places_are_busy(listener: socket.socket) -> None:
    async def run() -> list[bytes]:
        task = asyncio.create_task(accept(listener, Connections(1)).run())
        (first, one), (second, other) = await read(listener), await read(listener)
        for writer in (one, other):
            writer.close()
        await stop(task)
        return [first, second]

    assert asyncio.run(run()) == [b"hello", b""]


def test_goes_on_after_failures_and_complains_now_and_then(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "PAUSE", 0.0)
    failures: list[OSError] = [
        ConnectionAbortedError(),
        *(OSError(errno.EMFILE, "Too many open files") for _ in range(5)),
    ]

    async def run() -> bytes:
        loop = asyncio.get_running_loop()
        really = loop.sock_accept

        async def sock_accept(one: socket.socket) -> tuple[socket.socket, Any]:
            if failures:
                raise failures.pop(0)
            return await really(one)

        monkeypatch.setattr(loop, "sock_accept", sock_accept)
        task = asyncio.create_task(accept(listener, Connections(1)).run())
        found, writer = await read(listener)
        writer.close()
        await stop(task)
        return found

    with capture_logs() as lines:
        assert asyncio.run(run()) == b"hello"
    assert [(line["event"], line["error"]) for line in lines] == [("cannot accept connections", "Too many open files")]

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from structlog.testing import capture_logs

from exporter.web import acceptor
from exporter.web.acceptor import Acceptor
from exporter.web.connections import Connections, Slot, State
from tests.certificates import Authority


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


class Full(Connections):
    """Has one place, and refuses all others."""

    def __init__(self) -> None:
        super().__init__(1)

    def admit(self, peer: str) -> Slot | None:
        return None if len(self) else super().admit(peer)


def test_refuses_when_all_places_are_busy(listener: socket.socket) -> None:
    async def run() -> list[bytes]:
        task = asyncio.create_task(accept(listener, Full()).run())
        (first, one), (second, other) = await read(listener), await read(listener)
        for writer in (one, other):
            writer.close()
        await stop(task)
        return [first, second]

    assert asyncio.run(run()) == [b"hello", b""]


def test_a_crowd_that_is_refused_leaves_others_their_turn(listener: socket.socket) -> None:
    """However many wait to be refused, what else there is to do goes on in between."""
    turns = 0
    seen: list[int] = []

    class Crowded(socket.socket):
        """A listening socket with a queue that never ends."""

        def accept(self) -> tuple[socket.socket, Any]:
            seen.append(turns)
            if len(seen) > 200:
                raise ConnectionAbortedError if len(seen) < 400 else asyncio.CancelledError
            return socket.socket(), ("10.0.0.1", 1)

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def run(crowded: socket.socket) -> None:
        connections = Full()
        connections.admit("10.0.0.1")
        busy = asyncio.create_task(other())
        await asyncio.gather(accept(crowded, connections).run(), return_exceptions=True)
        await stop(busy)

    with Crowded(fileno=listener.detach()) as crowded:
        asyncio.run(run(crowded))
    assert len(seen) == 400
    assert len(set(seen)) == 400 / acceptor.AT_ONCE


def test_an_address_that_chooses_among_many_is_one_client(listener: socket.socket) -> None:
    seen: list[str] = []

    class Noting(Connections):
        def admit(self, peer: str) -> Slot | None:
            seen.append(peer)
            return super().admit(peer)

    class Far(socket.socket):
        """A listening socket whose clients come from a network of their own."""

        def accept(self) -> tuple[socket.socket, Any]:
            return super().accept()[0], ("2001:db8::1:2", 1, 0, 0)

    async def run(far: socket.socket) -> None:
        task = asyncio.create_task(accept(far, Noting(1)).run())
        _, writer = await read(far)
        writer.close()
        await stop(task)

    with Far(fileno=listener.detach()) as far:
        asyncio.run(run(far))
    assert seen == ["2001:db8::/64"]


class Failing(socket.socket):
    """A listening socket that fails at first."""

    failures: ClassVar[list[OSError]] = []

    def accept(self) -> tuple[socket.socket, Any]:
        if self.failures:
            raise self.failures.pop(0)
        return super().accept()


def test_goes_on_after_failures_and_complains_now_and_then(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "PAUSE", 0.0)
    Failing.failures[:] = [
        ConnectionAbortedError(),
        *(OSError(errno.EMFILE, "Too many open files") for _ in range(5)),
    ]

    async def run(failing: socket.socket) -> bytes:
        task = asyncio.create_task(accept(failing, Connections(1)).run())
        found, writer = await read(failing)
        writer.close()
        await stop(task)
        return found

    with capture_logs() as lines, Failing(fileno=listener.detach()) as failing:
        assert asyncio.run(run(failing)) == b"hello"
    assert [(line["event"], line["error"]) for line in lines] == [("cannot accept connections", "Too many open files")]


def test_a_protocol_that_breaks_gives_its_place_back(listener: socket.socket) -> None:
    """It is told, and the next client is answered."""
    broken: list[Slot] = []

    def protocol(slot: Slot) -> asyncio.Protocol:
        if not broken:
            broken.append(slot)
            raise RuntimeError("broken")
        return Greeter(slot)

    async def run() -> list[bytes]:
        one = Acceptor(listener, connections=Full(), tls=lambda: None, protocol=protocol)
        task = asyncio.create_task(one.run())
        found = []
        for _ in range(2):
            greeting, writer = await read(listener)
            found.append(greeting)
            writer.close()
        await stop(task)
        return found

    with capture_logs() as lines:
        assert asyncio.run(run()) == [b"", b"hello"]
    assert [line["event"] for line in lines] == ["opening a connection broke"]


def handshakes() -> int:
    """Count the handshakes of which anything is left."""
    return sum(isinstance(one, ssl.SSLObject) for one in gc.get_objects())


def test_failed_handshakes_leave_nothing_for_the_garbage_collector(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each held 256 KiB until it came by, which it seldom does: three are pushed out here, two too slow."""
    monkeypatch.setattr(acceptor, "HANDSHAKE_TIMEOUT", 0.05)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority(tmp_path).issue("server"))
    connections = Connections(2)

    async def run() -> int:
        one = Acceptor(listener, connections=connections, tls=lambda: context, protocol=Greeter)
        task = asyncio.create_task(one.run())
        clients = [await asyncio.open_connection(*listener.getsockname()) for _ in range(5)]
        for reader, writer in clients:
            assert await reader.read(1) == b""
            writer.close()
        for _ in range(10):  # the tasks of the last ones end
            await asyncio.sleep(0)
        await stop(task)
        return handshakes()

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(run()) == 0
    finally:
        gc.enable()

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from exporter.web import protocol
from exporter.web.connections import Connections, State
from exporter.web.protocol import KEEP_ALIVE, LINGER, READ_TIMEOUT, WRITE_TIMEOUT, GuardedProtocol


class Timer:
    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """The running loop with a clock that only the test moves."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.now = 0.0
        self.timers: list[tuple[float, Timer]] = []

    def call_later(self, seconds: float, call: Callable[[], object]) -> Timer:
        timer = Timer(call)
        self.timers.append((self.now + seconds, timer))
        return timer

    def create_task(self, work: Any) -> asyncio.Task[Any]:
        return self._loop.create_task(work)

    def pass_to(self, moment: float) -> None:
        """Let the time go by, calling what becomes due."""
        while due := sorted((one for one in self.timers if one[0] <= moment), key=lambda one: one[0]):
            self.now, timer = due[0]
            self.timers.remove(due[0])
            if not timer.is_cancelled:
                timer.call()
        self.now = moment

    def active(self) -> int:
        return sum(not timer.is_cancelled for _, timer in self.timers)


class Transport(asyncio.Transport):
    """Notes what is written and how it ends."""

    def __init__(
        self, certificate: dict[str, Any] | None = None, *, with_eof: bool = True, over_tls: bool = False
    ) -> None:
        super().__init__({"peercert": certificate, "socket": self, "sslcontext": self if over_tls else None})
        self.written = b""
        self.end = ""
        self.is_reset = False
        self._with_eof = with_eof

    def getsockname(self) -> tuple[str, int]:
        return "10.0.0.2", 80

    def getpeername(self) -> tuple[str, int]:
        return "10.0.0.1", 1000

    def setsockopt(self, *option: object) -> None:
        self.is_reset = option == (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def can_write_eof(self) -> bool:
        return self._with_eof

    def write_eof(self) -> None:
        self.end = self.end or "eof"

    def is_closing(self) -> bool:
        return self.end in {"close", "abort"}

    def close(self) -> None:
        self.end = "close"

    def abort(self) -> None:
        self.end = "abort"

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


App = Callable[[Any, Any, Any], Awaitable[None]]


async def hello(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@dataclass
class Connection:
    """One connection under test."""

    loop: Loop
    transport: Transport
    protocol: GuardedProtocol
    connections: Connections
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def send(self, data: bytes) -> None:
        self.protocol.data_received(data)

    async def settle(self) -> None:
        """Let the application answer."""
        for _ in range(10):
            await asyncio.sleep(0)

    def is_in(self, state: State) -> bool:
        return self.protocol._slot.state is state

    @property
    def status(self) -> int:
        """The status of the latest answer."""
        return int(self.transport.written.rpartition(b"HTTP/1.1 ")[2][:3] or 0)


def connect(app: App = hello, transport: Transport | None = None, **options: Any) -> Connection:
    config = uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        h11_max_incomplete_event_size=protocol.MAX_HEAD,
        timeout_keep_alive=KEEP_ALIVE,
    )
    connections = Connections(10)
    slot = connections.admit("10.0.0.1")
    assert slot
    one = GuardedProtocol(config, ServerState(), slot=slot, **options)
    loop = Loop(asyncio.get_running_loop())
    one.loop = loop  # type: ignore[assignment]
    transport = transport or Transport()
    one.connection_made(transport)
    return Connection(loop, transport, one, connections)


def scenario(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run an asynchronous test."""

    def run() -> None:
        asyncio.run(test())  # type: ignore[arg-type]

    run.__name__ = test.__name__
    return run


REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@scenario
async def test_answers_and_rests() -> None:
    one = connect()
    one.send(REQUEST)
    assert one.is_in(State.BUSY)
    await one.settle()
    assert one.transport.written.endswith(b"hello")
    assert one.is_in(State.WAITING)
    assert one.loop.active() == 1, "the clock for the next request"


@scenario
async def test_a_request_beyond_the_share_of_its_address_is_refused() -> None:
    """Without asking the application; the connection ends."""
    asked: list[object] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        asked.append(scope)
        await hello(scope, _receive, send)

    one = connect(app)
    busy = [one.connections.admit("10.0.0.1") for _ in range(2)]
    for slot in busy:
        assert slot
        slot.move(State.BUSY)
    one.send(REQUEST)
    await one.settle()
    assert (one.status, one.transport.end, asked) == (503, "close", [])
    other = connect(app)
    other.send(REQUEST)
    await other.settle()
    assert (other.status, len(asked)) == (200, 1)


@scenario
async def test_who_does_not_wait_for_an_answer_has_to_connect_anew() -> None:
    """A connection on which there is always a next request would be answered for ever."""
    one = connect()
    one.send(REQUEST * 3)
    await one.settle()
    assert one.transport.written.count(b"HTTP/1.1 200") == 1
    assert one.transport.end == "close"
    one.loop.pass_to(WRITE_TIMEOUT)
    assert one.transport.end == "abort"


@scenario
async def test_a_client_that_has_said_all_is_answered() -> None:
    """`nc -N` closes its side when the request is sent; it still reads."""
    one = connect()
    one.send(REQUEST)
    assert one.protocol.eof_received() is True
    await one.settle()
    assert one.transport.written.endswith(b"hello")
    assert one.transport.end == "close"


@scenario
async def test_a_client_that_ends_without_a_question_is_let_go() -> None:
    """Also one that is resting, and one over TLS, where asyncio knows no half-closed connections."""
    one = connect()
    assert one.protocol.eof_received() is False
    one.send(REQUEST)
    await one.settle()
    assert one.protocol.eof_received() is False
    other = connect(transport=Transport(over_tls=True))
    other.send(REQUEST)
    assert other.protocol.eof_received() is False


@scenario
async def test_a_mute_client_is_left() -> None:
    one = connect()
    one.loop.pass_to(READ_TIMEOUT - 0.1)
    assert one.transport.end == ""
    one.loop.pass_to(READ_TIMEOUT)
    assert (one.transport.end, one.transport.written) == ("close", b"")
    one.loop.pass_to(READ_TIMEOUT + LINGER)
    assert (one.transport.end, one.transport.is_reset) == ("abort", True)


@scenario
async def test_a_half_sent_request_is_told_so() -> None:
    one = connect()
    one.send(REQUEST[:10])
    one.loop.pass_to(READ_TIMEOUT)
    assert one.status == 408
    assert b"Connection: close\r\n\r\nrequest timeout\n" in one.transport.written
    assert one.transport.end == "eof"
    one.send(b"more")
    one.loop.pass_to(READ_TIMEOUT + LINGER)
    assert one.transport.end == "abort"
    assert one.transport.written.count(b"HTTP/1.1") == 1


@scenario
async def test_over_tls_there_is_no_half_close() -> None:
    one = connect(transport=Transport(with_eof=False))
    one.send(REQUEST[:10])
    one.loop.pass_to(READ_TIMEOUT)
    assert (one.status, one.transport.end) == (408, "")
    one.loop.pass_to(READ_TIMEOUT + LINGER)
    assert one.transport.end == "abort"


@scenario
async def test_a_byte_now_and_then_does_not_help() -> None:
    one = connect()
    for number, byte in enumerate(REQUEST):
        one.loop.pass_to(number * 2.0)
        if one.transport.end:
            break
        one.send(bytes([byte]))
    assert one.loop.now == READ_TIMEOUT


@scenario
async def test_nor_does_it_between_two_requests() -> None:
    one = connect()
    one.send(REQUEST)
    await one.settle()
    one.loop.pass_to(KEEP_ALIVE - 1.0)
    one.send(b"G")
    one.loop.pass_to(KEEP_ALIVE - 1.0 + READ_TIMEOUT)
    assert one.status == 408


@scenario
async def test_a_connection_that_rests_too_long_is_ended() -> None:
    one = connect()
    one.send(REQUEST)
    await one.settle()
    one.loop.pass_to(KEEP_ALIVE - 0.1)
    assert one.transport.end == ""
    one.loop.pass_to(KEEP_ALIVE)
    assert one.transport.end == "close"
    one.loop.pass_to(KEEP_ALIVE + LINGER)
    assert one.transport.end == "abort"


@scenario
async def test_a_body_that_never_ends_is_cut_though_the_answer_was_given() -> None:
    one = connect()
    one.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
    await one.settle()
    assert one.status == 200
    for second in (2.0, 4.0, 6.0, 8.0):
        one.loop.pass_to(second)
        one.send(b"a")
    one.loop.pass_to(READ_TIMEOUT)
    assert one.transport.end == "abort"


@scenario
async def test_a_body_that_comes_late_is_fine() -> None:
    one = connect()
    one.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
    await one.settle()
    one.loop.pass_to(5.0)
    one.send(b"body" + REQUEST)
    await one.settle()
    assert one.transport.written.count(b"HTTP/1.1 200") == 2


async def slow(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer after a while, as a probe does."""
    for _ in range(5):
        await asyncio.sleep(0)
    await hello(_scope, _receive, send)


@scenario
async def test_a_large_body_is_refused_and_the_application_not_heard() -> None:
    one = connect(slow)
    one.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"a" * 100_000)
    await one.settle()
    assert one.status == 413
    assert b"hello" not in one.transport.written


@scenario
async def test_many_small_pieces_of_a_body_are_summed() -> None:
    one = connect()
    one.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    await one.settle()
    for _ in range(70):
        one.send(b"400\r\n" + b"a" * 1024 + b"\r\n")
        if one.transport.end:
            break
    assert one.transport.end == "abort"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 30_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_refuses_by_the_right_status(data: bytes, status: int) -> None:
    async def run() -> None:
        one = connect()
        one.send(data)
        assert one.status == status
        assert b"X-Content-Type-Options: nosniff" in one.transport.written
        one.loop.pass_to(LINGER)
        assert one.transport.end == "abort"

    asyncio.run(run())


async def endless(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(100):
        await send({"type": "http.response.body", "body": b"a" * 1000, "more_body": True})


@scenario
async def test_a_reader_that_stalls_is_cut() -> None:
    one = connect(endless)
    one.send(REQUEST)
    one.protocol.pause_writing()
    await one.settle()
    assert one.is_in(State.STALLED)
    one.loop.pass_to(WRITE_TIMEOUT - 1)
    one.protocol.resume_writing()
    assert one.is_in(State.BUSY)
    one.protocol.pause_writing()
    one.loop.pass_to(WRITE_TIMEOUT)
    assert (one.transport.end, one.transport.is_reset) == ("abort", True)
    one.protocol.connection_lost(None)
    await one.settle()


@scenario
async def test_a_reader_that_catches_up_is_not() -> None:
    one = connect()
    one.send(REQUEST)
    one.protocol.pause_writing()
    one.protocol.resume_writing()
    await one.settle()
    assert one.status == 200
    assert one.loop.active() == 1, "the clock for the next request"


@scenario
async def test_a_last_answer_that_is_not_fetched_is_cut_too() -> None:
    one = connect()
    one.send(REQUEST.replace(b"Host", b"Connection: close\r\nHost"))
    await one.settle()
    assert one.transport.end == "close"
    one.loop.pass_to(WRITE_TIMEOUT)
    assert one.transport.end == "abort"


@scenario
async def test_the_end_stops_all_clocks_and_gives_the_place_back() -> None:
    one = connect()
    one.send(REQUEST[:10])
    one.protocol.pause_writing()
    one.protocol.connection_lost(ConnectionResetError())
    assert one.loop.active() == 0
    assert len(one.connections) == 0


@scenario
async def test_being_pushed_out_is_immediate() -> None:
    one = connect()
    one.protocol._slot.drop()
    assert (one.transport.end, one.transport.is_reset) == ("abort", True)


@scenario
async def test_a_certificate_that_is_not_admitted_gets_nothing() -> None:
    seen: list[Any] = []

    def admits(found: Any) -> bool:
        seen.append(found)
        return False

    certificate = {"subjectAltName": (("DNS", "a"),)}
    one = connect(transport=Transport(certificate), admits=admits)
    assert seen == [certificate]
    assert (one.transport.end, one.transport.written) == ("abort", b"")
    one.send(REQUEST)
    assert one.transport.written == b""


@scenario
async def test_shutting_down_ends_those_who_wait_and_lets_answers_end() -> None:
    waiting, busy = connect(), connect(slow)
    busy.send(REQUEST)
    for one in (waiting, busy):
        one.protocol.shutdown()
    assert waiting.transport.end == "close"
    waiting.loop.pass_to(LINGER)
    assert waiting.transport.end == "abort"
    assert busy.transport.end == ""
    await busy.settle()
    assert busy.status == 200
    assert busy.transport.end == "close"

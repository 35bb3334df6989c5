"""The limits of one connection, on a clock that the tests move."""

from __future__ import annotations

import asyncio
import inspect
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from exporter.web import protocol
from exporter.web.protocol import KEEP_ALIVE, ConnectionPhase, LimitedProtocol

READING, SENDING, RESTING = (
    one.value for one in (ConnectionPhase.READING, ConnectionPhase.SENDING, ConnectionPhase.RESTING)
)


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

    def time(self) -> float:
        return self.now

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

    def __init__(self, certificate: dict[str, Any] | None = None, *, over_tls: bool = False) -> None:
        super().__init__({"peercert": certificate, "socket": self, "sslcontext": self if over_tls else None})
        self.written = b""
        self.end = ""
        self.is_reset = False

    def getsockname(self) -> tuple[str, int]:
        return "10.0.0.2", 80

    def getpeername(self) -> tuple[str, int]:
        return "10.0.0.1", 1000

    def setsockopt(self, *option: object) -> None:
        self.is_reset = option == (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return bool(self.end)

    def close(self) -> None:
        self.end = self.end or "close"

    def abort(self) -> None:
        self.end = "abort"

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


App = Callable[[Any, Any, Any], Awaitable[None]]


async def hello(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def never(_scope: Any, _receive: Any, _send: Any) -> None:
    await asyncio.Event().wait()


@dataclass
class Connection:
    """One connection under test."""

    loop: Loop
    transport: Transport
    protocol: LimitedProtocol

    async def send(self, data: bytes) -> None:
        """Send, and let the application answer."""
        self.protocol.data_received(data)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    @property
    def answers(self) -> int:
        return self.transport.written.count(b"HTTP/1.1 200")

    def is_cut_at(self, moment: float) -> bool:
        """Let the time go by; cut then, and not before."""
        self.loop.pass_to(moment - 0.1)
        was_open = self.transport.end != "abort"
        self.loop.pass_to(moment)
        return was_open and (self.transport.end, self.transport.is_reset) == ("abort", True)


def connect(
    app: App = hello,
    transport: Transport | None = None,
    *,
    state: ServerState | None = None,
    loop: Loop | None = None,
    admits: Callable[[Any], bool] = lambda _: True,
) -> Connection:
    config = uvicorn.Config(
        app,
        http=LimitedProtocol,
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        h11_max_incomplete_event_size=16 * 1024,
    )
    one = LimitedProtocol(config, state or ServerState(), admits=admits)
    loop = loop or Loop(asyncio.get_running_loop())
    one.loop = loop  # type: ignore[assignment]
    transport = transport or Transport()
    one.connection_made(transport)
    return Connection(loop, transport, one)


def scenario(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run an asynchronous test."""

    def run() -> None:
        asyncio.run(test())  # type: ignore[arg-type]

    run.__name__ = test.__name__
    return run


REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"


@scenario
async def test_a_mute_client_is_cut() -> None:
    assert connect().is_cut_at(READING)


@pytest.mark.parametrize("start", [REQUEST[:10], POST + b"a"])
def test_a_byte_now_and_then_does_not_help(start: bytes) -> None:
    """Neither in a head nor in a body, though this one has been answered."""

    async def run() -> None:
        one = connect()
        await one.send(start)
        for second in range(1, int(READING)):
            one.loop.pass_to(second)
            await one.send(b"a")
        assert one.is_cut_at(READING)

    asyncio.run(run())


@pytest.mark.parametrize("more", [b"X: a\r\n" * 40_000, b"X: " + b"a" * 240_000 + b"\r\n"])
def test_a_large_head_is_refused_though_it_comes_at_once(more: bytes) -> None:
    async def run() -> None:
        one = connect()
        await one.send(REQUEST[:-2] + more + b"\r\n")
        assert one.transport.written.startswith(b"HTTP/1.1 400 ")
        assert (one.answers, one.transport.end) == (0, "close")

    asyncio.run(run())


@scenario
async def test_nor_does_it_between_two_requests() -> None:
    one = connect()
    await one.send(REQUEST)
    one.loop.pass_to(KEEP_ALIVE - 1)
    await one.send(b"G")
    assert one.is_cut_at(KEEP_ALIVE - 1 + READING)


@scenario
async def test_a_body_that_comes_late_is_fine() -> None:
    one = connect()
    await one.send(POST)
    one.loop.pass_to(READING - 1)
    await one.send(b"a" * 100)
    await one.send(REQUEST)
    assert one.answers == 2
    one.loop.pass_to(READING + 1)
    assert one.transport.end == ""


@scenario
async def test_a_connection_that_rests_is_closed() -> None:
    one = connect()
    await one.send(REQUEST)
    one.loop.pass_to(KEEP_ALIVE - 0.1)
    assert one.transport.end == ""
    one.loop.pass_to(KEEP_ALIVE)
    assert one.transport.end == "close"
    assert one.is_cut_at(RESTING)


@scenario
async def test_a_reader_that_stalls_is_cut() -> None:
    """Also if it reads a little, or sends something, again and again."""
    one = connect(never)
    await one.send(REQUEST)
    one.loop.pass_to(READING + 1)
    one.protocol.pause_writing()
    for second in (5, 10, 15):
        one.loop.pass_to(READING + 1 + second)
        one.protocol.resume_writing()
        await one.send(b"G")
        one.protocol.pause_writing()
    assert one.is_cut_at(READING + 1 + SENDING)
    one.protocol.connection_lost(None)


@scenario
async def test_a_reader_that_catches_up_is_not() -> None:
    one = connect()
    one.protocol.pause_writing()
    one.protocol.resume_writing()
    await one.send(REQUEST)
    assert one.answers == 1
    assert one.is_cut_at(RESTING)


@scenario
async def test_a_last_answer_that_is_not_fetched_is_cut() -> None:
    one = connect()
    await one.send(REQUEST.replace(b"Host", b"Connection: close\r\nHost"))
    assert one.transport.end == "close"
    assert one.is_cut_at(RESTING)


@scenario
async def test_who_does_not_wait_for_an_answer_has_to_connect_anew() -> None:
    """A connection on which there is always a next request would be answered for ever."""
    one = connect()
    await one.send(REQUEST * 3)
    assert (one.answers, one.transport.end) == (1, "close")
    assert one.is_cut_at(READING)


@scenario
async def test_a_client_that_has_said_all_is_answered() -> None:
    """Not one that has asked nothing, nor over TLS, where asyncio knows no half-closed connections."""
    one, over_tls = connect(), connect(transport=Transport(over_tls=True))
    assert one.protocol.eof_received() is False
    for each in (one, over_tls):
        each.protocol.data_received(REQUEST)
    assert (one.protocol.eof_received(), over_tls.protocol.eof_received()) == (True, False)
    await one.settle()
    assert (one.answers, one.transport.end) == (1, "close")


@scenario
async def test_one_too_many_ends_the_one_that_waits_longest() -> None:
    """Those that are being answered go last, and the newest never."""
    loop, state = Loop(asyncio.get_running_loop()), ServerState()

    def connect_later() -> Connection:
        loop.now += 0.01
        return connect(never, state=state, loop=loop)

    answering, *others = [connect_later() for _ in range(protocol.MAX_CONNECTIONS)]
    await answering.send(REQUEST)
    for number in range(3):
        connect_later()
        assert [one.transport.end for one in others[: number + 2]] == ["abort"] * (number + 1) + [""]
    for one in state.connections - {answering.protocol}:
        one.data_received(REQUEST)
    newest = connect_later()
    assert (answering.transport.end, newest.transport.end) == ("abort", "")
    assert len(state.connections) == protocol.MAX_CONNECTIONS


@scenario
async def test_the_end_stops_all_clocks() -> None:
    one = connect()
    await one.send(REQUEST)
    one.protocol.connection_lost(ConnectionResetError())
    assert one.loop.active() == 0


@scenario
async def test_a_certificate_that_is_not_admitted_gets_nothing() -> None:
    certificate, seen = {"subjectAltName": (("DNS", "a"),)}, []
    one = connect(transport=Transport(certificate), admits=lambda found: bool(seen.append(found)))  # type: ignore[func-returns-value]
    assert seen == [certificate]
    assert (one.transport.end, one.transport.written) == ("abort", b"")


@scenario
async def test_shutting_down_ends_those_who_wait_and_lets_answers_end() -> None:
    waiting, busy = connect(), connect()
    busy.protocol.data_received(REQUEST)
    for one in (waiting, busy):
        one.protocol.shutdown()
    assert (waiting.transport.end, busy.transport.end) == ("close", "")
    await busy.settle()
    assert (busy.answers, busy.transport.end) == (1, "close")


def test_what_is_relied_on_of_uvicorn() -> None:
    """Its HTTP/1.1 protocol and parts of its server are no documented interface: look here before the cap is raised."""
    assert list(inspect.signature(H11Protocol).parameters) == ["config", "server_state", "app_state", "_loop"]
    source = inspect.getsource(H11Protocol)
    assert "app = self.app" in source, "LimitedProtocol puts its own application there"
    for name in ("connections", "conn", "cycle", "loop", "transport"):
        assert f"self.{name}: " in source or f"self.{name} = " in source
    for name in ("_unset_keepalive_if_required", "on_response_complete", "pause_writing", "shutdown", "eof_received"):
        assert callable(getattr(H11Protocol, name))
    cycle = inspect.getsource(RequestResponseCycle)
    assert "self.response_complete = " in cycle
    assert "self.keep_alive = " in cycle
    server = inspect.getsource(uvicorn.Server)
    for text in ("def capture_signals(", "await self.startup(sockets=sockets)", "for server in self.servers:"):
        assert text in server

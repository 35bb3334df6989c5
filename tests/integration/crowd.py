"""Many clients at once that mean no good, and one that scrapes beside them; all on the loopback, all bounded in time."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from tests.benchmarks.measure import process_rss

__all__ = ["Crowd", "Scraper", "cut_off", "scrape"]

PAUSE = 0.2
DRIP_EVERY = 2.0
TIMEOUT = 30.0
"""Seconds after which a scrape has failed: three times what Prometheus gives it, as the machine may be busy."""
CUT_WITHIN = 60.0
"""The longest limit is 22 s; on a busy machine a crowd takes long to open as well."""


class Crowd:
    """Connections from one address to another; `send` goes over each of them when it is opened.

    Later each sends a byte of `drip` every two seconds, and takes `read` bytes, with a pause before the next; with `read` 0
    nothing is read, so that only a reset is noticed.
    """

    def __init__(
        self,
        address: tuple[str, int],
        size: int,
        send: bytes = b"",
        *,
        drip: bytes = b"",
        read: int = 65536,
        pause: float = 0.0,
        receive_buffer: int = 0,
        source: str = "127.0.0.1",
    ) -> None:
        self._drip, self._read, self._pause = drip, read, pause
        self._started = time.monotonic()
        self._open: dict[int, socket.socket] = {}
        self._cut: list[float] = []
        for _ in range(size):
            one = socket.socket()
            if receive_buffer:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            one.settimeout(5)
            one.bind((source, 0))
            one.connect(address)
            one.setblocking(False)
            self._open[one.fileno()] = one
            self._send(one, send)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._open.values():
            one.close()

    def _send(self, one: socket.socket, data: bytes) -> None:
        try:
            one.sendall(data)
        except OSError:
            self._gone(one)

    def _gone(self, one: socket.socket) -> None:
        if self._open.pop(one.fileno(), None):
            self._cut.append(time.monotonic() - self._started)
            one.close()

    def wait_until_cut(self) -> tuple[float, float]:
        """Wait until the other side has ended all connections: when it ended the first and the last, in seconds."""
        bytes_to_send = iter(self._drip)
        next_byte = time.monotonic() + DRIP_EVERY
        while self._open:
            assert time.monotonic() - self._started < CUT_WITHIN, f"{len(self._open)} are still open"
            self._look()
            time.sleep(self._pause)
            if self._drip and time.monotonic() >= next_byte:
                next_byte += DRIP_EVERY
                byte = bytes([next(bytes_to_send)])
                for one in list(self._open.values()):
                    self._send(one, byte)
        return min(self._cut), max(self._cut)

    def _look(self) -> None:
        poll = select.poll()
        for number in self._open:
            poll.register(number, select.POLLIN if self._read else 0)
        for number, event in poll.poll(200):
            one = self._open[number]
            try:
                if event & (select.POLLERR | select.POLLHUP) or (self._read and not one.recv(self._read)):
                    self._gone(one)
            except OSError:
                self._gone(one)


def cut_off(*crowds: Crowd) -> tuple[float, ...]:
    """Wait until all of all crowds are cut off: when the first of all was, in seconds, and the last one of each."""
    with ThreadPoolExecutor() as threads:
        times = list(threads.map(Crowd.wait_until_cut, crowds))
    return min(first for first, _ in times), *(last for _, last in times)


class Scraper:
    """Scrapes over and over on fresh connections, in a thread of its own, from entering to leaving.

    Meanwhile it notes the largest memory of the process `pid`, in MiB.
    """

    def __init__(self, address: tuple[str, int], pid: int, context: ssl.SSLContext | None = None) -> None:
        self._address = address
        self._pid = pid
        self._context = context
        self.peak = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.seconds: list[float] = []
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not (self.seconds and self._over.wait(PAUSE)):
            started = time.monotonic()
            try:
                scrape(self._address, self._context)
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.errors.append(repr(error))
            self.seconds.append(time.monotonic() - started)
            self.peak = max(self.peak, process_rss(self._pid))


def scrape(address: tuple[str, int], context: ssl.SSLContext | None = None) -> bytes:
    """Scrape once, as Prometheus does: compressed."""
    connection = (
        http.client.HTTPSConnection(*address, timeout=TIMEOUT, context=context)
        if context
        else http.client.HTTPConnection(*address, timeout=TIMEOUT)
    )
    try:
        connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip", "Accept": "text/plain"})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == http.HTTPStatus.OK, answer.status
        return body
    finally:
        connection.close()

"""Answers are bounded as a whole, however slowly they drip."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from urllib3.connection import HTTPConnection

from exporter.sources.bounded import BoundedAdapter, current_deadline
from exporter.sources.deadline import Deadline
from tests.unit.make import Clock


@contextmanager
def connection(clock: Clock) -> Iterator[tuple[HTTPConnection, socket.socket]]:
    """A connection of the adapter's making with five seconds for its answer, and the other end of it."""
    pool = BoundedAdapter().poolmanager.connection_from_url("http://127.0.0.1:9")
    made = pool.ConnectionCls("127.0.0.1", 9, timeout=30)
    ours, theirs = socket.socketpair()
    made.sock = ours
    reset = current_deadline.set(Deadline(5, clock))
    try:
        with ours, theirs:
            made.request("GET", "/", preload_content=False)
            yield made, theirs
    finally:
        made.close()
        current_deadline.reset(reset)


def test_header_that_drips() -> None:
    clock = Clock(0)
    with connection(clock) as (made, theirs):
        theirs.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: a")
        first = made.sock

        class Dripping:
            """A socket on which each read takes three seconds."""

            def __getattr__(self, name: str) -> object:
                return getattr(first, name)

            def settimeout(self, seconds: float) -> None:
                theirs.sendall(b"a")
                clock.now += 3
                first.settimeout(seconds)

        made.sock = Dripping()
        with pytest.raises(TimeoutError, match="the time for this request is over"):
            made.getresponse()
    assert clock.now <= 9


def test_body_that_drips() -> None:
    clock = Clock(0)
    with connection(clock) as (made, theirs):
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[")
        response = made.getresponse()
        assert response.read1(1) == b"["
        theirs.sendall(b"]")
        clock.now += 5
        with pytest.raises(Exception, match=r"the time for this request is over|Read timed out"):
            response.read1(1)
        response.close()


def test_time_left_is_the_sockets_time_out() -> None:
    clock = Clock(0)
    with connection(clock) as (made, theirs):
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        clock.now += 1
        response = made.getresponse()
        assert made.sock.gettimeout() == 4
        theirs.sendall(b"[]")
        clock.now += 1
        assert response.read() == b"[]"
        assert response.closed


def test_proxies() -> None:
    """A proxy's connections are bounded too; SOCKS has connections of its own."""
    adapter = BoundedAdapter()
    pools = adapter.poolmanager.pool_classes_by_scheme
    assert adapter.proxy_manager_for("http://127.0.0.1:3128").pool_classes_by_scheme is pools
    assert {scheme: pool.ConnectionCls.response_class for scheme, pool in pools.items()}.keys() == {"http", "https"}

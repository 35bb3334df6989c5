"""One refresh for all who ask at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from structlog.testing import capture_logs

from exporter.collection.on_scrape import SingleFlight


class Refresh:
    """A refresh that lasts until it is let go."""

    def __init__(self, error: Exception | None = None) -> None:
        self.started = 0
        self.error = error
        self.go = threading.Event()

    def __call__(self) -> None:
        self.started += 1
        assert self.go.wait(10)
        if self.error:
            raise self.error


def join_from_many_threads(flights: SingleFlight) -> list[Future[None]]:
    joined: list[Future[None]] = []
    barrier = threading.Barrier(20)

    def join() -> None:
        barrier.wait()
        joined.append(flights.join())

    threads = [threading.Thread(target=join) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return joined


def test_all_share_one() -> None:
    refresh = Refresh()
    flights = SingleFlight(refresh)
    joined = join_from_many_threads(flights)
    assert len({id(one) for one in joined}) == 1
    assert not joined[0].done()
    refresh.go.set()
    assert joined[0].result(10) is None
    assert refresh.started == 1


def test_next_one_is_new() -> None:
    refresh = Refresh()
    refresh.go.set()
    flights = SingleFlight(refresh)
    flights.join().result(10)
    flights.join().result(10)
    assert refresh.started == 2


def test_one_that_breaks() -> None:
    """It is logged, since those who wait only want to know that it has ended; the next one flies."""
    refresh = Refresh(ZeroDivisionError("oh"))
    refresh.go.set()
    flights = SingleFlight(refresh)
    with capture_logs() as logs:
        assert flights.join().result(10) is None
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("refresh broke; the next scrape tries again", "error")
    ]
    refresh.error = None
    flights.join().result(10)
    assert refresh.started == 2


@pytest.mark.parametrize("in_flight", [True, False])
def test_stop(in_flight: bool) -> None:
    """It waits for the one under way, and starts no other."""
    refresh = Refresh()
    flights = SingleFlight(refresh)
    if in_flight:
        flights.join()
        threading.Timer(0, refresh.go.set).start()
    flights.stop(10)
    assert flights.join().done()
    assert refresh.started == in_flight


def test_stop_does_not_wait_for_ever() -> None:
    refresh = Refresh()
    flights = SingleFlight(refresh)
    flight = flights.join()
    stop: Callable[[float], None] = flights.stop
    stop(0.01)
    assert not flight.done()
    assert flights.join() is flight
    refresh.go.set()
    flight.result(10)

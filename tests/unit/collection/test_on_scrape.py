from __future__ import annotations

import threading

import pytest

from exporter.collection.on_scrape import SingleFlight


def test_all_who_come_meanwhile_share_one_refresh() -> None:
    release, calls = threading.Event(), []

    def refresh() -> None:
        calls.append(1)
        release.wait(10)

    flights = SingleFlight(refresh)
    first, second = flights.join(), flights.join()
    assert first is second
    release.set()
    first.result(10)
    flights.join().result(10)
    assert len(calls) == 2


def test_a_refresh_that_fails_is_told_and_followed_by_another() -> None:
    errors = [RuntimeError("bug")]

    def refresh() -> None:
        if errors:
            raise errors.pop()

    flights = SingleFlight(refresh)
    with pytest.raises(RuntimeError, match="bug"):
        flights.join().result(10)
    flights.join().result(10)

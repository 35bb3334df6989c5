from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from exporter.collection.refresher import Refresher
from tests.unit.make import Clock


class Days:
    """A clock that moves by waiting and by refreshing, and notes when refreshes start."""

    def __init__(self, *durations: float, jitter: Callable[[], float] = lambda: 0.0) -> None:
        self.clock = Clock(1000.0)
        self.starts: list[float] = []
        self.waits: list[float] = []
        self._durations = list(durations)
        self._jitter = jitter

    def run(self) -> None:
        Refresher(self.refresh).repeat(300.0, monotonic=self.clock, wait=self.wait, jitter=self._jitter)

    def refresh(self) -> None:
        self.starts.append(self.clock.now - 1000)
        self.clock.now += self._durations.pop(0)

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.clock.now += seconds
        return not self._durations


@pytest.mark.parametrize(
    ("durations", "starts"),
    [
        ((10, 10, 10), [0, 300, 600]),
        ((299, 1, 1), [0, 300, 600]),
        ((310, 10, 10), [0, 600, 900]),
        ((950, 10, 10), [0, 1200, 1500]),
        ((0, 0), [0, 300]),
    ],
    ids=["short", "nearly the interval", "a bit too long", "far too long", "at once"],
)
def test_refreshes_start_by_plan(durations: tuple[float, ...], starts: list[float]) -> None:
    """The first at once, the next from the planned time; what a long one has missed is skipped."""
    days = Days(*durations)
    days.run()
    assert days.starts == starts
    assert min(days.waits) > 0


def test_jitter_moves_a_start_by_up_to_five_per_cent_and_does_not_add_up() -> None:
    days = Days(1, 1, 1, 1, jitter=lambda: 1.0)
    days.run()
    assert days.starts == [0, 315, 615, 915]


def test_a_refresh_that_raises_is_logged_and_the_next_one_comes() -> None:
    calls: list[int] = []

    def refresh() -> None:
        calls.append(1)
        raise RuntimeError("broken")

    with capture_logs() as logs:
        Refresher(refresh).repeat(300.0, monotonic=Clock(), wait=lambda _: len(calls) == 2)
    assert len(calls) == 2
    assert [one["log_level"] for one in logs] == ["error", "error"]


def test_all_who_ask_meanwhile_share_one_refresh() -> None:
    started, go_on, calls = threading.Event(), threading.Event(), []

    def refresh() -> None:
        calls.append(1)
        started.set()
        assert go_on.wait(10)

    refresher = Refresher(refresh)
    first = refresher.join()
    assert started.wait(10)
    assert {id(refresher.join()) for _ in range(5)} == {id(first)}
    go_on.set()
    first.result(10)
    second = refresher.join()
    assert second is not first
    second.result(10)
    assert len(calls) == 2

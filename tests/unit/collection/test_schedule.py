from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from exporter.collection.schedule import Background
from tests.unit.make import Clock


class Days:
    """A clock that moves by waiting and by refreshing, and notes when refreshes start."""

    def __init__(self, *durations: float, jitter: Callable[[], float] = lambda: 0.0) -> None:
        self.clock = Clock(1000.0)
        self.starts: list[float] = []
        self.waits: list[float] = []
        self._durations = list(durations)
        self.background = Background(self.refresh, 300.0, monotonic=self.clock, wait=self.wait, jitter=jitter)

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
    days.background.run()
    assert days.starts == starts


def test_jitter_moves_a_start_by_up_to_five_per_cent_and_does_not_add_up() -> None:
    days = Days(1, 1, 1, 1, jitter=lambda: 1.0)
    days.background.run()
    assert days.starts == [0, 315, 615, 915]


def test_waits_are_never_negative() -> None:
    days = Days(*(100.0 * one for one in range(20)))
    days.background.run()
    assert min(days.waits) > 0


def test_a_refresh_that_raises_is_logged_and_the_next_one_comes() -> None:
    calls: list[int] = []

    def refresh() -> None:
        calls.append(1)
        raise RuntimeError("broken")

    background = Background(refresh, 300.0, monotonic=Clock(), wait=lambda _: len(calls) == 2)
    with capture_logs() as logs:
        background.run()
    assert len(calls) == 2
    assert [one["log_level"] for one in logs] == ["error", "error"]


def test_thread_starts_and_stops() -> None:
    refreshed = threading.Event()
    background = Background(refreshed.set, 1e6, monotonic=Clock())
    seen = [background.is_alive]
    background.start()
    assert refreshed.wait(10)
    seen.append(background.is_alive)
    assert background.stop(10)
    assert [*seen, background.is_alive] == [False, True, False]


def test_stop_does_not_wait_for_a_refresh_that_hangs() -> None:
    started, release = threading.Event(), threading.Event()

    def refresh() -> None:
        started.set()
        release.wait(10)

    background = Background(refresh, 1e6, monotonic=Clock())
    background.start()
    assert started.wait(10)
    assert not background.stop(0)
    release.set()
    assert background.stop(10)


def test_stop_before_start() -> None:
    assert Background(lambda: None, 1.0, monotonic=Clock()).stop(0)

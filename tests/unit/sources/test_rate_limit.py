"""Pacing and pauses, with clocks that stand still unless somebody waits."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from exporter.domain.errors import DeadlineError, ThrottledError
from exporter.sources.deadline import Deadline
from exporter.sources.rate_limit import MAX_PAUSE, RateLimiter
from exporter.telemetry.metrics import PREFIX, Telemetry
from tests.unit.make import NOW, Clock


class House:
    """A limiter; waiting moves both clocks, unless `during` says that it is to end."""

    def __init__(self, rate: float = 2.0) -> None:
        self.monotonic, self.clock, self.telemetry = Clock(50.0), Clock(NOW), Telemetry()
        self.waits: list[float] = []
        self.during: Callable[[], bool] = bool
        self.limiter = RateLimiter(
            rate,
            credential="default",
            source="s",
            telemetry=self.telemetry,
            clock=self.clock,
            monotonic=self.monotonic,
            wait=self.wait,
        )

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.pass_by(seconds)
        return self.during()

    def pass_by(self, seconds: float) -> None:
        self.monotonic.now += seconds
        self.clock.now += seconds

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(seconds, self.monotonic)

    def enter(self, seconds: float = 1000.0) -> float:
        """Pass, and tell how long that took."""
        before = self.monotonic.now
        self.limiter.acquire(self.deadline(seconds))
        return self.monotonic.now - before

    @property
    def paused_until(self) -> float | None:
        name, labels = f"{PREFIX}api_paused_until_timestamp_seconds", {"credential": "default", "source": "s"}
        return self.telemetry.registry.get_sample_value(name, labels)


def test_a_seconds_worth_at_once_then_by_the_rate() -> None:
    house = House(rate=2)
    assert [house.enter() for _ in range(5)] == [0, 0, 0.5, 0.5, 0.5]
    house.monotonic.now += 100
    assert [house.enter() for _ in range(3)] == [0, 0, 0.5]
    slow = House(rate=0.1)
    assert [slow.enter() for _ in range(3)] == [0, pytest.approx(10), pytest.approx(10)]


def test_those_who_give_up_hold_up_nobody() -> None:
    """The bucket is on credit only for requests that are really made."""
    house = House(rate=1)
    house.enter()
    for _ in range(50):
        with pytest.raises(DeadlineError):
            house.enter(seconds=0.001)
    assert house.enter() < 1
    before = house.monotonic.now
    with pytest.raises(DeadlineError):
        house.enter(seconds=0)
    assert house.monotonic.now == before


def test_pause_stops_everybody() -> None:
    house = House()
    house.limiter.pause(30)
    assert house.paused_until == NOW + 30
    assert [house.enter(), house.enter()] == [30, 0]


def test_a_shorter_pause_shortens_nothing() -> None:
    """The metric tells until when nothing is asked, not what was said last."""
    house = House()
    house.limiter.pause(30)
    house.pass_by(10)
    house.limiter.pause(5)
    assert house.paused_until == NOW + 30
    assert house.enter() == 20


def test_pause_that_grows_while_it_is_sat_out() -> None:
    house = House()
    house.limiter.pause(1)
    more = [3.0, 2.0]

    def grow() -> bool:
        if more:
            house.limiter.pause(more.pop())
        return False

    house.during = grow
    assert house.enter() == 6


def test_pause_that_outlasts_the_deadline() -> None:
    """The API is not asked, and nobody waits in vain."""
    house = House()
    house.limiter.pause(100)
    with pytest.raises(ThrottledError, match=r"^not asked: the API wants no request for another 100 s$"):
        house.enter(seconds=10)
    assert house.waits == []


@pytest.mark.parametrize("seconds", [MAX_PAUSE + 1, float("inf")])
def test_absurd_pauses_end(seconds: float) -> None:
    house = House()
    house.limiter.pause(seconds)
    assert house.paused_until == NOW + MAX_PAUSE
    assert house.enter() == MAX_PAUSE


def test_wall_clock_that_jumps() -> None:
    """Pauses and pacing are measured on the other clock."""
    house = House(rate=1)
    house.limiter.pause(10)
    house.clock.now += 3600
    assert house.enter() == 10
    house.clock.now -= 7200
    assert house.enter() == 1


def test_giving_up() -> None:
    """When `wait` says so, the whole refresh has no time left."""
    house = House()
    house.during = lambda: True
    house.limiter.pause(5)
    deadline = house.deadline(1000)
    with pytest.raises(DeadlineError):
        house.limiter.acquire(deadline)
    assert deadline.remaining() == 0


def test_sleep() -> None:
    house = House()
    deadline = house.deadline(10)
    house.limiter.sleep(0, deadline)
    house.limiter.sleep(4, deadline)
    assert house.waits == [4]
    with pytest.raises(ThrottledError):
        house.limiter.sleep(7, deadline, ThrottledError("too long"))
    with pytest.raises(DeadlineError):
        house.limiter.sleep(7, deadline)
    assert house.waits == [4, 6]


def test_many_threads_get_no_more_than_the_rate() -> None:
    class Standing(House):
        def pass_by(self, seconds: float) -> None:
            """All come at the same moment."""

    house = Standing(rate=5)
    threads = [threading.Thread(target=house.enter) for _ in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(house.waits) == [pytest.approx(number / 5) for number in range(1, 21)]

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from exporter import right_of_way
from exporter.right_of_way import ENOUGH, LINGER, LONGEST, PAUSE, RightOfWay, spare_long_lived, take_short_turns


class Road:
    """A right of way on a clock of its own; `meanwhile` happens whenever somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waited = 0.0
        self.meanwhile: Callable[[], None] = lambda: None
        self.way = RightOfWay(monotonic=lambda: self.now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.waited += seconds
        self.meanwhile()

    def wait(self) -> float:
        """Give way, and tell how long that took."""
        self.waited = 0.0
        self.way.give_way()
        return self.waited


@pytest.fixture
def road() -> Road:
    return Road()


def test_nobody_waits_while_the_way_is_free(road: Road) -> None:
    assert road.wait() == 0
    road.way.leave()
    assert road.wait() == 0


def test_the_background_waits_until_the_way_is_left(road: Road) -> None:
    road.way.take()
    end = road.now + 0.02
    road.meanwhile = lambda: road.way.leave() if road.now >= end else None
    assert 0.02 <= road.wait() <= 0.02 + LINGER + 2 * PAUSE


def test_the_way_stays_taken_for_a_moment(road: Road) -> None:
    """A client that reads wakes the event loop again at once."""
    road.way.take()
    road.way.leave()
    road.now += LINGER / 2
    assert road.wait() > 0
    assert road.wait() == 0


def test_it_can_be_taken_for_so_long_only(road: Road) -> None:
    """An event loop that is blocked, or that has died, stops nobody."""
    road.way.take()
    assert road.wait() == pytest.approx(LONGEST, abs=PAUSE)
    road.way.take()
    assert road.wait() == 0


def test_taking_it_again_gives_no_more_time(road: Road) -> None:
    road.way.take()
    road.meanwhile = road.way.take
    assert road.wait() == pytest.approx(LONGEST, abs=PAUSE)
    assert road.wait() == 0


def test_what_was_used_comes_back(road: Road) -> None:
    road.way.take()
    road.now += LONGEST
    road.way.leave()
    road.now += ENOUGH * 0.9
    road.way.take()
    assert road.wait() == 0
    road.now += ENOUGH * 0.2
    road.way.take()
    assert road.wait() == pytest.approx(ENOUGH * 1.1, abs=PAUSE)
    road.way.leave()
    road.now += 60
    road.way.take()
    assert road.wait() == pytest.approx(LONGEST, abs=PAUSE)


def busy(seconds: float, rest: float) -> Callable[[RightOfWay], Iterator[float]]:
    """Clients that keep the event loop busy for so long, again and again, with a rest in between."""

    def events(way: RightOfWay) -> Iterator[float]:
        while True:
            way.take()
            yield seconds
            way.leave()
            yield rest

    return events


@pytest.mark.parametrize(
    "crowd", [busy(1000, 0), busy(0.05, 0), busy(0.006, 0.0021), busy(0.001, 0.001), busy(0.2, 0.1)]
)
def test_no_crowd_can_take_more_than_half_of_the_time(crowd: Callable[[RightOfWay], Iterator[float]]) -> None:
    """However clients behave, half of the time the way is free for the background."""
    now = 0.0
    way = RightOfWay(monotonic=lambda: now, sleep=lambda _: None)
    free, step = 0, 0.0001
    moments = crowd(way)
    until = next(moments)
    for _ in range(100_000):
        now += step
        while now >= until:
            until += next(moments)
        free += now >= way._free_from
    assert free >= (100_000 - LONGEST / step) * 0.49


def in_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_one_thread_works_at_a_time() -> None:
    """Another has its turn when the first one rests, not before."""
    way = RightOfWay()
    order: list[str] = []

    def other() -> None:
        way.work()
        order.append("other")
        way.rest()

    way.work()
    way.work()
    thread = threading.Thread(target=other)
    thread.start()
    order.append("first")
    way.rest()
    way.rest()
    thread.join()
    assert order == ["first", "other"]


def test_others_work_while_one_waits() -> None:
    way = RightOfWay()
    seen: list[bool] = []

    def other() -> None:
        way.work()
        seen.append(way._works)
        way.rest()

    way.work()
    with way.resting(), way.resting():
        in_thread(other)
    assert seen == [True]
    assert way._works


def test_who_did_not_work_does_not_begin_to_by_waiting() -> None:
    way = RightOfWay()
    with way.resting():
        pass
    assert not way._works


def test_a_turn_that_never_ends_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while the others go on without one."""
    monkeypatch.setattr(right_of_way, "LONGEST", 0.01)
    way = RightOfWay()
    in_thread(way.work)
    way.work()
    assert not way._works
    way.rest()


def test_short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    monkeypatch.setattr(sys, "setswitchinterval", seen.append)
    take_short_turns()
    assert seen == [right_of_way.TURN]


def test_full_collections_become_rare() -> None:
    """Young garbage is looked for as before."""
    before = gc.get_threshold()
    try:
        spare_long_lived()
        assert gc.get_threshold() == (*before[:2], right_of_way.FULL_COLLECTION)
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)

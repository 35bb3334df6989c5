"""The record of the past: a year in the real collection, held against the diaries of what happened."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collection.record import (
    DURATIONS,
    MAX_POOLS,
    OUTCOMES,
    Duration,
    Past,
    PastPublication,
    Pool,
    UnderWay,
    added,
    pooled,
    track,
)
from exporter.collection.snapshot import Snapshot
from exporter.collection.state import StateFile
from exporter.domain.errors import UpstreamError
from exporter.domain.offers import Offer, OfferStatus, Step, StepStatus
from tests.unit.collection.world import FakeSource, World
from tests.unit.make import NOW, offer, step

HOUR, DAY = 3600.0, 86400.0
INTERVAL, STALE = 3 * HOUR, 6 * HOUR
STEPS = ("validate", "certify", "publisher-signoff", "live")
SUCCEEDED, FAILED, CANCELED = OUTCOMES
RUNNING, WAITING = OfferStatus.RUNNING, OfferStatus.WAITING_FOR_PUBLISHER_REVIEW
BUSY_AT = {"publisher-signoff": StepStatus.WAITING_FOR_PUBLISHER_REVIEW}
AT_END = {FAILED: StepStatus.REJECTED, CANCELED: StepStatus.CANCELED, SUCCEEDED: StepStatus.COMPLETE}


@dataclass(frozen=True)
class Entry:
    """One publication in the diary of an offer: when each of its steps began and, last, when it ended."""

    instants: tuple[float, ...]
    outcome: OfferStatus
    version: int

    def offer(self, source: FakeSource, offer_id: str, now: float) -> Offer:
        """What a source tells of it now; the second one tells times."""
        steps = tuple(self.step(place, name, now, is_told=source.is_account) for place, name in enumerate(STEPS))
        is_waiting = steps[2].status is StepStatus.WAITING_FOR_PUBLISHER_REVIEW
        status = self.outcome if self.instants[-1] <= now else WAITING if is_waiting else RUNNING
        return source.offer(offer_id, status, steps=steps, version=self.version, offer_type="vm")

    def step(self, place: int, name: str, now: float, *, is_told: bool) -> Step:
        begun, ended = (*self.instants, math.inf, math.inf, math.inf)[place : place + 2]
        if begun > now or ended == math.inf:
            return Step(name, name, StepStatus.NOT_STARTED)
        times = {"started": begun, "completed": ended if ended <= now else None} if is_told else {}
        if ended > now:
            return Step(name, name, BUSY_AT.get(name, StepStatus.IN_PROGRESS), **times)  # type: ignore[arg-type]  # times are the two optional ones
        is_last = ended == self.instants[-1]
        return Step(name, name, AT_END[self.outcome] if is_last else StepStatus.COMPLETE, **times)  # type: ignore[arg-type]  # times are the two optional ones

    def durations(self) -> Iterator[tuple[str, float, float]]:
        """The steps of Microsoft that were completed: the id, begin and end."""
        completed = STEPS if self.outcome is SUCCEEDED else STEPS[:1]
        for name, begun, ended in zip(completed, self.instants, self.instants[1:], strict=False):
            if name != "publisher-signoff":
                yield name, begun, ended


def diary(rng: random.Random, until: float) -> list[Entry]:
    entries: list[Entry] = []
    time = NOW - 5 * DAY
    while time < until:
        outcome = rng.choices(OUTCOMES, (8, 1, 1))[0]
        instants = [time]
        for _ in STEPS if outcome is SUCCEEDED else STEPS[:2]:
            instants.append(instants[-1] + rng.uniform(4 * HOUR, 4 * DAY))
        entries.append(Entry(tuple(instants), outcome, len(entries) + 1))
        time = instants[-1] + rng.uniform(4 * HOUR, 30 * DAY)
    return entries


class Watch:
    """When somebody looked at an offer, and which look was the first to ask the second source."""

    def __init__(self, looks: list[float], moved: float) -> None:
        self.looks = looks
        self.watched = {look for before, look in pairwise(looks) if look - before < STALE}
        self.moved = moved

    def seen(self, time: float) -> float:
        return next((look for look in self.looks if look >= time), math.inf)

    def publications(self, entries: list[Entry]) -> Iterator[PastPublication]:
        for one in entries:
            begun, ended = self.seen(one.instants[0]), self.seen(one.instants[-1])
            if one.outcome is SUCCEEDED and self.moved <= ended < math.inf:
                times = round(one.instants[0]), round(one.instants[-1])
                yield PastPublication(*times, one.outcome, one.version, is_told=True)
            elif self.looks[0] < ended < math.inf:
                is_clear = {begun, ended} <= self.watched
                yield PastPublication(
                    round(begun) if is_clear else None, round(ended), one.outcome, one.version, is_told=False
                )

    def durations(self, entries: list[Entry]) -> Iterator[tuple[str, str, Duration]]:
        """The second source tells all of the publication that is the newest one when it is first asked."""
        for entry, following in zip(entries, [*(one.instants[0] for one in entries[1:]), math.inf], strict=True):
            for name, begun, ended in entry.durations():
                first, last = self.seen(begun), self.seen(ended)
                if following > self.moved and last < math.inf:
                    yield "partner_center", name, Duration(round(ended), round(ended - begun), is_told=True)
                if last < self.moved and {first, last} <= self.watched:
                    yield "cloud_partner", name, Duration(round(last), round(last - first), is_told=False)


@pytest.mark.usefixtures("untraced")
def test_what_is_on_record_is_what_the_diaries_tell(world: World, tmp_path: Path) -> None:
    """To within one refresh; with a restart, an outage of three days, and an offer that moves to a source that tells times."""
    rng, end = random.Random(17), NOW + 365 * DAY
    outage, moving = (NOW + 60 * DAY, NOW + 63 * DAY), NOW + 120 * DAY
    diaries = {name: diary(rng, end) for name in ("observed", "told", "moving")}
    cloud, center = ["observed", "moving"], ["told"]

    def tell(source: FakeSource, offer_id: str) -> Callable[[], Offer]:
        def current() -> Offer:
            entry = next(one for one in reversed(diaries[offer_id]) if one.instants[0] <= world.clock.now)
            return entry.offer(source, offer_id, world.clock.now)

        return current

    looks: list[float] = []
    settings: dict[str, Any] = {"interval": "3h", "stale_after": "6h"}
    engine = world.all_sources(**settings)
    while world.clock.now < end:
        is_down = outage[0] <= world.clock.now < outage[1]
        if world.clock.now >= moving and "moving" not in center:
            center.append(cloud.pop())
            kept = saved(engine.stop(), tmp_path / "state")
            engine = world.all_sources(**settings)
            engine.adopt(kept)
            moving = world.clock.now + INTERVAL
        down = UpstreamError("down")
        world.see(
            INTERVAL,
            cloud=down if is_down else {name: tell(world.cloud, name) for name in cloud},
            center=down if is_down else {name: tell(world.center, name) for name in center},
        )
        looks += [] if is_down else [world.clock.now]

    watches = {"observed": Watch(looks, math.inf), "told": Watch(looks, 0), "moving": Watch(looks, moving)}
    durations: dict[tuple[str, str], list[Duration]] = {}
    for name, entries in diaries.items():
        watch = watches[name]
        expected = list(watch.publications(entries))
        past = world.of(name).past
        assert list(past.ended()) == expected[-20:], name
        assert past.counts == tuple(sum(one.outcome is outcome for one in expected) for outcome in OUTCOMES)
        for source, step_id, duration in watch.durations(entries):
            durations.setdefault((source, step_id), []).append(duration)
    known = {(one.source, one.step_id): sorted(one.unpacked()) for one in world.record.pools}
    assert known == {key: sorted(some) for key, some in durations.items()}


def saved(snapshot: Snapshot, path: Path) -> Snapshot:
    with closing(StateFile(path)) as state:
        state.save(snapshot)
        loaded = state.load()
    assert loaded == snapshot
    return loaded


durations = st.builds(Duration, st.integers(0, 2**33), st.integers(0, 2**31), st.booleans())
publications = st.builds(
    PastPublication,
    st.none() | st.integers(0, 2**33),
    st.integers(0, 2**33),
    st.sampled_from(OUTCOMES),
    st.none() | st.integers(-(2**63), 2**63),
    st.booleans(),
)


@given(durations, publications)
def test_what_is_packed_comes_back(duration: Duration, publication: PastPublication) -> None:
    assert Duration.unpacked(duration.packed()) == duration
    assert PastPublication.unpacked(publication.packed()) == publication
    assert Past().with_end(publication).last == publication


def walk(*looks: Offer, every: float = 60.0, gap: int = -1) -> Past:
    """What is on record after these looks, of which the one at `gap` comes after a long time without any."""
    past, old = Past(), None
    for number, new in enumerate(looks):
        past = track(past, old, new, NOW + number * every, is_watched=number not in {0, gap})
        old = new
    return past


def at(status: OfferStatus, certify: StepStatus, **fields: Any) -> Offer:
    return offer(status=status, source="cloud_partner", steps=(step("certify", certify),), **fields)


IDLE = at(SUCCEEDED, StepStatus.COMPLETE)
BUSY = at(RUNNING, StepStatus.IN_PROGRESS)
BLOCKED = at(RUNNING, StepStatus.BLOCKED)
DONE = at(SUCCEEDED, StepStatus.COMPLETE, version=2)


def certified(past: Past) -> list[int]:
    return [one.seconds for one in past.durations("cloud_partner").get("certify", ())]


def test_what_began_or_ended_unwatched_is_no_duration() -> None:
    assert certified(walk(IDLE, BUSY, DONE)) == [60]
    for past in (walk(BUSY, DONE), walk(IDLE, BUSY, DONE, gap=1), walk(IDLE, BUSY, DONE, gap=2)):
        assert certified(past) == []
        assert [(one.begun, one.outcome) for one in past.ended()] == [(None, SUCCEEDED)]


def test_time_with_the_publisher_is_no_duration() -> None:
    """Only a step that had not begun yet counts from when it gets to Microsoft."""
    assert certified(walk(IDLE, BUSY, BLOCKED, BUSY, DONE)) == []
    waiting = at(WAITING, StepStatus.WAITING_FOR_PUBLISHER_REVIEW)
    assert certified(walk(IDLE, waiting, waiting, BUSY, DONE)) == [60]


def test_an_offer_that_moves_to_another_source_on_its_way() -> None:
    """The publication goes on; when its step began is not known there, were it the same one, until the next publication."""
    moved, done = (replace(one, source="partner_center") for one in (BUSY, DONE))
    past = walk(IDLE, BUSY, moved, done)
    assert [(one.seconds, one.outcome) for one in past.ended()] == [(120, SUCCEEDED)]
    assert past.steps == ""
    assert walk(IDLE, BUSY, moved, BUSY, DONE).steps == ""
    assert past.counts == (1, 0, 0)


def test_submitted_again_between_two_looks() -> None:
    first = at(RUNNING, StepStatus.COMPLETE)
    past = walk(IDLE, BUSY, first, BUSY, DONE)
    assert [one.outcome for one in past.ended()] == [CANCELED, SUCCEEDED]
    assert past.counts == (1, 0, 1)
    assert certified(past) == [60, 60]


@pytest.mark.parametrize(("live_since", "outcome"), [(NOW + 90, SUCCEEDED), (NOW - 900, CANCELED), (None, CANCELED)])
def test_a_draft_that_shows_at_once_hides_no_end(live_since: float | None, outcome: OfferStatus) -> None:
    draft = offer(status=OfferStatus.NOT_STARTED, source="cloud_partner", live_since=live_since)
    assert [one.outcome for one in walk(IDLE, BUSY, draft).ended()] == [outcome]


def test_what_says_nothing_changes_nothing() -> None:
    unknown = at(OfferStatus.UNKNOWN, StepStatus.UNKNOWN)
    listed = offer(status=OfferStatus.UNKNOWN, is_listed_only=True)
    assert walk(IDLE, BUSY, listed).under_way == walk(IDLE, BUSY).under_way
    assert [one.seconds for one in walk(IDLE, BUSY, unknown, DONE).ended()] == [None]


def test_told_times_count_without_having_watched_and_only_once() -> None:
    told = step("certify", StepStatus.COMPLETE, started=NOW - 500.0, completed=NOW - 100.0)
    center = offer(status=SUCCEEDED, source="partner_center", steps=(told,))
    past = walk(center, IDLE, center, BUSY, center)
    assert past.durations("partner_center") == {"certify": (Duration(round(NOW) - 100, 400, is_told=True),)}
    odd = replace(center, steps=(replace(told, started=-1.0),))
    assert walk(odd).steps == walk(replace(center, steps=(replace(told, completed=NOW + 9),))).steps == ""


def test_bounds() -> None:
    """The oldest go first."""
    past = Past()
    for number in range(1, 1000):
        past = past.with_end(PastPublication(number, number + 1, FAILED, None, is_told=True))
        past = past.with_duration("s", "a b:!", Duration(number, number, is_told=False))
    assert [one.ended for one in past.ended()] == list(range(981, 1001))
    assert [one.ended for one in past.durations("s")["a b:!"]] == list(range(992, 1000))
    assert past.counts == (0, 999, 0)
    many = pooled(
        (), (("s", "t", f"step {number}", Duration(number, 1, is_told=True)) for number in range(MAX_POOLS + 9))
    )
    assert [one.step_id for one in many] == [f"step {number}" for number in range(9, MAX_POOLS + 9)]
    (one,) = pooled((), (("s", "t", "x", Duration(number, 1, is_told=True)) for number in range(DURATIONS + 9)))
    assert [one.ended for one in one.unpacked()] == list(range(9, DURATIONS + 9))


def test_added() -> None:
    before = Past().with_duration("s", "a", Duration(1, 1, is_told=True))
    after = before.with_duration("s", "a", Duration(2, 2, is_told=True)).with_duration(
        "s", "b", Duration(2, 3, is_told=True)
    )
    assert list(added(before, before, "s")) == []
    assert sorted(added(before, after, "s")) == [
        ("a", Duration(2, 2, is_told=True)),
        ("b", Duration(2, 3, is_told=True)),
    ]


def test_no_time_later_than_now_is_kept() -> None:
    """A clock that was ahead leaves nothing behind but the count."""
    early, late = (PastPublication(one - 5, one, SUCCEEDED, None, is_told=False) for one in (50, 150))
    past = Past(under_way=UnderWay("s", 120.0, {"a": 130.0})).with_duration("s", "a", Duration(150, 5, is_told=False))
    past = replace(past.with_end(early).with_end(late), under_way=past.under_way)
    kept = past.until(100)
    assert kept.ended() == (early,)
    assert kept.durations("s") == {"a": ()}
    assert kept.under_way == UnderWay("s", None, {"a": None})
    assert Past().until(100) == Past()
    assert Pool("s", "t", "a", "1:1! 4b:1!").until(100).unpacked() == (Duration(1, 1, is_told=True),)

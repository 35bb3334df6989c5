"""The record of the past: a simulated year in the real collection, held against the simulation's own diary."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
INTERVAL = 3 * HOUR
YEAR = 365 * DAY
STEPS = ("validate", "certify", "publisher-signoff", "live")
SUCCEEDED, FAILED, CANCELED = OUTCOMES
RUNNING, WAITING = OfferStatus.RUNNING, OfferStatus.WAITING_FOR_PUBLISHER_REVIEW
AT_END = {FAILED: StepStatus.REJECTED, CANCELED: StepStatus.CANCELED}


@dataclass(frozen=True)
class Entry:
    """One publication in the diary: when each of its steps began and, last, when it ended."""

    instants: tuple[float, ...]
    outcome: OfferStatus
    version: int

    @property
    def begun(self) -> float:
        return self.instants[0]

    @property
    def ended(self) -> float:
        return self.instants[-1]

    def steps(self, now: float, *, told: bool) -> Iterator[Step]:
        for place, name in enumerate(STEPS):
            begun = self.instants[place] if place < len(self.instants) - 1 else None
            ended = self.instants[place + 1] if begun is not None else None
            is_over = ended is not None and ended <= now
            is_last = place == len(self.instants) - 2
            if begun is None or begun > now:
                status = StepStatus.NOT_STARTED
            elif is_over:
                status = AT_END.get(self.outcome, StepStatus.COMPLETE) if is_last else StepStatus.COMPLETE
            else:
                is_signoff = name == "publisher-signoff"
                status = StepStatus.WAITING_FOR_PUBLISHER_REVIEW if is_signoff else StepStatus.IN_PROGRESS
            is_told = told and begun is not None and begun <= now
            started, completed = (begun, ended if is_over else None) if is_told else (None, None)
            yield Step(name, name, status, started=started, completed=completed)


@dataclass(frozen=True)
class Diary:
    """All publications of one offer."""

    offer_id: str
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, offer_id: str, rng: random.Random) -> Diary:
        entries: list[Entry] = []
        time = NOW - 5 * DAY
        while time < NOW + YEAR:
            outcome = rng.choices(OUTCOMES, (8, 1, 1))[0]
            instants = [time]
            for _ in STEPS if outcome is SUCCEEDED else STEPS[:2]:
                instants.append(instants[-1] + rng.uniform(4 * HOUR, 4 * DAY))
            entries.append(Entry(tuple(instants), outcome, len(entries) + 1))
            time = instants[-1] + rng.uniform(4 * HOUR, 30 * DAY)
        return cls(offer_id, tuple(entries))

    def tell(self, source: FakeSource, now: float, *, told: bool) -> Offer:
        entry = next(one for one in reversed(self.entries) if one.begun <= now)
        steps = tuple(entry.steps(now, told=told))
        is_waiting = steps[2].status is StepStatus.WAITING_FOR_PUBLISHER_REVIEW
        status = entry.outcome if entry.ended <= now else WAITING if is_waiting else RUNNING
        return source.offer(self.offer_id, status, steps=steps, version=entry.version, offer_type="vm")


def test_a_year_equals_the_diary_within_one_refresh(world: World, tmp_path: Path) -> None:
    """With a restart, an outage of three days, and an offer that moves to another source; only one source tells times."""
    rng = random.Random(17)
    observed, told, moving = (Diary.of(one, rng) for one in ("observed", "told", "moving"))
    outage = (NOW + 100 * DAY, NOW + 103 * DAY)
    moved = NOW + 200 * DAY

    def tell(source: FakeSource, diary: Diary, *, told: bool = False) -> Any:
        return lambda: diary.tell(source, world.clock.now, told=told)

    world.cloud.offers = {one.offer_id: tell(world.cloud, one) for one in (observed, moving)}
    world.center.offers = {"told": tell(world.center, told, told=True)}
    settings: dict[str, Any] = {"interval": "3h", "stale_after": "6h"}
    engine = world.all_sources(**settings)
    while world.clock.now < NOW + YEAR:
        is_down = outage[0] <= world.clock.now < outage[1]
        world.cloud.refusal = world.center.refusal = UpstreamError("down") if is_down else None
        if world.clock.now >= moved and "moving" in world.cloud.offers:
            world.center.offers["moving"] = tell(world.center, moving)
            del world.cloud.offers["moving"]
            snapshot = saved(engine.stop(), tmp_path / "state")
            engine = world.all_sources(**settings)
            engine.adopt(snapshot)
        world.refresh(INTERVAL)

    for diary in (observed, told, moving):
        record = world.of(diary.offer_id)
        ended = record.past.ended()
        expected = [one for one in diary.entries if one.ended <= world.clock.now - INTERVAL][-len(ended) :]
        assert len(ended) == min(20, len([one for one in diary.entries if one.ended <= world.clock.now]))
        assert [one.version for one in ended if one.ended <= expected[-1].ended + INTERVAL][-5:] == [
            one.version for one in expected
        ][-5:]
        by_version = {one.version: one for one in diary.entries}
        for one in ended:
            entry = by_version[one.version or 0]
            assert one.outcome is entry.outcome
            is_exact = one.is_told
            assert is_exact is (diary is told and entry.outcome is SUCCEEDED)
            if is_exact:
                assert (one.begun, one.ended) == (round(entry.begun), round(entry.ended))
                continue
            if one.begun is not None:
                assert 0 <= one.begun - entry.begun <= INTERVAL
                assert 0 <= one.ended - entry.ended <= INTERVAL
            else:
                watch = [NOW + 60, *outage, moved]
                assert any(entry.begun - INTERVAL <= at <= entry.ended + 4 * DAY for at in watch)
        assert record.past.counts == tuple(
            sum(one.outcome is outcome for one in diary.entries if one.ended <= world.clock.now) for outcome in OUTCOMES
        )
    check_durations(world, (observed, told, moving), outage)


def check_durations(world: World, diaries: tuple[Diary, ...], outage: tuple[float, float]) -> None:
    """Each duration on record is one of the diary, and none is missing that began and ended under watch."""
    pools = {(one.source, one.step_id): one.unpacked() for one in world.record.pools}
    assert {step_id for _, step_id in pools} == {"validate", "certify", "live"}
    for place, name in enumerate(STEPS):
        if name == "publisher-signoff":
            continue
        happened = [
            (one.instants[place], one.instants[place + 1])
            for diary in diaries
            for one in diary.entries
            if place + 2 < len(one.instants) or (place + 2 == len(one.instants) and one.outcome is SUCCEEDED)
        ]
        seen = [one for (_, step_id), durations in pools.items() if step_id == name for one in durations]
        for one in seen:
            lag = 0.5 if one.is_told else INTERVAL
            assert any(
                -0.5 <= one.ended - ended <= lag and abs(one.seconds - (ended - begun)) <= lag + 0.5
                for begun, ended in happened
            )
        is_clear = [
            (begun, ended)
            for begun, ended in happened
            if begun > NOW + INTERVAL
            and ended < world.clock.now
            and not (begun < outage[1] + INTERVAL and outage[0] - INTERVAL < ended)
        ]
        assert len(is_clear) - 2 <= len(seen) <= len(happened)


def saved(snapshot: Snapshot, path: Path) -> Snapshot:
    state = StateFile(path)
    state.save(snapshot)
    state.close()
    again = StateFile(path)
    try:
        loaded = again.load()
    finally:
        again.close()
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

"""The forecast; how often it is right is measured by `make bench ARGS=forecast`."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from exporter.collection.forecast import Outlooks
from exporter.collection.record import Duration, Past, PastPublication, Pool, pooled
from exporter.collection.snapshot import OfferRecord, Outlook
from exporter.domain.offers import Offer, OfferStatus, Step, StepStatus
from tests.unit.make import NOW, record

HOUR, DAY = 3600, 86400
SOURCE = "cloud_partner"
BUSY, TO_COME, DONE = StepStatus.IN_PROGRESS, StepStatus.NOT_STARTED, StepStatus.COMPLETE


def step(step_id: str, status: StepStatus, estimate: str = "", **fields: Any) -> Step:
    return Step(step_id, step_id, status, estimated_time_frame=estimate, **fields)


def published(
    *steps: Step, since: float = NOW, status: OfferStatus = OfferStatus.RUNNING, **fields: Any
) -> OfferRecord:
    """An offer whose steps have the status that they have since then."""
    shown = Offer("contoso", "vm", status, SOURCE, offer_type="vm", steps=steps)
    one = record(shown, **fields)
    assert one.since is not None
    return replace(one, since=replace(one.since, steps=dict.fromkeys((one.step_id for one in steps), since)))


def pool(step_id: str, seconds: Iterable[float], offer_type: str = "vm", every: float = DAY) -> tuple[Pool, ...]:
    took = list(seconds)
    ends = (round(NOW - (len(took) - number) * every) for number in range(len(took)))
    durations = (Duration(end, round(one), is_told=False) for end, one in zip(ends, took, strict=True))
    return pooled((), ((SOURCE, offer_type, step_id, one) for one in durations))


def own(step_id: str, *seconds: int) -> Past:
    past = Past()
    for number, one in enumerate(seconds):
        past = past.with_duration(
            SOURCE, step_id, Duration(round(NOW) - (len(seconds) - number) * DAY, one, is_told=False)
        )
    return past


def outlook(one: OfferRecord, *pools: tuple[Pool, ...], now: float = NOW) -> Outlook | None:
    return Outlooks([one for some in pools for one in some], now).seen(one).outlook


def hours(one: OfferRecord, *pools: tuple[Pool, ...], now: float = NOW) -> tuple[float, float] | None:
    """The two dates, in hours from now."""
    found = outlook(one, *pools, now=now)
    if found is None or found.expected is None:
        return None
    first, last = ((date - now) / HOUR for date in found.expected)
    return round(first, 1), round(last, 1)


TEN = [number * HOUR for number in (6, 1, 9, 4, 2, 10, 3, 8, 5, 7)]


def test_by_the_record_of_the_type() -> None:
    assert hours(published(step("a", BUSY)), pool("a", TEN)) == pytest.approx((5.5, 8.6), abs=0.1)
    assert hours(published(step("a", TO_COME)), pool("a", TEN)) == pytest.approx((5.5, 8.6), abs=0.1)


def test_the_offer_itself_comes_first_then_its_type_then_all() -> None:
    one = published(step("a", BUSY, "< 1 day"), past=own("a", *[2 * HOUR] * 5))
    of_type, of_all = pool("a", [4 * HOUR] * 5), pool("a", [8 * HOUR] * 5, "saas")
    found = [
        outlook(one, of_type, of_all),
        outlook(replace(one, past=own("a", *[2 * HOUR] * 4)), of_type, of_all),
        outlook(replace(one, past=Past()), pool("a", [4 * HOUR] * 4), of_all),
    ]
    assert [(round(some.usual["a"].median / HOUR), some.usual["a"].basis) for some in found if some] == [
        (2, "offer"),
        (4, "type"),
        (8, "all"),
    ]


@pytest.mark.parametrize(
    ("estimate", "since", "expected"),
    [
        ("~2-3 days", NOW, (60.0, 67.1)),
        ("< 1 day", NOW, (12.0, 19.1)),
        ("< 1 day", NOW - 12 * HOUR, (6.0, 9.5)),
        ("< 1 day", NOW - 30 * HOUR, (15.0, 23.9)),
        ("soon", NOW, None),
    ],
)
def test_by_the_estimate_of_microsoft(estimate: str, since: float, expected: tuple[float, float] | None) -> None:
    """Where the record has fewer than five, as a range; once that has passed, as long again."""
    one = published(step("a", BUSY, estimate), since=since)
    found = hours(one, pool("a", [HOUR] * 4))
    assert found == (expected and pytest.approx(expected, abs=0.1))
    told = outlook(one)
    assert told is None or told.usual == {}
    if since == NOW:
        assert hours(published(step("a", TO_COME, estimate))) == found


def test_the_step_under_way_counts_what_has_passed() -> None:
    """Of those that took longer than 6 hours one is left half way; beyond the longest the tail goes on."""
    one = published(step("a", BUSY), since=NOW - 6 * HOUR)
    assert hours(one, pool("a", TEN)) == pytest.approx((2.2, 3.9), abs=0.3)
    late = published(step("a", BUSY), since=NOW - 20 * HOUR)
    first, last = hours(late, pool("a", TEN)) or (0, 0)
    assert 5 < first < last < 60
    told = published(step("a", BUSY, started=NOW - 6.0 * HOUR))
    assert hours(told, pool("a", TEN)) == hours(one, pool("a", TEN))


def test_steps_follow_each_other_but_those_that_run_side_by_side() -> None:
    pools = pool("a", [10 * HOUR] * 9), pool("b", [4 * HOUR] * 9), pool("c", [HOUR] * 9)
    steps = step("x", DONE), step("a", BUSY), step("b", BUSY), step("c", TO_COME)
    assert hours(published(*steps), *pools) == pytest.approx((11, 11), abs=0.3)
    assert hours(published(*steps[:2], step("b", TO_COME), steps[3]), *pools) == pytest.approx((15, 15), abs=0.3)


def test_sums_of_random_durations_have_the_right_quantiles() -> None:
    rng = random.Random(1)
    took = {name: [rng.lognormvariate(0, 0.6) * DAY for _ in range(200)] for name in "abcd"}
    sums = sorted(sum(rng.choice(some) for some in took.values()) / HOUR for _ in range(20_000))
    steps = tuple(step(name, TO_COME) for name in took)
    first, last = hours(published(*steps), *(pool(name, some) for name, some in took.items())) or (0, 0)
    assert first == pytest.approx(sums[10_000], rel=0.04)
    assert last == pytest.approx(sums[16_000], rel=0.04)


def test_the_publisher_counts_as_done_at_once() -> None:
    signoff = step("publisher-signoff", StepStatus.WAITING_FOR_PUBLISHER_REVIEW)
    waiting = published(signoff, step("live", TO_COME), status=OfferStatus.WAITING_FOR_PUBLISHER_REVIEW)
    assert hours(waiting, pool("live", TEN)) == pytest.approx((5.5, 8.6), abs=0.1)
    promoted = published(step("live", StepStatus.WAITING_FOR_PUBLISHER_REVIEW), since=NOW - 9 * HOUR)
    assert hours(promoted, pool("live", TEN)) == pytest.approx((5.5, 8.6), abs=0.1)


@pytest.mark.parametrize(
    "one",
    [
        published(step("a", StepStatus.BLOCKED)),
        published(step("a", StepStatus.REJECTED)),
        published(step("b", BUSY)),
        published(),
        published(step("a", DONE)),
        published(step("a", BUSY), status=OfferStatus.FAILED, outlook=Outlook((1.0, 2.0))),
        published(step("a", BUSY), status=OfferStatus.SUCCEEDED),
        OfferRecord("contoso", "vm"),
    ],
)
def test_absent_where_nothing_can_be_said(one: OfferRecord) -> None:
    assert hours(one, pool("a", TEN)) is None if one.offer and one.offer.steps else True
    assert (outlook(one) or Outlook()).expected is None


def test_steps_that_the_api_only_shows_once_they_begin() -> None:
    """Those of the last publication that succeeded or, without one, those that its type usually has."""
    pools = pool("a", TEN), pool("b", [20 * HOUR] * 10), pool("gone", [99 * HOUR] * 4)
    assert hours(published(step("a", BUSY)), *pools) == pytest.approx((25.5, 28.6), abs=0.3)
    last = PastPublication(round(NOW) - 9 * DAY, round(NOW) - 8 * DAY, OfferStatus.SUCCEEDED, None, is_told=True)
    past = (
        own("a", *TEN[:2])
        .with_duration(SOURCE, "gone", Duration(round(NOW) - 90 * DAY, 5, is_told=True))
        .with_end(last)
    )
    assert hours(published(step("a", BUSY), past=past), *pools) == pytest.approx((5.5, 8.6), abs=0.1)


def test_a_change_is_noticed_after_a_few() -> None:
    """What was before counts no more: neither for the type, nor for an offer of it."""
    before, after = [HOUR + number * 7 % 40 for number in range(40)], [9 * HOUR + number for number in range(6)]
    assert hours(published(step("a", BUSY)), pool("a", before + after)) == pytest.approx((9, 9), abs=0.3)
    one = published(step("a", BUSY), past=own("a", *[HOUR] * 3, *[9 * HOUR] * 2))
    found = outlook(one, pool("a", before + after, every=HOUR * 8))
    assert found is not None
    assert found.usual["a"].basis == "type"


MONDAY = 1_799_625_600 - 1_799_625_600 % (7 * DAY) + 4 * DAY


def test_weekends_count_if_the_record_shows_that_they_matter() -> None:
    """Two working days from a Friday noon end on Tuesday noon; where steps also end at weekends, on Sunday noon."""
    friday = MONDAY + 4 * DAY + 12 * HOUR
    begun = [MONDAY - (40 - week) * 7 * DAY + week % 5 * DAY + 12 * HOUR for week in range(40)]

    def ended(start: int, *, rests: bool) -> Duration:
        weekday = (start - MONDAY) // DAY % 7
        seconds = (4 if rests and weekday >= 3 else 2) * DAY
        return Duration(start + seconds, seconds, is_told=True)

    one = published(step("a", BUSY), since=friday)
    for rests, expected in ((True, 96), (False, 48)):
        pools = pooled((), ((SOURCE, "vm", "a", ended(start, rests=rests)) for start in begun))
        assert hours(one, pools, now=friday) == pytest.approx((expected, expected), abs=3)


def test_it_holds_for_half_an_hour_while_nothing_happens_and_it_is_far_off() -> None:
    def again(before: OfferRecord, later: float, pools: tuple[Pool, ...], **changes: Any) -> Outlook | None:
        blank = replace(before, outlook=None, **changes)
        return Outlooks(pools, NOW + later).seen(blank, before).outlook

    days = pool("a", [one * 24 for one in TEN])
    far = Outlooks(days, NOW).seen(published(step("a", BUSY)))
    turns = [later for later in range(0, 3600, 60) if again(far, later, days) is not far.outlook]
    assert turns == list(range(turns[0], 3600, 60))
    assert 0 < turns[0] <= 1800
    assert again(far, 0, days, past=own("a", 9)) is not far.outlook
    assert again(far, 0, days, offer=replace(far.offer, version=9)) is not far.outlook  # type: ignore[type-var]  # it is there
    near = Outlooks(pool("a", [HOUR] * 9), NOW).seen(published(step("a", BUSY)))
    assert again(near, 0, pool("a", [HOUR] * 9)) is not near.outlook

"""One source: what a refresh makes of its answers."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from exporter.collection.snapshot import PublisherRecord, Snapshot
from exporter.config.selection import Selection
from exporter.config.settings import ApiSettings, PublisherSettings
from exporter.domain.errors import (
    CredentialError,
    DeadlineError,
    DecodeError,
    ForbiddenError,
    NotFoundError,
    SourceError,
    TransportError,
    UpstreamError,
)
from exporter.domain.offers import Offer, OfferStatus
from exporter.sources.base import Answer
from tests.unit.collection.world import START, World
from tests.unit.make import NOW, step

RUNNING, FAILED, LIVE = OfferStatus.RUNNING, OfferStatus.FAILED, OfferStatus.SUCCEEDED


def named(*offers: str) -> PublisherSettings:
    return PublisherSettings(id="contoso", offers=offers)


def test_all_is_well(world: World) -> None:
    world.cloud.offers = {"a": RUNNING, "b": FAILED}
    publisher = world.refresh()
    assert (publisher.up, publisher.listed, publisher.failure, publisher.left_out) == (True, 2, None, 0)
    assert publisher.last_refresh == publisher.last_success == START
    assert world.shown() == {"a": "cloud_partner running", "b": "cloud_partner failed"}
    assert all(one.last_success == START and one.failure is None for one in publisher.offers)
    assert world.counted() == {}
    assert world.published[-1] == world.saved[-1] == world.engine.snapshot  # type: ignore[union-attr]  # it runs


def test_a_publisher_without_offers(world: World) -> None:
    publisher = world.refresh()
    assert (publisher.up, publisher.listed, publisher.offers) == (True, 0, ())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UpstreamError("500"), "upstream"),
        (DecodeError("what?"), "decode"),
        (NotFoundError("404"), "not_found"),
        (RuntimeError("bug"), "internal"),
        (TimeoutError("odd"), "internal"),
    ],
)
def test_one_offer_fails(world: World, error: Exception, reason: str) -> None:
    """It keeps its data and its old success time; the others are unaffected; the publisher tells of it."""
    world.cloud.offers = {"a": RUNNING, "b": RUNNING}
    world.refresh()
    before = world.of("b")
    world.cloud.offers["b"] = error
    publisher = world.refresh()
    a, b = world.of("a"), world.of("b")
    assert (a.failure, a.last_success) == (None, START + 60)
    assert b.failure is not None
    assert b == replace(before, failure=b.failure, tried=START + 60)
    assert b.failure.reason == reason
    assert publisher.failure is not None
    assert (publisher.up, publisher.last_success, publisher.failure.reason) == (False, START, reason)
    assert publisher.failure.text.startswith("1 of 2 offers failed; ")
    assert world.counted() == {reason: 1}


def test_an_offer_that_never_worked_and_then_does(world: World) -> None:
    world.cloud.offers = {"a": DecodeError("what?")}
    (shown,) = world.refresh().offers
    assert shown.failure is not None
    assert (shown.offer, shown.last_success, shown.failure.reason) == (None, None, "decode")
    world.cloud.offers = {"a": RUNNING}
    assert world.refresh().up
    assert world.reasons() == {}


@pytest.mark.parametrize("error", [TransportError("gone"), ForbiddenError("no"), RuntimeError("bug")])
def test_a_failed_list_deletes_nothing_and_marks_all(world: World, error: Exception) -> None:
    """Nothing was fetched, so no offer is up: also if the failure is a bug of ours."""
    world.cloud.offers = {"a": RUNNING, "b": RUNNING}
    before = world.refresh()
    world.cloud.refusal = error
    publisher = world.refresh()
    assert publisher.failure is not None
    assert (publisher.up, publisher.listed) == (False, 2)
    assert publisher.offers == tuple(replace(one, failure=publisher.failure) for one in before.offers)
    assert world.counted() == {publisher.failure.reason: 1}


def test_an_offer_that_leaves_the_list_and_returns_keeps_its_times(world: World) -> None:
    """Within a day; later it is a new one."""
    world.cloud.offers = {"a": RUNNING, "b": RUNNING}
    world.refresh()
    since = world.of("a").since
    del world.cloud.offers["a"]
    assert [one.offer_id for one in world.refresh().offers] == ["b"]
    world.refresh(86400 - 61)
    world.cloud.offers["a"] = RUNNING
    world.refresh(0)
    assert world.of("a").since == since
    del world.cloud.offers["a"]
    world.refresh()
    world.refresh(86400)
    world.cloud.offers["a"] = RUNNING
    world.refresh()
    assert world.of("a").since != since


def test_a_list_that_is_not_whole_removes_nothing(world: World) -> None:
    """What it leaves out is asked for directly; what is gone says so, and goes when it is stale."""
    world.cloud.offers = {"a": RUNNING, "b": FAILED, "gone": FAILED}
    world.refresh()
    world.cloud.offers, world.cloud.hidden, world.cloud.is_whole = {"a": RUNNING}, {"b": FAILED}, False
    world.refresh()
    assert world.shown() == {
        name: f"cloud_partner {status}"
        for name, status in zip(("a", "b", "gone"), (RUNNING, FAILED, FAILED), strict=True)
    }
    assert world.reasons() == {"gone": "not_found"}
    world.refresh(1800)
    world.refresh(1800)
    assert set(world.shown()) == {"a", "b"}


@pytest.mark.parametrize("error", [ForbiddenError("403"), NotFoundError("404")])
def test_named_offers_need_no_list(world: World, error: SourceError) -> None:
    """Not being allowed to list is no failure then."""
    world.run(named("a", "b"))
    world.cloud.refusal, world.cloud.hidden = error, {"a": RUNNING, "b": RUNNING}
    publisher = world.refresh()
    assert (publisher.up, publisher.failure, publisher.listed) == (True, None, None)
    assert list(world.shown()) == ["a", "b"]
    assert world.counted() == {}


@pytest.mark.parametrize(
    "error", [UpstreamError("500"), TransportError("gone"), DecodeError("what?"), CredentialError("401")]
)
def test_named_offers_are_asked_for_although_the_list_failed(world: World, error: SourceError) -> None:
    world.run(named("a"))
    world.cloud.refusal, world.cloud.hidden = error, {"a": RUNNING}
    publisher = world.refresh()
    assert publisher.failure is not None
    assert (publisher.up, publisher.failure.reason) == (False, error.reason)
    assert world.reasons() == {}


def test_only_named_offers_are_asked_for_once_each(world: World) -> None:
    world.run(named("b", "x", "b"))
    world.cloud.offers, world.cloud.hidden = {"a": RUNNING, "b": RUNNING}, {"x": LIVE}
    assert world.refresh().listed == 2
    assert sorted(world.cloud.ids()) == ["b", "x"]


def test_a_named_offer_that_is_deleted_is_not_found_whether_it_was_known_or_not(world: World) -> None:
    """What was told before is held until it is stale, and proves nothing."""
    world.run(named("a"))
    world.cloud.offers = {"a": OfferStatus.NEVER_PUBLISHED}
    world.refresh()
    world.cloud.offers = {}
    for _ in range(2):
        world.refresh()
        assert world.reasons() == {"a": "not_found"}
        assert world.of("a").last_success == START


def test_since_is_traced(world: World) -> None:
    running = world.cloud.offer("a", RUNNING, steps=(step("s"),))
    world.cloud.offers = {"a": running}
    for _ in range(3):
        (shown,) = world.refresh().offers
    assert shown.since is not None
    assert (shown.since.status, shown.since.steps) == (START, {"s": START})
    world.cloud.offers = {"a": replace(running, status=FAILED)}
    (shown,) = world.refresh().offers
    assert shown.since is not None
    assert (shown.since.status, shown.since.waiting_on, shown.since.steps) == (START + 180, START + 180, {"s": START})


def test_details_that_could_not_be_read(world: World) -> None:
    """The status is news, the failure is told and counted, and the next refresh asks again; "there are none" is no failure."""
    told = world.cloud.offer("a", FAILED, submission="1/failed")
    world.cloud.offers = {"a": Answer(told, (UpstreamError("500"),))}
    world.refresh()
    assert (world.shown(), world.reasons()) == ({"a": "cloud_partner failed"}, {"a": "upstream"})
    assert (world.of("a").last_success, world.of("a").asked) == (START, None)
    world.cloud.offers = {"a": Answer(told, (NotFoundError("404"),))}
    assert world.refresh().up
    assert (world.reasons(), world.of("a").asked) == ({}, None)
    assert world.counted() == {"upstream": 1, "not_found": 1}
    assert not any(one.may_reuse for one in world.cloud.asked)


def test_publishers_do_not_touch_each_other(world: World) -> None:
    """Also not two whose ids differ only in case: the API tells which of them exist."""
    world.run("contoso", "Contoso", "fabrikam")
    world.cloud.lists = {
        "contoso": (world.cloud.offer("a"),),
        "Contoso": NotFoundError("404"),
        "fabrikam": RuntimeError("bug"),
    }
    world.refresh()
    shown = world.published[-1].publishers
    assert [(one.publisher_id, one.up) for one in shown] == [("contoso", True), ("Contoso", False), ("fabrikam", False)]
    assert world.counted() == {"not_found": 1, "internal": 1}


def test_a_publisher_that_is_done_ends_no_other(world: World) -> None:
    fast = PublisherSettings(id="fast", sources=("partner_center",))
    engine = world.run("slow", fast, api=ApiSettings(max_concurrency=1))
    fast_done = threading.Event()

    def look(snapshot: Snapshot) -> None:
        if snapshot.publisher("fast").up is not None:
            fast_done.set()

    def wait() -> Offer:
        assert fast_done.wait(10)
        return world.cloud.offer("first")

    world.on_publish = look
    world.cloud.lists = {"slow": (world.cloud.offer("first"), world.cloud.offer("second"))}
    world.cloud.hidden = {"first": wait, "second": RUNNING}
    assert engine.refresh().publisher("slow").up


def test_one_slow_publisher_holds_up_none_of_the_others(world: World) -> None:
    engine = world.run("slow", "fast")
    release, fast_shown = threading.Event(), threading.Event()

    def look(snapshot: Snapshot) -> None:
        if snapshot.publisher("fast").up and snapshot.publisher("slow").up is None:
            fast_shown.set()

    def slow() -> Offer:
        assert release.wait(10)
        return world.cloud.offer("s")

    world.on_publish = look
    world.cloud.lists = {"slow": (world.cloud.offer("s"),), "fast": (world.cloud.offer("f"),)}
    world.cloud.hidden = {"s": slow, "f": RUNNING}
    refreshing = threading.Thread(target=engine.refresh)
    refreshing.start()
    assert fast_shown.wait(10)
    release.set()
    refreshing.join(10)
    assert not refreshing.is_alive()


def test_what_a_refresh_had_no_time_for_comes_first_in_the_next(world: World) -> None:
    """One request at a time, and time for the first two only: in turn each is asked."""
    world.run(api=ApiSettings(max_concurrency=1))
    asked: list[str] = []

    def take_long() -> Offer:
        asked.append(world.cloud.asked[-1].offer_id)
        if len(asked) % 2 == 0:
            world.monotonic.now += 1000
        return world.cloud.offer(asked[-1], RUNNING)

    world.cloud.offers = dict.fromkeys("abcde", take_long)
    left = [world.refresh().left_out for _ in range(3)]
    assert (left, "".join(asked)) == ([3, 3, 3], "abcdea")


def test_a_call_that_hangs_does_not_hold_the_refresh(world: World) -> None:
    world.run(timeout="50ms")
    release = threading.Event()

    def hang() -> Offer:
        release.wait(10)
        return world.cloud.offer("a")

    world.cloud.offers = {"a": hang}
    publisher = world.refresh()
    release.set()
    assert publisher.failure is not None
    assert (publisher.failure.reason, publisher.left_out) == ("deadline", 0)


def test_named_offers_are_there_before_anything_worked(world: World) -> None:
    world.run(named("a"))
    world.cloud.refusal = DeadlineError("over")
    publisher = world.refresh()
    assert [(one.offer_id, one.offer, one.failure) for one in publisher.offers] == [("a", None, publisher.failure)]


def test_the_most_frequent_reason_stands_for_the_publisher(world: World) -> None:
    world.cloud.offers = {
        "a": DecodeError("x"),
        "b": UpstreamError("500 first"),
        "c": UpstreamError("500"),
        "d": RUNNING,
    }
    failure = world.refresh().failure
    assert failure is not None
    assert (failure.reason, failure.text) == ("upstream", "3 of 4 offers failed; 500 first")
    assert world.counted() == {"decode": 1, "upstream": 2}


def test_a_bug_is_logged_with_its_trace_and_shown_by_its_type_only(world: World) -> None:
    world.cloud.offers = {"a": RuntimeError("sesame")}
    with capture_logs() as logs:
        world.refresh()
    failure = world.of("a").failure
    assert failure is not None
    assert failure.text == "unexpected RuntimeError, see the log"
    assert [one["event"] for one in logs if one.get("exc_info")] == ["fetch broke"]


def test_the_same_failure_is_logged_once(world: World) -> None:
    world.cloud.offers = {"a": TransportError("gone")}
    with capture_logs() as logs:
        for _ in range(3):
            world.refresh()
    assert [one["event"] for one in logs].count("offer not fetched") == 1


def test_a_refresh_that_breaks_deletes_nothing(world: World) -> None:
    world.cloud.offers = {"a": RUNNING}
    world.refresh()
    before = world.of("a").offer
    world.connections.sources = {"default": {}}
    record = world.refresh()
    assert record.failure is not None
    assert record.failure.reason == "internal"
    assert [(one.offer, one.failure) for one in record.offers] == [(before, record.failure)]


def test_adopt_keeps_what_is_still_wanted(world: World) -> None:
    left = Snapshot((PublisherRecord("gone", 300.0), PublisherRecord("contoso", 300.0, last_refresh=NOW)))
    engine = world.run("contoso", "fabrikam", interval="2m")
    engine.adopt(left)
    everything = Selection(sources=("cloud_partner",))
    assert engine.snapshot.publishers == (
        PublisherRecord("contoso", 120.0, last_refresh=NOW, selection=everything),
        PublisherRecord("fabrikam", 120.0, selection=everything),
    )


def test_a_clock_that_is_a_month_ahead_for_one_refresh(world: World) -> None:
    """No time later than now is kept, whether the next refresh works or not; what holds longer keeps its time."""
    world.cloud.offers = {"a": RUNNING, "b": RUNNING}
    world.refresh()
    since = world.of("a").since
    world.cloud.offers["b"] = FAILED
    world.refresh(30 * 86400)
    world.cloud.offers["b"] = TransportError("gone")
    publisher = world.refresh(-30 * 86400)
    now = world.clock.now
    assert world.of("a").since == since
    assert publisher.last_refresh == now
    assert (publisher.last_success or 0) <= now
    b = world.of("b")
    assert b.since is not None
    assert (b.last_success, b.asked, b.tried, b.since.status) == (now,) * 4
    world.cloud.offers["b"] = FAILED
    assert world.refresh().up


REST = {"changed": 5.0}


@pytest.mark.parametrize(
    ("change", "seconds", "asked"),
    [
        ({}, 3599, 1),
        ({}, 3600, 2),
        ({"changed": 6.0}, 60, 2),
        ({"status": RUNNING}, 60, 2),
        ({"version": 2}, 60, 2),
        ({"display_name": "new"}, 60, 2),
    ],
)
def test_offers_at_rest_are_asked_for_seldom(
    world: World, change: dict[str, object], seconds: float, asked: int
) -> None:
    """While the list alone shows that nothing has changed; they count as fetched all the same."""
    world.run(terminal_interval="1h")
    entry = world.cloud.offer("a", LIVE, changed=5.0)
    world.cloud.lists = {"contoso": (entry,)}
    world.refresh()
    world.cloud.lists = {"contoso": (replace(entry, **change),)}  # type: ignore[arg-type]
    publisher = world.refresh(seconds)
    assert len(world.cloud.asked) == asked
    assert publisher.up
    assert world.of("a").last_success == world.clock.now


@pytest.mark.parametrize("status", OfferStatus)
@pytest.mark.parametrize("changed", [5.0, None])
def test_only_offers_at_rest_whose_changes_are_told_rest(
    world: World, status: OfferStatus, changed: float | None
) -> None:
    world.cloud.lists = {"contoso": (world.cloud.offer("a", status, changed=changed),)}
    for _ in range(3):
        world.refresh()
    assert len(world.cloud.asked) == (1 if status.is_terminal and changed else 3)


def test_an_offer_at_rest_that_failed_is_asked_for_again(world: World) -> None:
    world.cloud.lists = {"contoso": (world.cloud.offer("a", LIVE, changed=5.0),)}
    world.refresh()
    world.cloud.lists |= {"contoso": TransportError("gone")}
    world.refresh()
    world.cloud.lists |= {"contoso": (world.cloud.offer("a", LIVE, changed=5.0),)}
    assert world.refresh().up
    assert len(world.cloud.asked) == 2


def test_details_of_an_unchanged_submission_are_reused_for_a_while_only(world: World) -> None:
    """However often the source says that it reused them."""
    world.run(terminal_interval="1h")
    world.cloud.offers = {"a": world.cloud.offer("a", LIVE, submission="1/published")}
    reuse = []
    for _ in range(4):
        world.refresh(1300)
        reuse.append(world.cloud.asked[-1].may_reuse)
    assert reuse == [False, True, True, False]
    assert world.cloud.asked[-1].told == world.cloud.offers["a"]

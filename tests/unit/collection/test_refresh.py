"""One source: what a refresh makes of its answers."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from exporter.collection.snapshot import PublisherRecord, Snapshot, SourceRecord
from exporter.config.selection import Selection
from exporter.config.settings import ApiSettings, PublisherSettings
from exporter.domain.errors import (
    CredentialError,
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
    assert world.see(cloud={"a": RUNNING, "b": FAILED}) == {"a": "cloud running", "b": "cloud failed"}
    publisher = world.record
    assert (publisher.up, publisher.listed, publisher.left_out) == (True, 2, 0)
    assert publisher.last_refresh == publisher.last_success == START
    assert {one.last_success for one in publisher.offers} == {START}
    assert world.counted() == {}
    assert world.published[-1] == world.saved[-1] == world.engine.snapshot  # type: ignore[union-attr]  # it runs


def test_a_publisher_without_offers(world: World) -> None:
    assert world.see() == {}
    assert world.record.listed == 0


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
def test_one_offer_fails_and_recovers(world: World, error: Exception, reason: str) -> None:
    """It keeps its data and its old success time, be there any; the others are unaffected; the publisher tells of it."""
    well = {"a": "cloud running", "b": "cloud running"}
    seen = world.see(cloud={"a": RUNNING, "b": error})
    assert seen == well | {"b": f"({reason})", "contoso": reason}
    assert world.see(cloud={"a": RUNNING, "b": RUNNING}) == well
    before = world.of("b")
    seen = world.see(cloud={"a": RUNNING, "b": error})
    assert seen == well | {"b": f"cloud running ({reason})", "contoso": reason}
    b, publisher = world.of("b"), world.record
    assert b == replace(before, failure=b.failure, tried=START + 120)
    assert (world.of("a").last_success, publisher.last_success) == (START + 120, START + 60)
    assert publisher.failure is not None
    assert publisher.failure.text.startswith("1 of 2 offers failed; ")
    assert world.counted() == {reason: 2}


@pytest.mark.parametrize("error", [TransportError("gone"), ForbiddenError("no"), RuntimeError("bug")])
def test_a_failed_list_deletes_nothing_and_marks_all(world: World, error: Exception) -> None:
    """Nothing was fetched, so no offer is up: also if the failure is a bug of ours."""
    world.see(cloud={"a": RUNNING, "b": RUNNING})
    before = world.record
    world.see(cloud=error)
    publisher = world.record
    assert publisher.failure is not None
    assert publisher.offers == tuple(replace(one, failure=publisher.failure) for one in before.offers)
    assert publisher.left_out == 0
    assert (publisher.listed, world.counted()) == (2, {publisher.failure.reason: 1})


def test_an_offer_that_leaves_the_list_and_returns_keeps_its_times(world: World) -> None:
    """Within a day; later it is a new one."""
    world.see(cloud={"a": RUNNING, "b": RUNNING})
    since = world.of("a").since
    assert world.see(cloud={"b": RUNNING}) == {"b": "cloud running"}
    world.see(86400 - 61)
    world.see(0, cloud={"a": RUNNING})
    assert world.of("a").since == since
    world.see(cloud={})
    world.see(86400)
    world.see(cloud={"a": RUNNING})
    assert world.of("a").since != since


def test_a_list_that_is_not_whole_removes_nothing(world: World) -> None:
    """What it leaves out is asked for directly; what is gone says so, and goes when it is stale."""
    world.see(cloud={"a": RUNNING, "b": FAILED, "gone": FAILED})
    world.cloud.is_whole = False
    left = {"a": "cloud running", "b": "cloud failed"}
    seen = world.see(cloud=({"a": RUNNING}, {"b": FAILED}))
    assert seen == left | {"gone": "cloud failed (not_found)", "contoso": "not_found"}
    world.see(1800)
    assert world.see(1800) == left


@pytest.mark.parametrize("error", [ForbiddenError("403"), NotFoundError("404")])
def test_named_offers_need_no_list(world: World, error: SourceError) -> None:
    """Not being allowed to list is no failure then."""
    world.run(named("a", "b"))
    assert world.see(cloud=(error, {"a": RUNNING, "b": RUNNING})) == {"a": "cloud running", "b": "cloud running"}
    assert (world.record.listed, world.counted()) == (None, {})


@pytest.mark.parametrize(
    "error", [UpstreamError("500"), TransportError("gone"), DecodeError("what?"), CredentialError("401")]
)
def test_named_offers_are_asked_for_although_the_list_failed(world: World, error: SourceError) -> None:
    world.run(named("a"))
    assert world.see(cloud=(error, {"a": RUNNING})) == {"a": "cloud running", "contoso": error.reason}


def test_only_named_offers_are_asked_for_once_each(world: World) -> None:
    world.run(named("b", "x", "b"))
    world.see(cloud=({"a": RUNNING, "b": RUNNING}, {"x": LIVE}))
    assert (world.record.listed, sorted(world.cloud.ids())) == (2, ["b", "x"])


def test_a_named_offer_that_is_deleted_is_not_found_whether_it_was_known_or_not(world: World) -> None:
    """What was told before is held until it is stale, and proves nothing."""
    world.run(named("a"))
    world.see(cloud={"a": OfferStatus.NEVER_PUBLISHED})
    for _ in range(2):
        seen = world.see(cloud={})
        assert seen == {"a": "cloud never_published (not_found)", "contoso": "not_found"}
        assert world.of("a").last_success == START


def test_since_is_traced(world: World) -> None:
    running = world.cloud.offer("a", RUNNING, steps=(step("s"),))
    for later in (0, 60, 120):
        world.see(later, cloud={"a": running})
    world.see(cloud={"a": replace(running, status=FAILED)})
    since = world.of("a").since
    assert since is not None
    assert (since.status, since.waiting_on, since.steps) == (NOW + 240, NOW + 240, {"s": NOW})


def test_details_that_could_not_be_read(world: World) -> None:
    """The status is news, the failure is told and counted, and the next refresh asks again; "there are none" is no failure."""
    told = world.cloud.offer("a", FAILED, submission="1/failed")
    seen = world.see(cloud={"a": Answer(told, (UpstreamError("500"),))})
    assert seen == {"a": "cloud failed (upstream)", "contoso": "upstream"}
    assert (world.of("a").last_success, world.of("a").asked) == (START, None)
    assert world.see(cloud={"a": Answer(told, (NotFoundError("404"),))}) == {"a": "cloud failed"}
    assert world.of("a").asked is None
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


def test_a_publisher_is_shown_as_soon_as_it_is_done_and_ends_no_other(world: World) -> None:
    """However long another one takes, which then goes on with what is left of it."""
    fast = PublisherSettings(id="fast", sources=("partner_center",))
    engine = world.run("slow", fast, api=ApiSettings(max_concurrency=1))
    fast_shown = threading.Event()

    def look(snapshot: Snapshot) -> None:
        if snapshot.publisher("fast").up and snapshot.publisher("slow").up is None:
            fast_shown.set()

    def wait() -> Offer:
        assert fast_shown.wait(10)
        return world.cloud.offer("first")

    world.on_publish = look
    world.cloud.lists = {"slow": (world.cloud.offer("first"), world.cloud.offer("second"))}
    world.cloud.hidden = {"first": wait, "second": RUNNING}
    slow = engine.refresh().publisher("slow")
    assert (slow.up, len(slow.offers)) == (True, 2)


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
    world.run(timeout="500ms")
    release = threading.Event()

    def hang() -> Offer:
        release.wait(10)
        return world.cloud.offer("a")

    assert world.see(cloud={"a": hang}) == {"a": "(deadline)", "contoso": "deadline"}
    release.set()
    assert world.record.left_out == 0


def test_the_most_frequent_reason_stands_for_the_publisher(world: World) -> None:
    world.see(cloud={"a": DecodeError("x"), "b": UpstreamError("500 first"), "c": UpstreamError("500"), "d": RUNNING})
    failure = world.record.failure
    assert failure is not None
    assert (failure.reason, failure.text) == ("upstream", "3 of 4 offers failed; 500 first")
    assert world.counted() == {"decode": 1, "upstream": 2}


def test_a_bug_is_logged_with_its_trace_and_shown_by_its_type_only(world: World) -> None:
    with capture_logs() as logs:
        world.see(cloud={"a": RuntimeError("sesame")})
    failure = world.of("a").failure
    assert failure is not None
    assert failure.text == "unexpected RuntimeError, see the log"
    assert [(one["event"], one["offer_id"]) for one in logs if one.get("exc_info")] == [("fetch broke", "a")]


def test_the_same_failure_is_logged_once(world: World) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            world.see(cloud={"a": TransportError("gone")})
    (told,) = [one for one in logs if one["event"] == "offer not fetched"]
    assert (told["publisher_id"], told["offer_id"], told["error"]) == ("contoso", "a", "gone")


def test_a_refresh_that_breaks_deletes_nothing(world: World) -> None:
    world.see(cloud={"a": RUNNING})
    world.connections.sources = {"default": {}}
    assert world.see() == {"a": "cloud running (internal)", "contoso": "internal"}


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
    world.see(cloud={"a": RUNNING, "b": RUNNING})
    since = world.of("a").since
    world.see(30 * 86400, cloud={"a": RUNNING, "b": FAILED})
    world.see(-30 * 86400, cloud={"a": RUNNING, "b": TransportError("gone")})
    now, b, publisher = world.clock.now, world.of("b"), world.record
    assert world.of("a").since == since
    assert (publisher.last_refresh, publisher.last_success) == (now, now)
    assert b.since is not None
    assert (b.last_success, b.asked, b.tried, b.since.status) == (now,) * 4
    ahead = replace(publisher, last_refresh=now + 9, sources=(SourceRecord("cloud_partner", (), now + 9),))
    world.run().adopt(Snapshot((ahead,)))  # as from a state file
    assert world.record.last_refresh == world.record.sources[0].last_success == now


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
    world.cloud.lists = {"contoso": (replace(entry, **change),)}  # type: ignore[arg-type]  # the changes are parameters
    assert world.refresh(seconds).up
    assert (len(world.cloud.asked), world.of("a").last_success) == (asked, world.clock.now)


@pytest.mark.parametrize("status", OfferStatus)
@pytest.mark.parametrize("changed", [5.0, None])
def test_only_offers_at_rest_whose_changes_are_told_rest(
    world: World, status: OfferStatus, changed: float | None
) -> None:
    """Until one could not be read."""
    resting = {"contoso": (world.cloud.offer("a", status, changed=changed),)}
    asked = []
    for lists in (resting, resting, resting, {"contoso": TransportError("gone")}, resting):
        world.cloud.lists = dict(lists)
        world.refresh()
        asked.append(len(world.cloud.asked))
    assert asked == ([1, 1, 1, 1, 2] if status.is_terminal and changed else [1, 2, 3, 3, 4])


def test_details_of_an_unchanged_submission_are_reused_for_a_while_only(world: World) -> None:
    """However often the source says that it reused them."""
    world.run(terminal_interval="1h")
    reuse = []
    for _ in range(4):
        world.see(1300, cloud={"a": world.cloud.offer("a", LIVE, submission="1/published")})
        reuse.append(world.cloud.asked[-1].may_reuse)
    assert reuse == [False, True, True, False]
    assert world.cloud.asked[-1].told == world.cloud.offers["a"]

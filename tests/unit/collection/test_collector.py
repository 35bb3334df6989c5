from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.collection.collector import Collector
from exporter.collection.snapshot import OfferRecord, PublisherRecord, Snapshot
from exporter.collection.workers import Workers
from exporter.config.selection import Selection
from exporter.config.settings import CollectionSettings, PublisherSettings
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
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry
from tests.unit.make import NOW, Clock, offer, step

Answer = Offer | Exception | Callable[[], Offer]


@dataclass
class FakeSource:
    """Answers what a test says; offers are those of the list unless something else is said of them."""

    name: str = "cloud_partner"
    lists: dict[str, tuple[Offer, ...] | Exception] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    known: dict[str, Offer | None] = field(default_factory=dict)

    def list_offers(self, publisher_id: str, deadline: Deadline) -> tuple[Offer, ...]:
        deadline.check()
        listed = self.lists[publisher_id]
        if isinstance(listed, Exception):
            raise listed
        return listed

    def fetch_offer(self, publisher_id: str, offer_id: str, listed: Offer | None, deadline: Deadline) -> Offer:
        deadline.check()
        self.asked.append(offer_id)
        self.known[offer_id] = listed
        answer = self.answers.get(offer_id, listed)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            return replace(offer(offer_id), publisher_id=publisher_id)
        return answer() if callable(answer) else answer


class House:
    """A collector with all that it needs."""

    def __init__(self, workers: Workers, *publishers: str | PublisherSettings, **settings: Any) -> None:
        self.source = FakeSource()
        self.clock = Clock()
        self.monotonic = Clock(0)
        self.telemetry = Telemetry()
        self.published: list[Snapshot] = []
        self.collector = Collector(
            publishers=tuple(PublisherSettings(id=one) if isinstance(one, str) else one for one in publishers),
            sources={"cloud_partner": self.source},
            settings=CollectionSettings(**settings),
            workers=workers,
            telemetry=self.telemetry,
            publish=self.published.append,
            clock=self.clock,
            monotonic=self.monotonic,
        )
        self.snapshot = self.collector.adopt(Snapshot())

    def refresh(self, seconds: float = 60) -> PublisherRecord:
        """Refresh some time later and give the first publisher."""
        self.clock.now += seconds
        self.snapshot = self.collector.refresh(self.snapshot)
        return self.snapshot.publishers[0]

    def failures(self) -> dict[str, float]:
        """Give all reasons that were counted."""
        samples = next(iter(self.telemetry.refresh_failures_total.collect())).samples
        return {one.labels["reason"]: one.value for one in samples if one.value}

    def refreshes(self) -> float | None:
        return self.telemetry.registry.get_sample_value("azure_marketplace_exporter_refreshes_total")


Build = Callable[..., House]


@pytest.fixture
def build() -> Iterator[Build]:
    workers = Workers(4, "test")
    yield lambda *publishers, **settings: House(workers, *(publishers or ("contoso",)), **settings)
    workers.close()


def by_id(publisher: PublisherRecord) -> dict[str, OfferRecord]:
    return {one.offer_id: one for one in publisher.offers}


def explicit(*offers: str) -> PublisherSettings:
    return PublisherSettings(id="contoso", offers=offers)


def test_all_is_well(build: Build) -> None:
    house = build()
    listed = (offer("a"), offer("b", OfferStatus.FAILED))
    house.source.lists["contoso"] = listed
    publisher = house.refresh()
    assert (publisher.up, publisher.listed, publisher.failure) == (True, 2, None)
    assert publisher.last_refresh == publisher.last_success == NOW + 60
    assert [one.offer for one in publisher.offers] == list(listed)
    assert all(one.last_success == NOW + 60 and one.failure is None for one in publisher.offers)
    assert (house.failures(), house.refreshes()) == ({}, 1)
    assert house.published[-1] == house.snapshot


def test_a_publisher_without_offers(build: Build) -> None:
    house = build()
    house.source.lists["contoso"] = ()
    publisher = house.refresh()
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
def test_one_offer_fails(build: Build, error: Exception, reason: str) -> None:
    """It keeps its data and its old success time; the others are unaffected; the publisher tells of it."""
    house = build()
    house.source.lists["contoso"] = (offer("a"), offer("b"))
    before = house.refresh()
    house.source.answers["b"] = error
    publisher = house.refresh()
    a, b = by_id(publisher)["a"], by_id(publisher)["b"]
    assert (a.failure, a.last_success) == (None, NOW + 120)
    assert b.failure is not None
    assert (b.failure.reason, b.last_success, b.offer) == (reason, NOW + 60, by_id(before)["b"].offer)
    assert b.since == by_id(before)["b"].since
    assert publisher.failure is not None
    assert (publisher.up, publisher.last_success, publisher.failure.reason) == (False, NOW + 60, reason)
    assert publisher.failure.text.startswith("1 of 2 offers failed; ")
    assert house.failures() == {reason: 1}


def test_an_offer_that_never_worked(build: Build) -> None:
    house = build()
    house.source.lists["contoso"] = (offer("a"),)
    house.source.answers["a"] = DecodeError("what?")
    (shown,) = house.refresh().offers
    assert shown.failure is not None
    assert (shown.offer, shown.last_success, shown.failure.reason) == (None, None, "decode")


def test_recovery(build: Build) -> None:
    house = build()
    house.source.lists["contoso"] = (offer("a"),)
    house.source.answers["a"] = TransportError("gone")
    house.refresh()
    del house.source.answers["a"]
    publisher = house.refresh()
    assert (publisher.up, by_id(publisher)["a"].failure) == (True, None)


@pytest.mark.parametrize("error", [TransportError("gone"), ForbiddenError("no"), RuntimeError("bug")])
def test_a_failed_list_deletes_nothing_and_marks_all(build: Build, error: Exception) -> None:
    """Nothing was fetched, so no offer is up: also if the failure is a bug of ours."""
    house = build()
    house.source.lists["contoso"] = (offer("a"), offer("b"))
    before = house.refresh()
    house.source.lists["contoso"] = error
    publisher = house.refresh()
    assert publisher.failure is not None
    assert (publisher.up, publisher.listed) == (False, 2)
    assert [one.offer_id for one in publisher.offers] == ["a", "b"]
    assert [one.failure for one in publisher.offers] == [publisher.failure] * 2
    assert [one.last_success for one in publisher.offers] == [one.last_success for one in before.offers]
    assert house.failures() == {publisher.failure.reason: 1}


def test_a_good_list_without_an_offer_removes_it(build: Build) -> None:
    house = build()
    house.source.lists["contoso"] = (offer("a"), offer("b"))
    house.refresh()
    house.source.lists["contoso"] = (offer("b"), offer("c"))
    assert list(by_id(house.refresh())) == ["b", "c"]


@pytest.mark.parametrize("error", [ForbiddenError("403"), NotFoundError("404")])
def test_explicit_offers_need_no_list(build: Build, error: SourceError) -> None:
    """Not being allowed to list is no failure then."""
    house = build(explicit("a", "b"))
    house.source.lists["contoso"] = error
    publisher = house.refresh()
    assert (publisher.up, publisher.failure, publisher.listed) == (True, None, None)
    assert list(by_id(publisher)) == ["a", "b"]
    assert house.failures() == {}


@pytest.mark.parametrize(
    "error", [UpstreamError("500"), TransportError("gone"), DecodeError("what?"), CredentialError("401")]
)
def test_explicit_offers_are_asked_for_although_the_list_failed(build: Build, error: SourceError) -> None:
    house = build(explicit("a"))
    house.source.lists["contoso"] = error
    publisher = house.refresh()
    assert publisher.failure is not None
    assert (publisher.up, publisher.failure.reason) == (False, error.reason)
    assert by_id(publisher)["a"].failure is None


def test_only_explicit_offers_are_asked_for_once_each(build: Build) -> None:
    house = build(explicit("b", "x", "b"))
    house.source.lists["contoso"] = (offer("a"), offer("b", display_name="B"))
    publisher = house.refresh()
    assert sorted(house.source.asked) == ["b", "x"]
    assert publisher.listed == 2
    assert by_id(publisher)["b"].offer == offer("b", display_name="B")
    assert by_id(publisher)["x"].failure is None


def test_titles_survive_a_failed_list(build: Build) -> None:
    house = build(explicit("a"))
    house.source.lists["contoso"] = (offer("a", display_name="A"),)
    house.refresh()
    house.source.lists["contoso"] = ForbiddenError("403")
    house.refresh()
    assert house.source.known["a"] == offer("a", display_name="A")


def test_since_is_traced(build: Build) -> None:
    house = build()
    house.source.lists["contoso"] = (offer("a", steps=(step("s"),)),)
    for _ in range(3):
        (shown,) = house.refresh().offers
    assert shown.since is not None
    assert (shown.since.status, shown.since.steps) == (NOW + 60, {"s": NOW + 60})
    house.source.lists["contoso"] = (offer("a", OfferStatus.FAILED, steps=(step("s"),)),)
    (shown,) = house.refresh().offers
    assert shown.since is not None
    assert (shown.since.status, shown.since.waiting_on, shown.since.steps) == (NOW + 240, NOW + 240, {"s": NOW + 60})


def test_publishers_do_not_touch_each_other(build: Build) -> None:
    """Also not two whose ids differ only in case: the API tells which of them exist."""
    house = build("contoso", "Contoso", "fabrikam")
    house.source.lists |= {"contoso": (offer("a"),), "Contoso": NotFoundError("404"), "fabrikam": RuntimeError("bug")}
    house.refresh()
    assert [one.up for one in house.snapshot.publishers] == [True, False, False]
    assert [one.publisher_id for one in house.snapshot.publishers] == ["contoso", "Contoso", "fabrikam"]
    assert house.failures() == {"not_found": 1, "internal": 1}
    assert house.refreshes() == 3
    assert house.published[-1] == house.snapshot


def test_one_slow_publisher_holds_up_none_of_the_others(build: Build) -> None:
    house = build("slow", "fast")
    release, fast_shown = threading.Event(), threading.Event()

    def publish(snapshot: Snapshot) -> None:
        if snapshot.publisher("fast").up and snapshot.publisher("slow").up is None:
            fast_shown.set()

    def slow() -> Offer:
        assert release.wait(10)
        return offer("s")

    house.source.lists |= {"slow": (offer("s"),), "fast": (offer("f"),)}
    house.source.answers["s"] = slow
    collector = replace(house.collector, publish=publish)
    refreshing = threading.Thread(target=collector.refresh, args=(house.snapshot,))
    refreshing.start()
    assert fast_shown.wait(10)
    release.set()
    refreshing.join(10)
    assert not refreshing.is_alive()


def test_the_deadline_of_the_refresh(build: Build) -> None:
    """What was not asked by then counts as failed, keeps its data, and is not asked any more."""
    house = build(timeout="30s")
    house.source.lists["contoso"] = (offer("a"), offer("b"))
    house.refresh()

    def take_long() -> Offer:
        house.monotonic.now += 31
        return offer("a")

    house.source.answers = {"a": take_long, "b": DeadlineError("over")}
    publisher = house.refresh()
    failed = by_id(publisher)["b"]
    assert failed.failure is not None
    assert (failed.failure.reason, failed.last_success) == ("deadline", NOW + 60)
    assert publisher.up is False


def test_a_call_that_hangs_does_not_hold_the_refresh(build: Build) -> None:
    house = build(timeout="50ms")
    release = threading.Event()

    def hang() -> Offer:
        release.wait(10)
        return offer("a")

    house.source.lists["contoso"] = (offer("a"),)
    house.source.answers["a"] = hang
    publisher = house.refresh()
    release.set()
    assert publisher.failure is not None
    assert publisher.failure.reason == "deadline"


def test_explicit_offers_are_there_before_anything_worked(build: Build) -> None:
    house = build(explicit("a"))
    house.source.lists["contoso"] = DeadlineError("over")
    publisher = house.refresh()
    assert [(one.offer_id, one.offer, one.failure) for one in publisher.offers] == [("a", None, publisher.failure)]


def test_the_most_frequent_reason_stands_for_the_publisher(build: Build) -> None:
    house = build()
    house.source.lists["contoso"] = (offer("a"), offer("b"), offer("c"), offer("d"))
    house.source.answers |= {"a": DecodeError("x"), "b": UpstreamError("500 first"), "c": UpstreamError("500")}
    failure = house.refresh().failure
    assert failure is not None
    assert (failure.reason, failure.text) == ("upstream", "3 of 4 offers failed; 500 first")
    assert house.failures() == {"decode": 1, "upstream": 2}


def test_a_bug_is_logged_with_its_trace_and_shown_by_its_type_only(build: Build) -> None:
    house = build()
    house.source.lists["contoso"] = (offer("a"),)
    house.source.answers["a"] = RuntimeError("sesame")
    with capture_logs() as logs:
        failure = by_id(house.refresh())["a"].failure
    assert failure is not None
    assert failure.text == "unexpected RuntimeError, see the log"
    assert [one["event"] for one in logs if one.get("exc_info")] == ["fetch broke"]


def test_the_same_failure_is_logged_once(build: Build) -> None:
    house = build()
    house.source.lists["contoso"] = (offer("a"),)
    house.source.answers["a"] = TransportError("gone")
    with capture_logs() as logs:
        for _ in range(3):
            house.refresh()
    assert [one["event"] for one in logs].count("offer not fetched") == 1


def test_adopt_keeps_what_is_still_wanted(build: Build) -> None:
    house = build("contoso", "fabrikam", interval="2m")
    everything = Selection(sources=("cloud_partner",))
    left = Snapshot((PublisherRecord("gone", 300.0), PublisherRecord("contoso", 300.0, listed=4, last_refresh=NOW)))
    assert house.collector.adopt(left).publishers == (
        PublisherRecord("contoso", 120.0, listed=4, last_refresh=NOW, selection=everything),
        PublisherRecord("fabrikam", 120.0, selection=everything),
    )


def test_a_clock_that_was_set_back(build: Build) -> None:
    house = build()
    house.source.lists["contoso"] = (offer("a"),)
    house.refresh()
    house.source.answers["a"] = TransportError("gone")
    publisher = house.refresh(seconds=0)
    assert publisher.up is False
    publisher = house.refresh(seconds=-86400)
    assert publisher.up is False
    del house.source.answers["a"]
    publisher = house.refresh(seconds=60)
    assert publisher.up is True
    assert publisher.last_success == publisher.last_refresh == house.clock.now


REST = offer("a", OfferStatus.SUCCEEDED, changed=5.0)


@pytest.mark.parametrize(
    ("listed", "seconds", "asked"),
    [
        (REST, 60, 1),
        (REST, 4000, 2),
        (replace(REST, changed=6.0), 60, 2),
        (replace(REST, status=OfferStatus.RUNNING), 60, 2),
        (replace(REST, display_name="new"), 60, 2),
    ],
    ids=["nothing new", "long ago", "changed", "published again", "new title"],
)
def test_offers_at_rest_are_asked_for_seldom(build: Build, listed: Offer, seconds: float, asked: int) -> None:
    """While the list alone shows that nothing has changed; they count as fetched all the same."""
    house = build(terminal_interval="1h")
    house.source.lists["contoso"] = (REST,)
    house.refresh()
    house.source.lists["contoso"] = (listed,)
    publisher = house.refresh(seconds)
    assert len(house.source.asked) == asked
    assert publisher.up
    assert by_id(publisher)["a"].last_success == house.clock.now


@pytest.mark.parametrize("listed", [offer("a", changed=5.0), offer("a", OfferStatus.SUCCEEDED), None])
def test_other_offers_are_asked_for_every_time(build: Build, listed: Offer | None) -> None:
    """Those on their way, those whose time of change is unknown, those that are not in the list."""
    house = build(explicit("a"), terminal_interval="1h")
    house.source.lists["contoso"] = (listed,) if listed else ()
    for _ in range(3):
        house.refresh()
    assert len(house.source.asked) == 3


def test_an_offer_at_rest_that_failed_is_asked_for_again(build: Build) -> None:
    house = build(terminal_interval="1h")
    house.source.lists["contoso"] = (REST,)
    house.refresh()
    house.source.lists["contoso"] = TransportError("gone")
    house.refresh()
    house.source.lists["contoso"] = (REST,)
    publisher = house.refresh()
    assert len(house.source.asked) == 2
    assert by_id(publisher)["a"].failure is None


def test_a_shard_collects_its_part(build: Build) -> None:
    names = [f"offer-{number}" for number in range(20)]
    seen: list[str] = []
    for ordinal in range(3):
        house = build(shard=f"{ordinal}/3")
        house.source.lists["contoso"] = tuple(offer(name) for name in names)
        seen += by_id(house.refresh())
    assert sorted(seen) == sorted(names)

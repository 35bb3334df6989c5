"""Fetching single offers on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.collection import prober as module
from exporter.collection.fetch import Fetch
from exporter.collection.prober import Prober, TargetError, UnknownOfferError
from exporter.collection.snapshot import Failure, OfferRecord, Snapshot, SourceRecord
from exporter.collection.workers import Workers
from exporter.config.selection import Selection
from exporter.config.settings import PublisherSettings
from exporter.config.shards import WHOLE, Shard
from exporter.domain.errors import UpstreamError
from exporter.domain.offers import Offer, OfferStatus
from exporter.sources.base import Answer, OfferQuery
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry
from tests.unit.collection.world import LISTED, FakeSource, World
from tests.unit.make import NOW, Clock, offer, record, snapshot


class House:
    """A prober whose source tells `answer` once it is let go."""

    def __init__(self) -> None:
        self.source, self.clock = FakeSource("cloud_partner"), Clock()
        self.answer: Offer | Exception = offer()
        self.go = threading.Event()
        self.go.set()
        self.left: list[float] = []
        self.latest = Snapshot()
        self.workers = Workers(3, "test")
        self.prober = self.build()
        self.source.fetch_offer = self.fetch  # type: ignore[method-assign]  # it has an answer for whatever is asked

    def fetch(self, query: OfferQuery, deadline: Deadline) -> Answer:
        self.source.asked.append(query)
        self.left.append(deadline.remaining())
        assert self.go.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return Answer(replace(self.answer, publisher_id=query.publisher_id, offer_id=query.offer_id))

    def build(self, shard: Shard = WHOLE) -> Prober:
        return Prober(
            (PublisherSettings(id="contoso"), PublisherSettings(id="fabrikam", offers=("vm", "app"))),
            {"default": {"cloud_partner": self.source}},
            {"default": {"cloud_partner": self.workers}},
            Fetch(Telemetry(), self.clock, 3600.0, 3600.0),
            shard=shard,
            latest=lambda: self.latest,
            seconds=60,
            monotonic=Clock(0),
        )

    def probe(self, target: str = "contoso/vm", source: str | None = None) -> OfferRecord:
        return self.prober.probe(target, source).result(10)


@pytest.fixture
def house() -> Iterator[House]:
    built = House()
    yield built
    built.go.set()
    built.workers.close()


def test_probe(house: House) -> None:
    found = house.probe()
    assert (found.offer, found.failure, found.last_success, found.asked) == (offer(), None, NOW, NOW)
    assert found.since is not None
    assert found.since.status == NOW
    assert house.source.asked == [OfferQuery("contoso", "vm")]
    assert house.left == [60]


NO_TARGETS = [
    "",
    "contoso",
    "contoso/",
    "/vm",
    "contoso//vm",
    "contoso/vm/",
    "contoso/../fabrikam",
    "contoso/.",
    "contoso/..",
]
NO_TARGETS += ["./vm", "../vm", "contoso/\ud800", "contoso/vm\n", "contoso/" + "x" * 513]


@pytest.mark.parametrize(
    ("target", "source", "complaint"),
    [
        *((one, None, "target is no publisher/offer") for one in NO_TARGETS),
        ("stranger/vm", None, "publisher stranger is not in the settings"),
        ("fabrikam/other", None, "offer other is not among those of fabrikam in the settings"),
        ("contoso/vm", "partner_center", "contoso has no source of this name; it has cloud_partner"),
    ],
)
def test_targets_that_may_not_be_probed(house: House, target: str, source: str | None, complaint: str) -> None:
    with pytest.raises(TargetError) as error:
        house.probe(target, source)
    assert str(error.value) == complaint
    assert house.source.asked == []


@pytest.mark.parametrize("offer_id", ["My_offer-1.2~x", ".vm", "...", "a/b c", "é?#%"])
def test_those_that_may(house: House, offer_id: str) -> None:
    assert house.probe(f"contoso/{offer_id}", "cloud_partner").failure is None


def listed(*names: str, complete: bool = True, **selection: Any) -> Snapshot:
    """What a refresh has left, with these offers."""
    sources = (SourceRecord("cloud_partner", names, NOW, is_complete=complete),)
    known = Selection(**({"sources": ("cloud_partner",)} | selection))
    return snapshot(*(record(offer(one)) for one in names), sources=sources, selection=known)


def test_an_invented_offer_costs_no_request(house: House) -> None:
    house.latest = listed("vm")
    with pytest.raises(UnknownOfferError) as error:
        house.probe("contoso/phantom")
    assert str(error.value) == "contoso lists no offer phantom; a new one is known after a refresh"
    assert house.source.asked == []
    house.latest = listed("vm", "phantom")
    assert house.probe("contoso/phantom").failure is None


@pytest.mark.parametrize(
    "latest",
    [
        Snapshot(),
        listed(complete=False),
        listed(offers=("vm",)),
        listed(shard=Shard(0, 2)),
        listed(sources=("partner_center",)),
    ],
)
def test_without_all_lists_any_offer_may_be_asked_for(house: House, latest: Snapshot) -> None:
    """Also if the lists are those of other settings, which a reload is about to replace; named offers need no list."""
    house.latest = latest
    assert house.probe("contoso/new").failure is None
    assert house.probe("fabrikam/app").failure is None


@pytest.mark.parametrize("publisher", ["contoso", "fabrikam"])
def test_offers_of_another_shard(house: House, publisher: str) -> None:
    """Each offer is asked for by one shard, with or without a list."""
    ordinal = next(one for one in (0, 1) if Shard(one, 2).has(publisher, "vm"))
    mine, other = house.build(Shard(ordinal, 2)), house.build(Shard(1 - ordinal, 2))
    with pytest.raises(UnknownOfferError) as error:
        other.probe(f"{publisher}/vm")
    assert str(error.value) == f"offer vm of {publisher} is another shard's; this is {1 - ordinal}/2"
    assert mine.probe(f"{publisher}/vm").result(10).failure is None


def test_those_that_ask_at_once_share_the_fetch_and_its_time(house: House) -> None:
    """It outlasts neither the scrape that asked for it nor the time that any probe has; the next one asks again."""
    house.go.clear()
    flights = [house.prober.probe("contoso/vm", seconds=seconds) for seconds in (9.5, 5, 50)]
    assert len({id(one) for one in flights}) == 1
    house.go.set()
    flights[0].result(10)
    house.prober.probe("contoso/vm", seconds=1e9).result(10)
    assert house.left == [9.5, 60]


def test_all_are_queued(house: House) -> None:
    """However many come at once: their scrapers know how long they wait."""
    flights = [house.prober.probe(f"contoso/vm-{number}") for number in range(100)]
    assert all(one.result(10).failure is None for one in flights)


def test_failure(house: House) -> None:
    """It shows the failure alone, logged once for all who share it; the next good one knows since when all holds."""
    house.probe()
    house.answer = UpstreamError("down")
    house.go.clear()
    with capture_logs() as logs:
        flights = [house.prober.probe("contoso/vm") for _ in range(10)]
        house.go.set()
        found = {one.result(10) for one in flights}
    assert found == {OfferRecord("contoso", "vm", failure=Failure("upstream", "down"))}
    about = {"publisher_id": "contoso", "offer_id": "vm", "reason": "upstream", "error": "down"}
    assert logs == [{"event": "probe failed", "log_level": "warning"} | about]
    house.answer = offer()
    house.clock.now += 100
    again = house.probe()
    assert again.since is not None
    assert (again.since.status, again.last_success) == (NOW, NOW + 100)


def test_bug(house: House) -> None:
    """It is the flight's, and holds up nothing."""
    house.answer = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        house.probe()
    house.answer = offer()
    assert house.probe().failure is None


def test_what_a_refresh_knows(house: House) -> None:
    """Since-times and the list entry come from whoever has seen the offer last."""
    listed = offer(display_name="VM")
    house.latest = snapshot(record(offer(), listed=listed, success=NOW - 5))
    first = house.probe()
    assert house.source.asked[-1].listed == first.listed == listed
    assert first.since is not None
    assert first.since.status == NOW - 100
    house.clock.now += 50
    succeeded = offer(status=OfferStatus.SUCCEEDED)
    house.latest = snapshot(record(succeeded, listed=listed, success=NOW + 20))
    house.answer = succeeded
    second = house.probe()
    assert second.since is not None
    assert second.since.status == NOW - 100, "as the refresh says, though a probe saw another status before that"


def test_memory_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    for number in (1, 2, 3):
        house.probe(f"contoso/vm-{number}")
    house.clock.now += 10
    assert [record.since.status for n in (3, 1) if (record := house.probe(f"contoso/vm-{n}")).since] == [NOW, NOW + 10]


class TestSources:
    def probe(self, world: World, source: str | None = None) -> str:
        assert world.engine is not None
        record = world.engine.prober.probe("contoso/vm", source).result(10)
        return record.offer.source if record.offer else f"failed: {record.failure.reason}" if record.failure else ""

    def test_the_one_that_is_named(self, world: World) -> None:
        world.all_sources()
        for source in (world.cloud, world.center, world.ingestion):
            source.offers = {"vm": OfferStatus.RUNNING}
            assert self.probe(world, source.name) == source.name

    def test_the_one_that_told_the_offer_last_else_the_preferred_one(self, world: World) -> None:
        world.all_sources()
        world.cloud.hidden = {"vm": OfferStatus.RUNNING}
        assert self.probe(world) == "cloud_partner"
        world.see(center={"vm": LISTED}, ingestion={"vm": OfferStatus.RUNNING})
        assert self.probe(world) == "product_ingestion"
        assert world.ingestion.asked[-1].listed is not None
        assert self.probe(world, "partner_center") == "failed: not_found", "it only lists the offer"
        world.run(PublisherSettings(id="contoso", sources=("cloud_partner",)))
        assert self.probe(world) == "cloud_partner"

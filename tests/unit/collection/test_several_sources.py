"""A publisher whose offers come from several sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from exporter.collection.collector import Collector
from exporter.collection.prober import Prober
from exporter.collection.snapshot import OfferRecord, PublisherRecord, Snapshot, SourceRecord
from exporter.collection.workers import Workers
from exporter.config.settings import CollectionSettings, PublisherSettings, SourceName
from exporter.config.shards import WHOLE, Shard
from exporter.domain.errors import (
    CredentialError,
    DeadlineError,
    ForbiddenError,
    NotFoundError,
    SourceError,
    UpstreamError,
)
from exporter.domain.offers import Offer, OfferStatus
from exporter.sources.base import NotServedError
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry

START = 1_800_000_000.0


@dataclass
class FakeSource:
    """Lists and tells what a test gives it; an exception in place of an answer is raised."""

    name: str
    offers: dict[str, OfferStatus | Exception] = field(default_factory=dict)
    refusal: Exception | None = None
    hidden: dict[str, OfferStatus | Exception] = field(default_factory=dict)
    asked: list[tuple[str, Offer | None]] = field(default_factory=list)

    def offer(self, offer_id: str, status: OfferStatus) -> Offer:
        product = "" if self.name == "cloud_partner" else f"guid-of-{offer_id}"
        return Offer("contoso", offer_id, status, self.name, f"{offer_id} in {self.name}", product_id=product)

    def list_offers(self, publisher_id: str, deadline: Deadline) -> tuple[Offer, ...]:
        assert publisher_id == "contoso"
        if self.refusal is not None:
            raise self.refusal
        return tuple(self.offer(one, OfferStatus.UNKNOWN) for one in self.offers)

    def fetch_offer(self, publisher_id: str, offer_id: str, listed: Offer | None, deadline: Deadline) -> Offer:
        self.asked.append((offer_id, listed))
        answer = (self.offers | self.hidden).get(offer_id)
        if answer is None:
            raise NotFoundError(f"{self.name} has no {offer_id}")
        if isinstance(answer, Exception):
            raise answer
        return self.offer(offer_id, answer)

    def does_not_serve(self, offer_id: str) -> None:
        known = self.offer(offer_id, OfferStatus.UNKNOWN)
        self.offers[offer_id] = NotServedError.of(known, self.name, "contoso", offer_id)


class World:
    """A publisher with three sources, in the order of preference."""

    ORDER: tuple[SourceName, ...] = ("cloud_partner", "partner_center", "product_ingestion")

    def __init__(self) -> None:
        self.now = START
        self.cloud, self.center, self.ingestion = (FakeSource(one) for one in self.ORDER)
        self.workers = Workers(3, "test")
        self.telemetry = Telemetry()
        self.target = PublisherSettings(id="contoso", sources=self.ORDER)
        self.settings = CollectionSettings()  # stale after an hour
        self.snapshot = Snapshot((PublisherRecord("contoso", 300.0),))

    def collector(self) -> Collector:
        return Collector(
            publishers=(self.target,),
            sources={one.name: one for one in (self.cloud, self.center, self.ingestion)},
            settings=self.settings,
            workers=self.workers,
            telemetry=self.telemetry,
            publish=lambda _: None,
            clock=lambda: self.now,
            monotonic=lambda: self.now,
        )

    def refresh(self) -> PublisherRecord:
        self.snapshot = self.collector().refresh(self.snapshot)
        return self.record

    @property
    def record(self) -> PublisherRecord:
        return self.snapshot.publisher("contoso")

    def told_by(self) -> dict[str, str]:
        return {one.offer_id: one.offer.source if one.offer else "" for one in self.record.offers}

    def statuses(self) -> dict[str, str]:
        return {one.offer_id: str(one.offer.status) if one.offer else "" for one in self.record.offers}

    def reasons(self) -> dict[str, str]:
        return {one.offer_id: one.failure.reason for one in self.record.offers if one.failure}

    def sources(self) -> dict[str, str]:
        """Why each source could not be read, "up" if it could."""
        return {one.source: one.failure.reason if one.failure else "up" for one in self.record.sources}

    def counted(self, reason: str) -> float | None:
        name = "azure_marketplace_exporter_refresh_failures_total"
        return self.telemetry.registry.get_sample_value(name, {"reason": reason})


@pytest.fixture
def world() -> Iterator[World]:
    one = World()
    yield one
    one.workers.close()


RUNNING, LIVE = OfferStatus.RUNNING, OfferStatus.SUCCEEDED


class TestPreference:
    def test_each_offer_comes_from_the_first_source_that_lists_it(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING, "b": RUNNING}
        world.center.offers = {"b": LIVE, "c": LIVE}
        world.ingestion.offers = {"a": LIVE, "c": LIVE, "d": LIVE}
        record = world.refresh()
        assert world.told_by() == {
            "a": "cloud_partner",
            "b": "cloud_partner",
            "c": "partner_center",
            "d": "product_ingestion",
        }
        assert world.statuses() == {"a": "running", "b": "running", "c": "succeeded", "d": "succeeded"}
        assert record.up
        assert record.listed == 4
        assert record.sources == (
            SourceRecord("cloud_partner", 2, START, is_complete=True),
            SourceRecord("partner_center", 2, START, is_complete=True),
            SourceRecord("product_ingestion", 3, START, is_complete=True),
        )

    def test_no_offer_is_asked_for_twice(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.center.offers = {"a": RUNNING}
        world.refresh()
        assert world.center.asked == []

    def test_the_order_is_that_of_the_settings(self, world: World) -> None:
        world.target = PublisherSettings(id="contoso", sources=("product_ingestion", "cloud_partner"))
        world.cloud.offers = {"a": RUNNING}
        world.ingestion.offers = {"a": LIVE}
        world.center.refusal = AssertionError("not to be asked")
        world.refresh()
        assert world.told_by() == {"a": "product_ingestion"}
        assert list(world.sources()) == ["product_ingestion", "cloud_partner"]

    def test_shards_split_the_offers_of_all_sources(self, world: World) -> None:
        names = [f"offer-{number}" for number in range(20)]
        world.cloud.offers = dict.fromkeys(names[:10], RUNNING)
        world.center.offers = dict.fromkeys(names[5:], RUNNING)
        world.settings = CollectionSettings(shard=Shard(0, 2))
        first = world.refresh()
        mine = set(world.told_by())
        world.settings = CollectionSettings(shard=Shard(1, 2))
        second = world.refresh()
        assert mine & set(world.told_by()) == set()
        assert mine | set(world.told_by()) == set(names)
        assert first.listed == second.listed == 20


class TestWhoServes:
    def test_what_one_source_does_not_serve_is_left_to_the_next(self, world: World) -> None:
        world.center.does_not_serve("vm")
        world.ingestion.offers = {"vm": RUNNING}
        assert world.refresh().up
        assert world.told_by() == {"vm": "product_ingestion"}
        assert world.reasons() == {}
        assert world.counted("not_found") == 0

    def test_what_nobody_serves_is_shown_as_listed(self, world: World) -> None:
        world.center.does_not_serve("vm")
        assert world.refresh().up
        (record,) = world.record.offers
        assert record.offer is not None
        assert record.offer.is_listed_only
        assert record.offer.display_name == "vm in partner_center"
        assert world.counted("not_found") == 0

    def test_a_source_that_lists_an_offer_and_cannot_tell_it_leaves_it_to_the_next(self, world: World) -> None:
        world.cloud.offers = {"a": NotFoundError("migrated")}
        world.center.offers = {"a": RUNNING}
        assert world.refresh().up
        assert world.told_by() == {"a": "partner_center"}

    def test_it_is_a_failure_where_there_is_no_next(self, world: World) -> None:
        world.cloud.offers = {"a": NotFoundError("migrated")}
        assert world.refresh().up is False
        assert world.reasons() == {"a": "not_found"}
        assert world.counted("not_found") == 1

    def test_a_listed_offer_that_is_refused_is_no_quiet_one(self, world: World) -> None:
        world.center.does_not_serve("vm")
        world.ingestion.offers = {"vm": ForbiddenError("not yours")}
        world.refresh()
        assert world.reasons() == {"vm": "forbidden"}

    def test_an_outage_is_no_reason_to_go_on_to_the_next(self, world: World) -> None:
        """Its steps are others, so that the series would change back and forth with every hiccup."""
        world.cloud.offers = {"a": UpstreamError("hiccup")}
        world.center.offers = {"a": LIVE}
        world.refresh()
        assert world.reasons() == {"a": "upstream"}
        assert world.center.asked == []

    def test_the_list_of_one_account_api_serves_the_other(self, world: World) -> None:
        """The product's GUID is the same in both; a list that is not there must not hide what can be asked for."""
        world.center.does_not_serve("vm")
        world.ingestion.refusal = NotFoundError("no such list")
        world.ingestion.hidden = {"vm": RUNNING}
        world.refresh()
        assert world.told_by() == {"vm": "product_ingestion"}
        assert [listed.product_id for _, listed in world.ingestion.asked if listed] == ["guid-of-vm"]


class TestOneSourceAsAWhole:
    @pytest.mark.parametrize("error", [ForbiddenError, NotFoundError, CredentialError, UpstreamError, DeadlineError])
    def test_that_cannot_be_read_harms_no_other(self, world: World, error: type[SourceError]) -> None:
        world.cloud.refusal = error("not today")
        world.center.offers = {"a": RUNNING}
        record = world.refresh()
        assert world.told_by() == {"a": "partner_center"}
        assert world.reasons() == {}
        assert world.sources() == {"cloud_partner": error.reason, "partner_center": "up", "product_ingestion": "up"}
        assert record.up is False
        assert record.failure is not None
        assert record.failure.text == "cloud_partner: not today"
        assert record.listed == 1
        assert world.counted(error.reason) == 1

    def test_that_breaks_harms_no_other(self, world: World) -> None:
        world.cloud.refusal = ZeroDivisionError("a bug")
        world.center.offers = {"a": RUNNING}
        world.refresh()
        assert world.told_by() == {"a": "partner_center"}
        assert world.sources()["cloud_partner"] == "internal"

    def test_keeps_what_it_told_and_when(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.center.offers = {"b": RUNNING}
        world.refresh()
        world.now += 60
        world.cloud.refusal = UpstreamError("down")
        world.center.offers = {"b": LIVE}
        record = world.refresh()
        assert world.statuses() == {"b": "succeeded", "a": "running"}
        assert world.reasons() == {"a": "upstream"}
        assert record.listed == 2
        assert record.sources[0].last_success == START
        assert record.sources[0].listed == 1
        assert record.sources[1].last_success == START + 60

    def test_keeps_its_offers_for_itself_while_they_are_fresh(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.center.offers = {"a": LIVE}
        world.refresh()
        world.cloud.refusal = UpstreamError("down")
        world.now += 600
        world.refresh()
        assert (world.told_by(), world.reasons()) == ({"a": "cloud_partner"}, {"a": "upstream"})
        world.now += 3600
        world.refresh()
        assert (world.told_by(), world.reasons()) == ({"a": "partner_center"}, {})

    def test_leaves_its_offers_to_the_next_when_it_is_forbidden(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.center.offers = {"a": LIVE}
        world.refresh()
        world.cloud.refusal = ForbiddenError("no longer")
        world.refresh()
        assert (world.told_by(), world.reasons()) == ({"a": "partner_center"}, {})

    def test_does_not_lose_what_others_only_list(self, world: World) -> None:
        world.center.does_not_serve("vm")
        world.ingestion.offers = {"vm": RUNNING}
        world.refresh()
        world.ingestion.refusal = ForbiddenError("no longer")
        world.refresh()
        assert (world.told_by(), world.reasons()) == ({"vm": "product_ingestion"}, {"vm": "forbidden"})
        world.now += 3600
        world.refresh()
        assert (world.told_by(), world.reasons()) == ({"vm": "partner_center"}, {})

    def test_with_a_good_list_forgets_what_is_not_in_it(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.center.offers = {"b": RUNNING}
        world.refresh()
        world.cloud.refusal = UpstreamError("down")
        world.center.offers = {"c": RUNNING}
        world.refresh()
        assert set(world.told_by()) == {"a", "c"}

    def test_all_of_them_delete_nothing(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.center.offers = {"b": RUNNING}
        world.refresh()
        for one in (world.cloud, world.center, world.ingestion):
            one.refusal = CredentialError("expired")
        record = world.refresh()
        assert world.reasons() == {"a": "credential", "b": "credential"}
        assert record.listed == 2
        assert set(world.sources().values()) == {"credential"}
        assert record.failure is not None
        assert record.failure.text == ("cloud_partner: expired; partner_center: expired; product_ingestion: expired")


class TestNamedOffers:
    @pytest.fixture(autouse=True)
    def _named(self, world: World) -> None:
        world.target = PublisherSettings(id="contoso", offers=("a", "b"), sources=World.ORDER)

    def test_nothing_else_is_asked_for(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING, "x": RUNNING}
        world.center.offers = {"b": RUNNING, "y": RUNNING}
        world.refresh()
        assert world.told_by() == {"a": "cloud_partner", "b": "partner_center"}

    def test_a_source_whose_list_is_forbidden_may_tell_them(self, world: World) -> None:
        world.cloud.refusal = ForbiddenError("no lists for you")
        world.cloud.hidden = {"a": RUNNING}
        world.center.offers = {"b": RUNNING}
        record = world.refresh()
        assert world.told_by() == {"a": "cloud_partner", "b": "partner_center"}
        assert record.up
        assert world.sources()["cloud_partner"] == "up"

    def test_a_source_that_is_forbidden_as_a_whole_leaves_them_to_the_next(self, world: World) -> None:
        world.cloud.refusal = ForbiddenError("nothing for you")
        world.cloud.hidden = dict.fromkeys(("a", "b"), ForbiddenError("nothing for you"))
        world.center.offers = {"a": RUNNING, "b": RUNNING}
        world.refresh()
        assert world.told_by() == {"a": "partner_center", "b": "partner_center"}
        assert world.reasons() == {}
        assert world.sources()["cloud_partner"] == "forbidden"

    def test_one_that_no_list_has_is_looked_for_everywhere(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.ingestion.hidden = {"b": RUNNING}
        world.refresh()
        assert world.told_by() == {"a": "cloud_partner", "b": "product_ingestion"}

    def test_one_that_a_list_has_is_not_looked_for_elsewhere(self, world: World) -> None:
        world.cloud.offers = {"a": NotFoundError("gone"), "b": RUNNING}
        world.refresh()
        assert world.reasons() == {"a": "not_found"}
        assert world.center.asked == world.ingestion.asked == []

    def test_one_that_nobody_knows_is_a_failure(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.refresh()
        assert world.reasons() == {"b": "not_found"}

    def test_what_another_source_told_gives_no_status_away(self, world: World) -> None:
        world.center.hidden = {"a": OfferStatus.NEVER_PUBLISHED, "b": RUNNING}
        world.refresh()
        world.refresh()
        told = [listed.status for offer_id, listed in world.cloud.asked if offer_id == "a" and listed is not None]
        assert told == [OfferStatus.UNKNOWN]


def test_a_refresh_that_breaks_deletes_nothing(world: World) -> None:
    world.cloud.offers = {"a": RUNNING}
    world.refresh()
    collector = replace(world.collector(), sources={})
    record = collector.refresh(world.snapshot).publisher("contoso")
    assert record.failure is not None
    assert record.failure.reason == "internal"
    assert [one.failure for one in record.offers] == [record.failure]
    assert [one.offer for one in record.offers] == [one.offer for one in world.record.offers]


def test_adopts_only_sources_that_are_still_in_use(world: World) -> None:
    world.refresh()
    assert len(world.record.sources) == 3
    world.target = PublisherSettings(id="contoso", sources=("partner_center",))
    adopted = world.collector().adopt(world.snapshot).publisher("contoso")
    assert [one.source for one in adopted.sources] == ["partner_center"]


class TestProbes:
    @pytest.fixture
    def prober(self, world: World) -> Iterator[Prober]:
        one = Prober(
            (world.target,),
            {source.name: source for source in (world.cloud, world.center, world.ingestion)},
            shard=WHOLE,
            latest=lambda: world.snapshot,
            limit=2,
            seconds=10,
            clock=lambda: world.now,
            monotonic=lambda: world.now,
        )
        yield one
        one.close()

    def source_of(self, record: OfferRecord) -> str:
        assert record.offer is not None
        return record.offer.source

    def test_ask_the_source_that_they_name(self, world: World, prober: Prober) -> None:
        for source in (world.cloud, world.center, world.ingestion):
            source.offers = {"a": RUNNING}
            assert self.source_of(prober.probe("contoso/a", source.name).result(10)) == source.name

    def test_ask_the_source_that_told_the_offer_last(self, world: World, prober: Prober) -> None:
        world.center.does_not_serve("vm")
        world.ingestion.offers = {"vm": RUNNING}
        world.refresh()
        assert self.source_of(prober.probe("contoso/vm").result(10)) == "product_ingestion"
        assert world.ingestion.asked[-1][1] is not None

    def test_ask_the_preferred_source_for_an_offer_that_nobody_told(self, world: World, prober: Prober) -> None:
        world.cloud.offers = {"a": RUNNING}
        assert self.source_of(prober.probe("contoso/a").result(10)) == "cloud_partner"

    def test_ask_no_source_that_is_no_longer_in_use(self, world: World, prober: Prober) -> None:
        world.target = PublisherSettings(id="contoso", sources=("cloud_partner",))
        world.cloud.offers = {"a": RUNNING}
        told = world.center.offer("a", LIVE)
        world.snapshot = Snapshot((PublisherRecord("contoso", 300.0, (OfferRecord("contoso", "a", told),)),))
        other = Prober(
            (world.target,),
            {"cloud_partner": world.cloud},
            shard=WHOLE,
            latest=lambda: world.snapshot,
            limit=1,
            seconds=10,
            clock=lambda: world.now,
            monotonic=lambda: world.now,
        )
        assert self.source_of(other.probe("contoso/a").result(10)) == "cloud_partner"
        other.close()

    def test_of_what_is_only_listed_fail(self, world: World, prober: Prober) -> None:
        world.center.does_not_serve("vm")
        record = prober.probe("contoso/vm", "partner_center").result(10)
        assert record.failure is not None
        assert record.failure.text == "partner_center lists vm but tells no submissions of it"

"""Whether all offers of a publisher are known, whatever has changed in the settings or failed upstream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from exporter.collection.collector import Collector
from exporter.collection.snapshot import PublisherRecord, Snapshot
from exporter.collection.targets import targets
from exporter.collection.workers import Workers
from exporter.config.selection import Selection
from exporter.config.settings import CollectionSettings, PublisherSettings
from exporter.config.shards import Shard
from exporter.domain.errors import DeadlineError, ForbiddenError, NotFoundError, SourceError, UpstreamError
from exporter.domain.offers import Offer
from exporter.sources.base import Answer, OfferQuery
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry
from tests.unit.make import Clock, offer

NAMES = tuple(f"offer-{number}" for number in range(8))
BOTH = ("cloud_partner", "partner_center")


@dataclass
class Source:
    """All offers, or none if it fails."""

    name: str
    names: tuple[str, ...] = NAMES
    error: SourceError | None = None
    is_account: bool = False

    def list_offers(self, publisher_id: str, deadline: Deadline) -> tuple[Offer, ...]:
        if self.error:
            raise self.error
        return tuple(offer(one, source=self.name) for one in self.names)

    def fetch_offer(self, query: OfferQuery, deadline: Deadline) -> Answer:
        if self.error:
            raise self.error
        return Answer(offer(query.offer_id, source=self.name))


class House:
    """What is known, and the sources from which more can be had; each `run` has settings of its own."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.cloud, self.center = Source("cloud_partner"), Source("partner_center", ("center-1",))
        self.snapshot = Snapshot()

    def run(self, *offers: str, shard: str = "0/1", sources: tuple[str, ...] = ("cloud_partner",)) -> PublisherRecord:
        """Adopt what is known, as after a restart or a reload, and refresh once."""
        fields: dict[str, Any] = {"id": "contoso", "offers": offers, "sources": sources}
        collector = Collector(
            publishers=(PublisherSettings(**fields),),
            sources={"cloud_partner": self.cloud, "partner_center": self.center},  # type: ignore[dict-item]
            settings=CollectionSettings.model_validate({"shard": shard}),
            workers=self.workers,
            telemetry=Telemetry(),
            publish=lambda _: None,
            clock=Clock(),
            monotonic=Clock(0),
        )
        self.snapshot = collector.adopt(self.snapshot)
        self.adopted = self.snapshot.publishers[0]
        self.snapshot = collector.refresh(self.snapshot)
        return self.snapshot.publishers[0]


@pytest.fixture
def house() -> Iterator[House]:
    workers = Workers(2, "test")
    yield House(workers)
    workers.close()


def ids(publisher: PublisherRecord) -> list[str]:
    return [one.offer_id for one in targets(publisher)]


def test_nothing_is_known_before_the_first_list(house: House) -> None:
    house.cloud.error = UpstreamError("down")
    assert house.run().missing == ("cloud_partner",)
    assert house.adopted.missing == ("cloud_partner",)
    house.cloud.error = None
    assert house.run().missing == ()


@pytest.mark.parametrize(
    "error", [UpstreamError("down"), ForbiddenError("no"), NotFoundError("none"), DeadlineError("")]
)
def test_a_list_that_fails_later_takes_nothing_away(house: House, error: SourceError) -> None:
    house.run()
    house.cloud.error = error
    for publisher in (house.run(), house.run()):
        assert publisher.up is False
        assert (publisher.missing, ids(publisher)) == ((), [*NAMES])


@pytest.mark.parametrize(
    "error", [UpstreamError("down"), ForbiddenError("no"), NotFoundError("none"), DeadlineError("")]
)
def test_every_source_has_to_give_its_list(house: House, error: SourceError) -> None:
    house.center.error = error
    assert house.run(sources=BOTH).missing == ("partner_center",)
    house.center.error, house.cloud.error = None, error
    publisher = house.run(sources=BOTH)
    assert (publisher.missing, sorted(ids(publisher))) == ((), ["center-1", *NAMES]), "one after the other will do"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"offers": NAMES[:1]}, {}),
        ({"shard": "0/2"}, {}),
        ({"shard": "0/2"}, {"shard": "1/2"}),
        ({"shard": "0/2"}, {"shard": "0/3"}),
        ({}, {"sources": BOTH}),
        ({"sources": ("partner_center",)}, {}),
    ],
)
def test_a_list_that_was_asked_for_other_offers_does_not_count(
    house: House, before: dict[str, Any], after: dict[str, Any]
) -> None:
    first = house.run(*before.pop("offers", ()), **before)
    house.cloud.error = house.center.error = UpstreamError("down")
    wanted = after.get("sources", ("cloud_partner",))
    assert house.run(**after).missing == house.adopted.missing == wanted
    assert house.run(**after).listed == first.listed, "which is what the last good list told all the same"
    house.cloud.error = house.center.error = None
    assert house.run(**after).missing == ()


def test_offers_that_the_settings_name_need_no_list(house: House) -> None:
    house.cloud.error = UpstreamError("down")
    named = ("offer-1", "phantom", "offer-1")
    publisher = house.run(*named)
    for one in (house.adopted, publisher):
        assert (one.missing, ids(one)) == ((), ["offer-1", "phantom"])


@pytest.mark.parametrize("error", [ForbiddenError("no lists for you"), NotFoundError("no such list")])
def test_named_offers_are_known_where_lists_are_forbidden_for_good(house: House, error: SourceError) -> None:
    house.cloud.error = error
    publisher = house.run("offer-1")
    assert (publisher.missing, ids(publisher)) == ((), ["offer-1"])


def test_a_name_that_is_new_is_there_at_once(house: House) -> None:
    """In the metrics, too, though nothing can be asked."""
    house.run("offer-1")
    house.cloud.error = DeadlineError("too late")
    publisher = house.run("offer-1", "offer-2")
    assert ids(house.adopted) == ids(publisher) == ["offer-1", "offer-2"]
    assert [(one.offer_id, one.offer is None) for one in publisher.offers] == [("offer-1", False), ("offer-2", True)]


@pytest.mark.parametrize("named", [(), NAMES])
def test_a_shard_knows_its_own(house: House, named: tuple[str, ...]) -> None:
    shards = [ids(house.run(*named, shard=f"{ordinal}/2")) for ordinal in (0, 1)]
    assert all(shards)
    assert sorted(shards[0] + shards[1]) == [*NAMES]


def test_a_shard_may_have_none_of_the_named(house: House) -> None:
    """And must not take that for having to list all."""
    ordinal = next(one for one in (0, 1) if not Shard(one, 2).has("contoso", "offer-1"))
    publisher = house.run("offer-1", shard=f"{ordinal}/2")
    assert (publisher.missing, ids(publisher)) == ((), [])


def test_the_default_is_what_no_settings_say() -> None:
    assert Selection() != Selection.of(PublisherSettings(id="contoso"), Shard(0, 1))

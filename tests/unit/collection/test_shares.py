"""What a shard, or a list of offers in the settings, leaves to others is shown by nobody else, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exporter.collection.collector import Collector
from exporter.collection.snapshot import PublisherRecord, Snapshot
from exporter.collection.workers import Workers
from exporter.config.settings import CollectionSettings, PublisherSettings
from exporter.config.shards import Shard
from exporter.domain.errors import CredentialError, SourceError
from exporter.domain.offers import Offer
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry
from tests.unit.make import Clock, offer, record

NAMES = tuple(f"offer-{number}" for number in range(20))


class Source:
    """All offers, or the same failure for everything."""

    name = "cloud_partner"
    error: SourceError | None = None

    def list_offers(self, publisher_id: str, deadline: Deadline) -> tuple[Offer, ...]:
        if self.error:
            raise self.error
        return tuple(map(offer, NAMES))

    def fetch_offer(self, publisher_id: str, offer_id: str, listed: Offer | None, deadline: Deadline) -> Offer:
        if self.error:
            raise self.error
        return offer(offer_id)


@pytest.fixture
def workers() -> Iterator[Workers]:
    built = Workers(2, "test")
    yield built
    built.close()


def collect(workers: Workers, source: Source, before: Snapshot, shard: str, **target: Any) -> list[set[str]]:
    """Give the ids that are shown before the first refresh and after it."""
    collector = Collector(
        publishers=(PublisherSettings(id="contoso", **target),),
        sources={"cloud_partner": source},
        settings=CollectionSettings.model_validate({"shard": shard}),
        workers=workers,
        telemetry=Telemetry(),
        publish=lambda _: None,
        clock=Clock(),
        monotonic=Clock(0),
    )
    adopted = collector.adopt(before)
    snapshots = (adopted, collector.refresh(adopted))
    return [{one.offer_id for one in snapshot.publishers[0].offers} for snapshot in snapshots]


def everything() -> Snapshot:
    """What a single instance has left in its state file."""
    return Snapshot((PublisherRecord("contoso", 300.0, tuple(record(offer(one)) for one in NAMES)),))


@pytest.mark.parametrize("error", [None, CredentialError("no token")])
@pytest.mark.parametrize("named", [(), NAMES])
@pytest.mark.parametrize("ordinal", [0, 1])
def test_offers_of_other_shards(
    workers: Workers, error: SourceError | None, named: tuple[str, ...], ordinal: int
) -> None:
    mine = {one for one in NAMES if Shard(ordinal, 2).has("contoso", one)}
    source = Source()
    source.error = error
    assert 0 < len(mine) < len(NAMES)
    shard = f"{ordinal}/2"
    assert collect(workers, source, everything(), shard, offers=named) == [mine, mine]
    fresh = collect(workers, source, Snapshot(), shard, offers=named)
    assert fresh == [set(), mine if named or error is None else set()]


def test_offers_that_the_settings_name_no_more(workers: Workers) -> None:
    source = Source()
    source.error = CredentialError("no token")
    assert collect(workers, source, everything(), "0/1", offers=NAMES[:2]) == [set(NAMES[:2])] * 2

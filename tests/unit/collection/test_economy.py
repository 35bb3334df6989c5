"""Which offers are asked for their steps, and which rest until something changes or the time has come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from exporter.collection.collector import Collector
from exporter.collection.snapshot import PublisherRecord, Snapshot
from exporter.collection.state import StateFile
from exporter.collection.workers import Workers
from exporter.config.settings import CollectionSettings, PublisherSettings
from exporter.domain.errors import UpstreamError
from exporter.domain.offers import Offer, OfferStatus
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry
from tests.unit.make import NOW, Clock, offer, step

TERMINAL = 3600.0
MINUTE = 60.0


@dataclass
class Source:
    """One offer, of which a test says what list and status tell, and how often each was asked for."""

    name: str = "cloud_partner"
    listed: Offer = field(default_factory=lambda: offer(status=OfferStatus.SUCCEEDED, version=1, changed=NOW - 1e6))
    shown: Offer | None = None
    error: Exception | None = None
    lists: int = 0
    asked: int = 0

    def list_offers(self, publisher_id: str, deadline: Deadline) -> tuple[Offer, ...]:
        self.lists += 1
        return (self.listed,)

    def fetch_offer(self, publisher_id: str, offer_id: str, listed: Offer | None, deadline: Deadline) -> Offer:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.shown or self.listed


class House:
    """A collector whose clocks a test moves."""

    def __init__(self, workers: Workers, terminal_interval: str = "1h") -> None:
        self.source, self.clock = Source(), Clock()
        self.collector = Collector(
            publishers=(PublisherSettings(id="contoso"),),
            sources={"cloud_partner": self.source},
            settings=CollectionSettings.model_validate({"terminal_interval": terminal_interval}),
            workers=workers,
            telemetry=Telemetry(),
            publish=lambda _: None,
            clock=self.clock,
            monotonic=Clock(0),
        )
        self.snapshot = self.collector.adopt(Snapshot())

    def refresh(self, later: float = MINUTE) -> PublisherRecord:
        self.clock.now += later
        self.snapshot = self.collector.refresh(self.snapshot)
        return self.snapshot.publishers[0]


@pytest.fixture
def workers() -> Iterator[Workers]:
    built = Workers(2, "test")
    yield built
    built.close()


@pytest.fixture
def house(workers: Workers) -> House:
    return House(workers)


def test_at_rest(house: House) -> None:
    """The list is asked for each time and proves that all is as it was; the offer stays up and fresh."""
    house.refresh()
    for _ in range(10):
        publisher = house.refresh()
    assert (house.source.lists, house.source.asked) == (11, 1)
    (shown,) = publisher.offers
    assert shown.last_success == house.clock.now
    assert shown.asked == NOW + MINUTE
    assert shown.since is not None
    assert shown.since.status == NOW + MINUTE
    assert publisher.up


def test_the_time_has_come(house: House) -> None:
    house.refresh()
    house.refresh(TERMINAL - 1)
    assert house.source.asked == 1
    house.refresh(1)
    assert house.source.asked == 2
    house.refresh(TERMINAL - 1)
    assert house.source.asked == 2


@pytest.mark.parametrize("status", [one for one in OfferStatus if not one.is_terminal])
def test_what_is_not_at_rest(house: House, status: OfferStatus) -> None:
    house.source.listed = offer(status=status, changed=NOW)
    for _ in range(3):
        house.refresh()
    assert house.source.asked == 3


@pytest.mark.parametrize("status", [one for one in OfferStatus if one.is_terminal])
def test_what_is(house: House, status: OfferStatus) -> None:
    house.source.listed = offer(status=status, changed=NOW)
    for _ in range(3):
        house.refresh()
    assert house.source.asked == 1


@pytest.mark.parametrize(
    "change",
    [
        {"status": OfferStatus.RUNNING},
        {"status": OfferStatus.FAILED},
        {"version": 2},
        {"changed": NOW},
        {"changed": None},
        {"display_name": "New"},
    ],
    ids=str,
)
def test_any_change_of_the_entry(house: House, change: dict[str, object]) -> None:
    """It is asked for at once, and rests again with the new entry."""
    house.refresh()
    house.source.listed = replace(house.source.listed, **change)  # type: ignore[arg-type]
    house.refresh()
    assert house.source.asked == 2
    house.refresh()
    rests = house.source.listed.status.is_terminal and house.source.listed.changed is not None
    assert house.source.asked == (2 if rests else 3)


def test_a_list_that_lags_behind_the_status(house: House) -> None:
    """The list says it has ended, the status itself says it runs: it is asked for until both agree."""
    house.source.shown = offer(status=OfferStatus.RUNNING, steps=(step(),))
    for _ in range(3):
        house.refresh()
    assert house.source.asked == 3


def test_a_failure_is_no_rest(house: House) -> None:
    house.source.error = UpstreamError("down")
    house.refresh()
    house.refresh()
    house.source.error = None
    house.refresh()
    house.refresh()
    assert house.source.asked == 3


def test_without_the_economy(workers: Workers) -> None:
    house = House(workers, "0s")
    for _ in range(3):
        house.refresh(0)
    assert house.source.asked == 3


def test_an_hour_forward(house: House) -> None:
    """One call more, and nothing else; since-times stay."""
    before = house.refresh().offers[0].since
    publisher = house.refresh(3600)
    assert house.source.asked == 2
    assert publisher.offers[0].since == before
    house.refresh()
    assert house.source.asked == 2


def test_an_hour_back(house: House) -> None:
    """A time that lies ahead proves nothing: it is asked for now, and rests from now on."""
    before = house.refresh().offers[0].since
    publisher = house.refresh(-3600)
    assert house.source.asked == 2
    assert publisher.offers[0].since == before
    assert publisher.offers[0].last_success == publisher.last_refresh == house.clock.now
    house.refresh()
    assert house.source.asked == 2


def test_rest_outlives_a_restart(house: House, workers: Workers, tmp_path: Path) -> None:
    """What the state file keeps is equal to what the list says, so that a restart costs one list only."""
    house.refresh()
    state = StateFile(tmp_path / "state.json")
    state.save(house.snapshot)
    again = House(workers)
    again.clock.now = house.clock.now
    again.snapshot = again.collector.adopt(state.load())
    state.close()
    again.refresh()
    assert (again.source.lists, again.source.asked) == (1, 0)

"""Fetching single offers on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from exporter.collection import prober as module
from exporter.collection.prober import BusyError, Prober, TargetError
from exporter.collection.snapshot import Failure, OfferRecord
from exporter.errors import UpstreamError
from exporter.offers import Offer, OfferStatus
from exporter.settings import PublisherSettings
from exporter.sources.base import Deadline
from tests.unit.make import NOW, Clock, offer, record


class Source:
    """Answers with what a test says, once it lets go."""

    name = "cloud_partner"

    def __init__(self) -> None:
        self.asked: list[tuple[str, Offer | None, float]] = []
        self.answer: Offer | Exception = offer()
        self.go = threading.Event()
        self.go.set()

    def list_offers(self, publisher_id: str, deadline: Deadline) -> tuple[Offer, ...]:
        raise NotImplementedError

    def fetch_offer(self, publisher_id: str, offer_id: str, listed: Offer | None, deadline: Deadline) -> Offer:
        self.asked.append((f"{publisher_id}/{offer_id}", listed, deadline.remaining()))
        assert self.go.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return replace(self.answer, publisher_id=publisher_id, offer_id=offer_id)


class House:
    def __init__(self) -> None:
        self.source, self.clock = Source(), Clock()
        self.latest: OfferRecord | None = None
        self.prober = Prober(
            (PublisherSettings(id="contoso"), PublisherSettings(id="fabrikam", offers=("vm", "app"))),
            {"cloud_partner": self.source},
            latest=lambda *_: self.latest,
            limit=3,
            seconds=60,
            clock=self.clock,
            monotonic=Clock(0),
        )

    def probe(self, target: str = "contoso/vm", source: str | None = None) -> OfferRecord:
        return self.prober.probe(target, source).result(10)


@pytest.fixture
def house() -> Iterator[House]:
    built = House()
    yield built
    built.source.go.set()
    built.prober.close()


def test_probe(house: House) -> None:
    found = house.probe()
    assert (found.offer, found.failure, found.last_success, found.asked) == (offer(), None, NOW, NOW)
    assert found.since is not None
    assert found.since.status == NOW
    assert house.source.asked == [("contoso/vm", None, 60)]


@pytest.mark.parametrize(
    ("target", "source", "complaint"),
    [
        ("", None, "target is no publisher/offer"),
        ("contoso", None, "target is no publisher/offer"),
        ("contoso/", None, "target is no publisher/offer"),
        ("/vm", None, "target is no publisher/offer"),
        ("contoso/vm/status", None, "target is no publisher/offer"),
        ("contoso/..%2f", None, "target is no publisher/offer"),
        ("contoso/.", None, "target is no publisher/offer"),
        ("contoso/..", None, "target is no publisher/offer"),
        ("./vm", None, "target is no publisher/offer"),
        ("../vm", None, "target is no publisher/offer"),
        ("contoso/vm?x", None, "target is no publisher/offer"),
        ("contoso/vm\n", None, "target is no publisher/offer"),
        ("contoso/" + "x" * 129, None, "target is no publisher/offer"),
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


def test_those_that_may(house: House) -> None:
    for target in ("fabrikam/vm", "fabrikam/app", "contoso/My_offer-1.2~x", "contoso/.vm", "contoso/..."):
        assert house.probe(target, "cloud_partner").failure is None


def test_two_at_once_share_the_fetch(house: House) -> None:
    house.source.go.clear()
    flights = [house.prober.probe("contoso/vm") for _ in range(10)]
    assert len({id(one) for one in flights}) == 1
    house.source.go.set()
    flights[0].result(10)
    house.probe()
    assert len(house.source.asked) == 2


def test_no_fetch_outlasts_the_scrape_that_asked_for_it(house: House) -> None:
    """Nor the time that any probe has."""
    for seconds in (9.5, 1e9):
        house.prober.probe("contoso/vm", seconds=seconds).result(10)
    assert [left for _, _, left in house.source.asked] == [9.5, 60]


def test_who_joins_a_fetch_shares_its_time(house: House) -> None:
    house.source.go.clear()
    first = house.prober.probe("contoso/vm", seconds=5)
    assert house.prober.probe("contoso/vm", seconds=50) is first
    house.source.go.set()
    first.result(10)
    assert [left for _, _, left in house.source.asked] == [5]


def test_limit(house: House) -> None:
    """So many at once and no more; who is refused may come again."""
    house.source.go.clear()
    flights: list[Future[Any]] = [house.prober.probe(f"contoso/vm-{number}") for number in range(3)]
    with pytest.raises(BusyError, match="3 probes are under way; try again"):
        house.prober.probe("contoso/vm-3")
    assert house.prober.probe("contoso/vm-1") is flights[1]
    house.source.go.set()
    for one in flights:
        one.result(10)
    assert house.probe("contoso/vm-3").failure is None


def test_failure(house: House) -> None:
    """It shows the failure alone; the next good one knows since when all holds."""
    house.probe()
    house.source.answer = UpstreamError("down")
    assert house.probe() == OfferRecord("contoso", "vm", failure=Failure("upstream", "down"))
    house.source.answer = offer()
    house.clock.now += 100
    again = house.probe()
    assert again.since is not None
    assert (again.since.status, again.last_success) == (NOW, NOW + 100)


def test_bug(house: House) -> None:
    """It is the flight's, and holds up nothing."""
    house.source.answer = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        house.probe()
    house.source.answer = offer()
    assert house.probe().failure is None


def test_what_a_refresh_knows(house: House) -> None:
    """Since-times and the list entry come from whoever has seen the offer last."""
    listed = offer(display_name="VM")
    house.latest = record(offer(), listed=listed, asked=NOW - 5)
    first = house.probe()
    assert house.source.asked[-1][1] == listed
    assert first.since is not None
    assert first.since.status == NOW - 100
    house.clock.now += 50
    succeeded = offer(status=OfferStatus.SUCCEEDED)
    house.latest = record(succeeded, listed=listed, asked=NOW + 20)
    house.source.answer = succeeded
    second = house.probe()
    assert second.since is not None
    assert second.since.status == NOW - 100, "as the refresh says, though a probe saw another status before that"


def test_memory_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    for number in (1, 2, 3):
        house.probe(f"contoso/vm-{number}")
    house.clock.now += 10
    assert [record.since.status for n in (3, 1) if (record := house.probe(f"contoso/vm-{n}")).since] == [NOW, NOW + 10]

"""`/probe` and `/sd`, through the whole application."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest

from exporter.collection.snapshot import Failure, OfferRecord
from exporter.web import probe as module

from .samples import record, snapshot
from .test_app import Client, application


@dataclass
class Prober:
    """Gives the flights that a test prepares, and remembers what it was asked."""

    flight: Future[OfferRecord] = field(default_factory=Future)
    asked: list[tuple[str, str | None, float]] = field(default_factory=list)

    def __call__(self, target: str, source: str | None, seconds: float) -> Future[OfferRecord]:
        self.asked.append((target, source, seconds))
        return self.flight

    def ends_with(self, found: OfferRecord) -> None:
        self.flight.set_result(found)


@pytest.fixture
def prober() -> Prober:
    return Prober()


@pytest.fixture
def client(prober: Prober) -> Client:
    return Client(application(snapshot(record("vm")), probe=prober).build())


def test_the_fetch_gets_the_time_of_its_scrape(client: Client, prober: Prober) -> None:
    prober.ends_with(record("vm"))
    assert client.get("/probe?target=contoso/vm").status_code == 200
    client.get("/probe?target=contoso/vm&source=partner_center", **{"x-prometheus-scrape-timeout-seconds": "3"})
    assert prober.asked == [("contoso/vm", None, 9.5), ("contoso/vm", "partner_center", 2.5)]


def test_a_fetch_that_failed_for_want_of_time_is_told_as_such(client: Client, prober: Prober) -> None:
    prober.ends_with(OfferRecord("contoso", "vm", failure=Failure("timeout", "no answer")))
    answer = client.get("/probe?target=contoso/vm", **{"x-prometheus-scrape-timeout-seconds": "0.6"})
    assert (answer.status_code, "probe_success 0.0\n" in answer.text) == (200, True)


def test_a_fetch_that_does_not_keep_its_time_is_not_waited_for(
    client: Client, prober: Prober, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.0)
    answer = client.get("/probe?target=contoso/vm", **{"x-prometheus-scrape-timeout-seconds": "0.1"})
    assert (answer.status_code, answer.text) == (504, "the offer was not fetched within the scrape timeout\n")
    assert not prober.flight.cancelled(), "others may wait for it"

"""A fourth API is one class and one entry in the list of sources; its settings, flags and counters come with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.config.options import help_text, load
from exporter.config.settings import HttpUrl, Rate, SourceSettings
from exporter.domain.offers import Offer, OfferStatus
from exporter.sources.base import Answer, OfferList, OfferQuery, Source
from exporter.sources.connections import Connections
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.sources.paging import Page, Pages
from exporter.sources.registry import SOURCES
from exporter.sources.wire import UnknownValues, WireModel
from exporter.telemetry.metrics import Telemetry

from .canned import Canned, serving


class WireBoat(WireModel):
    id: Any = None
    place: Any = None


class HarbourSettings(SourceSettings):
    """Where the harbour is."""

    base_url: HttpUrl = "https://harbour.example.com"
    """Where the harbour is."""
    scope: str = "https://harbour.example.com/.default"
    """OAuth scope of tokens for the harbour."""
    requests_per_second: Rate = 1.0
    """Most requests per second to the harbour, on average."""
    quay: str = "north"
    """Which quay is looked at."""


class HarbourSource(Source):
    name = "harbour"
    title = "Harbour API"
    section = "harbour"
    settings = HarbourSettings
    is_account = False
    operations = ("harbour_boats",)

    def __init__(self, client: ApiClient, telemetry: Telemetry, settings: SourceSettings) -> None:
        assert isinstance(settings, HarbourSettings)
        self._client, self._quay = client, settings.quay
        self._values = UnknownValues(telemetry, self.name, client.clock)
        self._boats = Pages("harbour_boats", Page[WireBoat], "the list of boats")

    def list_offers(self, publisher_id: str, deadline: Deadline) -> OfferList:
        found = self._boats.read(self._client, f"/{self._quay}/{publisher_id}", self._values, deadline)
        offers = tuple(
            Offer(
                publisher_id,
                self._values.identifier("offer_id", one.id),
                self._values.state(OfferStatus, "offer_status", one.place),
                self.name,
            )
            for one in found.entries
        )
        return OfferList(offers, found.is_whole)

    def fetch_offer(self, query: OfferQuery, deadline: Deadline) -> Answer:
        del deadline
        assert query.listed is not None
        return Answer(query.listed)


FOUR: tuple[type[Source], ...] = (*SOURCES, HarbourSource)


@pytest.fixture
def canned() -> Iterator[Canned]:
    with serving() as one:
        yield one


@pytest.mark.usefixtures("no_variables")
def test_fourth_source(canned: Canned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETPLACE_EXPORTER_HARBOUR__QUAY", "south")
    canned.put("/south/contoso", {"value": [{"id": "ferry", "place": "running"}, {"id": "tug", "place": "adrift"}]})
    path = tmp_path / "exporter.yaml"
    publisher = {"id": "contoso", "sources": ["harbour", "cloud_partner"]}
    path.write_text(json.dumps({"publishers": [publisher], "auth": {"token": "any-token"}}), encoding="utf-8")
    arguments = [f"--config.file={path}", f"--harbour.base-url={canned.url}"]
    settings = load(arguments, sources=FOUR)
    assert "--harbour.quay TEXT\n        Which quay is looked at. Default: north." in help_text(FOUR)
    telemetry = Telemetry(one.name for one in FOUR)
    connections = Connections(
        settings, telemetry=telemetry, clock=lambda: 0.0, monotonic=lambda: 0.0, wait=lambda _: False, kinds=FOUR
    )
    deadline = Deadline(60, lambda: 0.0)
    harbour = connections.sources["default"]["harbour"]
    ferry, tug = harbour.list_offers("contoso", deadline).offers
    assert harbour.fetch_offer(OfferQuery("contoso", "ferry", ferry), deadline) == Answer(ferry)
    assert (ferry.offer_id, ferry.status, tug.status) == ("ferry", OfferStatus.RUNNING, OfferStatus.UNKNOWN)
    connections.close()
    value = telemetry.registry.get_sample_value
    counted = "azure_marketplace_exporter_api_requests_total"
    assert value(counted, {"operation": "harbour_boats", "code": "200"}) == 1

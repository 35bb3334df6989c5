"""A fourth API is one class and one entry in the list of sources; its settings, flags and counters come with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.config.options import help_text, load
from exporter.config.settings import HttpUrl, Rate, SourceSettings
from exporter.domain.offers import Offer, OfferStatus
from exporter.domain.texts import identifier
from exporter.sources.base import Answer, OfferList, OfferQuery, Source
from exporter.sources.connections import Connections
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.sources.paging import Page, Pages
from exporter.sources.registry import SOURCES
from exporter.sources.wire import UnknownValues, WireModel
from exporter.telemetry.metrics import Telemetry

from .canned import Canned, Clock


class WireBoat(WireModel):
    id: Any = None
    place: Any = None


BOATS = Pages("harbour_boats", Page[WireBoat], "the list of boats")


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

    def __init__(self, client: ApiClient, values: UnknownValues, settings: SourceSettings) -> None:
        super().__init__(client, values, settings)
        assert isinstance(settings, HarbourSettings)
        self._quay = settings.quay

    def list_offers(self, publisher_id: str, deadline: Deadline) -> OfferList:
        found = BOATS.read(self._client, f"/{self._quay}/{publisher_id}", self._values, deadline)
        offers = ((self._listed(publisher_id, one), one.id) for one in found.entries)
        return self._each_once(offers, is_whole=found.is_whole)

    def _listed(self, publisher_id: str, boat: WireBoat) -> Offer:
        status = self._values.state(OfferStatus, "offer_status", boat.place)
        return Offer(publisher_id, identifier(boat.id), status, self.name)

    def fetch_offer(self, query: OfferQuery, deadline: Deadline) -> Answer:
        del deadline
        assert query.listed is not None
        return Answer(query.listed)


FOUR: tuple[type[Source], ...] = (*SOURCES, HarbourSource)


@pytest.mark.usefixtures("no_variables")
def test_fourth_source(server: Canned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETPLACE_EXPORTER_HARBOUR__QUAY", "south")
    server.put("/south/contoso", {"value": [{"id": "ferry", "place": "running"}, {"id": "tug", "place": "adrift"}]})
    path = tmp_path / "exporter.yaml"
    publisher = {"id": "contoso", "sources": ["harbour", "cloud_partner"]}
    path.write_text(json.dumps({"publishers": [publisher], "auth": {"token": "any-token"}}), encoding="utf-8")
    arguments = [f"--config.file={path}", f"--harbour.base-url={server.url}"]
    settings = load(arguments, sources=FOUR)
    assert "--harbour.quay TEXT\n        Which quay is looked at. Default: north." in help_text(FOUR)
    telemetry, clock = Telemetry(one.name for one in FOUR), Clock()
    clocks: Any = {"clock": clock, "monotonic": clock, "wait": clock.wait}
    connections = Connections(settings, telemetry=telemetry, kinds=FOUR, **clocks)
    deadline = Deadline(60, clock)
    harbour = connections.sources["default"]["harbour"]
    with capture_logs() as logs:
        ferry, tug = harbour.list_offers("contoso", deadline).offers
    assert [(one["source"], one["value"]) for one in logs] == [("harbour", "adrift")]
    assert harbour.fetch_offer(OfferQuery("contoso", "ferry", ferry), deadline) == Answer(ferry)
    assert (ferry.offer_id, ferry.status, tug.status) == ("ferry", OfferStatus.RUNNING, OfferStatus.UNKNOWN)
    connections.close()
    value = telemetry.registry.get_sample_value
    counted = "azure_marketplace_exporter_api_requests_total"
    assert value(counted, {"operation": "harbour_boats", "code": "200"}) == 1

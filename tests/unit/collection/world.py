"""A collection whose sources, clocks and settings belong to a test; the engine is the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from pydantic import TypeAdapter

from exporter.collection import engine as module
from exporter.collection.engine import Engine
from exporter.collection.snapshot import OfferRecord, PublisherRecord, Snapshot, SourceRecord
from exporter.config.publishers import publishers_with
from exporter.config.settings import ApiSettings, CollectionSettings, PublisherSettings, Settings
from exporter.domain.errors import NotFoundError
from exporter.domain.offers import Offer, OfferStatus
from exporter.sources.base import Answer, NotServedError, OfferList, OfferQuery, Source
from exporter.sources.deadline import Deadline
from exporter.sources.registry import SOURCES
from exporter.sources.wire import UnknownValues
from exporter.telemetry.metrics import Telemetry
from tests.unit.make import NOW, Clock

ORDER = ("cloud_partner", "partner_center", "product_ingestion")
LISTED, LISTED_FOR_NOW = "only listed", "only listed for now"
"""The source lists the offer and cannot tell more of it, for good or for now."""
Told = Offer | Answer | OfferStatus | Exception | Callable[[], Offer] | str
Offers = dict[str, Told]


@dataclass
class FakeSource(Source):
    """Lists and tells what a test gives it; an exception in place of an answer is raised.

    `offers` are in its list, for every publisher or as `lists` says; `hidden` can be asked for all the same.
    """

    name: str  # type: ignore[misc]  # here each instance is a source of its own
    is_account: bool = False  # type: ignore[misc]  # a variable of the class in the real one
    offers: Offers = field(default_factory=dict)
    hidden: Offers = field(default_factory=dict)
    lists: dict[str, tuple[Offer, ...] | Exception] = field(default_factory=dict)
    refusal: Exception | None = None
    is_whole: bool = True
    asked: list[OfferQuery] = field(default_factory=list)

    def offer(self, offer_id: str, status: OfferStatus = OfferStatus.UNKNOWN, **fields: Any) -> Offer:
        product = f"guid-of-{offer_id}" if self.is_account else ""
        known: dict[str, Any] = {"display_name": f"{offer_id} in {self.name}", "product_id": product}
        return Offer("contoso", offer_id, status, self.name, **(known | fields))

    def list_offers(self, publisher_id: str, deadline: Deadline) -> OfferList:
        deadline.check()
        listed = self.lists.get(publisher_id, self.refusal)
        if isinstance(listed, Exception):
            raise listed
        offers = tuple(map(self.offer, self.offers)) if listed is None else listed
        return OfferList(offers, is_whole=self.is_whole)

    def fetch_offer(self, query: OfferQuery, deadline: Deadline) -> Answer:
        deadline.check()
        self.asked.append(query)
        told = (self.offers | self.hidden).get(query.offer_id, query.listed)
        if callable(told):
            told = told()
        if isinstance(told, OfferStatus):
            told = self.offer(query.offer_id, told)
        if isinstance(told, str):
            listed = self.offer(query.offer_id, is_listed_only=True)
            raise NotServedError(f"{self.name} only lists it", listed, is_lasting=told == LISTED)
        if isinstance(told, Exception):
            raise told
        if told is None or (query.offer_id not in self.offers | self.hidden and self.lists == {}):
            raise NotFoundError(f"{self.name} has no {query.offer_id}")
        return told if isinstance(told, Answer) else Answer(told)

    def says(self, what: Offers | Exception, hidden: Offers | None = None) -> None:
        """List these offers or refuse to; `hidden` can be asked for all the same."""
        self.refusal = what if isinstance(what, Exception) else None
        self.offers = self.offers if isinstance(what, Exception) else what
        self.hidden = hidden or {}

    def ids(self) -> list[str]:
        """What was asked for."""
        return [one.offer_id for one in self.asked]


@dataclass
class FakeConnections:
    sources: Mapping[str, Mapping[str, Source]]
    paused: dict[tuple[str, str], float] = field(default_factory=dict)

    def pauses(self) -> Mapping[tuple[str, str], float]:
        return self.paused

    def pause(self, pauses: Mapping[tuple[str, str], float]) -> None:
        self.paused |= pauses

    def secrets(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        pass


def unnamed(*publishers: str | dict[str, Any]) -> tuple[PublisherSettings, ...]:
    """Publishers as the settings have them that name no sources."""
    model = TypeAdapter[tuple[PublisherSettings, ...]](publishers_with(Literal[ORDER]))
    return model.validate_python(publishers)


class World:
    """One publisher, contoso, unless a test says otherwise, and three sources of which the first alone is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cloud = FakeSource(ORDER[0])
        self.center, self.ingestion = FakeSource(ORDER[1], is_account=True), FakeSource(ORDER[2], is_account=True)
        sources = {one.name: one for one in (self.cloud, self.center, self.ingestion)}
        self.connections = FakeConnections({"default": sources})
        monkeypatch.setattr(module, "Connections", lambda *_, **__: self.connections)
        self.clock, self.monotonic = Clock(), Clock(0)
        self.telemetry = Telemetry()
        self.published: list[Snapshot] = []
        self.saved: list[Snapshot] = []
        self.on_publish: Callable[[Snapshot], object] = lambda _: None
        self.engine: Engine | None = None

    def run(self, *publishers: PublisherSettings | str, api: ApiSettings | None = None, **collection: Any) -> Engine:
        """Start with these settings and what is known so far, as a reload does; nothing is asked yet."""
        before = self.engine.stop() if self.engine else Snapshot()
        self.engine = Engine(
            Settings(
                publishers=tuple(
                    PublisherSettings(id=one) if isinstance(one, str) else one for one in publishers or ("contoso",)
                ),
                collection=CollectionSettings(**collection),
                api=api or ApiSettings(),
            ),
            telemetry=self.telemetry,
            publish=self._publish,
            save=self.saved.append,
            clock=self.clock,
            monotonic=self.monotonic,
        )
        self.engine.adopt(before)
        return self.engine

    def all_sources(self, *offers: str, api: ApiSettings | None = None, **collection: Any) -> Engine:
        return self.run(PublisherSettings(id="contoso", offers=offers, sources=ORDER), api=api, **collection)

    def unnamed_sources(self, *offers: str, **collection: Any) -> Engine:
        """All sources, because the settings name none."""
        return self.run(*unnamed({"id": "contoso", "offers": offers}), **collection)

    def real_sources(self, client: Callable[[str], Any]) -> None:
        """Ask by the sources of the package, each by the client that is made for its name."""
        odd = {one.name: UnknownValues(self.telemetry, one.name, self.clock) for one in SOURCES}
        known = {one.name: one(client(one.name), odd[one.name], one.settings()) for one in SOURCES}  # type: ignore[call-arg]  # each kind has defaults for its own
        self.connections.sources = {"default": known}

    def refresh(self, later: float = 60) -> PublisherRecord:
        """Refresh some seconds later."""
        self.clock.now += later
        assert self.engine is not None
        return self.engine.refresh().publishers[0]

    def _publish(self, snapshot: Snapshot) -> None:
        self.published.append(snapshot)
        self.on_publish(snapshot)

    @property
    def record(self) -> PublisherRecord:
        assert self.engine is not None
        return self.engine.snapshot.publishers[0]

    def of(self, offer_id: str) -> OfferRecord:
        return next(one for one in self.record.offers if one.offer_id == offer_id)

    def see(
        self, later: float = 60, **sources: Offers | Exception | tuple[Offers | Exception, Offers]
    ) -> dict[str, str]:
        """What is known after a refresh some seconds later, when the sources say what is given here.

        Of each offer who tells it and its status, as "cloud running", with the reason in parentheses if it was not read now;
        of the sources those that could not be read; of the publisher the reason if it is not up.
        """
        for name, what in sources.items():
            getattr(self, name).says(*(what if isinstance(what, tuple) else (what,)))
        record = self.refresh(later)
        failed = {SHORT[one.source]: one for one in record.sources if one.failure}
        return (
            {one.offer_id: _shown(one) for one in record.offers}
            | {name: _reason(one) if one.is_expected else f"away, {_reason(one)}" for name, one in failed.items()}
            | ({record.publisher_id: _reason(record)} if record.failure else {})
        )

    def counted(self) -> dict[str, float]:
        """All reasons of failures that were counted."""
        samples = next(iter(self.telemetry.refresh_failures_total.collect())).samples
        return {one.labels["reason"]: one.value for one in samples if one.value}


SHORT = dict(zip(ORDER, ("cloud", "center", "ingestion"), strict=True))


def _shown(record: OfferRecord) -> str:
    offer, failure = record.offer, f"({_reason(record)})" if record.failure else ""
    told = f"{SHORT[offer.source]} {'listed' if offer.is_listed_only else offer.status}" if offer else ""
    return " ".join(filter(None, (told, failure)))


def _reason(record: OfferRecord | SourceRecord | PublisherRecord) -> str:
    assert record.failure is not None
    return record.failure.reason


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    one = World(monkeypatch)
    one.run()
    yield one
    if one.engine:
        one.engine.stop()


START = NOW + 60
"""When the first refresh of a test takes place."""

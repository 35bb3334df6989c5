"""What the landing page shows: publishers and their health, how many offers wait for whom, and one page of the list."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

from exporter.collection.snapshot import PublisherRecord, Snapshot, SourceRecord
from exporter.domain.offers import Party
from exporter.pages.filters import NO_DATA, Filters
from exporter.pages.palette import look
from exporter.pages.view import OfferView
from exporter.pages.wording import Lens
from exporter.sources.registry import SOURCES

__all__ = ["PAGE_SIZE", "Card", "Overview", "PublisherView", "Urgency", "urgency"]

PAGE_SIZE = 100


class Urgency(IntEnum):
    """In which order offers are listed; those that are only listed count as ones without data, and come last."""

    PUBLISHER = 0
    NO_DATA = 1
    OVERDUE = 2
    MICROSOFT = 3
    NOBODY = 4


_URGENCY = {Party.PUBLISHER: Urgency.PUBLISHER, Party.MICROSOFT: Urgency.MICROSOFT, Party.NOBODY: Urgency.NOBODY}
_WORDS = {
    Party.PUBLISHER: "waiting for the publisher",
    Party.MICROSOFT: "with Microsoft",
    Party.NOBODY: "where nobody has to act",
}


def urgency(view: OfferView) -> Urgency:
    """How soon somebody should look at an offer."""
    if view.waiting_on is None:
        return Urgency.NO_DATA
    if view.waiting_on is Party.MICROSOFT and view.over:
        return Urgency.OVERDUE
    return _URGENCY[view.waiting_on]


@dataclass(frozen=True, slots=True)
class Card:
    """How many offers there are of one kind, None if that is not known.

    `link` is the query that lists them, `is_active` where it does so now.
    """

    words: str
    colour: str
    count: int | None
    link: str
    is_active: bool
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class PublisherView:
    """The health of one publisher.

    `number` is its place in the list, from 1, `waiting` counts the offers it has to act on. With `is_unknown` nothing current
    is known of any of its offers because it could not be read, so that a count of 0 would say too much.
    """

    record: PublisherRecord
    number: int
    waiting: int
    is_unknown: bool

    @property
    def waiting_link(self) -> str:
        """The query that lists what waits for it."""
        return Filters(publisher=self.record.publisher_id, waiting_on=Party.PUBLISHER).link()

    @property
    def down(self) -> tuple[SourceRecord, ...]:
        """The sources that could not be read, where there are several; the only one is no news beside the publisher."""
        sources = self.record.sources
        failed = (one for one in sources if one.failure is not None and one.is_expected)
        return tuple(failed) if len(sources) > 1 else ()

    @property
    def away(self) -> str:
        """The sources that are not available here."""
        return ", ".join(one.source for one in self.record.sources if one.failure is not None and not one.is_expected)


class Overview:
    """One landing page; the offers that wait for the publisher come first, in each group those that wait longest."""

    def __init__(self, snapshot: Snapshot, filters: Filters, lens: Lens) -> None:
        self.filters = filters
        self._snapshot = snapshot
        views = (
            OfferView(record, lens.fresh(record), lens)
            for publisher in snapshot.publishers
            for record in publisher.offers
        )
        self._all = [(urgency(view), view) for view in views]
        self._found = [(rank, view) for rank, view in self._all if filters.keeps(view)]

    @cached_property
    def publishers(self) -> tuple[PublisherView, ...]:
        """All publishers, in the order of the settings."""
        waiting = Counter(view.record.publisher_id for rank, view in self._all if rank is Urgency.PUBLISHER)
        told = {view.record.publisher_id for _, view in self._all if view.offer is not None}
        return tuple(
            PublisherView(
                one,
                number,
                waiting[one.publisher_id],
                is_unknown=not one.up and one.publisher_id not in told,
            )
            for number, one in enumerate(self._snapshot.publishers, start=1)
        )

    @property
    def is_unknown(self) -> bool:
        """True if publishers could not be read and nothing current is known of any offer."""
        has_data = any(view.offer is not None for _, view in self._all)
        return not has_data and any(one.is_unknown for one in self.publishers)

    @property
    def failing(self) -> tuple[PublisherView, ...]:
        """The publishers whose last refresh did not get everything."""
        return tuple(one for one in self.publishers if one.record.up is False)

    @property
    def read(self) -> str:
        """The APIs whose lists were read, as people call them."""
        names = {one.source for publisher in self._snapshot.publishers for one in publisher.sources if not one.failure}
        return ", ".join(kind.title for kind in SOURCES if kind.name in names)

    @property
    def starting(self) -> int:
        """How many publishers are in their first refresh."""
        return sum(one.record.up is None for one in self.publishers)

    @property
    def cards(self) -> tuple[Card, ...]:
        """Who has to act on how many offers; without a card for missing data where none is missing or asked for."""
        beside = self.filters.beside
        kept = [(rank, view.waiting_on) for rank, view in self._all if beside.keeps(view)]
        counts = Counter(party for _, party in kept)
        overdue = sum(rank is Urgency.OVERDUE for rank, _ in kept)
        cards = tuple(
            Card(
                words=_WORDS[party],
                colour=look(party).colour,
                count=None if self.is_unknown else counts[party],
                link=replace(beside, waiting_on=party).link(),
                is_active=self.filters.waiting_on == party,
                overdue=overdue if party is Party.MICROSOFT else 0,
            )
            for party in Party
        )
        missing = self._missing_card()
        return (*cards, missing) if missing.count or missing.is_active else cards

    def _missing_card(self) -> Card:
        beside = replace(self.filters.beside, status=NO_DATA)
        count = sum(beside.keeps(view) for _, view in self._all)
        return Card("without current data", "red", count, beside.link(), self.filters.status == NO_DATA)

    @property
    def is_mixed(self) -> bool:
        """True if offers that wait for the publisher come before others."""
        ranks = {rank for rank, _ in self._found}
        return Urgency.PUBLISHER in ranks and len(ranks) > 1

    @property
    def is_unknown_publisher(self) -> bool:
        """True if the filter names a publisher that is not watched."""
        named = self.filters.publisher
        return bool(named) and named not in {one.record.publisher_id for one in self.publishers}

    @property
    def total(self) -> int:
        """How many offers there are, the filters aside."""
        return len(self._all)

    @property
    def found(self) -> int:
        """How many offers the filters leave."""
        return len(self._found)

    @property
    def pages(self) -> int:
        """How many pages they fill, at least one."""
        return max(1, -(-self.found // PAGE_SIZE))

    @property
    def page(self) -> int:
        """Which page this is: the one that is asked for, or the last."""
        return min(self.filters.page, self.pages)

    @property
    def first(self) -> int:
        """The number of the first offer on this page, counted from 1; 0 if there is none."""
        return (self.page - 1) * PAGE_SIZE + 1 if self._found else 0

    @cached_property
    def rows(self) -> tuple[OfferView, ...]:
        """The offers on this page."""
        ordered = sorted(self._found, key=_order)
        return tuple(view for _, view in ordered[(self.page - 1) * PAGE_SIZE : self.page * PAGE_SIZE])


def _order(entry: tuple[Urgency, OfferView]) -> tuple[bool, int, float, str, str]:
    """Sort by urgency; what is only listed comes last, for that will not change."""
    rank, view = entry
    since = view.record.since.waiting_on if view.record.since else 0.0
    return view.is_listed_only, rank, since, view.record.publisher_id, view.record.offer_id

"""The immutable result of the latest refreshes. All times are Unix seconds, all durations seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from exporter.config.selection import Selection
from exporter.domain.offers import Offer

__all__ = ["Failure", "OfferRecord", "PublisherRecord", "Since", "Snapshot", "SourceRecord"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last try failed: the metric reason, and a sentence for people."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Since:
    """When the exporter first saw what an offer shows now."""

    status: float
    waiting_on: float
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OfferRecord:
    """What is known of one offer; after a failed fetch it keeps the offer of the last good one.

    `listed` is the entry of the list that belongs to `offer`, `asked` when its steps were last asked for.
    """

    publisher_id: str
    offer_id: str
    offer: Offer | None = None
    listed: Offer | None = None
    asked: float | None = None
    since: Since | None = None
    last_success: float | None = None
    failure: Failure | None = None

    def is_fresh(self, now: float, stale_after: float) -> bool:
        """True if there is an offer to show that is younger than `stale_after`."""
        return self.offer is not None and self.last_success is not None and now - self.last_success < stale_after


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """How one source did for one publisher; `failure` tells why nothing could be read from it, `listed` counts its list.

    With `is_complete` a list of it has been worked off since the publisher's selection is what it is: from then on a list
    that fails leaves the offers as they were, but never as a part of them.
    """

    source: str
    listed: int | None = None
    last_success: float | None = None
    failure: Failure | None = None
    is_complete: bool = False


@dataclass(frozen=True, slots=True)
class PublisherRecord:
    """What is known of one publisher; before its first refresh nothing but the interval and what is to be collected."""

    publisher_id: str
    interval: float | None
    offers: tuple[OfferRecord, ...] = ()
    listed: int | None = None
    last_refresh: float | None = None
    last_success: float | None = None
    duration: float | None = None
    failure: Failure | None = None
    sources: tuple[SourceRecord, ...] = ()
    selection: Selection = field(default_factory=Selection)

    @property
    def up(self) -> bool | None:
        """True if the last refresh got everything it asked for, None before the first one."""
        return None if self.last_refresh is None else self.failure is None

    @property
    def missing(self) -> tuple[str, ...]:
        """Name the sources whose lists are still to come; none where the settings name the offers."""
        told = {one.source for one in self.sources if one.is_complete}
        return () if self.selection.offers else tuple(one for one in self.selection.sources if one not in told)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Snapshot:
    """All publishers, in the order of the settings."""

    publishers: tuple[PublisherRecord, ...] = ()

    @property
    def is_complete(self) -> bool:
        """True once every publisher has been through a refresh, well or not."""
        return all(publisher.last_refresh is not None for publisher in self.publishers)

    def publisher(self, publisher_id: str) -> PublisherRecord:
        """Get one publisher; KeyError if there is none of this id."""
        for publisher in self.publishers:
            if publisher.publisher_id == publisher_id:
                return publisher
        raise KeyError(publisher_id)

    def offer(self, publisher_id: str, offer_id: str) -> OfferRecord | None:
        """Get what is known of one offer, if anything is."""
        for publisher in self.publishers:
            if publisher.publisher_id == publisher_id:
                return next((one for one in publisher.offers if one.offer_id == offer_id), None)
        return None

    def with_publisher(self, record: PublisherRecord) -> Snapshot:
        """Make a snapshot in which this record takes the place of the one with the same id."""
        return replace(
            self,
            publishers=tuple(record if one.publisher_id == record.publisher_id else one for one in self.publishers),
        )

    def expires(self, now: float, stale_after: float) -> float:
        """Tell when the next offer that is fresh now becomes stale; infinity if none does."""
        ages = (
            record.last_success + stale_after
            for publisher in self.publishers
            for record in publisher.offers
            if record.last_success is not None and record.is_fresh(now, stale_after)
        )
        return min(ages, default=float("inf"))

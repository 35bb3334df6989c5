"""The immutable result of the latest refreshes. All times are Unix seconds, all durations seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from exporter.collection.record import Past, Pool
from exporter.config.selection import Selection
from exporter.domain.errors import InternalError, SourceError
from exporter.domain.offers import Offer

__all__ = ["Failure", "OfferRecord", "Outlook", "PublisherRecord", "Since", "Snapshot", "SourceRecord", "Usual"]

NO_PAST = Past()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last try failed: the metric reason, and a sentence for people."""

    reason: str
    text: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Put an error into words; one that is not ours is named by its type only."""
        if isinstance(error, SourceError):
            return cls(error.reason, str(error))
        return cls(InternalError.reason, f"unexpected {type(error).__name__}, see the log")


@dataclass(frozen=True, slots=True)
class Since:
    """When the exporter first saw what an offer shows now."""

    status: float
    waiting_on: float
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usual:
    """How long a step usually takes, by the record: half of the times at most `median` seconds, 19 of 20 times at most `late`.

    `basis` tells whose record that is: the offer's own, that of its type, or that of all.
    """

    median: float
    late: float
    basis: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the record tells of a publication that is under way.

    `expected` are the times before which it goes live with a probability of 0.5 and of 0.8, `usual` has the steps on record,
    `made` is when that was worked out.
    """

    expected: tuple[float, float] | None = None
    usual: Mapping[str, Usual] = field(default_factory=dict)
    made: float = 0.0


@dataclass(frozen=True, slots=True)
class OfferRecord:
    """What is known of one offer; after a failed fetch it keeps the offer of the last good one.

    `listed` is the entry of the list that belongs to `offer`, `asked` when its details were last told, `tried` when it was
    last asked for at all.
    """

    publisher_id: str
    offer_id: str
    offer: Offer | None = None
    listed: Offer | None = None
    asked: float | None = None
    since: Since | None = None
    last_success: float | None = None
    failure: Failure | None = None
    tried: float | None = None
    past: Past = NO_PAST
    outlook: Outlook | None = None

    @property
    def told_by(self) -> str:
        """The source that told the status that is shown; empty if none did."""
        return "" if self.offer is None or self.offer.is_listed_only else self.offer.source

    def is_fresh(self, now: float, stale_after: float) -> bool:
        """True if there is an offer to show that is younger than `stale_after`."""
        return self.offer is not None and self.last_success is not None and now - self.last_success < stale_after


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """How one source did for one publisher; `failure` tells why nothing could be read from it.

    `offers` are the ids in its last good list. With `is_complete` a list of it has been worked off since the publisher's
    selection is what it is: from then on a list that fails leaves the offers as they were, but never as a part of them.
    It is not `is_expected` to work while it is not available here: it was never read and refuses, others can be read, and
    the settings do not name it.
    """

    source: str
    offers: tuple[str, ...] | None = None
    last_success: float | None = None
    failure: Failure | None = None
    is_complete: bool = False
    is_expected: bool = True

    @property
    def listed(self) -> int | None:
        """Offers in its last good list."""
        return None if self.offers is None else len(self.offers)


@dataclass(frozen=True, slots=True)
class PublisherRecord:
    """What is known of one publisher; before its first refresh nothing but the interval and what is to be collected.

    `departed` are offers that left the lists less than a day ago, `left_out` counts those that the last refresh had no
    time to ask for.
    """

    publisher_id: str
    interval: float | None
    offers: tuple[OfferRecord, ...] = ()
    last_refresh: float | None = None
    last_success: float | None = None
    duration: float | None = None
    failure: Failure | None = None
    sources: tuple[SourceRecord, ...] = ()
    selection: Selection = field(default_factory=Selection)
    departed: tuple[OfferRecord, ...] = ()
    left_out: int | None = None
    pools: tuple[Pool, ...] = ()

    @property
    def up(self) -> bool | None:
        """True if the last refresh got everything it asked for, None before the first one."""
        return None if self.last_refresh is None else self.failure is None

    @property
    def listed(self) -> int | None:
        """Offers in the last good lists of all sources, each counted once; None while there is no list."""
        lists = [one.offers for one in self.sources if one.offers is not None]
        return len({offer_id for offers in lists for offer_id in offers}) if lists else None

    @property
    def missing(self) -> tuple[str, ...]:
        """Sources whose lists are still to come; none where the settings name the offers."""
        told = {one.source for one in self.sources if one.is_complete or not one.is_expected}
        return () if self.selection.offers else tuple(one for one in self.selection.sources if one not in told)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All publishers, in the order of the settings."""

    publishers: tuple[PublisherRecord, ...] = ()

    @property
    def is_complete(self) -> bool:
        """True once every publisher has been through a refresh, well or not."""
        return all(publisher.last_refresh is not None for publisher in self.publishers)

    def publisher(self, publisher_id: str) -> PublisherRecord:
        """One publisher; KeyError if there is none of this id."""
        for publisher in self.publishers:
            if publisher.publisher_id == publisher_id:
                return publisher
        raise KeyError(publisher_id)

    def offer(self, publisher_id: str, offer_id: str) -> OfferRecord | None:
        """What is known of one offer, if anything is."""
        offers = (one.offers for one in self.publishers if one.publisher_id == publisher_id)
        return next((one for some in offers for one in some if one.offer_id == offer_id), None)

    def with_publisher(self, record: PublisherRecord) -> Snapshot:
        """The snapshot in which this record takes the place of the one with the same id."""
        return replace(
            self,
            publishers=tuple(record if one.publisher_id == record.publisher_id else one for one in self.publishers),
        )

    def expires(self, now: float, stale_after: float) -> float:
        """When the next offer that is fresh now becomes stale; infinity if none does."""
        records = (record for publisher in self.publishers for record in publisher.offers)
        fresh = (record.last_success or 0.0 for record in records if record.is_fresh(now, stale_after))
        return min(fresh, default=float("inf")) + stale_after

"""Fetching one offer on demand, for `/probe`."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from exporter.collection.fetch import Fetch
from exporter.collection.snapshot import Failure, OfferRecord, PublisherRecord, Snapshot
from exporter.collection.targets import is_target
from exporter.collection.workers import Workers
from exporter.config.selection import Selection
from exporter.config.settings import PublisherSettings
from exporter.config.shards import Shard
from exporter.domain.errors import ExporterError, SourceError
from exporter.sources.base import Source
from exporter.sources.deadline import Deadline

__all__ = ["Prober", "TargetError", "UnknownOfferError"]

MAX_KEPT = 10_000

log = structlog.get_logger("exporter.collection")


class TargetError(ExporterError):
    """The target may not be probed: it is no `publisher/offer`, or not among the publishers in the settings."""


class UnknownOfferError(TargetError):
    """The settings would allow it, but there is no such offer here: no list has it, or it is another shard's."""


@dataclass(frozen=True, slots=True)
class _Target:
    publisher_id: str
    offer_id: str
    source: str


class Prober:
    """Fetches single offers by the workers of their source; two that ask for the same one at once share the fetch.

    Only publishers in the settings can be probed, with the offers named there if any are: whoever reaches the exporter
    must not be able to send its credentials elsewhere. Sources and their workers come by credential and name. Where no offers
    are named, the lists tell which there are, as soon as all of them are known: an id that somebody has made up must not cost a request. Each probe has at most `seconds`, or
    as long as its caller waits if that is shorter: what nobody waits for must not keep others out.
    """

    def __init__(
        self,
        publishers: tuple[PublisherSettings, ...],
        sources: Mapping[str, Mapping[str, Source]],
        workers: Mapping[str, Mapping[str, Workers]],
        fetch: Fetch,
        *,
        shard: Shard,
        latest: Callable[[], Snapshot],
        seconds: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._selections = {one.id: Selection.of(one, shard) for one in publishers}
        self._sources = {one.id: sources[one.credential] for one in publishers}
        self._workers = {one.id: workers[one.credential] for one in publishers}
        self._fetch = fetch
        self._latest = latest
        self._seconds = seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._flights: dict[_Target, Future[OfferRecord]] = {}
        self._kept: OrderedDict[_Target, OfferRecord] = OrderedDict()

    def probe(self, target: str, source: str | None = None, *, seconds: float = math.inf) -> Future[OfferRecord]:
        """Fetch `publisher/offer` within so many seconds; the record tells whether it worked.

        Who comes while the offer is being fetched shares that fetch, and the time that it has left.

        Raises:
            TargetError: it may not be probed; UnknownOfferError if that is because there is no such offer here.
        """
        wanted = self._check(target, source)
        with self._lock:
            flight = self._flights.get(wanted)
            if flight is not None:
                return flight
            deadline = Deadline(min(seconds, self._seconds), self._monotonic)
            flight = self._workers[wanted.publisher_id][wanted.source].submit("probes", self._ask, wanted, deadline)
            self._flights[wanted] = flight
        flight.add_done_callback(lambda _: self._flights.pop(wanted, None))
        return flight

    def _check(self, target: str, source: str | None) -> _Target:
        publisher_id, _, offer_id = target.partition("/")
        if not is_target(publisher_id, offer_id):
            raise TargetError("target is no publisher/offer")
        selection = self._selections.get(publisher_id)
        if selection is None:
            raise TargetError(f"publisher {publisher_id} is not in the settings")
        if selection.offers and offer_id not in selection.offers:
            raise TargetError(f"offer {offer_id} is not among those of {publisher_id} in the settings")
        if source is not None and source not in selection.sources:
            raise TargetError(f"{publisher_id} has no source of this name; it has {', '.join(selection.sources)}")
        record = self._known(publisher_id, offer_id, selection)
        return _Target(publisher_id, offer_id, source or _usual_source(selection, record))

    def _known(self, publisher_id: str, offer_id: str, selection: Selection) -> OfferRecord | None:
        """What a refresh has seen of the offer; raises UnknownOfferError if it cannot be one of those here."""
        if not selection.has(publisher_id, offer_id):
            raise UnknownOfferError(f"offer {offer_id} of {publisher_id} is another shard's; this is {selection.shard}")
        snapshot = self._latest()
        record = snapshot.offer(publisher_id, offer_id)
        if record is None and any(_lists_all(one, publisher_id, selection) for one in snapshot.publishers):
            raise UnknownOfferError(f"{publisher_id} lists no offer {offer_id}; a new one is known after a refresh")
        return record

    def _ask(self, target: _Target, deadline: Deadline) -> OfferRecord:
        before, source = self._before(target), self._sources[target.publisher_id][target.source]
        try:
            deadline.check()  # it may have waited for a worker until its scraper had left
            answer = self._fetch.ask(source, before, before.listed, deadline)
        except SourceError as error:
            failure = Failure.of(error)
            about = {"publisher_id": target.publisher_id, "offer_id": target.offer_id}
            log.warning("probe failed", **about, reason=failure.reason, error=failure.text)
            return OfferRecord(target.publisher_id, target.offer_id, failure=failure)
        record = self._fetch.told(before, before.listed, answer)
        with self._lock:
            self._kept[target] = record
            self._kept.move_to_end(target)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return record

    def _before(self, target: _Target) -> OfferRecord:
        """What was last seen of the offer, be it by a probe or by a refresh."""
        seen = (self._kept.get(target), self._latest().offer(target.publisher_id, target.offer_id))
        blank = OfferRecord(target.publisher_id, target.offer_id)
        return max((one for one in seen if one is not None), key=lambda one: one.last_success or 0, default=blank)


def _lists_all(publisher: PublisherRecord, publisher_id: str, selection: Selection) -> bool:
    """Whether all offers of this publisher are in its record, which may be about to be made for other settings."""
    is_it = publisher.publisher_id == publisher_id and publisher.selection == selection
    return is_it and not selection.offers and not publisher.missing


def _usual_source(selection: Selection, record: OfferRecord | None) -> str:
    """The source that told this offer last, else the preferred one."""
    told_by = record.offer.source if record is not None and record.offer is not None else ""
    return next((one for one in selection.sources if one == told_by), selection.sources[0])

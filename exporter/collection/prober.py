"""Fetching one offer on demand, for `/probe`."""

from __future__ import annotations

import math
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from exporter.collection.history import trace
from exporter.collection.snapshot import Failure, OfferRecord
from exporter.collection.workers import Workers
from exporter.errors import ExporterError, SourceError
from exporter.settings import PublisherSettings
from exporter.sources.base import Deadline, Source

__all__ = ["BusyError", "Prober", "TargetError"]

MAX_KEPT = 10_000
_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]{1,128}")  # dots alone would lead to another path upstream


class TargetError(ExporterError):
    """The target may not be probed: it is no `publisher/offer`, or not among the publishers in the settings."""


class BusyError(ExporterError):
    """Too many probes are under way."""


@dataclass(frozen=True, slots=True)
class _Target:
    publisher_id: str
    offer_id: str
    source: str


class Prober:
    """Fetches single offers; two that ask for the same one at once share the fetch.

    Only publishers in the settings can be probed, with the offers named there if any are: whoever reaches the exporter
    must not be able to send its credential elsewhere. At most `limit` probes run at once, each for at most `seconds`, or
    for as long as its caller waits if that is shorter: what nobody waits for must not keep others out.
    """

    def __init__(
        self,
        publishers: tuple[PublisherSettings, ...],
        sources: Mapping[str, Source],
        *,
        latest: Callable[[str, str], OfferRecord | None],
        limit: int,
        seconds: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._publishers = {one.id: one for one in publishers}
        self._sources = sources
        self._latest = latest
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._monotonic = monotonic
        self._workers = Workers(limit, "probe")
        self._lock = threading.Lock()
        self._flights: dict[_Target, Future[OfferRecord]] = {}
        self._kept: OrderedDict[_Target, OfferRecord] = OrderedDict()

    def probe(self, target: str, source: str | None = None, *, seconds: float = math.inf) -> Future[OfferRecord]:
        """Fetch `publisher/offer` within so many seconds; the record tells whether it worked.

        Who comes while the offer is being fetched shares that fetch, and the time that it has left.

        Raises:
            TargetError: it may not be probed.
            BusyError: the limit is reached.
        """
        wanted = self._check(target, source)
        with self._lock:
            flight = self._flights.get(wanted)
            if flight is not None:
                return flight
            if len(self._flights) >= self._limit:
                raise BusyError(f"{self._limit} probes are under way; try again")
            deadline = Deadline(min(seconds, self._seconds), self._monotonic)
            flight = self._workers.submit(self._fetch, wanted, deadline)
            self._flights[wanted] = flight
        flight.add_done_callback(lambda _: self._flights.pop(wanted, None))
        return flight

    def close(self) -> None:
        """Let the threads end."""
        self._workers.close()

    def _check(self, target: str, source: str | None) -> _Target:
        publisher_id, _, offer_id = target.partition("/")
        if not _ID.fullmatch(publisher_id) or not _ID.fullmatch(offer_id):
            raise TargetError("target is no publisher/offer")
        publisher = self._publishers.get(publisher_id)
        if publisher is None:
            raise TargetError(f"publisher {publisher_id} is not in the settings")
        if publisher.offers and offer_id not in publisher.offers:
            raise TargetError(f"offer {offer_id} is not among those of {publisher_id} in the settings")
        if source is not None and source not in publisher.sources:
            raise TargetError(f"{publisher_id} has no source of this name; it has {', '.join(publisher.sources)}")
        return _Target(publisher_id, offer_id, source or self._usual_source(publisher, offer_id))

    def _usual_source(self, publisher: PublisherSettings, offer_id: str) -> str:
        """Take the source that told this offer last, else the preferred one."""
        record = self._latest(publisher.id, offer_id)
        told_by = record.offer.source if record is not None and record.offer is not None else ""
        return next((one for one in publisher.sources if one == told_by), publisher.sources[0])

    def _fetch(self, target: _Target, deadline: Deadline) -> OfferRecord:
        before = self._before(target)
        listed = before.listed if before else None
        try:
            offer = self._sources[target.source].fetch_offer(target.publisher_id, target.offer_id, listed, deadline)
        except SourceError as error:
            return OfferRecord(target.publisher_id, target.offer_id, failure=Failure(error.reason, str(error)))
        now = self._clock()
        since = trace(offer, before, now)
        record = OfferRecord(target.publisher_id, target.offer_id, offer, listed, now, since, now)
        with self._lock:
            self._kept[target] = record
            self._kept.move_to_end(target)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return record

    def _before(self, target: _Target) -> OfferRecord | None:
        """Give what was last seen of the offer, be it by a probe or by a refresh."""
        seen = (self._kept.get(target), self._latest(target.publisher_id, target.offer_id))
        return max((one for one in seen if one is not None), key=lambda one: one.asked or 0, default=None)

"""What the web serves right now: the newest snapshot and its bytes, swapped in one assignment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of

from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.exposition.encoder import Body, Exposition, encode, encode_offer
from exporter.exposition.own import OwnMetrics

__all__ = ["Publication", "Published"]

HOLD = 10.0
"""Seconds for which a rendering holds that was made because an offer had become stale."""


@dataclass(frozen=True, slots=True)
class Published:
    """A snapshot, its bytes, and until when (Unix seconds) the bytes hold."""

    snapshot: Snapshot
    exposition: Exposition
    expires: float


class Publication:
    """Renders each snapshot once; readers take no lock, and go first.

    `stale_after` and `monotonic` are in seconds, `clock` is Unix time.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        registry: CollectorRegistry,
        stale_after: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = OwnMetrics(registry, monotonic)
        self._clock = clock
        self.stale_after = stale_after
        self._current = self._render(snapshot)
        self._late: Published | None = None

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._current.snapshot

    def publish(self, snapshot: Snapshot) -> None:
        """Render a snapshot and show it from now on."""
        self._current = self._render(snapshot)

    def metrics(self, *, openmetrics: bool, gzip: bool) -> Body:
        """Give the whole exposition in one format."""
        own = self._own.text(openmetrics=openmetrics)
        exposition = self._fresh().exposition
        return exposition.gzipped(own) if gzip else exposition.plain(own)

    def probe(self, record: OfferRecord, seconds: float, *, openmetrics: bool) -> bytes:
        """Give what a probe found: the offer, whether it worked, and how many seconds it took."""
        registry = CollectorRegistry()
        Gauge("probe_success", "1 if the offer was fetched.", registry=registry).set(record.failure is None)
        Gauge("probe_duration_seconds", "How long the probe took.", registry=registry).set(seconds)
        own = (openmetrics_of if openmetrics else text_of)(registry)
        return encode_offer(record, self._clock()) + own

    @property
    def is_due(self) -> bool:
        """True if something has become stale since the last rendering; the next scrape would render it again."""
        return self._clock() >= self._shown.expires

    def renew(self) -> None:
        """Render again what is due; takes as long as a refresh does, so not a thing for an event loop."""
        self._fresh()

    @property
    def _shown(self) -> Published:
        current, late = self._current, self._late
        return late if late is not None and late.snapshot is current.snapshot else current

    def _fresh(self) -> Published:
        shown, now = self._shown, self._clock()
        if now < shown.expires:
            return shown
        # An offer has become stale since the last refresh; happens only while the upstream is out of reach. Kept in a
        # place of its own, because a refresh may publish at this very moment, and must win. It holds for a while: offers
        # become stale one by one, and each scrape would render them all again.
        late = self._render(shown.snapshot)
        self._late = late = replace(late, expires=max(late.expires, now + HOLD))
        return late

    def _render(self, snapshot: Snapshot) -> Published:
        now = self._clock()
        exposition = encode(snapshot, now, self.stale_after)
        return Published(snapshot, exposition, snapshot.expires(now, self.stale_after))

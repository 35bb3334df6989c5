"""What the web serves right now: the newest snapshot and its bytes, swapped in one assignment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of

from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.exposition.encoder import Body, Exposition, encode, encode_offer

__all__ = ["Publication", "Published"]


@dataclass(frozen=True, slots=True)
class Published:
    """A snapshot, its bytes, and until when (Unix seconds) the bytes hold."""

    snapshot: Snapshot
    exposition: Exposition
    expires: float


class Publication:
    """Renders each snapshot once; readers take no lock. `stale_after` is in seconds, `clock` is Unix time."""

    def __init__(
        self, snapshot: Snapshot, *, registry: CollectorRegistry, stale_after: float, clock: Callable[[], float]
    ) -> None:
        self._registry = registry
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
        own = (openmetrics_of if openmetrics else text_of)(self._registry)
        exposition = self._fresh().exposition
        return exposition.gzipped(own) if gzip else exposition.plain(own)

    def probe(self, record: OfferRecord, seconds: float, *, openmetrics: bool) -> bytes:
        """Give what a probe found: the offer, whether it worked, and how many seconds it took."""
        registry = CollectorRegistry()
        Gauge("probe_success", "1 if the offer was fetched.", registry=registry).set(record.failure is None)
        Gauge("probe_duration_seconds", "How long the probe took.", registry=registry).set(seconds)
        own = (openmetrics_of if openmetrics else text_of)(registry)
        return encode_offer(record, self._clock()) + own

    def _fresh(self) -> Published:
        current, now = self._current, self._clock()
        if now < current.expires:
            return current
        # An offer has become stale since the last refresh; happens only while the upstream is out of reach. Kept in a
        # place of its own, because a refresh may publish at this very moment, and must win.
        late = self._late
        if late is None or late.snapshot is not current.snapshot or now >= late.expires:
            late = self._late = self._render(current.snapshot)
        return late

    def _render(self, snapshot: Snapshot) -> Published:
        now = self._clock()
        return Published(snapshot, encode(snapshot, now, self.stale_after), snapshot.expires(now, self.stale_after))

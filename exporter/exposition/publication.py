"""What the web serves right now: the newest snapshot and its bytes, swapped in one assignment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of

from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.exposition.encoder import Body, Exposition, encode, encode_offer
from exporter.exposition.own import OwnMetrics

__all__ = ["Publication", "Published"]


@dataclass(frozen=True, slots=True)
class Published:
    """A snapshot and its bytes."""

    snapshot: Snapshot
    exposition: Exposition


class Publication:
    """Renders each snapshot once, when it is published; readers take no lock and wait for nothing.

    `stale_after` is in seconds, `clock` is Unix time. Without `message_text` the metrics hold no text of messages.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        registry: CollectorRegistry,
        stale_after: float,
        message_text: bool = True,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = OwnMetrics(registry, monotonic)
        self._clock = clock
        self.stale_after = stale_after
        self.message_text = message_text
        self.is_ready = False
        self._current = self._render(snapshot)

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._current.snapshot

    def publish(self, snapshot: Snapshot) -> None:
        """Render a snapshot and show it from now on; with the first that is complete the exporter is ready, for good."""
        self._current = self._render(snapshot)
        self.is_ready = self.is_ready or snapshot.is_complete

    def metrics(self, *, openmetrics: bool, gzip: bool) -> Body:
        """The whole exposition in one format."""
        own = self._own.text(openmetrics=openmetrics)
        exposition = self._current.exposition
        packed = exposition.openmetrics if openmetrics else exposition.text
        return packed.gzipped(own) if gzip else packed.plain(own)

    def probe(self, record: OfferRecord, seconds: float, *, openmetrics: bool) -> bytes:
        """What a probe found: the offer, whether it worked, and how many seconds it took."""
        registry = CollectorRegistry()
        Gauge("probe_success", "1 if the offer was fetched.", registry=registry).set(record.failure is None)
        Gauge("probe_duration_seconds", "How long the probe took.", registry=registry).set(seconds)
        own = (openmetrics_of if openmetrics else text_of)(registry)
        return encode_offer(record, self._clock(), openmetrics=openmetrics, message_text=self.message_text) + own

    def _render(self, snapshot: Snapshot) -> Published:
        exposition = encode(snapshot, self._clock(), self.stale_after, message_text=self.message_text)
        return Published(snapshot, exposition)

"""What the web serves right now: the newest snapshot and its bytes, swapped in one assignment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of

from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.exposition.encoder import Body, Exposition, encode, encode_offer

__all__ = ["Publication"]

HOLD = 0.01
"""Seconds for which a rendering of the exporter's own metrics holds: less than any two scrapes of one scraper are apart."""


Documents: TypeAlias = dict[object, tuple[bytes, ...]]


class Publication:
    """Renders each snapshot once, when it is published; readers take no lock and wait for nothing.

    The exporter's own metrics, those of `registry`, change all the time, so they are rendered when somebody asks. It is most of
    what a scrape costs; a crowd that comes at the same moment shares one rendering per format.

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
        self._registry = registry
        self._own: dict[bool, tuple[float, bytes]] = {}
        self._clock = clock
        self._monotonic = monotonic
        self.stale_after = stale_after
        self.message_text = message_text
        self.is_ready = False
        self._current = self._rendered(snapshot)

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._current[0]

    @property
    def documents(self) -> tuple[Snapshot, Documents]:
        """The newest snapshot, and what has been written of it so far; the pages add what they write."""
        snapshot, _, documents = self._current
        return snapshot, documents

    def publish(self, snapshot: Snapshot) -> None:
        """Render a snapshot and show it from now on; with the first that is complete the exporter is ready, for good."""
        self._current = self._rendered(snapshot)
        self.is_ready = self.is_ready or snapshot.is_complete

    def metrics(self, *, openmetrics: bool, gzip: bool) -> Body:
        """The whole exposition in one format."""
        own = self._own_metrics(openmetrics=openmetrics)
        exposition = self._current[1]
        packed = exposition.openmetrics if openmetrics else exposition.text
        return packed.gzipped(own) if gzip else packed.plain(own)

    def probe(self, record: OfferRecord, seconds: float, *, openmetrics: bool) -> bytes:
        """What a probe found: the offer, whether it worked, and how many seconds it took."""
        registry = CollectorRegistry()
        Gauge("probe_success", "1 if the offer was fetched.", registry=registry).set(record.failure is None)
        Gauge("probe_duration_seconds", "How long the probe took.", registry=registry).set(seconds)
        own = (openmetrics_of if openmetrics else text_of)(registry)
        return encode_offer(record, self._clock(), openmetrics=openmetrics, message_text=self.message_text) + own

    def _rendered(self, snapshot: Snapshot) -> tuple[Snapshot, Exposition, Documents]:
        return snapshot, encode(snapshot, self._clock(), self.stale_after, message_text=self.message_text), {}

    def _own_metrics(self, *, openmetrics: bool) -> bytes:
        now = self._monotonic()
        until, text = self._own.get(openmetrics, (now, b""))
        if now >= until:
            text = (openmetrics_of if openmetrics else text_of)(self._registry)
            self._own[openmetrics] = now + HOLD, text
        return text

"""The collection as one thing that can be started, stopped and replaced: sources, collector, schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from exporter.collection.collector import Collector
from exporter.collection.on_scrape import SingleFlight
from exporter.collection.prober import Prober
from exporter.collection.schedule import Background
from exporter.collection.snapshot import Snapshot
from exporter.collection.workers import Workers
from exporter.config.settings import Settings
from exporter.sources.connections import Connections
from exporter.telemetry.metrics import Telemetry

__all__ = ["Engine"]


class Engine:
    """Collects what the settings name.

    `publish` gets each new snapshot while a refresh goes on, `done` the last one of it, and `latest` gives back the newest,
    which outlives the engine; `clock` is Unix time, `monotonic` measures durations, both in seconds.

    Raises:
        ConfigError: what the settings name is missing or cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        telemetry: Telemetry,
        publish: Callable[[Snapshot], None],
        done: Callable[[Snapshot], None],
        latest: Callable[[], Snapshot],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._latest = latest
        self._publish = publish
        self._done = done
        self._given_up = threading.Event()
        self._connections = Connections(
            settings, telemetry=telemetry, clock=clock, monotonic=monotonic, wait=self._given_up.wait
        )
        self._workers = Workers(settings.api.max_concurrency, "fetch")
        self.prober = Prober(
            settings.publishers,
            self._connections.sources,
            shard=settings.collection.shard,
            latest=latest,
            limit=settings.api.max_concurrency,
            seconds=settings.collection.timeout,
            clock=clock,
            monotonic=monotonic,
        )
        telemetry.shard_ordinal.set(settings.collection.shard.ordinal)
        telemetry.shards.set(settings.collection.shard.total)
        self._collector = Collector(
            publishers=settings.publishers,
            sources=self._connections.sources,
            settings=settings.collection,
            workers=self._workers,
            telemetry=telemetry,
            publish=self._show,
            clock=clock,
            monotonic=monotonic,
        )
        self._patience = settings.collection.timeout
        self._flights = SingleFlight(self.refresh)
        self._background = (
            Background(self.refresh, settings.collection.interval, monotonic=monotonic)
            if settings.collection.mode == "background"
            else None
        )

    def refresh(self) -> Snapshot:
        """Refresh once, here and now."""
        snapshot = self._collector.refresh(self._latest())
        if not self._given_up.is_set():
            self._done(snapshot)
        return snapshot

    def adopt(self) -> None:
        """Take over what is known of the publishers that it collects, and show that."""
        self._publish(self._collector.adopt(self._latest()))

    def start(self) -> None:
        """Take over what is known, and refresh: from now on by the clock, or once and then whenever somebody scrapes."""
        self.adopt()
        if self._background is not None:
            self._background.start()
        else:
            self._flights.join()

    def flight(self) -> Future[None] | None:
        """Join or start the refresh for a scrape; None in background mode, where scrapes start nothing."""
        return self._flights.join() if self._background is None else None

    @property
    def is_alive(self) -> bool:
        """True while it does its work."""
        return self._background is None or self._background.is_alive

    def secrets(self) -> tuple[str, ...]:
        """Give the secrets that it holds now, for the log's blotting."""
        return self._connections.secrets()

    def retire(self) -> None:
        """Let the refresh under way be the last, wait for its end, and close all connections."""
        if self._background is not None:
            self._background.stop(self._patience)
        else:
            self._flights.stop(self._patience)
        self._close()

    def stop(self, timeout: float) -> None:
        """End within `timeout` seconds, whatever is under way; what a cut-off refresh has found is not shown."""
        self._given_up.set()
        if self._background is not None:
            self._background.stop(timeout)
        self._close()

    def _show(self, snapshot: Snapshot) -> None:
        if not self._given_up.is_set():
            self._publish(snapshot)

    def _close(self) -> None:
        self._workers.close()
        self.prober.close()
        self._connections.close()

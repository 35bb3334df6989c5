"""The collection as one thing that can be started, stopped and replaced: token, client, sources, collector, schedule."""

from __future__ import annotations

from collections.abc import Callable

from exporter.collection.collector import Collector
from exporter.collection.schedule import Background
from exporter.collection.snapshot import Snapshot
from exporter.collection.workers import Workers
from exporter.credentials import TokenSource, token_source
from exporter.settings import Settings
from exporter.sources.api import ApiClient
from exporter.sources.cloud_partner import CloudPartnerSource
from exporter.telemetry import Telemetry

__all__ = ["Engine"]


class Engine:
    """Collects what the settings name.

    `publish` gets each new snapshot and `latest` gives back the newest one, which outlives the engine; `clock` is Unix
    time, `monotonic` measures durations, both in seconds.

    Raises:
        ConfigError: what the settings name is missing or cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        telemetry: Telemetry,
        publish: Callable[[Snapshot], None],
        latest: Callable[[], Snapshot],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.tokens: TokenSource = token_source(settings.auth)
        self._client = ApiClient(
            base_url=settings.api.base_url,
            tokens=self.tokens,
            settings=settings.api,
            telemetry=telemetry,
            operations=CloudPartnerSource.operations,
            monotonic=monotonic,
        )
        self._workers = Workers(settings.api.max_concurrency, "fetch")
        self.collector = Collector(
            publishers=settings.publishers,
            sources={CloudPartnerSource.name: CloudPartnerSource(self._client, telemetry)},
            settings=settings.collection,
            workers=self._workers,
            telemetry=telemetry,
            publish=publish,
            clock=clock,
            monotonic=monotonic,
        )
        self._latest = latest
        self._background = Background(self.refresh, settings.collection.interval, monotonic=monotonic)

    def refresh(self) -> Snapshot:
        """Refresh once, here and now."""
        return self.collector.refresh(self._latest())

    def start(self) -> None:
        """Refresh in the background from now on."""
        self._background.start()

    @property
    def is_alive(self) -> bool:
        """True while the background refreshes."""
        return self._background.is_alive

    def stop(self, timeout: float) -> bool:
        """End the background work, waiting up to `timeout` seconds; tells whether it ended in time."""
        ended = self._background.stop(timeout)
        self._workers.close()
        self._client.close()
        return ended

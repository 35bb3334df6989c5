"""The running exporter: an engine, what it has published, and the web in front of it."""

from __future__ import annotations

import time

import structlog

from exporter.collection.snapshot import Snapshot
from exporter.engine import Engine
from exporter.exposition.publication import Publication
from exporter.settings import Settings
from exporter.telemetry import Telemetry, package_version
from exporter.web.app import WebApp
from exporter.web.current import Current
from exporter.web.listen import inherited
from exporter.web.pages import Pages
from exporter.web.server import listen, serve

__all__ = ["Service"]

STOP_TIMEOUT = 5.0

log = structlog.get_logger("exporter")


class Service:
    """Everything that one process needs.

    Raises:
        ConfigError: what the settings name is missing or cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._web_config = Current(settings.web.config.file)
        self.telemetry = Telemetry()
        self.publication = Publication(
            Snapshot(),
            registry=self.telemetry.registry,
            stale_after=settings.collection.stale_after,
            clock=time.time,
        )
        self.engine = Engine(
            settings,
            telemetry=self.telemetry,
            publish=self.publication.publish,
            latest=lambda: self.publication.snapshot,
            clock=time.time,
            monotonic=time.monotonic,
        )
        self.publication.publish(self.engine.collector.adopt(self.publication.snapshot))

    def run(self) -> None:
        """Serve until told to end; raises ServeError if it cannot listen."""
        web = self._settings.web
        listeners = inherited() if web.systemd_socket else listen(web.listen_address)
        log.info("starting", version=package_version(), publishers=len(self._settings.publishers))
        app = WebApp(
            publication=self.publication,
            pages=Pages(
                telemetry_path=self._settings.web.telemetry_path,
                stale_after=self._settings.collection.stale_after,
                clock=time.time,
            ),
            telemetry_path=self._settings.web.telemetry_path,
            is_alive=lambda: self.engine.is_alive,
        )
        self.engine.start()
        serve(
            app.build(),
            listeners,
            current=self._web_config,
            open_health=web.open_health,
            is_alive=lambda: self.engine.is_alive,
        )
        self.engine.stop(STOP_TIMEOUT)
        log.info("ended")

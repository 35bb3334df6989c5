"""The running exporter: it wires the collection, what it publishes, and the web in front of it."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import NoReturn

import structlog

from exporter.collection.engine import Engine
from exporter.collection.snapshot import Snapshot
from exporter.collection.state import StateFile
from exporter.collection.workers import Workers
from exporter.config.settings import Settings
from exporter.domain.errors import ConfigError, Problem
from exporter.exposition.publication import Publication
from exporter.pages.html import HtmlPages
from exporter.pages.routes import PageRoutes
from exporter.sources.registry import SOURCES
from exporter.telemetry.metrics import Telemetry, package_version
from exporter.web.app import WebApp
from exporter.web.listen import inherited, listen
from exporter.web.live_config import LiveConfig
from exporter.web.server import serve

__all__ = ["Service"]

SWITCH_INTERVAL = 0.0005
"""Seconds for which a thread computes while others wait; Python's own 5 ms are as long as a whole scrape."""

log = structlog.get_logger("exporter")


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)


def _fixed(settings: Settings) -> tuple[object, ...]:
    """What a reload cannot change."""
    return settings.web, settings.log, settings.collection.state_file


@contextmanager
def _noted(problems: list[Problem]) -> Iterator[None]:
    """Go on after what is wrong with the settings, so that all of it can be told at once."""
    try:
        yield
    except ConfigError as error:
        problems += error.problems


class Service:
    """Everything that one process needs; `load` reads the settings again for a reload.

    Raises:
        ConfigError: what the settings name is missing or cannot be read.
        StateFileError: the state file is in use by another process or cannot be written.
    """

    def __init__(self, settings: Settings, load: Callable[[], Settings]) -> None:
        problems: list[Problem] = []
        self._settings = settings
        with _noted(problems):
            self._web_config = LiveConfig(settings.web.config.file)
        self._load = load
        self._changing = threading.Lock()
        self._closed = False
        self._reloads = Runs("reload", self._reload)
        self._saves = Runs("save", self._save)
        self.telemetry = Telemetry(one.name for one in SOURCES)
        if settings.web.external_url:
            self.telemetry.web_info.labels(settings.web.external_url).set(1)
        self.publication = Publication(
            Snapshot(),
            registry=self.telemetry.registry,
            stale_after=settings.collection.stale_after,
            message_text=settings.collection.message_text,
            clock=time.time,
        )
        self._state: StateFile | None = None
        with _noted(problems):
            self.engine = self._engine(settings)
        if problems:
            raise ConfigError(problems)
        self._loaded(well=True)

    def _engine(self, settings: Settings) -> Engine:
        return Engine(
            settings,
            telemetry=self.telemetry,
            publish=self.publication.publish,
            save=lambda _: self._saves.request(),
            clock=time.time,
            monotonic=time.monotonic,
        )

    def run(self) -> None:
        """Serve until told to end; raises ServeError if it cannot listen."""
        signal.signal(signal.SIGTERM, _leave)  # until the web takes over the signals
        web = self._settings.web
        listeners = inherited() if web.systemd_socket else listen(web.listen_address)
        before = self.restore()
        address = {"external_url": web.external_url} if web.external_url else {}
        log.info("starting", version=package_version(), publishers=len(self._settings.publishers), **address)
        sys.setswitchinterval(SWITCH_INTERVAL)
        gc.freeze()
        with self._changing:  # a reload waits for the start
            signal.signal(signal.SIGHUP, lambda *_: self._reloads.request())
            self.engine.start(before)
        serve(
            self._app().build(),
            listeners,
            web_config=self._web_config,
            open_health=web.open_health,
            is_alive=self.is_alive,
        )
        self.close()
        log.info("ended")

    def once(self) -> Snapshot:
        """Refresh once, without serving."""
        self.engine.adopt(self.restore())
        try:
            return self.engine.refresh()
        finally:
            self.close()

    def restore(self) -> Snapshot:
        """Take the state file, if there is to be one, and read what it holds."""
        path = self._settings.collection.state_file
        if path is None:
            return Snapshot()
        self._state = StateFile(path)
        return self._state.load()

    def close(self) -> None:
        """End the collection, and keep what is known."""
        with self._changing:
            self.engine.stop()  # first, for a save that finds this closed has to be of the last snapshot
            self._closed = True
            self._saves.request().result()

    def _save(self) -> None:
        """Keep the newest snapshot, whichever was the newest when somebody asked for it; at the end for the last time."""
        is_last = self._closed  # of one that becomes so while this writes, there is another to come
        if self._state is None:
            return
        self._state.save(self.publication.snapshot)
        if is_last:
            self._state.close()
            self._state = None

    def is_alive(self) -> bool:
        """True while it collects, and while one engine takes the place of another."""
        return self.engine.is_alive or self._changing.locked()

    def secrets(self) -> tuple[str, ...]:
        """The secrets that it holds now, for the log's blotting."""
        return (*self._settings.secrets(), *self.engine.secrets())

    def _app(self) -> WebApp:
        web = self._settings.web
        return WebApp(
            publication=self.publication,
            pages=PageRoutes(self.publication, HtmlPages(telemetry_path=web.telemetry_path), time.time),
            telemetry_path=web.telemetry_path,
            is_alive=self.is_alive,
            flight=lambda: self.engine.flight(),  # noqa: PLW0108 - a reload replaces the engine
            probe=lambda target, source, seconds: self.engine.prober.probe(target, source, seconds=seconds),
            reload=self.reload if web.enable_lifecycle else None,
        )

    def reload(self) -> None:
        """Read settings and secrets again, and wait for that.

        Raises:
            ConfigError: the new settings are wrong; the old ones stay in force.
        """
        self._reloads.request().result()

    def _reload(self) -> None:
        with self._changing:
            if self._closed:  # the state file may be another process's by now
                return
            try:
                settings = self._load()
                changed = settings != self._settings
                if changed:
                    self._swap(settings)
            except Exception as error:
                self._loaded(well=False)
                for where, what in error.problems if isinstance(error, ConfigError) else ():
                    log.error("configuration not reloaded", where=where, error=what)  # noqa: TRY400 - no bug, so no traceback
                raise
            self._loaded(well=True)
            log.info("configuration reloaded", changed=changed)

    def _swap(self, settings: Settings) -> None:
        """Replace the engine; what the old one is at counts no more, and its successor begins at once."""
        engine = self._engine(settings)
        if _fixed(settings) != _fixed(self._settings):
            log.warning("changes of web, log and collection.state_file need a restart")
        before = self.engine.stop()
        self.publication.stale_after = settings.collection.stale_after
        self.publication.message_text = settings.collection.message_text
        pauses = self.engine.pauses()
        self._settings, self.engine = settings, engine
        engine.start(before, pauses)

    def _loaded(self, *, well: bool) -> None:
        self.telemetry.config_last_reload_successful.set(well)
        if well:
            self.telemetry.config_last_reload_success_timestamp_seconds.set(time.time())


class Runs:
    """Runs something in a thread of its own, once at a time; all that is asked for before a run begins is one."""

    def __init__(self, name: str, run: Callable[[], None]) -> None:
        self._name = name
        self._do = run
        self._worker = Workers(1, name)
        self._waiting: Future[None] | None = None

    def request(self) -> Future[None]:
        """Have a run begin after now."""
        waiting = self._waiting
        if waiting is None or waiting.running() or waiting.done():
            waiting = self._waiting = self._worker.submit(self._name, self._run)
        return waiting

    def _run(self) -> None:
        try:
            self._do()
        except ConfigError:
            raise
        except Exception:
            log.exception("run broke", run=self._name)
            raise

"""The collection: it owns the newest snapshot, and can be started, stopped and replaced."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue

import structlog

from exporter.collection.fetch import Fetch
from exporter.collection.history import not_later
from exporter.collection.prober import Prober
from exporter.collection.refresh import Refresh
from exporter.collection.refresher import Refresher
from exporter.collection.snapshot import PublisherRecord, Snapshot
from exporter.collection.workers import Workers
from exporter.config.selection import Selection
from exporter.config.settings import PublisherSettings, Settings
from exporter.sources.choice import chosen
from exporter.sources.connections import Connections
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry

__all__ = ["Engine"]

SHARED = "name the offers of each in publishers[].offers, or the sources of the one that may have all of them"
AGING = 10.0
"""Seconds between two looks for offers that have become stale."""

log = structlog.get_logger("exporter.collection")


class Engine:
    """Collects what the settings name.

    `publish` gets each new snapshot, `save` the last one of each refresh; after `stop` neither gets any.
    `clock` is Unix time, `monotonic` measures durations, both in seconds.

    Raises:
        ConfigError: what the settings name is missing or cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        telemetry: Telemetry,
        publish: Callable[[Snapshot], None],
        save: Callable[[Snapshot], object],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._choices = tuple(chosen(settings))
        settings = settings.model_copy(update={"publishers": tuple(one.publisher for one in self._choices)})
        self._settings = settings
        self._telemetry = telemetry
        self._publish = publish
        self._save = save
        self._clock = clock
        self._monotonic = monotonic
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._snapshot = Snapshot()
        self._stale_from = float("inf")
        self._connections = Connections(
            settings, telemetry=telemetry, clock=clock, monotonic=monotonic, wait=self._ended.wait
        )
        width = settings.api.max_concurrency
        self._workers = {
            credential: {name: Workers(width, f"{credential}-{name}") for name in sources}
            for credential, sources in self._connections.sources.items()
        }
        rules = settings.collection
        self._fetch = Fetch(telemetry, clock, rules.stale_after, rules.terminal_interval)
        self.prober = Prober(
            settings.publishers,
            self._connections.sources,
            self._workers,
            self._fetch,
            shard=rules.shard,
            latest=lambda: self._snapshot,
            seconds=rules.timeout,
            monotonic=monotonic,
        )
        telemetry.shard_ordinal.set(rules.shard.ordinal)
        telemetry.shards.set(rules.shard.total)
        self._refresher = Refresher(self.refresh)
        repeat = partial(self._refresher.repeat, rules.interval, monotonic=monotonic, wait=self._ended.wait)
        self._background = (
            threading.Thread(target=repeat, name="background", daemon=True) if rules.mode == "background" else None
        )

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._snapshot

    def adopt(self, before: Snapshot) -> None:
        """Take over what is known of the publishers that it collects, and show that."""
        for one in self._choices:
            if one.is_shared:
                about = {"publisher_id": one.publisher.id, "sources": ",".join(one.publisher.sources)}
                log.warning("not all APIs are asked: publishers share an account", **about, remedy=SHARED)
        known = {record.publisher_id: record for record in before.publishers}
        records = (self._adopted(one, known.get(one.id)) for one in self._settings.publishers)
        self._show(Snapshot(tuple(records)))

    def _adopted(self, target: PublisherSettings, before: PublisherRecord | None) -> PublisherRecord:
        """Lists that were worked off for another selection tell nothing of what this one leaves out."""
        rules = self._settings.collection
        record = not_later(before or PublisherRecord(target.id, None), self._clock())
        selection = Selection.of(target, rules.shard)
        sources = tuple(
            replace(
                one,
                is_complete=one.is_complete and selection == record.selection,
                is_expected=one.is_expected or target.names_sources,
            )
            for one in record.sources
            if one.source in target.sources
        )
        return replace(
            record,
            interval=rules.interval if rules.mode == "background" else None,
            sources=sources,
            offers=tuple(one for one in record.offers if selection.has(target.id, one.offer_id)),
            departed=tuple(one for one in record.departed if selection.has(target.id, one.offer_id)),
            selection=selection,
        )

    def start(self, before: Snapshot, pauses: Mapping[tuple[str, str], float] | None = None) -> None:
        """Take over what is known, and refresh: from now on by the clock, or once and then whenever somebody scrapes.

        `pauses` are those that the APIs have asked for, from the engine before.
        """
        self._connections.pause(pauses or {})
        self.adopt(before)
        threading.Thread(target=self._age, name="aging", daemon=True).start()
        if self._background is not None:
            self._background.start()
        else:
            self._refresher.join()

    def flight(self) -> Future[None] | None:
        """Join or start the refresh for a scrape; None in background mode, where scrapes start nothing."""
        return self._refresher.join() if self._background is None else None

    @property
    def is_alive(self) -> bool:
        """True while it does its work."""
        return not self._ended.is_set() and (self._background is None or self._background.is_alive())

    def secrets(self) -> tuple[str, ...]:
        """The secrets that it holds now, for the log's blotting."""
        return self._connections.secrets()

    def pauses(self) -> Mapping[tuple[str, str], float]:
        """Until when the sources want not to be asked, by credential and name, on the monotonic clock."""
        return self._connections.pauses()

    def stop(self) -> Snapshot:
        """End now, whatever is under way, and hand over the newest snapshot; from then on it shows nothing more."""
        self._ended.set()
        with self._lock:
            newest = self._snapshot
        for workers in self._workers.values():
            for one in workers.values():
                one.close()
        self._connections.close()
        return newest

    def refresh(self) -> Snapshot:
        """Ask for all publishers, each in a thread of its own; never raises for what a source does.

        What is known of a publisher is shown as soon as it is done, so that a slow one holds up none of the others.
        """
        deadline = Deadline(self._settings.collection.timeout, self._monotonic)
        done: SimpleQueue[PublisherRecord] = SimpleQueue()
        for target in self._settings.publishers:
            before = not_later(self._snapshot.publisher(target.id), self._clock())
            arguments = (target, before, deadline, done)
            threading.Thread(target=self._run, args=arguments, name=f"refresh-{target.id}", daemon=True).start()
        left = len(self._settings.publishers)
        while left:
            snapshot = self._snapshot
            for record in _drain(done):
                snapshot, left = snapshot.with_publisher(record), left - 1
            self._show(snapshot)
        if not self._ended.is_set():
            self._save(self._snapshot)
        return self._snapshot

    def _run(
        self, target: PublisherSettings, before: PublisherRecord, deadline: Deadline, done: SimpleQueue[PublisherRecord]
    ) -> None:
        started = self._monotonic()
        sources, workers = self._connections.sources[target.credential], self._workers[target.credential]
        this = Refresh(target, before, sources, workers, self._fetch, deadline)
        try:
            record = this.run()
        except Exception as error:
            log.exception("refresh broke", publisher_id=target.id)
            record = this.without_lists(self._fetch.count(error))
        if self._ended.is_set():
            done.put(record)
            return
        now = self._clock()
        record = replace(
            record,
            last_refresh=now,
            last_success=now if record.failure is None else before.last_success,
            duration=self._monotonic() - started,
        )
        self._telemetry.refreshes_total.inc()
        _report(record)
        done.put(record)

    def _show(self, snapshot: Snapshot) -> None:
        """Publish a snapshot, unless this engine has ended."""
        with self._lock:
            if self._ended.is_set():
                return
            self._snapshot = snapshot
            self._stale_from = snapshot.expires(self._clock(), self._settings.collection.stale_after)
            self._publish(snapshot)

    def _age(self) -> None:
        """Publish again what has become stale, so that no scrape has to."""
        while not self._ended.wait(AGING):
            if self._clock() >= self._stale_from:
                self._show(self._snapshot)


def _drain(queue: SimpleQueue[PublisherRecord]) -> list[PublisherRecord]:
    """Wait for one record and take along all that are there by then: one rendering serves them all."""
    records = [queue.get()]
    try:
        while True:
            records.append(queue.get_nowait())
    except Empty:
        return records


def _report(record: PublisherRecord) -> None:
    report = log.info if record.failure is None else log.warning
    report(
        "refresh done",
        publisher_id=record.publisher_id,
        offers=len(record.offers),
        failed=sum(offer.failure is not None for offer in record.offers),
        seconds=round(record.duration or 0.0, 3),
        **({"reason": record.failure.reason, "error": record.failure.text} if record.failure else {}),
    )

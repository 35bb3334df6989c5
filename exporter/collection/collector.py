"""One refresh: ask the sources for every publisher at once, and put together what came back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

import structlog

from exporter.collection.refresh import Round, describe
from exporter.collection.snapshot import Failure, PublisherRecord, Snapshot
from exporter.collection.workers import Workers
from exporter.config.selection import Selection
from exporter.config.settings import CollectionSettings, PublisherSettings
from exporter.sources.base import Source
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry

__all__ = ["Collector"]

log = structlog.get_logger("exporter.collection")


@dataclass(frozen=True, slots=True)
class Collector:
    """Makes the next snapshot out of the last one and what the sources say.

    `publish` gets a new snapshot whenever a publisher is done, so that one slow publisher holds up none of the others;
    `clock` is Unix time, `monotonic` measures durations, both in seconds.
    """

    publishers: tuple[PublisherSettings, ...]
    sources: Mapping[str, Source]
    settings: CollectionSettings
    workers: Workers
    telemetry: Telemetry
    publish: Callable[[Snapshot], None]
    clock: Callable[[], float]
    monotonic: Callable[[], float]

    def adopt(self, before: Snapshot) -> Snapshot:
        """Make the snapshot that stands before the first refresh, out of what an earlier collector left."""
        known = {record.publisher_id: record for record in before.publishers}
        return Snapshot(
            tuple(self._adopted(one, known.get(one.id, PublisherRecord(one.id, None))) for one in self.publishers)
        )

    def _adopted(self, target: PublisherSettings, record: PublisherRecord) -> PublisherRecord:
        """Lists that were worked off for another selection tell nothing of what this one leaves out."""
        selection = self.selection(target)
        sources = tuple(
            replace(one, is_complete=one.is_complete and selection == record.selection)
            for one in record.sources
            if one.source in target.sources
        )
        offers = tuple(one for one in record.offers if selection.has(target.id, one.offer_id))
        return replace(record, interval=self._interval, sources=sources, offers=offers, selection=selection)

    def selection(self, target: PublisherSettings) -> Selection:
        """Tell what of a publisher is collected here."""
        return Selection.of(target, self.settings.shard)

    @property
    def _interval(self) -> float | None:
        return self.settings.interval if self.settings.mode == "background" else None

    def refresh(self, before: Snapshot) -> Snapshot:
        """Ask for all publishers, each in a thread of its own; never raises for what a source does."""
        deadline = Deadline(self.settings.timeout, self.monotonic)
        done: SimpleQueue[PublisherRecord] = SimpleQueue()
        for target in self.publishers:
            arguments = (target, before.publisher(target.id), deadline, done)
            threading.Thread(target=self._run, args=arguments, name=f"refresh-{target.id}", daemon=True).start()
        snapshot, left = before, len(self.publishers)
        while left:
            for record in _drain(done):
                snapshot, left = snapshot.with_publisher(record), left - 1
            self.publish(snapshot)
        return snapshot

    def _run(
        self, target: PublisherSettings, before: PublisherRecord, deadline: Deadline, done: SimpleQueue[PublisherRecord]
    ) -> None:
        started = self.monotonic()
        this = Round(self, target, before, deadline)
        try:
            record = this.collect()
        except Exception as error:
            log.exception("refresh broke", publisher_id=target.id)
            record = this.without_lists(self.fail(error))
        now = self.clock()
        record = replace(
            record,
            last_refresh=now,
            last_success=now if record.failure is None else before.last_success,
            duration=self.monotonic() - started,
        )
        self.telemetry.refreshes_total.inc()
        report = log.info if record.failure is None else log.warning
        report(
            "refresh done",
            publisher_id=target.id,
            offers=len(record.offers),
            failed=sum(offer.failure is not None for offer in record.offers),
            seconds=round(record.duration or 0.0, 3),
            **({"reason": record.failure.reason, "error": record.failure.text} if record.failure else {}),
        )
        done.put(record)

    def fail(self, error: BaseException) -> Failure:
        """Count a failure for good and put it into words."""
        failure = describe(error)
        self.telemetry.failed(failure.reason)
        return failure


def _drain(queue: SimpleQueue[PublisherRecord]) -> list[PublisherRecord]:
    """Wait for one record and take along all that are there by then: one rendering serves them all."""
    records = [queue.get()]
    try:
        while True:
            records.append(queue.get_nowait())
    except Empty:
        return records

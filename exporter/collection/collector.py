"""One refresh: ask the sources for every publisher at once, and put together what came back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import TypeVar

import structlog

from exporter.collection.history import trace
from exporter.collection.snapshot import Failure, OfferRecord, PublisherRecord, Snapshot
from exporter.collection.workers import Workers
from exporter.errors import DeadlineError, ForbiddenError, NotFoundError, SourceError
from exporter.offers import Offer
from exporter.settings import CollectionSettings, PublisherSettings
from exporter.sources.base import Deadline, Source
from exporter.telemetry import Telemetry

__all__ = ["Collector"]

Result = TypeVar("Result")

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
            tuple(
                replace(known.get(one.id, PublisherRecord(one.id, None)), interval=self._interval)
                for one in self.publishers
            )
        )

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
        this = _Round(self, target, before, deadline)
        try:
            record = this.collect()
        except Exception as error:
            log.exception("refresh broke", publisher_id=target.id)
            record = this.without_list(self.fail(error))
        now = self.clock()
        record = replace(
            record,
            last_refresh=now,
            last_success=now if record.failure is None else before.last_success,
            duration=self.monotonic() - started,
        )
        self.telemetry.counter("refreshes_total").inc()
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
        """Count a failure for good and put it into words; what is not one of ours is named by its type only."""
        known = isinstance(error, SourceError)
        reason = error.reason if isinstance(error, SourceError) else SourceError.reason
        self.telemetry.failed(reason)
        return Failure(reason, str(error) if known else f"unexpected {type(error).__name__}, see the log")


def _drain(queue: SimpleQueue[PublisherRecord]) -> list[PublisherRecord]:
    """Wait for one record and take along all that are there by then: one rendering serves them all."""
    records = [queue.get()]
    try:
        while True:
            records.append(queue.get_nowait())
    except Empty:
        return records


@dataclass(frozen=True, slots=True)
class _Round:
    """One publisher in one refresh."""

    collector: Collector
    target: PublisherSettings
    before: PublisherRecord
    deadline: Deadline

    @property
    def source(self) -> Source:
        return self.collector.sources[self.target.sources[0]]

    def collect(self) -> PublisherRecord:
        """Ask for the list, then for each offer; the result lacks only its times."""
        try:
            listed = self._list()
        except SourceError as error:
            if not self._can_do_without_list(error):
                return self.without_list(self.collector.fail(error))
            return self._with_offers({}, self.before.listed, self._unlisted_failure(error))
        return self._with_offers(listed, len(listed), None)

    def _list(self) -> dict[str, Offer]:
        future = self.collector.workers.submit(self.source.list_offers, self.target.id, self.deadline)
        return {offer.offer_id: offer for offer in self._result(future)}

    def _can_do_without_list(self, error: SourceError) -> bool:
        return bool(self.target.offers) and not isinstance(error, DeadlineError)

    def _unlisted_failure(self, error: SourceError) -> Failure | None:
        """With offers named in the settings the list only adds titles: not being allowed to see it is no failure."""
        return None if isinstance(error, ForbiddenError | NotFoundError) else self.collector.fail(error)

    def without_list(self, failure: Failure) -> PublisherRecord:
        """Nothing can be asked and nothing is deleted: all that was known stays, marked as failed."""
        known = self.before.offers or tuple(OfferRecord(self.target.id, one) for one in self.target.offers)
        return replace(self.before, failure=failure, offers=tuple(replace(one, failure=failure) for one in known))

    def _with_offers(self, listed: dict[str, Offer], count: int | None, failure: Failure | None) -> PublisherRecord:
        before = {record.offer_id: record for record in self.before.offers}
        futures = {
            offer_id: self.collector.workers.submit(self._fetch, offer_id, listed.get(offer_id), before.get(offer_id))
            for offer_id in dict.fromkeys(self.target.offers or listed)
            if self.collector.settings.shard.has(self.target.id, offer_id)
        }
        records = tuple(
            self._settle(future, before.get(offer_id) or OfferRecord(self.target.id, offer_id))
            for offer_id, future in futures.items()
        )
        failures = [record.failure for record in records if record.failure]
        return replace(
            self.before,
            offers=records,
            listed=count,
            failure=failure or (_summary(failures, len(records)) if failures else None),
        )

    def _fetch(self, offer_id: str, listed: Offer | None, before: OfferRecord | None) -> OfferRecord:
        if before is not None and self._is_at_rest(before, listed):
            return replace(before, last_success=self.collector.clock())
        known = listed or (before.offer if before else None)
        offer = self.source.fetch_offer(self.target.id, offer_id, known, self.deadline)
        now = self.collector.clock()
        return OfferRecord(self.target.id, offer_id, offer, listed, now, trace(offer, before, now), now)

    def _is_at_rest(self, before: OfferRecord, listed: Offer | None) -> bool:
        """Tell whether the list alone proves that nothing has changed, so that the steps need not be asked for."""
        if before.offer is None or before.asked is None or before.failure is not None or listed is None:
            return False
        age = self.collector.clock() - before.asked
        return (
            before.offer.status.is_terminal
            and listed.status.is_terminal
            and listed.changed is not None
            and listed == before.listed
            and 0 <= age < self.collector.settings.terminal_interval
        )

    def _settle(self, future: Future[OfferRecord], before: OfferRecord) -> OfferRecord:
        try:
            return self._result(future)
        except SourceError as error:
            failure = self.collector.fail(error)
        except Exception as error:
            log.exception("fetch broke", publisher_id=self.target.id, offer_id=before.offer_id)
            failure = self.collector.fail(error)
        if before.failure != failure:
            log.warning(
                "offer not fetched",
                publisher_id=self.target.id,
                offer_id=before.offer_id,
                reason=failure.reason,
                error=failure.text,
            )
        return replace(before, failure=failure)

    def _result(self, future: Future[Result]) -> Result:
        try:
            return future.result(self.deadline.remaining())
        except FutureTimeoutError:
            if not future.cancel() and future.done():
                return future.result()  # it ended at the last moment, or this is the error that it raised itself
            raise DeadlineError("the time for this refresh is over") from None


def _summary(failures: list[Failure], total: int) -> Failure:
    reason = max({one.reason for one in failures}, key=[one.reason for one in failures].count)
    example = next(one for one in failures if one.reason == reason)
    return Failure(reason, f"{len(failures)} of {total} offers failed; {example.text}")

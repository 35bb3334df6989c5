"""One publisher in one refresh: its lists, then each of its offers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import NamedTuple

import structlog

from exporter.collection.fetch import Fetch
from exporter.collection.forecast import Outlooks
from exporter.collection.merge import REFUSALS, Candidate, Inquiry, Listing, inquiries, joined
from exporter.collection.record import Duration, added, pooled
from exporter.collection.snapshot import Failure, OfferRecord, PublisherRecord, SourceRecord
from exporter.collection.workers import Workers
from exporter.config.settings import PublisherSettings
from exporter.domain.errors import DeadlineError, NotFoundError, SourceError
from exporter.sources.base import Answer, OfferList, Source
from exporter.sources.deadline import Deadline

__all__ = ["Refresh"]

OVER = "the time for this refresh is over"
LISTS_SHARE = 0.5
"""The part of a refresh's time that its lists may take, so that one that hangs leaves time for the offers of the others."""
REMEMBERED = 86400.0
"""Seconds for which an offer that has left the lists is remembered, should it come back."""

log = structlog.get_logger("exporter.collection")


class _LeftOutError(DeadlineError):
    """The time was over before anybody was asked."""


class _Running(NamedTuple):
    inquiry: Inquiry
    candidate: Candidate
    future: Future[Answer]


@dataclass(slots=True)
class Refresh:
    """One publisher in one refresh; `workers` are those of each source, `before` is what the last refresh left."""

    target: PublisherSettings
    before: PublisherRecord
    sources: Mapping[str, Source]
    workers: Mapping[str, Workers]
    fetch: Fetch
    deadline: Deadline
    _records: dict[str, OfferRecord] = field(default_factory=dict)
    _running: dict[str, _Running] = field(default_factory=dict)
    _done: SimpleQueue[str] = field(default_factory=SimpleQueue)
    _answered: set[str] = field(default_factory=set)
    _left_out: int = 0

    def run(self) -> PublisherRecord:
        """Ask for the lists, then for each offer; the result lacks only its times."""
        listings = self._judged(self._listings())
        if not any(one.is_askable for one in listings):
            return replace(self.without_lists(joined(listings)), sources=tuple(self._health(listings)))
        wanted = {one.before.offer_id: one for one in self._inquiries(listings)}
        for inquiry in sorted(wanted.values(), key=lambda one: one.before.tried or 0.0):
            self._advance(inquiry)
        self._work_off()
        self._give_up()
        listings = self._judged(listings)
        pools = pooled(self.before.pools, self._durations(wanted.values()))
        outlooks = Outlooks(pools, self.fetch.clock())
        records = tuple(outlooks.seen(self._records[offer_id], one.before) for offer_id, one in wanted.items())
        failures = [one.failure for one in records if one.failure]
        return replace(
            self.before,
            offers=records,
            departed=tuple(self._departed(wanted)),
            failure=joined(listings) or (_summary(failures, len(records)) if failures else None),
            sources=tuple(self._health(listings)),
            left_out=self._left_out,
            pools=pools,
        )

    def without_lists(self, failure: Failure | None) -> PublisherRecord:
        """Nothing can be asked and nothing is deleted: all that was known stays, marked as failed."""
        known = {record.offer_id: record for record in self.before.offers}
        for offer_id in self.before.selection.named(self.target.id):
            known.setdefault(offer_id, OfferRecord(self.target.id, offer_id))
        offers = tuple(replace(one, failure=failure) for one in known.values())
        return replace(self.before, failure=failure, offers=offers, left_out=0)

    def _listings(self) -> list[Listing]:
        deadline = self.deadline.part(LISTS_SHARE)
        futures = {
            name: self.workers[name].submit(self.target.id, self.sources[name].list_offers, self.target.id, deadline)
            for name in self.target.sources
        }
        return [self._listing(name, future, deadline) for name, future in futures.items()]

    def _listing(self, name: str, future: Future[OfferList], deadline: Deadline) -> Listing:
        source = self.sources[name]
        try:
            found = future.result(deadline.remaining())
        except (FutureTimeoutError, CancelledError):
            future.cancel()
            return self._no_list(source, DeadlineError("the time for the lists of this refresh is over"))
        except SourceError as error:
            return self._no_list(source, error)
        except Exception as error:
            log.exception("list broke", publisher_id=self.target.id, source=name)
            failure = Failure.of(error)
            return Listing(name, source.is_account, refusal=failure, is_failure=True, is_askable=False)
        return Listing(name, source.is_account, {one.offer_id: one for one in found.offers}, is_whole=found.is_whole)

    def _no_list(self, source: Source, error: SourceError) -> Listing:
        """With offers named in the settings the list only adds titles: not being allowed to see it is no failure.

        One that is not there at all may still tell a product whose GUID is in the list of another API.
        """
        if self.target.offers and error.reason in REFUSALS:
            return Listing(source.name, source.is_account, refusal=Failure.of(error))
        has_sibling = source.is_account and isinstance(error, NotFoundError) and len(self.target.sources) > 1
        is_askable = bool(self.target.offers) and not isinstance(error, DeadlineError)
        return Listing(
            source.name,
            source.is_account,
            refusal=Failure.of(error),
            is_failure=True,
            is_askable=is_askable or has_sibling,
        )

    def _judged(self, listings: Sequence[Listing]) -> list[Listing]:
        """Sources that refuse from the start are not available here, if others of the same credential can be read."""
        read = {one.source for one in listings if one.refusal is None} | self._answered
        if self.target.names_sources or not read:
            return list(listings)
        known = {one.source: one for one in self.before.sources}
        return [
            replace(one, is_away=False)
            if one.refusal is None or one.source in read
            else one.judged(one.refusal, known.get(one.source) or SourceRecord(one.source))
            for one in listings
        ]

    def _inquiries(self, listings: Sequence[Listing]) -> Iterator[Inquiry]:
        known = {one.offer_id: one for one in self.before.offers}
        departed = {one.offer_id: one for one in self.before.departed}
        found = inquiries(
            self.target.id,
            self.target.offers,
            listings,
            before=known,
            departed=departed,
            is_fresh=self.fetch.is_fresh,
        )
        selection = self.before.selection
        return (one for one in found if selection.has(self.target.id, one.before.offer_id))

    def _advance(self, inquiry: Inquiry) -> None:
        """Ask the next source for the offer or, where there is none, settle it."""
        candidate = inquiry.next()
        if candidate is None:
            self._settle(self.fetch.untold(inquiry))
        elif self.fetch.is_at_rest(inquiry.before, candidate):
            self._answered.add(candidate.source)
            self._settle(self.fetch.still(inquiry.before))
        else:
            offer_id = inquiry.before.offer_id
            future = self.workers[candidate.source].submit(self.target.id, self._ask, inquiry, candidate)
            self._running[offer_id] = _Running(inquiry, candidate, future)
            future.add_done_callback(lambda _: self._done.put(offer_id))

    def _ask(self, inquiry: Inquiry, candidate: Candidate) -> Answer:
        if not self.deadline.remaining():
            raise _LeftOutError(OVER)
        return self.fetch.ask(self.sources[candidate.source], inquiry.before, candidate.listed, self.deadline)

    def _work_off(self) -> None:
        while self._running:
            try:
                offer_id = self._done.get(timeout=self.deadline.remaining())
            except Empty:
                return
            self._take(self._running.pop(offer_id))

    def _take(self, run: _Running) -> None:
        try:
            answer = run.future.result(0)
        except Exception as error:
            if not isinstance(error, SourceError | CancelledError):
                log.exception("fetch broke", publisher_id=self.target.id, offer_id=run.inquiry.before.offer_id)
            self._failed(run, error)
        else:
            self._answered.add(run.candidate.source)
            self._settle(self.fetch.told(run.inquiry.before, run.candidate.listed, answer))

    def _failed(self, run: _Running, error: Exception) -> None:
        """Go on with the next source, while there is time."""
        self.fetch.failed(run.inquiry, run.candidate, error)
        if self.deadline.remaining():
            self._advance(run.inquiry)
        else:
            self._end(run.inquiry, is_left_out=isinstance(error, _LeftOutError))

    def _give_up(self) -> None:
        for run in self._running.values():
            is_left_out = run.future.cancel()
            self.fetch.failed(run.inquiry, run.candidate, DeadlineError(OVER))
            self._end(run.inquiry, is_left_out=is_left_out)

    def _end(self, inquiry: Inquiry, *, is_left_out: bool) -> None:
        """Settle an offer that nobody told in time; one that nobody was asked for comes first in the next refresh."""
        record = self.fetch.untold(inquiry)
        if is_left_out:
            self._left_out += 1
            record = replace(record, tried=inquiry.before.tried)
        self._settle(record)

    def _settle(self, record: OfferRecord) -> None:
        self._records[record.offer_id] = record

    def _durations(self, wanted: Iterable[Inquiry]) -> Iterator[tuple[str, str, str, Duration]]:
        """The steps that have ended since the last refresh, with their source and the type of their offer."""
        for inquiry in wanted:
            record = self._records[inquiry.before.offer_id]
            offer = record.offer
            if offer is not None and record.past is not inquiry.before.past:
                for step_id, duration in added(inquiry.before.past, record.past, offer.source):
                    yield offer.source, offer.offer_type, step_id, duration

    def _departed(self, wanted: Mapping[str, Inquiry]) -> Iterator[OfferRecord]:
        gone = {one.offer_id: one for one in (*self.before.departed, *self.before.offers)}
        for offer_id, record in gone.items():
            if offer_id not in wanted and record.is_fresh(self.fetch.clock(), REMEMBERED):
                yield record

    def _health(self, listings: Sequence[Listing]) -> Iterator[SourceRecord]:
        """A source is well that gave its list or, where that is not needed, one of the offers."""
        before = {one.source: one for one in self.before.sources}
        now = self.fetch.clock()
        for one in listings:
            known = before.get(one.source) or SourceRecord(one.source)
            if one.failure is not None:
                self.fetch.telemetry.failed(one.failure.reason)
            if one.refusal is None:
                yield SourceRecord(one.source, tuple(one.offers), now, is_complete=True)
            elif one.source in self._answered:
                yield replace(known, last_success=now, failure=None, is_expected=True)
            else:
                if one.is_away and known.is_expected:
                    self._tell_away(one.source, one.refusal)
                yield replace(known, failure=one.refusal, is_expected=known.is_expected and not one.is_away)

    def _tell_away(self, source: str, refusal: Failure) -> None:
        log.warning(
            "source not available here, which is no failure",
            publisher_id=self.target.id,
            source=source,
            reason=refusal.reason,
            error=refusal.text,
            remedy="give the credential a role there, or name the sources to ask in publishers[].sources",
        )


def _summary(failures: list[Failure], total: int) -> Failure:
    reason = max({one.reason for one in failures}, key=[one.reason for one in failures].count)
    example = next(one for one in failures if one.reason == reason)
    return Failure(reason, f"{len(failures)} of {total} offers failed; {example.text}")

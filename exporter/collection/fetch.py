"""Asking one source for one offer, and what that makes of the offer's record; for a refresh and for a probe alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from exporter.collection.history import trace
from exporter.collection.merge import REFUSALS, Candidate, Inquiry
from exporter.collection.record import track
from exporter.collection.snapshot import Failure, OfferRecord
from exporter.domain.errors import ForbiddenError, NotFoundError
from exporter.domain.offers import Offer
from exporter.sources.base import Answer, OfferQuery, Source
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry

__all__ = ["Fetch"]

log = structlog.get_logger("exporter.collection")


@dataclass(frozen=True, slots=True)
class Fetch:
    """The rules for one offer; times are in seconds, `clock` is Unix time."""

    telemetry: Telemetry
    clock: Callable[[], float]
    stale_after: float
    terminal_interval: float

    def ask(self, source: Source, before: OfferRecord, listed: Offer | None, deadline: Deadline) -> Answer:
        """Fetch the offer, of which `listed` is the entry in a list, if any has one; raises SourceError."""
        told = before.offer if before.told_by == source.name else None
        query = OfferQuery(before.publisher_id, before.offer_id, listed, told, may_reuse=self._details_hold(before))
        return source.fetch_offer(query, deadline)

    def told(self, before: OfferRecord, listed: Offer | None, answer: Answer) -> OfferRecord:
        """The record of an offer that a source told; details that are not there are no failure, others that failed are."""
        for gap in answer.gaps:
            self.count(gap)
        failures = [Failure.of(gap) for gap in answer.gaps if not isinstance(gap, NotFoundError)]
        is_reused = self._details_hold(before) and before.offer is not None and answer.offer.reuses(before.offer)
        asked = before.asked if is_reused else self.clock()
        failure = failures[0] if failures else None
        return self._record(before, answer.offer, listed, failure, asked=None if answer.gaps else asked)

    def untold(self, inquiry: Inquiry) -> OfferRecord:
        """The record of an offer that no source told: its entry in a list if that is all there ever was, else as before."""
        before, only = inquiry.before, inquiry.only_listed
        if only is not None:
            return self._record(before, only.listed, inquiry.entry, asked=self.clock() if only.is_lasting else None)
        failure = inquiry.failure
        if not inquiry.was_asked:
            return replace(before, failure=failure)  # counted and logged with the list that is missing
        if failure.reason in REFUSALS:
            self.telemetry.failed(failure.reason)
        if before.failure != failure:
            about = {"publisher_id": before.publisher_id, "offer_id": before.offer_id}
            log.warning("offer not fetched", **about, reason=failure.reason, error=failure.text)
        return replace(before, failure=failure, tried=self.clock())

    def failed(self, inquiry: Inquiry, candidate: Candidate, error: BaseException) -> None:
        """Take note of why a source did not tell the offer; that it does not know it is only counted if no other does."""
        inquiry.failed(candidate, error)
        if not isinstance(error, NotFoundError | ForbiddenError):
            self.count(error)

    def _record(
        self,
        before: OfferRecord,
        offer: Offer,
        listed: Offer | None,
        failure: Failure | None = None,
        *,
        asked: float | None,
    ) -> OfferRecord:
        if before.offer == offer:
            offer = before.offer  # so that two snapshots of the same offers need the memory of one
        now = self.clock()
        return OfferRecord(
            before.publisher_id,
            before.offer_id,
            offer,
            listed=listed,
            asked=asked,
            since=trace(offer, before, now),
            last_success=now,
            failure=failure,
            tried=now,
            past=track(before.past, before.offer, offer, now, is_watched=self.is_fresh(before)),
        )

    def still(self, before: OfferRecord) -> OfferRecord:
        """The record of an offer that is as it was."""
        return replace(before, last_success=self.clock())

    def is_at_rest(self, before: OfferRecord, candidate: Candidate) -> bool:
        """Whether the list alone proves that nothing has changed, so that the offer need not be asked for."""
        listed = candidate.listed
        if before.offer is None or listed is None or listed != before.listed or not self._details_hold(before):
            return False
        is_told_by_list = listed.status.is_terminal and listed.changed is not None
        return before.offer.source == candidate.source and (is_told_by_list or before.offer.is_listed_only)

    def _details_hold(self, before: OfferRecord) -> bool:
        """Whether the details of an offer at rest, or that it has none here, were told a short while ago."""
        if before.offer is None or before.asked is None or before.failure is not None:
            return False
        is_resting = before.offer.status.is_terminal or before.offer.is_listed_only
        return is_resting and 0 <= self.clock() - before.asked < self.terminal_interval

    def is_fresh(self, record: OfferRecord) -> bool:
        """Whether the offer is shown."""
        return record.is_fresh(self.clock(), self.stale_after)

    def count(self, error: BaseException) -> Failure:
        """Count a failure for good and put it into words."""
        failure = Failure.of(error)
        self.telemetry.failed(failure.reason)
        return failure

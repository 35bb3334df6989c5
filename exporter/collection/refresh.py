"""One publisher in one refresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

import structlog

from exporter.collection.history import trace
from exporter.collection.merge import REFUSALS, Candidate, Listing, Plan, joined, make_plans
from exporter.collection.snapshot import Failure, OfferRecord, PublisherRecord, SourceRecord
from exporter.config.settings import PublisherSettings
from exporter.domain.errors import DeadlineError, ForbiddenError, NotFoundError, SourceError
from exporter.domain.offers import Offer, OfferStatus
from exporter.sources.base import NotServedError, OfferQuery
from exporter.sources.deadline import Deadline

if TYPE_CHECKING:
    from exporter.collection.collector import Collector

__all__ = ["Round", "describe"]

Result = TypeVar("Result")

log = structlog.get_logger("exporter.collection")


def describe(error: BaseException) -> Failure:
    """Put a failure into words; what is not one of ours is named by its type only."""
    if isinstance(error, SourceError):
        return Failure(error.reason, str(error))
    return Failure(SourceError.reason, f"unexpected {type(error).__name__}, see the log")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of asking for one offer, and who answered."""

    record: OfferRecord
    answered: str

    @property
    def is_listed_only(self) -> bool:
        """True if no source tells more than its list."""
        return self.record.offer is not None and self.record.offer.is_listed_only


@dataclass(frozen=True, slots=True)
class Round:
    """One publisher in one refresh."""

    collector: Collector
    target: PublisherSettings
    before: PublisherRecord
    deadline: Deadline

    def collect(self) -> PublisherRecord:
        """Ask for the lists, then for each offer; the result lacks only its times."""
        listings = self._listings()
        if not any(one.is_askable for one in listings):
            return replace(self.without_lists(joined(listings)), sources=self._health(listings, set()))
        known = {record.offer_id: record for record in self.before.offers}
        selection = self.collector.selection(self.target)
        plans = {
            offer_id: plan
            for offer_id, plan in make_plans(self.target.offers, listings, known, self._is_fresh).items()
            if selection.has(self.target.id, offer_id)
        }
        futures = {
            offer_id: self.collector.workers.submit(self._fetch, offer_id, plan.candidates, known.get(offer_id))
            for offer_id, plan in plans.items()
            if not plan.is_held
        }
        answered: set[str] = set()
        records = tuple(
            self._settle(plan, futures.get(offer_id), known.get(offer_id) or self._blank(offer_id), answered)
            for offer_id, plan in plans.items()
        )
        failures = [record.failure for record in records if record.failure]
        return replace(
            self.before,
            offers=records,
            listed=self._count(listings, plans),
            failure=joined(listings) or (_summary(failures, len(records)) if failures else None),
            sources=self._health(listings, answered),
        )

    def _listings(self) -> list[Listing]:
        sources = self.collector.sources
        futures = {
            name: self.collector.workers.submit(sources[name].list_offers, self.target.id, self.deadline)
            for name in self.target.sources
        }
        return [self._listing(name, future) for name, future in futures.items()]

    def _listing(self, name: str, future: Future[tuple[Offer, ...]]) -> Listing:
        try:
            return Listing(name, {offer.offer_id: offer for offer in self._result(future)})
        except SourceError as error:
            return self._no_list(name, error)
        except Exception as error:
            log.exception("list broke", publisher_id=self.target.id, source=name)
            return Listing(name, refusal=self.collector.fail(error), is_failure=True, is_askable=False)

    def _no_list(self, name: str, error: SourceError) -> Listing:
        """With offers named in the settings the list only adds titles: not being allowed to see it is no failure.

        One that is not there at all may still tell a product whose GUID is in the list of another API.
        """
        if self.target.offers and describe(error).reason in REFUSALS:
            return Listing(name, refusal=describe(error))
        has_sibling = (
            self.collector.sources[name].is_account
            and isinstance(error, NotFoundError)
            and len(self.target.sources) > 1
        )
        is_askable = bool(self.target.offers) and not isinstance(error, DeadlineError)
        return Listing(
            name,
            refusal=self.collector.fail(error),
            is_failure=True,
            is_askable=is_askable or has_sibling,
            is_account=self.collector.sources[name].is_account,
        )

    def without_lists(self, failure: Failure | None) -> PublisherRecord:
        """Nothing can be asked and nothing is deleted: all that was known stays, marked as failed."""
        known = {record.offer_id: record for record in self.before.offers}
        for offer_id in self.collector.selection(self.target).named(self.target.id):
            known.setdefault(offer_id, self._blank(offer_id))
        offers = tuple(replace(one, failure=failure) for one in known.values())
        return replace(self.before, failure=failure, offers=offers)

    def _blank(self, offer_id: str) -> OfferRecord:
        return OfferRecord(self.target.id, offer_id)

    def _is_fresh(self, record: OfferRecord) -> bool:
        return record.is_fresh(self.collector.clock(), self.collector.settings.stale_after)

    def _count(self, listings: Sequence[Listing], plans: Mapping[str, Plan]) -> int | None:
        """Count the offers of all lists, and those known from a list that is missing now."""
        if all(one.refusal is not None for one in listings):
            return self.before.listed
        listed = {offer_id for one in listings for offer_id in one.offers}
        return len(listed) + sum(not plan.candidates for plan in plans.values())

    def _health(self, listings: Sequence[Listing], answered: set[str]) -> tuple[SourceRecord, ...]:
        before = {one.source: one for one in self.before.sources}
        return tuple(self._source(one, before.get(one.source), one.source in answered) for one in listings)

    def _source(self, listing: Listing, before: SourceRecord | None, has_answered: bool) -> SourceRecord:
        """A source is well that gave its list or, where that is not needed, one of the offers."""
        before = before or SourceRecord(listing.source)
        if listing.refusal is not None and not has_answered:
            return replace(before, failure=listing.refusal)
        if listing.refusal is not None:
            return replace(before, last_success=self.collector.clock(), failure=None)
        return SourceRecord(listing.source, len(listing.offers), self.collector.clock(), is_complete=True)

    def _fetch(self, offer_id: str, candidates: Sequence[Candidate], before: OfferRecord | None) -> Fetched:
        """Ask one source after the other until one tells the offer; raises why not if none does."""
        if before is not None and self._is_at_rest(before, candidates[0].listed):
            return Fetched(replace(before, last_success=self.collector.clock()), candidates[0].source)
        refusals: list[tuple[bool, SourceError]] = []
        unserved: tuple[Candidate, Offer] | None = None
        for candidate in candidates:
            known = candidate.listed or _last_told(before, candidate.source)
            try:
                query = OfferQuery(self.target.id, offer_id, known)
                offer = self.collector.sources[candidate.source].fetch_offer(query, self.deadline).offer
                return Fetched(self._record(offer_id, offer, candidate, before), candidate.source)
            except NotServedError as error:
                unserved = unserved or (candidate, error.listed)
            except (NotFoundError, ForbiddenError) as error:
                refusals.append((candidate.is_sure, error))
        if unserved is None or any(is_sure for is_sure, _ in refusals):
            raise max(refusals, key=itemgetter(0))[1]
        return Fetched(self._record(offer_id, unserved[1], unserved[0], before), unserved[0].source)

    def _record(self, offer_id: str, offer: Offer, candidate: Candidate, before: OfferRecord | None) -> OfferRecord:
        if before is not None and before.offer == offer:
            offer = before.offer  # so that two snapshots of the same offers need the memory of one
        now = self.collector.clock()
        since = trace(offer, before, now)
        return OfferRecord(self.target.id, offer_id, offer, candidate.listed, now, since, now)

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

    def _settle(
        self, plan: Plan, future: Future[Fetched] | None, before: OfferRecord, answered: set[str]
    ) -> OfferRecord:
        if future is None:
            return replace(before, failure=plan.missing)
        try:
            fetched = self._result(future)
        except SourceError as error:
            failure = self.collector.fail(error)
        except Exception as error:
            log.exception("fetch broke", publisher_id=self.target.id, offer_id=before.offer_id)
            failure = self.collector.fail(error)
        else:
            answered.add(fetched.answered)
            if fetched.is_listed_only and plan.missing is not None and self._is_fresh(before):
                return replace(before, failure=plan.missing)  # better than to forget what the missing one had told
            return fetched.record
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


def _last_told(before: OfferRecord | None, source: str) -> Offer | None:
    """Give what is known of an offer that is in no list; of another source's word only what describes it."""
    if before is None or before.offer is None or before.offer.source in {"", source}:
        return before.offer if before is not None else None
    return replace(before.offer, status=OfferStatus.UNKNOWN)


def _summary(failures: list[Failure], total: int) -> Failure:
    reason = max({one.reason for one in failures}, key=[one.reason for one in failures].count)
    example = next(one for one in failures if one.reason == reason)
    return Failure(reason, f"{len(failures)} of {total} offers failed; {example.text}")

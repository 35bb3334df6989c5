"""Several sources, one set of offers: who is asked for which offer.

An offer that several sources list is taken from the first of them in the order of the settings. A source that refuses an
offer, or does not know it, leaves it to the next one. What a source told last is not given up because its list fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.collection.snapshot import Failure, OfferRecord
from exporter.domain.errors import ForbiddenError, NotFoundError
from exporter.domain.offers import Offer

__all__ = ["Candidate", "Listing", "Plan", "joined", "make_plans"]

REFUSALS = frozenset({ForbiddenError.reason, NotFoundError.reason})


@dataclass(frozen=True, slots=True)
class Listing:
    """What the list of one source told in this refresh.

    `refusal` is why there is none, `is_failure` whether that is more than a missing permission that can be done without;
    `is_askable` tells whether single offers can be asked for all the same.
    """

    source: str
    offers: Mapping[str, Offer] = field(default_factory=dict)
    refusal: Failure | None = None
    is_failure: bool = False
    is_askable: bool = True
    is_account: bool = False

    @property
    def failure(self) -> Failure | None:
        """The refusal, if it is a failure."""
        return self.refusal if self.is_failure else None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A source that may tell an offer; `listed` is the offer's entry in a list, if any has one."""

    source: str
    listed: Offer | None

    @property
    def is_sure(self) -> bool:
        """True if it lists the offer itself."""
        return self.listed is not None and self.listed.source == self.source


@dataclass(frozen=True, slots=True)
class Plan:
    """How one offer is had.

    `missing` is why the source that told it last cannot be asked; `is_held` tells to keep what is known for now.
    """

    candidates: tuple[Candidate, ...]
    missing: Failure | None = None
    is_held: bool = False


def make_plans(
    wanted: Sequence[str],
    listings: Sequence[Listing],
    before: Mapping[str, OfferRecord],
    is_fresh: Callable[[OfferRecord], bool],
) -> dict[str, Plan]:
    """Plan for the offers that are wanted; without any, for all that are listed, or known from a source without a list."""
    offer_ids = dict.fromkeys(wanted or (*(offer_id for one in listings for offer_id in one.offers), *before))
    plans = {
        offer_id: _plan(offer_id, bool(wanted), listings, before.get(offer_id), is_fresh) for offer_id in offer_ids
    }
    return {offer_id: plan for offer_id, plan in plans.items() if plan.candidates or plan.missing}


def _plan(
    offer_id: str,
    is_named: bool,
    listings: Sequence[Listing],
    before: OfferRecord | None,
    is_fresh: Callable[[OfferRecord], bool],
) -> Plan:
    candidates = tuple(_candidates(offer_id, is_named, listings))
    missing = _missing(listings, before) if before is not None and not is_named else None
    is_passing = missing is not None and missing.reason not in REFUSALS and before is not None and is_fresh(before)
    return Plan(candidates, missing, is_held=not candidates or is_passing)


def _candidates(offer_id: str, is_named: bool, listings: Sequence[Listing]) -> Iterator[Candidate]:
    known = next((one.offers[offer_id] for one in listings if _tells_product(one, offer_id)), None)
    is_listed = any(offer_id in one.offers for one in listings)
    for one in listings:
        if offer_id in one.offers:
            yield Candidate(one.source, one.offers[offer_id])
        elif one.is_askable and is_named and (one.refusal is not None or not is_listed):
            yield Candidate(one.source, known)
        elif one.is_askable and one.is_failure and known is not None and one.is_account:
            yield Candidate(one.source, known)  # the product's GUID is the same in both, so one's list serves the other


def _tells_product(listing: Listing, offer_id: str) -> bool:
    return offer_id in listing.offers and bool(listing.offers[offer_id].product_id)


def _missing(listings: Sequence[Listing], before: OfferRecord) -> Failure | None:
    told_by = before.offer.source if before.offer is not None else None
    failures = (one.failure for one in listings if told_by in {None, one.source})
    return next((failure for failure in failures if failure is not None), None)


def joined(listings: Sequence[Listing]) -> Failure | None:
    """Put the failures of all lists into one."""
    failed = [(one.source, one.failure) for one in listings if one.failure is not None]
    if not failed:
        return None
    if len(listings) == 1:
        return failed[0][1]
    return Failure(failed[0][1].reason, "; ".join(f"{source}: {failure.text}" for source, failure in failed))

"""Several sources, one set of offers: who is asked for which offer, and whose word stands.

An offer that several sources list is taken from the first of them, in the order of the settings, that tells it. The source
that told it last keeps the word: while it fails or refuses, what it told is held until that is stale; only then another
source may tell the offer. An entry in a list never takes the place of what was told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from exporter.collection.snapshot import Failure, OfferRecord, SourceRecord
from exporter.domain.errors import CredentialError, ForbiddenError, NotFoundError
from exporter.domain.offers import Offer
from exporter.sources.base import NotServedError

__all__ = ["REFUSALS", "Candidate", "Inquiry", "Listing", "inquiries", "joined"]

REFUSALS = frozenset({ForbiddenError.reason, NotFoundError.reason})
_NO_ACCESS = REFUSALS | {CredentialError.reason}


@dataclass(frozen=True, slots=True)
class Listing:
    """What the list of one source told in this refresh.

    `refusal` is why there is none, `is_failure` whether that is more than a missing permission that can be done without;
    `is_askable` tells whether single offers can be asked for all the same. With `is_away` it is not available here: its
    refusal is no failure.
    """

    source: str
    is_account: bool
    offers: Mapping[str, Offer] = field(default_factory=dict)
    refusal: Failure | None = None
    is_failure: bool = False
    is_askable: bool = True
    is_away: bool = False
    is_whole: bool = True

    @property
    def failure(self) -> Failure | None:
        """The refusal, if it is a failure."""
        return self.refusal if self.is_failure and not self.is_away else None

    def judged(self, refusal: Failure, before: SourceRecord) -> Listing:
        """The same, not available here if it was never read and refuses; once that is so, any failure is as good."""
        is_away = before.last_success is None and (refusal.reason in _NO_ACCESS or not before.is_expected)
        has_token = refusal.reason != CredentialError.reason
        return replace(self, is_away=is_away, is_askable=self.is_askable and (has_token or not is_away))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A source that may tell an offer; `listed` is the offer's entry in a list, if any has one."""

    source: str
    listed: Offer | None

    @property
    def is_sure(self) -> bool:
        """True if it lists the offer itself."""
        return self.listed is not None and self.listed.source == self.source


class Inquiry:
    """One offer in one refresh: its candidates are asked one after the other until one tells it.

    `before` is what was known, with `is_held` told so recently that nobody takes over from the source that told it;
    `lost` is why that source cannot be asked. `entry` is the one in a list that belongs to `only_listed`.
    """

    def __init__(
        self, before: OfferRecord, candidates: Sequence[Candidate], lost: Failure | None = None, *, is_held: bool
    ) -> None:
        self.before = before
        self._left = list(candidates)
        self._is_held = is_held and bool(before.told_by)
        self._of_teller = lost
        self._of_lister: Failure | None = None
        self._of_others: Failure | None = None
        self._unserved: NotServedError | None = None
        self.entry: Offer | None = None
        self.was_asked = False

    def next(self) -> Candidate | None:
        """The source to ask now; None where no other may tell the offer."""
        is_settled = self._is_held and self._of_teller is not None
        return self._left.pop(0) if self._left and not is_settled else None

    def failed(self, candidate: Candidate, error: BaseException) -> None:
        """Take note of why a candidate did not tell the offer."""
        self.was_asked = True
        if candidate.source == self.before.told_by:
            self._of_teller = Failure.of(error)
        elif isinstance(error, NotServedError):
            if self._unserved is None:
                self._unserved, self.entry = error, candidate.listed
        elif candidate.is_sure:
            self._of_lister = self._of_lister or Failure.of(error)
        else:
            self._of_others = self._of_others or Failure.of(error)

    @property
    def only_listed(self) -> NotServedError | None:
        """The entry in a list that is all there is: nobody told more within memory, and nobody failed to."""
        return None if self._of_teller or self._of_lister or self._is_held else self._unserved

    @property
    def failure(self) -> Failure:
        """Why nobody told the offer: the word of the source that told it last counts most, then of one that lists it."""
        unserved = Failure.of(self._unserved) if self._unserved else None
        nobody = Failure(NotFoundError.reason, "no source knows this offer")
        return self._of_teller or self._of_lister or unserved or self._of_others or nobody


def inquiries(
    publisher_id: str,
    wanted: Sequence[str],
    listings: Sequence[Listing],
    *,
    before: Mapping[str, OfferRecord],
    departed: Mapping[str, OfferRecord],
    is_fresh: Callable[[OfferRecord], bool],
) -> Iterator[Inquiry]:
    """Those for the offers that are wanted; without any, for all that are listed, or known from a list that failed."""
    for offer_id in dict.fromkeys(wanted or (*(one for listing in listings for one in listing.offers), *before)):
        known = before.get(offer_id) or departed.get(offer_id) or OfferRecord(publisher_id, offer_id)
        is_held = is_fresh(known)
        candidates = tuple(_candidates(known, bool(wanted), listings, is_held=is_held))
        lost = _lost(listings, known, candidates)
        if candidates or lost or wanted:
            yield Inquiry(known, candidates, lost, is_held=is_held)


def _candidates(
    before: OfferRecord, is_named: bool, listings: Sequence[Listing], *, is_held: bool
) -> Iterator[Candidate]:
    offer_id = before.offer_id
    origin = before.offer.source if before.offer is not None and is_held else ""
    known = next((one.offers[offer_id] for one in listings if _tells_product(one, offer_id)), None)
    product_id = next((one.product_id for one in (known, before.listed) if one is not None), "")
    is_listed = any(offer_id in one.offers for one in listings)
    for one in listings:
        if offer_id in one.offers:
            entry = one.offers[offer_id]
            yield Candidate(one.source, replace(entry, product_id=entry.product_id or product_id))
        elif not one.is_whole and one.source == origin:
            yield Candidate(one.source, None)  # it may be the entry that could not be read
        elif one.is_askable and is_named and (one.refusal is not None or not is_listed):
            yield Candidate(one.source, known)
        elif one.is_askable and one.is_failure and known is not None and one.is_account:
            yield Candidate(one.source, known)  # the product's GUID is the same in both, so one's list serves the other


def _tells_product(listing: Listing, offer_id: str) -> bool:
    return offer_id in listing.offers and bool(listing.offers[offer_id].product_id)


def _lost(listings: Sequence[Listing], before: OfferRecord, candidates: Sequence[Candidate]) -> Failure | None:
    """The failed list of the source that told the offer or, where none did, lists it; it may be asked all the same."""
    asked = {one.source for one in candidates}
    origin = before.offer.source if before.offer is not None else ""
    failures = (one.failure for one in listings if origin in {"", one.source} and one.source not in asked)
    found = next((failure for failure in failures if failure is not None), None)
    return found if before.told_by or not candidates else None


def joined(listings: Sequence[Listing]) -> Failure | None:
    """The failures of all lists as one."""
    failed = [(one.source, one.failure) for one in listings if one.failure is not None]
    if not failed:
        return None
    if len(listings) == 1:
        return failed[0][1]
    return Failure(failed[0][1].reason, "; ".join(f"{source}: {failure.text}" for source, failure in failed))

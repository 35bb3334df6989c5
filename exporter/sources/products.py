"""What the two APIs of an account have in common: a list of its products, and submissions of each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from exporter.domain.errors import DecodeError, NotFoundError, RefusedError, SourceError
from exporter.domain.offers import Offer, OfferStatus
from exporter.domain.texts import identifier, text
from exporter.sources.base import Answer, NotServedError, OfferList, OfferQuery, Source
from exporter.sources.deadline import Deadline
from exporter.sources.failures import says_unsupported
from exporter.sources.paging import PagedEntries

__all__ = ["Product", "ProductSource", "Submission"]


class Product(NamedTuple):
    """What a list tells of a product; `guid` is the id that both APIs share, empty if it cannot be used."""

    offer_id: Any
    guid: str
    title: Any
    kind: Any


class Submission(Protocol):
    """What both APIs tell of a submission."""

    @property
    def number(self) -> str:
        """Its id within the product, empty if it has none."""
        ...

    @property
    def has_status(self) -> bool:
        """True if it says how it goes."""
        ...


Known = TypeVar("Known", bound=Submission)


class ProductSource(Source, Generic[Known]):
    """Lists, finds and asks for products; its subclasses say how, and what the submissions mean.

    `elsewhere` are the types, folded, whose submissions belong to another API by Microsoft's documentation.
    """

    is_account = True
    elsewhere: ClassVar[frozenset[str]]

    @abstractmethod
    def _products(self, deadline: Deadline) -> PagedEntries[Product]:
        """All of the account that are offers of the marketplace."""

    @abstractmethod
    def _search(self, offer_id: str, deadline: Deadline) -> Iterable[Product]:
        """Those that may have this offer id."""

    @abstractmethod
    def _submissions(self, product_id: str, deadline: Deadline) -> PagedEntries[Known]:
        """All submissions of a product; NotFoundError or RefusedError if it has none here."""

    @abstractmethod
    def _answer(self, query: OfferQuery, known: Offer, submissions: tuple[Known, ...], deadline: Deadline) -> Answer:
        """What the submissions mean; `known` describes the product."""

    def list_offers(self, publisher_id: str, deadline: Deadline) -> OfferList:
        """List all offers of the account, each id once; their status is not in the list."""
        found = self._products(deadline)
        offers = ((self._listed(publisher_id, one), one.offer_id or one.guid) for one in found.entries)
        return self._each_once(offers, is_whole=found.is_whole)

    def fetch_offer(self, query: OfferQuery, deadline: Deadline) -> Answer:
        """Fetch one offer with its steps.

        A product that is in no list of this refresh is looked for where it was last; if it is there no more, it is
        searched for, because it may have been made anew.
        """
        listed = query.listed if query.listed is not None and query.listed.product_id else None
        known = listed or (query.told if query.told is not None and query.told.product_id else None)
        known = known or self._find(query, deadline)
        try:
            submissions = self._submissions(known.product_id, deadline)
        except (NotFoundError, RefusedError) as error:
            if known is query.told and isinstance(error, NotFoundError):
                return self.fetch_offer(replace(query, listed=self._find(query, deadline)), deadline)
            raise self._without_submissions(error, known) from error
        self._check_whole(query, submissions)
        return self._answer(query, known, submissions.entries, deadline)

    def _find(self, query: OfferQuery, deadline: Deadline) -> Offer:
        for product in self._search(query.offer_id, deadline):
            offer = self._listed(query.publisher_id, product)
            if offer.offer_id == query.offer_id:
                return offer
        raise NotFoundError(f"{self.name} has no product with the offer id {query.offer_id}")

    def _listed(self, publisher_id: str, product: Product) -> Offer:
        return Offer(
            publisher_id=publisher_id,
            offer_id=identifier(product.offer_id) if product.guid else "",
            status=OfferStatus.UNKNOWN,
            source=self.name,
            display_name=text(product.title),
            offer_type=text(product.kind),
            product_id=product.guid,
        )

    def _without_submissions(self, error: SourceError, known: Offer) -> SourceError:
        """Not served here, if this source lists the product and says so; else what it said."""
        says_so = says_unsupported(error)
        is_missing = isinstance(error, NotFoundError) and known.source == self.name
        if not says_so and not is_missing:
            return error
        listed = replace(known, status=OfferStatus.UNKNOWN, source=self.name, is_listed_only=True, tells_messages=False)
        return NotServedError(
            f"{self.name} tells no submissions of {known.offer_id}: {error}",
            listed,
            is_lasting=says_so or known.offer_type.lower() in self.elsewhere,
        )

    def _check_whole(self, query: OfferQuery, submissions: PagedEntries[Known]) -> None:
        """What is left out may be the newest submission: one that is older than what was told must not take its place."""
        usable = [one.number for one in submissions.entries if one.has_status]
        told = query.told.submission.partition("/")[0] if query.told is not None else ""
        if told and not submissions.entries:
            raise DecodeError(f"the submissions of {query.offer_id} cannot be read: the one told before is left out")
        if (submissions.is_whole and len(usable) == len(submissions.entries)) or not told.isdecimal():
            return
        if max((int(one) for one in usable if one.isdecimal()), default=-1) < int(told):
            raise DecodeError(f"the submissions of {query.offer_id} cannot be read: the one told before is left out")

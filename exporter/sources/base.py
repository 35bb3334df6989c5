"""What a source of offers declares, and what it can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from exporter.config.settings import SourceSettings
from exporter.domain.errors import NotFoundError, SourceError
from exporter.domain.offers import Offer
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.sources.wire import UnknownValues

__all__ = ["Answer", "NotServedError", "OfferList", "OfferQuery", "Source"]


class NotServedError(NotFoundError):
    """The API lists the offer but tells no submissions of it; `listed` is all that it knows.

    `is_lasting` if that is so for offers of this kind, by documentation or by the answer's own words; otherwise the next
    refresh asks again.
    """

    def __init__(self, message: str, listed: Offer, *, is_lasting: bool) -> None:
        self.listed = listed
        self.is_lasting = is_lasting
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class OfferQuery:
    """One offer to fetch.

    `listed` is its entry in a list of this refresh, be it of another API of the same account. `told` is what this source
    told of it last: details that cannot be read now are kept from there while the submission is the same. `may_reuse` if
    it was told without gaps, and so recently that an unchanged submission at rest need not be asked for its details.
    """

    publisher_id: str
    offer_id: str
    listed: Offer | None = None
    told: Offer | None = None
    may_reuse: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source told of an offer; `gaps` are the failures of requests for details, which `offer` has as last told.

    A NotFoundError among them is counted, and does not make the offer a failed one.
    """

    offer: Offer
    gaps: tuple[SourceError, ...] = ()


@dataclass(frozen=True, slots=True)
class OfferList:
    """What a list told; `is_whole` unless an entry could not be used or a page is missing: then it removes nothing."""

    offers: tuple[Offer, ...]
    is_whole: bool = True


class Source(ABC):
    """One upstream API that can list the offers of a publisher and tell their status.

    `name` is its label value and what `publishers[].sources` calls it, `title` what people call it, `operations` are the
    names under which its requests are counted. Its options stand in the section `section` of the settings, which has the
    shape `settings`. With `is_account` its lists are those of the account that the credential belongs to, whatever the
    publisher, and name products by the GUIDs that all such APIs share.

    It asks `client`, and gives what it cannot use to `values`. Both calls raise the SourceError that names the phase that
    failed; both may be made from several threads at once.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    operations: ClassVar[tuple[str, ...]]
    section: ClassVar[str]
    settings: ClassVar[type[SourceSettings]]
    is_account: ClassVar[bool]

    def __init__(self, client: ApiClient, values: UnknownValues, settings: SourceSettings) -> None:
        """`settings` is its own section."""
        del settings  # beyond what the client has of them
        self._client = client
        self._values = values

    def _each_once(self, found: Iterable[tuple[Offer, Any]], *, is_whole: bool) -> OfferList:
        """A list of these offers, each with the raw id; without an id, or with that of one before it, it is left out."""
        offers: dict[str, Offer] = {}
        for offer, raw in found:
            if offer.offer_id and offer.offer_id not in offers:
                offers[offer.offer_id] = offer
            else:
                self._values.note("offer_id", raw, publisher_id=offer.publisher_id)
                is_whole = is_whole and offer.offer_id in offers
        return OfferList(tuple(offers.values()), is_whole)

    @abstractmethod
    def list_offers(self, publisher_id: str, deadline: Deadline) -> OfferList:
        """List all offers of a publisher, each id once, without their steps."""

    @abstractmethod
    def fetch_offer(self, query: OfferQuery, deadline: Deadline) -> Answer:
        """Fetch one offer with its steps.

        Raises:
            NotFoundError: it does not know the offer; another source may.
            NotServedError: it lists the offer and tells nothing more of it.
            DecodeError: the answer has no status.
        """

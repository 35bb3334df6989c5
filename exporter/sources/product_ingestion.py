"""The Product Ingestion API on Microsoft Graph: products, and their draft, preview and live submissions.

It tells neither steps nor messages nor when anything ended, so that its three targets are shown as steps. Shapes are those
of the JSON schema "submission/2022-03-01-preview2" and its family; answers carry one of two schema hosts, which say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, TypeAdapter

from exporter.config.settings import HttpUrl, Rate, SourceSettings
from exporter.domain.errors import NotFoundError, RefusedError
from exporter.domain.offers import Offer, OfferStatus
from exporter.domain.texts import text
from exporter.sources.base import Answer, NotServedError, OfferQuery, Source
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.sources.paging import Page, Pages
from exporter.sources.product_ingestion_model import Entry, live_of, status_of, steps_of
from exporter.sources.wire import Oddities, WireModel
from exporter.telemetry.metrics import Telemetry

__all__ = ["ProductIngestionSource"]

ROOT = "/rp/product-ingestion"
ELSEWHERE = frozenset({"azureapplication"})
"""Types that this API is reported not to support, so that a refusal is no failure."""
OTHER_TARGETS = frozenset({"flight", "sandbox", "certification", "retail"})

_PRODUCT_ID = re.compile(r"(?:product/)?([^/]+)", re.IGNORECASE)


class WireIdentity(WireModel):
    """How a product is known outside; the spelling of the key varies in its case."""

    external_id: Any = None


class WireProduct(WireModel):
    """An entry of the list of products; its `id` is `product/{guid}`."""

    id: Any = None
    identity: WireIdentity = WireIdentity()
    type: Any = None
    alias: Any = None

    @property
    def guid(self) -> str:
        """The id without its prefix, empty if it is no id."""
        shape = _PRODUCT_ID.fullmatch(text(self.id))
        return shape[1] if shape else ""


class WireTarget(WireModel):
    """What a submission is for."""

    target_type: Any = None


class WireSubmission(WireModel):
    """A submission; its `id` is `submission/{guid}/{number}`, the number has 19 digits and is 0 for the draft."""

    id: Any = None
    target: WireTarget = WireTarget()
    status: Any = None
    result: Any = None
    created: Any = None


_PRODUCTS = Pages("ingestion_products", TypeAdapter(Page[WireProduct] | list[WireProduct]), "the list of products")
_SUBMISSIONS = Pages(
    "ingestion_submissions", TypeAdapter(Page[WireSubmission] | list[WireSubmission]), "the submissions of a product"
)


_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview\d*)?")


def _version(value: str) -> str:
    if not _VERSION.fullmatch(value):
        raise ValueError(f"{value!r} is no version; write a day, such as 2022-07-01 or 2022-03-01-preview2")
    return value


class ProductIngestionSettings(SourceSettings):
    """Where the Product Ingestion API is, which version of it is meant, and how fast it may be asked."""

    base_url: HttpUrl = "https://graph.microsoft.com"
    """Where the Product Ingestion API is."""
    scope: str = "https://graph.microsoft.com/.default"
    """OAuth scope of tokens for the Product Ingestion API."""
    requests_per_second: Rate = 5.0
    """Most requests per second to the Product Ingestion API, on average."""
    version: Annotated[str, AfterValidator(_version)] = "2022-07-01"
    """What is sent as `$version`; each resource comes in its newest version that is not newer than this."""


class ProductIngestionSource(Source):
    """Offers as the Product Ingestion API knows them; its list is that of the account, whatever the publisher.

    `version` is what is sent as `$version`.
    """

    name = "product_ingestion"
    title = "Product Ingestion API"
    section = "product_ingestion"
    settings = ProductIngestionSettings
    is_account = True
    operations = ("ingestion_products", "ingestion_submissions")

    def __init__(self, client: ApiClient, telemetry: Telemetry, settings: SourceSettings) -> None:
        self._client = client
        self._odd = Oddities(telemetry, self.name)
        assert isinstance(settings, ProductIngestionSettings)  # noqa: S101 - it is what this class declares
        self._version = {"$version": settings.version}

    def list_offers(self, publisher_id: str, deadline: Deadline) -> tuple[Offer, ...]:
        """List all offers of the account, each id once; their status is not in the list. Raises SourceError."""
        offers: dict[str, Offer] = {}
        for product in self._products({}, deadline):
            offer = self._listed(publisher_id, product)
            if not offer.offer_id or not offer.product_id or offer.offer_id in offers:
                self._odd.note("offer_id", offer.offer_id or product.id, publisher_id=publisher_id)
            else:
                offers[offer.offer_id] = offer
        return tuple(offers.values())

    def fetch_offer(self, query: OfferQuery, deadline: Deadline) -> Answer:
        """Fetch one offer with draft, preview and live as its steps; raises SourceError."""
        publisher_id, offer_id, listed = query.publisher_id, query.offer_id, query.listed or query.told
        known = listed if listed is not None and listed.product_id else self._find(publisher_id, offer_id, deadline)
        path = f"{ROOT}/submission/{quote(known.product_id, safe='')}"
        try:
            submissions = _SUBMISSIONS.read(self._client, path, params=self._version, deadline=deadline)
        except (NotFoundError, RefusedError) as error:
            if isinstance(error, RefusedError) and known.offer_type.lower() not in ELSEWHERE:
                raise
            raise self._unserved(known, offer_id) from error
        entries = self._entries(submissions)
        status = status_of(entries)
        offer = Offer(
            publisher_id=publisher_id,
            offer_id=offer_id,
            status=status,
            source=self.name,
            display_name=known.display_name,
            offer_type=known.offer_type,
            changed=max((one.created for one in entries if one.created is not None), default=None),
            steps=steps_of(entries, status),
            live=live_of(entries),
            product_id=known.product_id,
            tells_messages=False,
        )
        return Answer(offer)

    def _products(self, selection: dict[str, str], deadline: Deadline) -> tuple[WireProduct, ...]:
        params = selection | self._version
        return _PRODUCTS.read(self._client, f"{ROOT}/product", params=params, deadline=deadline)

    def _unserved(self, known: Offer, offer_id: str) -> NotServedError:
        listed = replace(known, status=OfferStatus.UNKNOWN, source=self.name, is_listed_only=True, tells_messages=False)
        return NotServedError(f"{self.name} lists {offer_id} but tells no submissions of it", listed, is_lasting=True)

    def _find(self, publisher_id: str, offer_id: str, deadline: Deadline) -> Offer:
        for product in self._products({"externalId": offer_id}, deadline):
            offer = self._listed(publisher_id, product)
            if offer.offer_id == offer_id and offer.product_id:
                return offer
        raise NotFoundError(f"{self.name} has no product with the offer id {offer_id}")

    def _listed(self, publisher_id: str, product: WireProduct) -> Offer:
        return Offer(
            publisher_id=publisher_id,
            offer_id=text(product.identity.external_id),
            status=OfferStatus.UNKNOWN,
            source=self.name,
            display_name=text(product.alias),
            offer_type=text(product.type),
            product_id=product.guid,
        )

    def _entries(self, submissions: Sequence[WireSubmission]) -> tuple[Entry, ...]:
        entries = []
        for one in submissions:
            target = text(one.target.target_type).lower()
            if target in {"draft", "preview", "live"}:
                entries.append(self._entry(target, one))
            elif target not in OTHER_TARGETS:
                self._odd.note("target", one.target.target_type)
        return tuple(entries)

    def _entry(self, target: str, submission: WireSubmission) -> Entry:
        entry = Entry(
            target=target,
            number=text(submission.id).rpartition("/")[2],
            outcome=outcome_of(target, submission),
            created=self._odd.timestamp(submission.created),
        )
        if entry.outcome is OfferStatus.UNKNOWN:
            self._odd.note("offer_status", f"{text(submission.status)} {text(submission.result)}")
        return entry


_OUTCOMES = {
    "notstarted": OfferStatus.NOT_STARTED,
    "running": OfferStatus.RUNNING,
}
_RESULTS = {
    "succeeded": OfferStatus.SUCCEEDED,
    "failed": OfferStatus.FAILED,
    "canceled": OfferStatus.CANCELED,
    "cancelled": OfferStatus.CANCELED,
}


def outcome_of(target: str, submission: WireSubmission) -> OfferStatus:
    """Tell how a submission goes by its status and, once that is "completed", its result; a draft has neither."""
    status = text(submission.status).lower()
    if target == "draft":
        return OfferStatus.NEVER_PUBLISHED
    if status == "completed":
        return _RESULTS.get(text(submission.result).lower(), OfferStatus.UNKNOWN)
    return _OUTCOMES.get(status, OfferStatus.UNKNOWN)

"""The Partner Center submission API, version 1.0: products, their submissions, and what is told about one of those.

It knows the Azure applications and SaaS offers of an account. Virtual machines and containers are in its list, but their
submissions belong to the Product Ingestion API.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

from exporter.config.settings import HttpUrl, Rate, SourceSettings
from exporter.domain.errors import NotFoundError, RefusedError
from exporter.domain.offers import Message, Offer, OfferStatus, Step
from exporter.domain.texts import text
from exporter.sources.base import Answer, NotServedError, OfferQuery, Source
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.sources.paging import Page, Pages
from exporter.sources.partner_center_model import (
    WireFinding,
    WireProduct,
    WireReport,
    WireSubmission,
    WireWorkflow,
    deciding,
    is_draft,
    live_of,
    messages_of,
    status_of,
    steps_of,
)
from exporter.sources.wire import Oddities
from exporter.telemetry.metrics import Telemetry

__all__ = ["PartnerCenterSource"]

ROOT = "/v1.0/ingestion"
ELSEWHERE = frozenset({"azurethirdpartyvirtualmachine", "azurecontainer"})
"""Types whose submissions belong to the Product Ingestion API, so that a refusal is no failure."""

Entry = TypeVar("Entry")

_PRODUCTS = Pages("center_products", TypeAdapter(Page[WireProduct] | list[WireProduct]), "the list of products")
_SUBMISSIONS = Pages(
    "center_submissions", TypeAdapter(Page[WireSubmission] | list[WireSubmission]), "the submissions of a product"
)
_WORKFLOWS = Pages(
    "center_workflow", TypeAdapter(Page[WireWorkflow] | list[WireWorkflow]), "the workflow of a submission"
)
_REPORTS = Pages("center_reports", TypeAdapter(Page[WireReport] | list[WireReport]), "the reports on a submission")
_FINDINGS = Pages(
    "center_validations", TypeAdapter(Page[WireFinding] | list[WireFinding]), "the findings on a submission"
)


@dataclass(frozen=True, slots=True)
class _Details:
    steps: tuple[Step, ...] = ()
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kept:
    submission: WireSubmission | None
    details: _Details
    until: float


class PartnerCenterSettings(SourceSettings):
    """Where the Partner Center submission API is, and how fast it may be asked."""

    base_url: HttpUrl = "https://api.partner.microsoft.com"
    """Where the Partner Center submission API is."""
    scope: str = "https://api.partner.microsoft.com/.default"
    """OAuth scope of tokens for the Partner Center submission API."""
    requests_per_second: Rate = 5.0
    """Most requests per second to the Partner Center submission API, on average."""


class PartnerCenterSource(Source):
    """Offers as the Partner Center submission API knows them; its list is that of the account, whatever the publisher.

    What is told about a submission at rest, and that a product has none here, is asked for again after `rest` seconds.
    """

    name = "partner_center"
    title = "Partner Center submission API"
    section = "partner_center"
    settings = PartnerCenterSettings
    is_account = True
    operations = ("center_products", "center_submissions", "center_workflow", "center_reports", "center_validations")

    def __init__(self, client: ApiClient, telemetry: Telemetry, settings: SourceSettings) -> None:
        del settings
        self._client = client
        self._odd = Oddities(telemetry, self.name)
        self._rest = 3600.0
        self._kept: dict[str, _Kept] = {}

    def list_offers(self, publisher_id: str, deadline: Deadline) -> tuple[Offer, ...]:
        """List all offers of the account, each id once; their status is not in the list. Raises SourceError."""
        products = _PRODUCTS.read(self._client, f"{ROOT}/products", params={}, deadline=deadline)
        offers: dict[str, Offer] = {}
        for product in products:
            offer = self._listed(publisher_id, product)
            if not offer.offer_id and product.external_ids:
                continue  # a product of another store
            if not offer.offer_id or not offer.product_id or offer.offer_id in offers:
                self._odd.note("offer_id", offer.offer_id or product.id, publisher_id=publisher_id)
            else:
                offers[offer.offer_id] = offer
        return tuple(offers.values())

    def fetch_offer(self, query: OfferQuery, deadline: Deadline) -> Answer:
        """Fetch one offer with its steps; raises SourceError."""
        publisher_id, offer_id, listed = query.publisher_id, query.offer_id, query.listed or query.told
        known = listed if listed is not None and listed.product_id else self._find(publisher_id, offer_id, deadline)
        submissions = self._submissions(offer_id, known, deadline)
        newest = deciding(submissions)
        status = OfferStatus.NEVER_PUBLISHED if newest is None else status_of(newest, self._odd)
        details = _Details() if newest is None else self._details(known.product_id, newest, status, deadline)
        live, live_since = live_of(submissions, self._odd)
        offer = Offer(
            publisher_id=publisher_id,
            offer_id=offer_id,
            status=status,
            source=self.name,
            display_name=known.display_name,
            offer_type=known.offer_type,
            version=self._odd.whole_number(newest.release_number) if newest else None,
            changed=_latest(details, live_since),
            steps=details.steps,
            messages=details.messages,
            live=live,
            live_since=live_since,
            product_id=known.product_id,
        )
        return Answer(offer)

    def _listed(self, publisher_id: str, product: WireProduct) -> Offer:
        return Offer(
            publisher_id=publisher_id,
            offer_id=product.offer_id,
            status=OfferStatus.UNKNOWN,
            source=self.name,
            display_name=text(product.name),
            offer_type=text(product.resource_type),
            product_id=text(product.id),
        )

    def _unserved(self, known: Offer, offer_id: str) -> NotServedError:
        listed = replace(known, status=OfferStatus.UNKNOWN, source=self.name, is_listed_only=True, tells_messages=False)
        return NotServedError(f"{self.name} lists {offer_id} but tells no submissions of it", listed, is_lasting=True)

    def _find(self, publisher_id: str, offer_id: str, deadline: Deadline) -> Offer:
        quoted = offer_id.replace("'", "''")
        wanted = f"externalIDs/Any(i:i/type eq 'AzureOfferId' and i/value eq '{quoted}')"
        found = _PRODUCTS.read(self._client, f"{ROOT}/products", params={"$filter": wanted}, deadline=deadline)
        for product in found:
            offer = self._listed(publisher_id, product)
            if offer.offer_id == offer_id and offer.product_id:
                return offer
        raise NotFoundError(f"{self.name} has no product with the offer id {offer_id}")

    def _submissions(self, offer_id: str, known: Offer, deadline: Deadline) -> tuple[WireSubmission, ...]:
        unserved = self._unserved(known, offer_id)
        kept = self._kept.get(known.product_id)
        if kept is not None and kept.submission is None and deadline.now() < kept.until:
            raise unserved
        path = f"{_path(known.product_id)}/submissions"
        try:
            return _SUBMISSIONS.read(self._client, path, params={}, deadline=deadline)
        except (NotFoundError, RefusedError) as error:
            if isinstance(error, RefusedError) and known.offer_type.lower() not in ELSEWHERE:
                raise
            self._keep(known.product_id, None, _Details(), deadline)
            raise unserved from error

    def _details(
        self, product_id: str, submission: WireSubmission, status: OfferStatus, deadline: Deadline
    ) -> _Details:
        kept = self._kept.get(product_id)
        if kept is not None and kept.submission == submission and deadline.now() < kept.until:
            return kept.details
        if is_draft(submission):
            return _Details()
        path = f"{_path(product_id)}/submissions/{quote(text(submission.id), safe='')}"
        workflows = self._told(_WORKFLOWS, f"{path}/workflowdetails", deadline)
        reports = self._told(_REPORTS, f"{path}/reports", deadline)
        findings = self._told(_FINDINGS, f"{path}/validations", deadline)
        details = _Details(steps_of(workflows, self._odd), messages_of(reports, findings, self._odd))
        if status.is_terminal:
            self._keep(product_id, submission, details, deadline)
        return details

    def _told(self, pages: Pages[Entry], path: str, deadline: Deadline) -> tuple[Entry, ...]:
        """Read what may not exist for this submission or this kind of product."""
        try:
            return pages.read(self._client, path, params={}, deadline=deadline)
        except (NotFoundError, RefusedError):
            return ()

    def _keep(self, product_id: str, submission: WireSubmission | None, details: _Details, deadline: Deadline) -> None:
        self._kept[product_id] = _Kept(submission, details, deadline.now() + self._rest)


def _path(product_id: str) -> str:
    return f"{ROOT}/products/{quote(product_id, safe='')}"


def _latest(details: _Details, live_since: float | None) -> float | None:
    """Tell when anything happened last, as far as the API says."""
    times = [live_since, *(one.timestamp for one in details.messages)]
    times += [moment for step in details.steps for moment in (step.started, step.completed)]
    return max((moment for moment in times if moment is not None), default=None)

"""The Partner Center submission API, version 1.0: products, their submissions, and what is told about one of those."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote

from exporter.config.settings import HttpUrl, Rate, SourceSettings
from exporter.domain.errors import DecodeError, NotFoundError, RefusedError, SourceError
from exporter.domain.offers import Message, Offer, OfferStatus, Step
from exporter.sources import partner_center_model as model
from exporter.sources.base import Answer, OfferQuery
from exporter.sources.deadline import Deadline
from exporter.sources.paging import Page, PagedEntries, Pages
from exporter.sources.products import Product, ProductSource
from exporter.sources.wire import UnknownValues

__all__ = ["PartnerCenterSource"]

ROOT = "/v1.0/ingestion"
TYPES = (
    "AzureApplication",
    "AzureContainer",
    "AzureDynamics365BusinessCentral",
    "AzureDynamics365ForCustomerEngagement",
    "AzureDynamics365ForOperations",
    "AzureThirdPartyVirtualMachine",
    "SoftwareAsAService",
)
"""Types of the marketplace, to be asked for one by one where a list of all is refused."""

Entry = TypeVar("Entry")
Told = TypeVar("Told")

_PRODUCTS = Pages("center_products", Page[model.WireProduct], "the list of products")
_SUBMISSIONS = Pages("center_submissions", Page[model.WireSubmission], "the submissions")
_WORKFLOWS = Pages("center_workflow", Page[model.WireWorkflow], "the workflows of a submission")
_REPORTS = Pages("center_reports", Page[model.WireReport], "the reports on a submission")
_FINDINGS = Pages("center_validations", Page[model.WireFinding], "the validations of a submission")


class PartnerCenterSettings(SourceSettings):
    """Where the Partner Center submission API is, and how fast it may be asked."""

    base_url: HttpUrl = "https://api.partner.microsoft.com"
    """Where the Partner Center submission API is."""
    scope: str = "https://api.partner.microsoft.com/.default"
    """OAuth scope of tokens for the Partner Center submission API."""
    requests_per_second: Rate = 5.0
    """Most requests per second to the Partner Center submission API, on average."""


class PartnerCenterSource(ProductSource[model.WireSubmission]):
    """Offers as the Partner Center submission API knows them."""

    name = "partner_center"
    title = "Partner Center submission API"
    section = "partner_center"
    settings = PartnerCenterSettings
    operations = ("center_products", "center_submissions", "center_workflow", "center_reports", "center_validations")
    elsewhere = frozenset({"azurethirdpartyvirtualmachine", "azurecontainer"})

    def _products(self, deadline: Deadline) -> PagedEntries[Product]:
        try:
            return self._filtered(None, deadline)
        except RefusedError as error:
            if not _wants_types(error):
                raise
            return self._products_by_type(error, deadline)

    def _products_by_type(self, refusal: RefusedError, deadline: Deadline) -> PagedEntries[Product]:
        """A type that the API does not know is no reason to do without the others; it must know one of them."""
        products: list[Product] = []
        refused, is_whole = 0, True
        for one in TYPES:
            try:
                found = self._filtered(f"resourceType eq '{one}'", deadline)
                products += found.entries
                is_whole = is_whole and found.is_whole
            except RefusedError as error:
                if not _wants_types(error):
                    raise
                refused += 1
        if refused == len(TYPES):
            raise refusal
        return PagedEntries(tuple(products), is_whole)

    def _search(self, offer_id: str, deadline: Deadline) -> list[Product]:
        quoted = offer_id.replace("'", "''")
        wanted = f"externalIDs/Any(i:i/type eq 'AzureOfferId' and i/value eq '{quoted}')"
        return list(self._filtered(wanted, deadline).entries)

    def _filtered(self, wanted: str | None, deadline: Deadline) -> PagedEntries[Product]:
        params = {} if wanted is None else {"$filter": wanted}
        found = _PRODUCTS.read(self._client, f"{ROOT}/products", self._values, deadline, params)
        products = tuple(product for one in found.entries if (product := one.product()) is not None)
        return PagedEntries(products, found.is_whole)

    def _submissions(self, product_id: str, deadline: Deadline) -> PagedEntries[model.WireSubmission]:
        return _SUBMISSIONS.read(self._client, f"{_path(product_id)}/submissions", self._values, deadline)

    def _answer(
        self, query: OfferQuery, known: Offer, submissions: tuple[model.WireSubmission, ...], deadline: Deadline
    ) -> Answer:
        newest = model.deciding(submissions)
        if newest is not None and not newest.has_status:
            raise DecodeError(f"the submissions of {query.offer_id} cannot be read: the newest has no status")
        status = OfferStatus.NEVER_PUBLISHED if newest is None else model.status_of(newest, self._values)
        steps, messages, gaps = self._details(query, known.product_id, newest, status, deadline)
        live, live_since = model.live_of(submissions, self._values)
        offer = Offer(
            publisher_id=query.publisher_id,
            offer_id=query.offer_id,
            status=status,
            source=self.name,
            display_name=known.display_name,
            offer_type=known.offer_type,
            version=self._values.whole_number(newest.release_number) if newest else None,
            changed=_latest(steps, messages, live_since),
            steps=steps,
            messages=messages,
            live=live,
            live_since=live_since,
            product_id=known.product_id,
            submission=newest.identity if newest else "",
        )
        return Answer(offer, gaps)

    def _details(
        self,
        query: OfferQuery,
        product_id: str,
        newest: model.WireSubmission | None,
        status: OfferStatus,
        deadline: Deadline,
    ) -> tuple[tuple[Step, ...], tuple[Message, ...], tuple[SourceError, ...]]:
        """Steps, messages, and which of them could not be read: those are as they were told of the same submission."""
        if newest is None or newest.is_draft or not newest.number:
            return (), (), ()
        is_same = query.told is not None and query.told.submission.partition("/")[0] == newest.number
        told = query.told if is_same else None
        if told is not None and query.may_reuse and status.is_terminal and told.submission == newest.identity:
            return told.steps, told.messages, ()
        before = told.messages if told is not None else ()
        path = f"{_path(product_id)}/submissions/{quote(newest.number, safe='')}"
        gaps: list[SourceError] = []

        def read(
            pages: Pages[Entry], name: str, convert: Convert[Entry, Told], kept: tuple[Told, ...]
        ) -> tuple[Told, ...]:
            try:
                found = pages.read(self._client, f"{path}/{name}", self._values, deadline)
            except SourceError as error:
                if kept or not isinstance(error, NotFoundError):  # else there never were any
                    gaps.append(error)
                return kept
            return convert(found.entries, self._values)

        steps = read(_WORKFLOWS, "workflowdetails", model.steps_of, told.steps if told is not None else ())
        reports = read(_REPORTS, "reports", model.reports_of, tuple(filter(model.is_report, before)))
        findings = read(_FINDINGS, "validations", model.findings_of, tuple(filter(model.is_finding, before)))
        return steps, (*model.reasons_of(newest), *reports, *findings), tuple(gaps)


Convert = Callable[[Sequence[Entry], UnknownValues], tuple[Told, ...]]


def _wants_types(error: RefusedError) -> bool:
    """Seen since April 2026: 400 with the code ICH50400, for fields called ProductTypeFilter."""
    return "ICH50400" in str(error) or "ProductTypeFilter" in str(error)


def _path(product_id: str) -> str:
    return f"{ROOT}/products/{quote(product_id, safe='')}"


def _latest(steps: Sequence[Step], messages: Sequence[Message], live_since: float | None) -> float | None:
    """When anything happened last, as far as the API says."""
    times = [live_since, *(one.timestamp for one in messages)]
    times += [moment for step in steps for moment in (step.started, step.completed)]
    return max((moment for moment in times if moment is not None), default=None)

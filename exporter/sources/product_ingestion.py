"""The Product Ingestion API on Microsoft Graph: products, and their draft, preview and live submissions.

It tells neither steps nor messages nor when anything ended, so that its three targets are shown as steps. Shapes are those
of the JSON schema "submission/2022-03-01-preview2" and its family; answers carry one of two schema hosts, which say nothing.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator

from exporter.config.settings import HttpUrl, Rate, SourceSettings
from exporter.domain.errors import DecodeError
from exporter.domain.offers import Offer
from exporter.sources import product_ingestion_model as model
from exporter.sources.base import Answer, OfferQuery
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.sources.paging import Page, PagedEntries, Pages
from exporter.sources.products import Product, ProductSource
from exporter.sources.wire import UnknownValues

__all__ = ["ProductIngestionSource"]

ROOT = "/rp/product-ingestion"

_PRODUCTS = Pages("ingestion_products", Page[model.WireProduct], "the list of products")
_SUBMISSIONS = Pages("ingestion_submissions", Page[model.WireSubmission], "the submissions")
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


class ProductIngestionSource(ProductSource[model.WireSubmission]):
    """Offers as the Product Ingestion API knows them."""

    name = "product_ingestion"
    title = "Product Ingestion API"
    section = "product_ingestion"
    settings = ProductIngestionSettings
    operations = ("ingestion_products", "ingestion_submissions")
    elsewhere = frozenset(
        {
            "azureapplication",
            "consultingservice",
            "dynamics365businesscentral",
            "dynamics365forcustomerengagement",
            "dynamics365foroperations",
            "iotedgemodule",
            "managedservice",
            "powerbiapp",
        }
    )

    def __init__(self, client: ApiClient, values: UnknownValues, settings: SourceSettings) -> None:
        super().__init__(client, values, settings)
        assert isinstance(settings, ProductIngestionSettings)  # noqa: S101 - it is what this class declares
        self._version = {"$version": settings.version}

    def _products(self, deadline: Deadline) -> PagedEntries[Product]:
        return self._selected({}, deadline)

    def _search(self, offer_id: str, deadline: Deadline) -> list[Product]:
        return list(self._selected({"externalId": offer_id}, deadline).entries)

    def _selected(self, selection: dict[str, str], deadline: Deadline) -> PagedEntries[Product]:
        params = selection | self._version
        found = _PRODUCTS.read(self._client, f"{ROOT}/product", self._values, deadline, params)
        products = tuple(product for one in found.entries if (product := one.product()) is not None)
        return PagedEntries(products, found.is_whole)

    def _submissions(self, product_id: str, deadline: Deadline) -> PagedEntries[model.WireSubmission]:
        path = f"{ROOT}/submission/{quote(product_id, safe='')}"
        return _SUBMISSIONS.read(self._client, path, self._values, deadline, self._version)

    def _answer(
        self, query: OfferQuery, known: Offer, submissions: tuple[model.WireSubmission, ...], deadline: Deadline
    ) -> Answer:
        del deadline
        entries = model.entries_of(submissions, self._values)
        newest = model.newest_of(entries)
        if newest is not None and not newest.has_status:
            raise DecodeError(f"the submissions of {query.offer_id} cannot be read: the newest has no status")
        status = model.status_of(entries)
        offer = Offer(
            publisher_id=query.publisher_id,
            offer_id=query.offer_id,
            status=status,
            source=self.name,
            display_name=known.display_name,
            offer_type=known.offer_type,
            changed=model.changed_of(entries, self._values),
            steps=model.steps_of(entries, status),
            live=model.live_of(entries, self._values),
            product_id=known.product_id,
            submission=newest.identity if newest is not None else "",
            lifecycle=model.lifecycle_of(entries),
            tells_messages=False,
        )
        return Answer(offer)

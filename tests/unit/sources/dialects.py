"""One small world told in the words of each API, so that one suite of behaviours can be run against every source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from exporter.sources.base import Source
from exporter.sources.cloud_partner import CloudPartnerSource
from exporter.sources.partner_center import PartnerCenterSource
from exporter.sources.product_ingestion import ProductIngestionSource

from .canned import Answer, Canned

BIG = 1152921500000000002
"""The id of a submission; one more or less is the same number as a float."""
GUID = "11111111-2222-3333-4444-{:012d}"


@dataclass(frozen=True)
class Spec:
    """One offer as a test wants it: `state` is one of running, succeeded, odd; `changed` is what the API writes."""

    offer_id: str
    title: str = "A title"
    state: str = "running"
    changed: Any = "2026-01-05T10:11:12.1234567Z"
    number: int = BIG


class Dialect(Protocol):
    """Writes a world down as one API would tell it."""

    kind: type[Source]
    pages: bool

    def put_list(self, canned: Canned, specs: Sequence[Spec], answer: Answer | None = None) -> None: ...

    def put_pages(self, canned: Canned, pages: Sequence[Sequence[Spec]]) -> None: ...

    def put_offer(self, canned: Canned, spec: Spec, *answers: Answer) -> None: ...


def detail(dialect: Dialect, offer_id: str) -> str:
    """The path of the first request that is about one offer."""
    canned = Canned()
    dialect.put_offer(canned, Spec(offer_id))
    return next(iter(canned._answers))


def put_world(dialect: Dialect, canned: Canned, *specs: Spec) -> None:
    dialect.put_list(canned, specs)
    for spec in specs:
        dialect.put_offer(canned, spec)


def guid_of(offer_id: str) -> str:
    return GUID.format(int.from_bytes(offer_id.encode()[:5], "big") % 10**12)


class CloudPartner:
    kind: type[Source] = CloudPartnerSource
    pages = False
    states: ClassVar = {"running": "running", "succeeded": "succeeded", "odd": "underwater"}

    def put_list(self, canned: Canned, specs: Sequence[Spec], answer: Answer | None = None) -> None:
        entries = [
            {
                "id": one.offer_id,
                "offerTypeId": "microsoft-azure-virtualmachines",
                "status": self.states[one.state],
                "version": one.number,
                "definition": {"displayText": one.title},
                "changedTime": one.changed,
            }
            for one in specs
        ]
        canned.put("/api/publishers/contoso/offers", answer or entries)

    def put_pages(self, canned: Canned, pages: Sequence[Sequence[Spec]]) -> None:
        self.put_list(canned, [spec for page in pages for spec in page])

    def put_offer(self, canned: Canned, spec: Spec, *answers: Answer) -> None:
        body = {
            "status": self.states[spec.state],
            "steps": [{"id": "live", "stepName": "Live", "status": "notStarted"}],
        }
        canned.put(f"/api/publishers/contoso/offers/{spec.offer_id}/status", *(answers or [body]))


class PartnerCenter:
    kind: type[Source] = PartnerCenterSource
    pages = True
    root = "/v1.0/ingestion/products"
    substates: ClassVar = {"running": "Publishing", "succeeded": "InStore", "odd": "Underwater"}

    def entry(self, spec: Spec) -> dict[str, Any]:
        return {
            "resourceType": "AzureApplication",
            "name": spec.title,
            "externalIDs": [{"type": "AzureOfferId", "value": spec.offer_id}],
            "id": guid_of(spec.offer_id) if spec.offer_id else GUID.format(0),
        }

    def put_list(self, canned: Canned, specs: Sequence[Spec], answer: Answer | None = None) -> None:
        canned.put(self.root, answer or {"value": [self.entry(one) for one in specs]})
        for one in specs:
            wanted = f"externalIDs/Any(i:i/type eq 'AzureOfferId' and i/value eq '{one.offer_id}')"
            canned.put(f"{self.root}?$filter={wanted}", {"value": [self.entry(one)]})

    def put_pages(self, canned: Canned, pages: Sequence[Sequence[Spec]]) -> None:
        for number, page in enumerate(pages):
            body: dict[str, Any] = {"value": [self.entry(one) for one in page]}
            if number + 1 < len(pages):
                body["nextLink"] = f"v1.0/ingestion/products?$skipToken={number + 1}"
            canned.put(f"{self.root}?$skipToken={number}" if number else self.root, body)

    def put_offer(self, canned: Canned, spec: Spec, *answers: Answer) -> None:
        submissions = f"{self.root}/{guid_of(spec.offer_id)}/submissions"
        newest = {
            "id": str(spec.number),
            "state": "InProgress",
            "substate": self.substates[spec.state],
            "targets": [{"type": "Scope", "value": "Preview"}],
            "releaseNumber": spec.number,
        }
        if spec.state == "succeeded":
            newest |= {"state": "Published", "publishedTimeInUtc": spec.changed}
        canned.put(submissions, *(answers or [{"value": [newest]}]))
        workflow = {
            "type": "Publish",
            "state": "Running",
            "targetEnvironment": "live",
            "workflowSteps": [{"name": "Live", "state": "Running", "startDateTimeInUtc": spec.changed}],
        }
        canned.put(f"{submissions}/{spec.number}/workflowdetails", {"value": [workflow]})


class ProductIngestion:
    kind: type[Source] = ProductIngestionSource
    pages = True
    root = "/rp/product-ingestion"
    states: ClassVar = {
        "running": {"status": "running", "result": "pending"},
        "succeeded": {"status": "completed", "result": "succeeded"},
        "odd": {"status": "underwater", "result": "pending"},
    }

    def entry(self, spec: Spec) -> dict[str, Any]:
        return {
            "$schema": "https://product-ingestion.azureedge.net/schema/product/2022-03-01-preview3",
            "id": f"product/{guid_of(spec.offer_id) if spec.offer_id else GUID.format(0)}",
            "identity": {"externalID": spec.offer_id},
            "type": "azureVirtualMachine",
            "alias": spec.title,
        }

    def put_list(self, canned: Canned, specs: Sequence[Spec], answer: Answer | None = None) -> None:
        canned.put(f"{self.root}/product", answer or {"value": [self.entry(one) for one in specs]})
        for one in specs:
            query = f"externalId={one.offer_id}&$version=2022-07-01"
            canned.put(f"{self.root}/product?{query}", {"value": [self.entry(one)]})

    def put_pages(self, canned: Canned, pages: Sequence[Sequence[Spec]]) -> None:
        for number, page in enumerate(pages):
            body: dict[str, Any] = {"value": [self.entry(one) for one in page]}
            if number + 1 < len(pages):
                body["@nextLink"] = f"{canned.url}{self.root}/product?continuationToken={number + 1}"
            query = f"?$version=2022-07-01&continuationToken={number}" if number else ""
            canned.put(f"{self.root}/product{query}", body)

    def put_offer(self, canned: Canned, spec: Spec, *answers: Answer) -> None:
        product = guid_of(spec.offer_id)
        draft = {"id": f"submission/{product}/0", "target": {"targetType": "draft"}}
        live = {"id": f"submission/{product}/{spec.number}", "target": {"targetType": "live"}, "created": spec.changed}
        body = {"value": [draft, live | self.states[spec.state]]}
        canned.put(f"{self.root}/submission/{product}", *(answers or [body]))


DIALECTS: tuple[Dialect, ...] = (CloudPartner(), PartnerCenter(), ProductIngestion())

__all__ = ["BIG", "DIALECTS", "Dialect", "Spec", "detail", "guid_of", "put_world"]

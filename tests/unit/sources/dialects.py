"""One small world told in the words of each API, so that one suite of behaviours can be run against every source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from exporter.sources.base import Source
from exporter.sources.cloud_partner import CloudPartnerSource
from exporter.sources.partner_center import PartnerCenterSource
from exporter.sources.product_ingestion import ProductIngestionSource

from .canned import Answer, Canned

__all__ = ["BIG", "DIALECTS", "Dialect", "Spec", "guid_of", "put_world"]

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


def guid_of(offer_id: str) -> str:
    return GUID.format(int.from_bytes(offer_id.encode()[:5], "big") % 10**12)


class Dialect(ABC):
    """Writes a world down as one API would tell it; in `listing` is the list, `link` names the next page."""

    kind: ClassVar[type[Source]]
    listing: ClassVar[str]
    link: ClassVar[str]

    @abstractmethod
    def entry(self, spec: Spec) -> dict[str, Any]:
        """The offer in the list."""

    @abstractmethod
    def search(self, offer_id: str) -> str:
        """The query for one offer."""

    @abstractmethod
    def path(self, offer_id: str) -> str:
        """Where the first request that is about one offer goes."""

    @abstractmethod
    def put_offer(self, canned: Canned, spec: Spec) -> None: ...

    def put_list(self, canned: Canned, specs: Sequence[Spec], answer: Answer | None = None) -> None:
        canned.put(self.listing, answer or {"value": [self.entry(one) for one in specs]})
        for one in specs:
            canned.put(f"{self.listing}?{self.search(one.offer_id)}", {"value": [self.entry(one)]})

    def put_pages(self, canned: Canned, pages: Sequence[Sequence[Spec]]) -> None:
        bodies: list[dict[str, Any]] = [{"value": [self.entry(one) for one in page]} for page in pages]
        for number, body in enumerate(bodies[:-1], start=1):
            body |= {self.link: f"{self.listing}?page={number}"}
        canned.put(self.listing, *bodies)


def put_world(dialect: Dialect, canned: Canned, *specs: Spec) -> None:
    dialect.put_list(canned, specs)
    for spec in specs:
        dialect.put_offer(canned, spec)


class CloudPartner(Dialect):
    kind = CloudPartnerSource
    listing = "/api/publishers/contoso/offers"
    link = "@odata.nextLink"
    states: ClassVar = {"running": "running", "succeeded": "succeeded", "odd": "underwater"}

    def entry(self, spec: Spec) -> dict[str, Any]:
        return {
            "id": spec.offer_id,
            "offerTypeId": "microsoft-azure-virtualmachines",
            "status": self.states[spec.state],
            "version": spec.number,
            "definition": {"displayText": spec.title},
            "changedTime": spec.changed,
        }

    def search(self, offer_id: str) -> str:
        return f"never-asked={offer_id}"

    def path(self, offer_id: str) -> str:
        return f"{self.listing}/{offer_id}/status"

    def put_offer(self, canned: Canned, spec: Spec) -> None:
        step = {"id": "live", "stepName": "Live", "status": "notStarted"}
        canned.put(self.path(spec.offer_id), {"status": self.states[spec.state], "steps": [step]})


class PartnerCenter(Dialect):
    kind = PartnerCenterSource
    listing = "/v1.0/ingestion/products"
    link = "nextLink"
    substates: ClassVar = {"running": "Publishing", "succeeded": "InStore", "odd": "Underwater"}

    def entry(self, spec: Spec) -> dict[str, Any]:
        return {
            "resourceType": "AzureApplication",
            "name": spec.title,
            "externalIDs": [{"type": "AzureOfferId", "value": spec.offer_id}],
            "id": guid_of(spec.offer_id),
        }

    def search(self, offer_id: str) -> str:
        return f"$filter=externalIDs/Any(i:i/type eq 'AzureOfferId' and i/value eq '{offer_id}')"

    def path(self, offer_id: str) -> str:
        return f"{self.listing}/{guid_of(offer_id)}/submissions"

    def put_offer(self, canned: Canned, spec: Spec) -> None:
        state = {"state": "InProgress", "substate": self.substates[spec.state]}
        if spec.state == "succeeded":
            state |= {"state": "Published", "publishedTimeInUtc": spec.changed}
        newest = {"id": str(spec.number), "releaseNumber": spec.number, **state}
        canned.put(self.path(spec.offer_id), {"value": [newest]})
        step = {"name": "Live", "state": "Running", "startDateTimeInUtc": spec.changed}
        workflow = {"type": "Publish", "state": "Running", "targetEnvironment": "live", "workflowSteps": [step]}
        canned.put(f"{self.path(spec.offer_id)}/{spec.number}/workflowdetails", {"value": [workflow]})


class ProductIngestion(Dialect):
    kind = ProductIngestionSource
    listing = "/rp/product-ingestion/product"
    link = "@nextLink"
    states: ClassVar = {
        "running": {"status": "running", "result": "pending"},
        "succeeded": {"status": "completed", "result": "succeeded"},
        "odd": {"status": "underwater", "result": "pending"},
    }

    def entry(self, spec: Spec) -> dict[str, Any]:
        return {
            "id": f"product/{guid_of(spec.offer_id)}",
            "identity": {"externalID": spec.offer_id},
            "type": "azureVirtualMachine",
            "alias": spec.title,
        }

    def search(self, offer_id: str) -> str:
        return f"externalId={offer_id}&$version=2022-07-01"

    def path(self, offer_id: str) -> str:
        return f"/rp/product-ingestion/submission/{guid_of(offer_id)}"

    def put_offer(self, canned: Canned, spec: Spec) -> None:
        product = guid_of(spec.offer_id)
        draft = {"id": f"submission/{product}/0", "target": {"targetType": "draft"}}
        live = {"id": f"submission/{product}/{spec.number}", "target": {"targetType": "live"}, "created": spec.changed}
        canned.put(self.path(spec.offer_id), {"value": [draft, live | self.states[spec.state]]})


DIALECTS: tuple[Dialect, ...] = (CloudPartner(), PartnerCenter(), ProductIngestion())

"""A world that all three APIs tell of, each in its own words, and answers that go wrong at random."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from exporter.domain.errors import SourceError
from exporter.domain.offers import OfferStatus
from exporter.sources.deadline import Deadline
from exporter.sources.failures import refusal

CLOUD, CENTER, INGESTION = "cloud_partner", "partner_center", "product_ingestion"
STATUSES = (
    OfferStatus.RUNNING,
    OfferStatus.WAITING_FOR_PUBLISHER_REVIEW,
    OfferStatus.SUCCEEDED,
    OfferStatus.FAILED,
)
CODES = (302, 400, 401, 403, 404, 409, 429, 500, 503)
BODIES = (
    b"",
    b"{}",
    b"null",
    b'"down"',
    b'{"error": {"code": "Busy", "message": "later"}}',
    b'{"status": null}',
    b"<p>",
)
ODD: tuple[Any, ...] = (None, "a text", 7, [])


@dataclass
class Truth:
    """What is true of an offer: who lists it, who serves it, and where its newest submission stands."""

    offer_id: str
    listed: frozenset[str]
    served: frozenset[str]
    status: OfferStatus = OfferStatus.RUNNING
    number: int = 1
    changed: int = 0
    is_there: bool = True

    @property
    def guid(self) -> str:
        return f"00000000-0000-0000-0000-{int(self.offer_id[1:]):012d}"


@dataclass
class Upstream:
    """All three APIs; `told` notes which status each offer was truly told to have, in the order of the answers."""

    rng: random.Random
    truths: list[Truth]
    told: dict[str, OfferStatus] = field(default_factory=dict)
    sick: dict[str, float] = field(default_factory=dict)

    def client(self, source: str) -> Client:
        """A client whose faults depend on nothing but the seed, whatever the threads of other sources do."""
        return Client(self, source, random.Random(self.rng.random()))

    def step(self) -> None:
        """Let a minute go by: submissions move on, offers come and go, APIs fall ill and recover."""
        for one in self.truths:
            if self.rng.random() < 0.15:
                one.status = self.rng.choice(STATUSES)
                one.number += one.status is OfferStatus.RUNNING
                one.changed += 1
            if self.rng.random() < (0.01 if one.is_there else 0.3):
                one.is_there = not one.is_there
        for source in (CLOUD, CENTER, INGESTION):
            if self.rng.random() < 0.02:
                self.sick[source] = self.rng.choice([0.0, 0.05, 0.3, 0.9, 1.0])


@dataclass
class Client:
    """What a source asks in place of an HTTP client."""

    upstream: Upstream
    source: str
    rng: random.Random
    base_url: str = "https://api.example"

    def get(self, operation: str, path: str, *, params: Mapping[str, str], deadline: Deadline) -> bytes:
        deadline.check()
        if self.rng.random() < self.upstream.sick.get(self.source, 0.05):
            code = self.rng.choice((200, *CODES))
            if code != 200:
                raise self.refused(operation, code)
            return self.rng.choice(BODIES)
        answer, truth = self.answer(operation, path, params)
        if truth is not None:
            self.upstream.told[truth.offer_id] = truth.status
        return json.dumps(answer).encode()

    def refused(self, operation: str, code: int) -> SourceError:
        return refusal(operation, code, b'{"error": {"code": "No", "message": "not today"}}', str)

    def spoil(self, entries: list[Any]) -> list[Any]:
        """Put something that is no entry among those that are."""
        if self.rng.random() < 0.1:
            entries.insert(self.rng.randrange(len(entries) + 1), self.rng.choice(ODD))
        return entries

    def answer(  # noqa: PLR0911 - one return for each operation
        self, operation: str, path: str, params: Mapping[str, str]
    ) -> tuple[Any, Truth | None]:
        """The right answer, and the offer whose status it tells."""
        listed = [one for one in self.upstream.truths if one.is_there and self.source in one.listed]
        wanted = params.get("externalId") or (re.findall(r"'([^']*)'\)?$", params.get("$filter", "")) or [""])[-1]
        listed = [one for one in listed if not wanted or one.offer_id == wanted]
        match operation:
            case "list_offers":
                return self.spoil([self.cloud_entry(one) for one in listed]), None
            case "center_products":
                return {"value": self.spoil([self.center_entry(one) for one in listed])}, None
            case "ingestion_products":
                return {"value": self.spoil([self.ingestion_entry(one) for one in listed])}, None
        truth = self.find(path)
        if truth is None or not truth.is_there or self.source not in truth.served:
            raise self.refused(operation, 404)
        match operation:
            case "offer_status":
                steps = [{"id": "live", "stepName": "Live", "status": "inProgress"}]
                return {"status": _camel(truth.status), "steps": self.spoil(steps), "messages": []}, truth
            case "center_submissions":
                return {"value": self.spoil(_center(truth))}, truth
            case "center_workflow":
                steps = [{"name": "Certification", "state": "InProgress"}]
                return {
                    "value": [{"type": "Push", "targetEnvironment": "Preview", "workflowSteps": self.spoil(steps)}]
                }, None
            case "ingestion_submissions":
                return {"value": self.spoil(_ingestion(truth))}, truth
        return {"value": []}, None

    def find(self, path: str) -> Truth | None:
        parts = unquote(path).split("/")
        return next((one for one in self.upstream.truths if one.offer_id in parts or one.guid in parts), None)

    def cloud_entry(self, one: Truth) -> dict[str, Any]:
        status = _camel(one.status)
        changed = f"2026-01-01T00:00:00.{one.changed:07d}Z"
        return {
            "id": one.offer_id,
            "offerTypeId": "vm",
            "status": status,
            "changedTime": changed,
            "version": one.changed,
        }

    def center_entry(self, one: Truth) -> dict[str, Any]:
        external = [{"type": "AzureOfferId", "value": one.offer_id}]
        return {"id": one.guid, "name": one.offer_id, "resourceType": "AzureApplication", "externalIDs": external}

    def ingestion_entry(self, one: Truth) -> dict[str, Any]:
        return {"id": f"product/{one.guid}", "identity": {"externalId": one.offer_id}, "type": "softwareAsAService"}


def _camel(status: OfferStatus) -> str:
    head, *rest = status.value.split("_")
    return head + "".join(one.title() for one in rest)


_SUBSTATES = {
    OfferStatus.RUNNING: ("InProgress", "Publishing"),
    OfferStatus.WAITING_FOR_PUBLISHER_REVIEW: ("Published", "ReadyToPublish"),
    OfferStatus.SUCCEEDED: ("Published", "InStore"),
    OfferStatus.FAILED: ("InProgress", "Failed"),
}


def _center(truth: Truth) -> list[Any]:
    state, substate = _SUBSTATES[truth.status]
    targets = [{"type": "Scope", "value": "Preview"}]
    submission = {"id": f"{1000 + truth.number}", "releaseNumber": truth.number, "targets": targets}
    return [submission | {"state": state, "substate": substate}]


def _ingestion(truth: Truth) -> list[Any]:
    def entry(target: str, status: str, result: str) -> dict[str, Any]:
        submission = f"submission/{truth.guid}/{1000 + truth.number}"
        return {"id": submission, "target": {"targetType": target}, "status": status, "result": result}

    draft = {"id": f"submission/{truth.guid}/0", "target": {"targetType": "draft"}}
    match truth.status:
        case OfferStatus.RUNNING:
            return [draft, entry("preview", "running", "pending")]
        case OfferStatus.FAILED:
            return [draft, entry("preview", "completed", "failed")]
        case OfferStatus.SUCCEEDED:
            return [draft, entry("preview", "completed", "succeeded"), entry("live", "completed", "succeeded")]
    return [draft, entry("preview", "completed", "succeeded")]

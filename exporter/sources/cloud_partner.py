"""The Cloud Partner Portal API, version 2017-10-31: URLs, wire models, and their mapping to offers.

Pages "Retrieve offers" and "Retrieve offer status" of Microsoft's API reference. Their tables and samples contradict each
other in casing, field names and values; what is accepted here is the union of what tables, samples and public clients show.
"""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter, model_validator

from exporter.config.settings import ApiSettings
from exporter.domain.errors import DecodeError, NotFoundError
from exporter.domain.offers import Level, Message, Offer, OfferStatus, Step, StepStatus, slug
from exporter.domain.texts import identifier, text
from exporter.sources.base import Answer, OfferList, OfferQuery, Source
from exporter.sources.deadline import Deadline
from exporter.sources.paging import Page, Pages
from exporter.sources.wire import (
    MAX_HTML,
    MAX_MESSAGES,
    MAX_STEPS,
    Entries,
    Inner,
    Reading,
    WireModel,
    decode,
    free_id,
)

__all__ = ["CloudPartnerSource"]

API_VERSION = {"api-version": "2017-10-31"}


class WireDefinition(WireModel):
    """The part of an offer's definition that the list shows."""

    display_text: Any = None


class WireOffer(WireModel):
    """An entry of "Retrieve offers"."""

    id: Any = None
    offer_type_id: Any = None
    status: Any = None
    version: Any = None
    definition: Inner[WireDefinition] = WireDefinition()
    changed_time: Any = None


class WireMessage(WireModel):
    """A message of an offer or a step; the table of "Retrieve operations" has plain texts in its place."""

    message_html: Any = None
    level: Any = None
    timestamp: Any = None
    is_plain: bool = False

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, data: Any) -> Any:
        return {"messagehtml": data, "isplain": True} if isinstance(data, str) else data


class WireStep(WireModel):
    """A step of "Retrieve offer status"; the page's table calls the percentage `processPercentage`, its sample not."""

    id: Any = None
    step_name: Any = None
    description: Any = None
    estimated_time_frame: Any = None
    status: Any = None
    progress_percentage: Any = None
    process_percentage: Any = None
    messages: Entries[WireMessage] = ()


class WireStatus(WireModel):
    """The answer of "Retrieve offer status", which the page on operations shows in an array."""

    status: Any = None
    messages: Entries[WireMessage] = ()
    steps: Entries[WireStep] = ()

    @model_validator(mode="before")
    @classmethod
    def _wrapped(cls, data: Any) -> Any:
        return data[0] if isinstance(data, list) and len(data) == 1 else data


_OFFERS = Pages("list_offers", Page[WireOffer], "the list of offers")
_STATUS = TypeAdapter(WireStatus)


class CloudPartnerSource(Source):
    """Offers as the Cloud Partner Portal API knows them."""

    name = "cloud_partner"
    title = "Cloud Partner Portal API"
    section = "api"
    settings = ApiSettings
    is_account = False
    operations = ("list_offers", "offer_status")

    def list_offers(self, publisher_id: str, deadline: Deadline) -> OfferList:
        """List all offers of a publisher, each id once."""
        found = _OFFERS.read(self._client, f"{_path(publisher_id)}/offers", self._values, deadline, API_VERSION)
        offers = ((self._listed(publisher_id, entry), entry.id) for entry in found.entries)
        return self._each_once(offers, is_whole=found.is_whole)

    def fetch_offer(self, query: OfferQuery, deadline: Deadline) -> Answer:
        """Fetch one offer with its steps; the list says of itself that one was never published, and has no status."""
        path = f"{_path(query.publisher_id)}/offers/{quote(query.offer_id, safe='')}/status"
        try:
            body = self._client.get("offer_status", path, params=API_VERSION, deadline=deadline)
        except NotFoundError:
            if query.listed is not None and query.listed.status is OfferStatus.NEVER_PUBLISHED:
                return Answer(query.listed)
            raise
        what = f"the status of {query.publisher_id}/{query.offer_id}"
        answer = decode(_STATUS, body, Reading(what, self._values))
        if not isinstance(answer.status, str) or not answer.status.strip():
            raise DecodeError(f"{what} cannot be read: it has no status")
        known = query.listed or query.told
        return Answer(
            Offer(
                publisher_id=query.publisher_id,
                offer_id=query.offer_id,
                status=self._values.state(OfferStatus, "offer_status", answer.status),
                source=self.name,
                display_name=known.display_name if known else "",
                offer_type=known.offer_type if known else "",
                version=known.version if known else None,
                changed=known.changed if known else None,
                steps=self._steps(answer.steps[:MAX_STEPS]),
                messages=self._messages(answer.messages),
            )
        )

    def _listed(self, publisher_id: str, entry: WireOffer) -> Offer:
        return Offer(
            publisher_id=publisher_id,
            offer_id=identifier(entry.id),
            status=self._values.state(OfferStatus, "offer_status", entry.status),
            source=self.name,
            display_name=text(entry.definition.display_text),
            offer_type=text(entry.offer_type_id),
            version=self._values.whole_number(entry.version),
            changed=self._values.timestamp(entry.changed_time),
        )

    def _steps(self, entries: tuple[WireStep, ...]) -> tuple[Step, ...]:
        steps: dict[str, Step] = {}
        for position, entry in enumerate(entries, start=1):
            name = text(entry.step_name)
            wanted = self._values.identifier("step_id", entry.id) or slug(name) or f"step-{position}"
            if wanted in steps:
                self._values.note("step_id", wanted)
            step_id = free_id(wanted, steps)
            steps[step_id] = Step(
                step_id=step_id,
                name=name,
                status=self._values.state(StepStatus, "step_status", entry.status),
                description=text(entry.description, MAX_HTML),
                progress=self._progress(entry),
                estimated_time_frame=text(entry.estimated_time_frame),
                messages=self._messages(entry.messages),
            )
        return tuple(steps.values())

    def _progress(self, entry: WireStep) -> float | None:
        raw = entry.process_percentage if entry.progress_percentage is None else entry.progress_percentage
        if raw is None:
            return None
        try:
            percentage = float(raw)
        except (TypeError, ValueError, OverflowError):
            percentage = math.nan
        if not math.isfinite(percentage):
            self._values.note("number", raw)
            return None
        return min(max(0.0, percentage / 100), 1.0)

    def _messages(self, entries: tuple[WireMessage, ...]) -> tuple[Message, ...]:
        return tuple(
            Message(
                level=Level.UNKNOWN if entry.is_plain else self._values.state(Level, "message_level", entry.level),
                html=text(entry.message_html, MAX_HTML) if newer < MAX_MESSAGES else "",
                timestamp=self._values.timestamp(entry.timestamp),
            )
            for newer, entry in zip(range(len(entries) - 1, -1, -1), entries, strict=True)
        )


def _path(publisher_id: str) -> str:
    return f"/api/publishers/{quote(publisher_id, safe='')}"

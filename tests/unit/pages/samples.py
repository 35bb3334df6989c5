"""Publishers and offers to show, seen at `NOW`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from exporter.collection.record import Duration, Past, PastPublication
from exporter.collection.snapshot import Failure, OfferRecord, Outlook, PublisherRecord, Since, Snapshot, Usual
from exporter.domain.offers import Level, Message, Offer, OfferStatus, Step, StepStatus
from exporter.pages.filters import Filters
from exporter.pages.overview import Overview
from exporter.pages.view import OfferView
from exporter.pages.wording import Lens

NOW = 1_790_000_000.0
STALE_AFTER = 3600.0
DAY = 86400
LENS = Lens(NOW, STALE_AFTER)

DONE = Step("validate", "Validation", StepStatus.COMPLETE, progress=1.0)
CERTIFY = Step("certify", "Certification", StepStatus.IN_PROGRESS, progress=0.4, estimated_time_frame="~2-3 days")
SIGNOFF = Step("publisher-signoff", "Publisher signoff", StepStatus.NOT_STARTED)
AT_SIGNOFF = (
    DONE,
    replace(CERTIFY, status=StepStatus.COMPLETE),
    replace(SIGNOFF, status=StepStatus.WAITING_FOR_PUBLISHER_REVIEW),
)
STEPS = (DONE, CERTIFY, SIGNOFF)


def message(html: str, level: Level = Level.INFORMATION, ago: float | None = 90) -> Message:
    return Message(level, html, None if ago is None else NOW - ago)


def record(
    offer_id: str = "vm",
    status: OfferStatus = OfferStatus.RUNNING,
    steps: tuple[Step, ...] = STEPS,
    *,
    publisher_id: str = "contoso",
    since: float = 7200.0,
    fetched: float = 60.0,
    failure: Failure | None = None,
    **fields: Any,
) -> OfferRecord:
    """Make a record; `since` and `fetched` are seconds ago."""
    began = NOW - since
    return OfferRecord(
        publisher_id,
        offer_id,
        offer=Offer(publisher_id, offer_id, status, steps=steps, **({"source": "cloud_partner"} | fields)),
        since=Since(began, began, {step.step_id: began for step in steps}),
        last_success=NOW - fetched,
        failure=failure,
    )


def listed_only(offer_id: str = "listed", **fields: Any) -> OfferRecord:
    """Make a record of an offer of which no source tells more than that it exists."""
    return record(offer_id, OfferStatus.UNKNOWN, (), is_listed_only=True, tells_messages=False, **fields)


def with_past(offer_id: str = "past") -> OfferRecord:
    """Make a record of an offer that has been published before, and is expected to be live soon."""
    end = int(NOW)
    past = (
        Past()
        .with_duration("cloud_partner", "certify", Duration(end - 8 * DAY, 2 * DAY, is_told=False))
        .with_duration("cloud_partner", '=cmd,"', Duration(end - 8 * DAY, 60, is_told=True))
        .with_end(PastPublication(None, end - 10 * DAY, OfferStatus.FAILED, None, is_told=False))
        .with_end(PastPublication(end - 9 * DAY, end - 4 * DAY, OfferStatus.SUCCEEDED, 7, is_told=True))
    )
    outlook = Outlook((NOW + DAY, NOW + 3 * DAY), {"certify": Usual(2 * DAY, 5 * DAY, "offer")})
    return replace(record(offer_id), past=past, outlook=outlook)


def publisher(*records: OfferRecord, publisher_id: str = "contoso", **fields: Any) -> PublisherRecord:
    usual: dict[str, Any] = {
        "last_refresh": NOW - 30,
        "last_success": NOW - 30,
        "duration": 1.5,
    }
    return PublisherRecord(publisher_id, 300.0, records, **(usual | fields))


def snapshot(*records: OfferRecord) -> Snapshot:
    return Snapshot((publisher(*records),))


def view(one: OfferRecord, lens: Lens = LENS) -> OfferView:
    return OfferView(one, lens.fresh(one), lens)


def overview(*records: OfferRecord, **filters: Any) -> Overview:
    return Overview(snapshot(*records), Filters(**filters), LENS)


def ids(shown: Overview) -> list[str]:
    return [row.record.offer_id for row in shown.rows]

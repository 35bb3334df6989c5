"""Short ways to make the things that tests need."""

from __future__ import annotations

from typing import Any

from exporter.collection.snapshot import Failure, OfferRecord, PublisherRecord, Since, Snapshot
from exporter.domain.offers import Level, Message, Offer, OfferStatus, Step, StepStatus

NOW = 1_800_000_000.0


class Clock:
    """A clock that a test moves; it is both kinds of clock."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def step(step_id: str = "certify", status: StepStatus = StepStatus.IN_PROGRESS, **fields: Any) -> Step:
    return Step(**({"step_id": step_id, "name": step_id.title(), "status": status} | fields))


def offer(offer_id: str = "vm", status: OfferStatus = OfferStatus.RUNNING, **fields: Any) -> Offer:
    return Offer(**({"publisher_id": "contoso", "offer_id": offer_id, "status": status} | fields))


def message(level: Level = Level.WARNING, timestamp: float | None = None, html: str = "<p>x</p>") -> Message:
    return Message(level, html, timestamp)


def record(shown: Offer | None = None, *, success: float | None = NOW, **fields: Any) -> OfferRecord:
    """A record of an offer that was fetched at `success`."""
    shown = shown or offer()
    since = Since(NOW - 100, NOW - 50, {one.step_id: NOW - 10 for one in shown.steps})
    known: dict[str, Any] = {"offer": shown, "since": since, "last_success": success}
    return OfferRecord(shown.publisher_id, shown.offer_id, **(known | fields))


def snapshot(*records: OfferRecord, **fields: Any) -> Snapshot:
    known: dict[str, Any] = {"last_refresh": NOW, "last_success": NOW, "duration": 1.5}
    return Snapshot((PublisherRecord("contoso", 300.0, records, **(known | fields)),))


def failure(reason: str = "transport", text: str = "no answer") -> Failure:
    return Failure(reason, text)

"""The snapshot as JSON, `/api/v1/offers`; docs/api.md documents the shape. All times are Unix seconds, as in the metrics.

Data that is stale is left out as it is in the metrics: the state of such an offer is null, and it has no steps. An offer that
is only listed has no status and no party either: no source tells them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.collection.snapshot import Failure, OfferRecord, PublisherRecord, Snapshot, SourceRecord
from exporter.domain.offers import Message
from exporter.pages.documents import Json, Pieces, Version, dump, version_of
from exporter.pages.plain_text import plain_text
from exporter.pages.view import Lens, OfferView, StepView
from exporter.pages.wording import Moment

__all__ = ["OffersJson", "offer_json", "publisher_json"]

OFFERS_PER_PIECE = 50


@dataclass(frozen=True, slots=True)
class _Made:
    version: Version
    expires: float
    pieces: Pieces


class OffersJson:
    """Writes each snapshot once: asked again before the next refresh it gives the same bytes."""

    def __init__(self) -> None:
        self._made: _Made | None = None

    def body(self, snapshot: Snapshot, lens: Lens) -> Pieces:
        """Give the document, in pieces that are to be sent one after the other."""
        version = (lens.stale_after, *version_of(snapshot))
        made = self._made
        if made is None or made.version != version or lens.now >= made.expires:
            expires = snapshot.expires(lens.now, lens.stale_after)
            made = self._made = _Made(version, expires, tuple(_document(snapshot, lens)))
        return made.pieces


def _document(snapshot: Snapshot, lens: Lens) -> Iterator[bytes]:
    """Write offer by offer: one call for all would keep every other thread waiting until it is done."""
    piece = dump({"rendered_timestamp_seconds": lens.now, "stale_after_seconds": lens.stale_after})[:-1]
    piece += ',"publishers":['
    for number, publisher in enumerate(snapshot.publishers):
        piece += ("," if number else "") + dump(publisher_json(publisher))[:-1] + ',"offers":['
        for place, record in enumerate(publisher.offers):
            piece += ("," if place else "") + dump(offer_json(record, lens))
            if place % OFFERS_PER_PIECE == OFFERS_PER_PIECE - 1:
                yield piece.encode()
                piece = ""
        piece += "]}"
    yield (piece + "]}\n").encode()


def publisher_json(record: PublisherRecord) -> Json:
    """Write a publisher without its offers; `up` is null before its first refresh."""
    return {
        "publisher_id": record.publisher_id,
        "up": record.up,
        "failure": _failure(record.failure),
        "offers_listed": record.listed,
        "refresh_interval_seconds": record.interval,
        "refresh_duration_seconds": record.duration,
        "last_refresh_timestamp_seconds": record.last_refresh,
        "last_success_timestamp_seconds": record.last_success,
        "sources": [_source(one) for one in record.sources],
    }


def _source(record: SourceRecord) -> Json:
    return {
        "source": record.source,
        "up": record.failure is None,
        "failure": _failure(record.failure),
        "offers_listed": record.listed,
        "last_success_timestamp_seconds": record.last_success,
    }


def offer_json(record: OfferRecord, lens: Lens) -> Json:
    """Write an offer; `up` tells whether its last fetch worked, `fresh` whether its data is young enough to be shown."""
    offer = lens.fresh(record)
    known = record.offer
    view = OfferView(record, offer, lens)
    return {
        "offer_id": record.offer_id,
        "up": record.failure is None and record.last_success is not None,
        "fresh": offer is not None,
        "failure": _failure(record.failure),
        "last_success_timestamp_seconds": record.last_success,
        "display_name": known.display_name if known else None,
        "offer_type": known.offer_type if known else None,
        "source": known.source if known else None,
        **_state(view),
        "steps": [_step(step) for step in view.steps],
        "messages": [_message(one) for one in offer.messages] if offer else [],
    }


def _state(view: OfferView) -> Json:
    offer = view.offer
    return {
        "version": offer.version if offer else None,
        "changed_timestamp_seconds": offer.changed if offer else None,
        "status": view.status,
        "status_since_timestamp_seconds": _instant(view.since),
        "waiting_on": view.waiting_on,
        "waiting_on_since_timestamp_seconds": _instant(view.waiting_since),
        "live": offer.live if offer else None,
        "live_since_timestamp_seconds": offer.live_since if offer else None,
    }


def _instant(moment: Moment | None) -> float | None:
    return moment.at if moment else None


def _step(view: StepView) -> Json:
    step = view.step
    return {
        "step_id": step.step_id,
        "position": view.position,
        "name": step.name,
        "description": step.description,
        "status": step.status,
        "status_since_timestamp_seconds": _instant(view.since),
        "started_timestamp_seconds": step.started,
        "completed_timestamp_seconds": step.completed,
        "progress_ratio": step.progress,
        "estimated_time_frame": step.estimated_time_frame,
        "estimated_duration_seconds": view.estimate,
        "messages": [_message(one) for one in step.messages],
    }


def _message(message: Message) -> Json:
    return {"level": message.level, "timestamp_seconds": message.timestamp, "text": plain_text(message.html)}


def _failure(failure: Failure | None) -> Json | None:
    return {"reason": failure.reason, "text": failure.text} if failure else None

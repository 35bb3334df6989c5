"""The snapshot as JSON, `/api/v1/offers`; docs/api.md documents the shape. All times are Unix seconds, as in the metrics.

Data that is stale is left out as it is in the metrics: the state of such an offer is null, and it has no steps. An offer that
is only listed has no status and no party either: no source tells them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeAlias

from exporter.collection.snapshot import Failure, OfferRecord, PublisherRecord, Since, Snapshot, SourceRecord
from exporter.domain.estimates import upper_bound_seconds
from exporter.domain.offers import Message, Offer
from exporter.domain.plain_text import plain_text
from exporter.pages.json_document import Json, batched, dump
from exporter.pages.wording import Lens

__all__ = ["write_offers"]

Plain: TypeAlias = Callable[[str], str]


def write_offers(snapshot: Snapshot, lens: Lens) -> Iterator[str]:
    """Write the document."""
    plain = cache(plain_text)  # the same messages come again in every offer
    about = {"rendered_timestamp_seconds": lens.now, "stale_after_seconds": lens.stale_after}
    yield dump(about)[:-1] + ',"publishers":['
    for number, publisher in enumerate(snapshot.publishers):
        yield ("," if number else "") + dump(_publisher(publisher))[:-1] + ',"offers":['
        yield from batched(dump(_offer(record, lens.fresh(record), plain)) for record in publisher.offers)
        yield "]}"
    yield "]}\n"


def _publisher(record: PublisherRecord) -> Json:
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
        "expected": record.is_expected,
        "failure": _failure(record.failure),
        "offers_listed": record.listed,
        "last_success_timestamp_seconds": record.last_success,
    }


def _offer(record: OfferRecord, offer: Offer | None, plain: Plain) -> Json:
    """Write an offer; `offer` is its data if that is fresh."""
    known = record.offer
    return {
        "offer_id": record.offer_id,
        "up": record.failure is None and record.last_success is not None,
        "fresh": offer is not None,
        "failure": _failure(record.failure),
        "last_success_timestamp_seconds": record.last_success,
        "display_name": known.display_name if known else None,
        "offer_type": known.offer_type if known else None,
        "source": known.source if known else None,
        "version": offer.version if offer else None,
        "changed_timestamp_seconds": offer.changed if offer else None,
        **_state(offer, record.since),
        "live": offer.live if offer else None,
        "live_since_timestamp_seconds": offer.live_since if offer else None,
        "steps": list(_steps(offer, record.since, plain)) if offer else [],
        "messages": _messages(offer.messages, plain) if offer else [],
    }


def _state(offer: Offer | None, since: Since | None) -> Json:
    told = None if offer is None or offer.is_listed_only else offer
    return {
        "status": told.status if told else None,
        "status_since_timestamp_seconds": since.status if told and since else None,
        "waiting_on": told.waiting_on if told else None,
        "waiting_on_since_timestamp_seconds": since.waiting_on if told and since else None,
    }


def _steps(offer: Offer, since: Since | None, plain: Plain) -> Iterator[Json]:
    for position, step in enumerate(offer.steps, start=1):
        yield {
            "step_id": step.step_id,
            "position": position,
            "name": step.name,
            "description": step.description,
            "status": step.status,
            "status_since_timestamp_seconds": since.steps.get(step.step_id) if since else None,
            "started_timestamp_seconds": step.started,
            "completed_timestamp_seconds": step.completed,
            "progress_ratio": step.progress,
            "estimated_time_frame": step.estimated_time_frame,
            "estimated_duration_seconds": upper_bound_seconds(step.estimated_time_frame),
            "messages": _messages(step.messages, plain),
        }


def _messages(messages: tuple[Message, ...], plain: Plain) -> list[Json]:
    return [{"level": one.level, "timestamp_seconds": one.timestamp, "text": plain(one.html)} for one in messages]


def _failure(failure: Failure | None) -> Json | None:
    return {"reason": failure.reason, "text": failure.text} if failure else None

"""The snapshot as JSON, `/api/v1/offers`; docs/api.md documents the shape. All times are Unix seconds, as in the metrics.

Data that is stale is left out as it is in the metrics: the state of such an offer is null, and it has no steps. An offer that
is only listed has no status and no party either: no source tells them.
"""

from __future__ import annotations

from collections.abc import Iterator

from exporter.collection.snapshot import Failure, OfferRecord, PublisherRecord, Since, Snapshot, SourceRecord
from exporter.domain.estimates import upper_bound_seconds
from exporter.domain.offers import Message, Offer, Step
from exporter.domain.plain_text import plain_text
from exporter.pages.json_document import Json, batched, dump
from exporter.pages.view import Lens

__all__ = ["write_offers"]


def write_offers(snapshot: Snapshot, lens: Lens) -> Iterator[str]:
    """Write the document."""
    steps = _StepWriter()
    about = {"rendered_timestamp_seconds": lens.now, "stale_after_seconds": lens.stale_after}
    yield dump(about)[:-1] + ',"publishers":['
    for number, publisher in enumerate(snapshot.publishers):
        yield ("," if number else "") + dump(_publisher(publisher))[:-1] + ',"offers":['
        yield from batched(_offer(record, lens.fresh(record), steps) for record in publisher.offers)
        yield "]}"
    yield "]}\n"


class _Texts(dict[str, str]):
    """Texts as JSON, each written once: those of steps come again in every offer."""

    def __missing__(self, text: str) -> str:
        self[text] = dump(text)
        return self[text]


class _PlainTexts(dict[str, str]):
    """The same for HTML."""

    def __missing__(self, html: str) -> str:
        self[html] = dump(plain_text(html))
        return self[html]


def _number(value: float | None) -> str:
    return "null" if value is None else repr(value)


class _StepWriter:
    """Writes steps and messages as text: by way of dictionaries they would take most of the time of the document."""

    def __init__(self) -> None:
        self._texts = _Texts()
        self._plain_texts = _PlainTexts()

    def messages(self, messages: tuple[Message, ...]) -> str:
        """Write a list of messages."""
        entries = [
            f'{{"level":"{one.level}","timestamp_seconds":{_number(one.timestamp)},"text":{self._plain_texts[one.html]}}}'
            for one in messages
        ]
        return f"[{','.join(entries)}]"

    def steps(self, steps: tuple[Step, ...], since: Since | None) -> str:
        """Write the list of steps."""
        began = since.steps if since else {}
        entries = [self._step(step, place, began.get(step.step_id)) for place, step in enumerate(steps, start=1)]
        return f"[{','.join(entries)}]"

    def _step(self, step: Step, position: int, since: float | None) -> str:
        text = self._texts
        return (
            f'{{"step_id":{text[step.step_id]},"position":{position},"name":{text[step.name]},'
            f'"description":{text[step.description]},"status":"{step.status}",'
            f'"status_since_timestamp_seconds":{_number(since)},'
            f'"started_timestamp_seconds":{_number(step.started)},'
            f'"completed_timestamp_seconds":{_number(step.completed)},'
            f'"progress_ratio":{_number(step.progress)},'
            f'"estimated_time_frame":{text[step.estimated_time_frame]},'
            f'"estimated_duration_seconds":{_number(upper_bound_seconds(step.estimated_time_frame))},'
            f'"messages":{self.messages(step.messages)}}}'
        )


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
        "failure": _failure(record.failure),
        "offers_listed": record.listed,
        "last_success_timestamp_seconds": record.last_success,
    }


def _offer(record: OfferRecord, offer: Offer | None, steps: _StepWriter) -> str:
    """Write an offer; `offer` is its data if that is fresh."""
    known = record.offer
    about = {
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
    }
    written = steps.steps(offer.steps, record.since) if offer else "[]"
    messages = steps.messages(offer.messages) if offer else "[]"
    return f'{dump(about)[:-1]},"steps":{written},"messages":{messages}}}'


def _state(offer: Offer | None, since: Since | None) -> Json:
    told = None if offer is None or offer.is_listed_only else offer
    return {
        "status": told.status if told else None,
        "status_since_timestamp_seconds": since.status if told and since else None,
        "waiting_on": told.waiting_on if told else None,
        "waiting_on_since_timestamp_seconds": since.waiting_on if told and since else None,
    }


def _failure(failure: Failure | None) -> Json | None:
    return {"reason": failure.reason, "text": failure.text} if failure else None

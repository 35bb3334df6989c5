"""What a refresh adds to what was known: since when each status holds, and no time that has not come yet."""

from __future__ import annotations

from dataclasses import replace

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Since
from exporter.domain.offers import Offer, Step

__all__ = ["not_later", "trace"]


def trace(offer: Offer, before: OfferRecord, now: float) -> Since:
    """Since when the offer shows what it shows: since `now` where it is new, else since when it was first seen."""
    if before.offer is None or before.since is None:
        return Since(now, now, {step.step_id: now for step in offer.steps})
    old, since = before.offer, before.since
    if offer == old:
        return since
    old_steps = {step.step_id: step for step in old.steps}
    return Since(
        status=since.status if offer.status is old.status else now,
        waiting_on=since.waiting_on if offer.waiting_on is old.waiting_on else now,
        steps={step.step_id: _step_since(step, old_steps.get(step.step_id), since, now) for step in offer.steps},
    )


def _step_since(step: Step, old: Step | None, since: Since, now: float) -> float:
    return since.steps.get(step.step_id, now) if old is not None and old.status is step.status else now


def not_later(record: PublisherRecord, now: float) -> PublisherRecord:
    """The record without times later than `now`, which a clock that was ahead has left behind."""
    return replace(
        record,
        last_refresh=_clamp(record.last_refresh, now),
        last_success=_clamp(record.last_success, now),
        sources=tuple(replace(one, last_success=_clamp(one.last_success, now)) for one in record.sources),
        offers=tuple(_offer(one, now) for one in record.offers),
        departed=tuple(_offer(one, now) for one in record.departed),
        pools=record.pools if (record.last_refresh or 0) <= now else tuple(one.until(now) for one in record.pools),
    )


def _clamp(time: float | None, now: float) -> float | None:
    return None if time is None else min(time, now)


def _offer(record: OfferRecord, now: float) -> OfferRecord:
    since = record.since
    seen = [record.asked, record.last_success, record.tried]
    if since is not None:
        seen += [since.status, since.waiting_on, *since.steps.values()]
    if all(time is None or time <= now for time in seen):
        return record
    if since is not None:
        steps = {step_id: min(time, now) for step_id, time in since.steps.items()}
        since = Since(min(since.status, now), min(since.waiting_on, now), steps)
    asked, success, tried = (_clamp(one, now) for one in (record.asked, record.last_success, record.tried))
    past = record.past.until(now)
    return replace(record, since=since, asked=asked, last_success=success, tried=tried, past=past)

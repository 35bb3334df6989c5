"""Since when each status holds."""

from __future__ import annotations

from exporter.collection.snapshot import OfferRecord, Since
from exporter.domain.offers import Offer, Step

__all__ = ["trace"]


def trace(offer: Offer, before: OfferRecord | None, now: float) -> Since:
    """Tell since when the offer shows what it shows: since `now` where it is new, else since when it was first seen."""
    if before is None or before.offer is None or before.since is None:
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

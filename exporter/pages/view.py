"""What the pages show of an offer: the domain, seen at one moment. All times are Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from exporter.collection.snapshot import OfferRecord
from exporter.domain.offers import Offer, OfferStatus, Party, StepStatus
from exporter.pages.portal import overview_of
from exporter.pages.step import StepView, current_step, seconds_over
from exporter.pages.wording import Lens
from exporter.sources.registry import SOURCES

__all__ = ["OfferView"]

_WENT_WRONG = {StepStatus.REJECTED, StepStatus.BLOCKED}


@dataclass(frozen=True)
class OfferView:
    """One offer; `offer` is None where there is no data, or none that is fresh.

    An offer that is only listed has no status and waits on no party here, as in the metrics: no source tells them.
    """

    record: OfferRecord
    offer: Offer | None
    lens: Lens

    @property
    def title(self) -> str:
        """What to call it: its name if one is known, else its id."""
        return (self.record.offer.display_name if self.record.offer else "") or self.record.offer_id

    @property
    def path(self) -> str:
        """Where its page is, relative to the root; ids may hold any character."""
        return f"offers/{quote(self.record.publisher_id, safe='')}/{quote(self.record.offer_id, safe='')}"

    @property
    def partner_center(self) -> str:
        """Where to act: the offer's own page in Partner Center, if a source has told the product's GUID."""
        known = (one.product_id for one in (self.record.offer, self.record.listed) if one is not None)
        return overview_of(next(filter(None, known), ""))

    @property
    def is_listed_only(self) -> bool:
        """True if no source tells more of it than that it exists."""
        return self.offer is not None and self.offer.is_listed_only

    @property
    def _told(self) -> Offer | None:
        return None if self.is_listed_only else self.offer

    @property
    def status(self) -> OfferStatus | None:
        """Where it stands, as far as a source tells that."""
        return self._told.status if self._told else None

    @cached_property
    def waiting_on(self) -> Party | None:
        """Who has to act."""
        return self._told.waiting_on if self._told else None

    @property
    def since(self) -> float | None:
        """When the status was first seen."""
        return self.record.since.status if self.record.since and self.status else None

    @property
    def waiting_since(self) -> float | None:
        """When it was first seen that this party has to act."""
        return self.record.since.waiting_on if self.record.since and self.status else None

    @property
    def live_since(self) -> float | None:
        """Since when customers can buy it, according to the API."""
        return self.offer.live_since if self.offer and self.offer.live else None

    @property
    def expected(self) -> tuple[float, float] | None:
        """The days before which it goes live with a probability of 50 % and of 80 %."""
        outlook = self.record.outlook
        return outlook.expected if self.offer is not None and outlook is not None else None

    @property
    def source(self) -> str:
        """What the API is called that tells it."""
        told_by = self.offer.source if self.offer else ""
        return next((one.title for one in SOURCES if one.name == told_by), told_by)

    @cached_property
    def steps(self) -> tuple[StepView, ...]:
        """All steps, in the order of the API."""
        if self.offer is None:
            return ()
        current = current_step(self.offer.steps)
        usual = self.record.outlook.usual if self.record.outlook else {}
        past = self.record.past.durations(self.offer.source)
        return tuple(
            StepView(
                step,
                number,
                self._seen.get(step.step_id),
                self.offer.waiting_on,
                is_current=step is current,
                now=self.lens.now,
                usual=usual[step.step_id].median if step.step_id in usual else None,
                last=past[step.step_id][-1].seconds if past.get(step.step_id) else None,
            )
            for number, step in enumerate(self.offer.steps, start=1)
        )

    @property
    def _seen(self) -> Mapping[str, float]:
        return self.record.since.steps if self.record.since else {}

    @cached_property
    def current(self) -> StepView | None:
        """The step at which it stands."""
        return next((step for step in self.steps if step.is_current), None)

    @property
    def over(self) -> float:
        """By how many seconds the most overdue of its steps is over its estimate; the list asks that of every offer."""
        steps, party, now = self.offer.steps if self.offer else (), self.waiting_on, self.lens.now
        return max((seconds_over(step, self._seen.get(step.step_id), party, now) for step in steps), default=0.0)

    @property
    def done(self) -> int:
        """How many of its steps are complete."""
        return sum(step.step.status is StepStatus.COMPLETE for step in self.steps)

    @property
    def went_wrong(self) -> bool:
        """True if the offer failed, or one of its steps was rejected or is blocked."""
        return self.status is OfferStatus.FAILED or any(step.step.status in _WENT_WRONG for step in self.steps)

    @property
    def is_puzzling(self) -> bool:
        """True if the API tells a state, of the offer or of a step, that this exporter does not know."""
        is_step = any(step.step.status is StepStatus.UNKNOWN for step in self.steps)
        return is_step or self.status is OfferStatus.UNKNOWN

    @property
    def awaits_signoff(self) -> bool:
        """True if the publisher has to look at the preview and press "Go live", and nothing else stands in the way."""
        if self.waiting_on is not Party.PUBLISHER or self.went_wrong:
            return False
        is_there = self.current is not None and self.current.step.is_signoff
        return is_there or self.status is OfferStatus.WAITING_FOR_PUBLISHER_REVIEW

"""What there is at this moment: the scenario's offers, and the products that both Partner Center APIs make of them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from exporter.simulator.clock import Clock
from exporter.simulator.pipeline import Phase
from exporter.simulator.scenario import Scenario
from exporter.simulator.walk import OfferPlan, OfferState, state_at

__all__ = ["Standing", "World", "page_of", "product_id", "standing_of", "submission_id"]

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "products.example.com")
_FIRST_SUBMISSION = 1_152_921_500_000_000_000


class Standing(StrEnum):
    """Where the newest submission stands, in the words of neither API."""

    DRAFT = "draft"
    PREVIEWING = "previewing"
    WAITING = "waiting"
    GOING_LIVE = "going live"
    LIVE = "live"
    FAILED = "failed"
    CANCELED = "canceled"


_BY_STATUS = {
    "neverPublished": Standing.DRAFT,
    "canceled": Standing.CANCELED,
    "failed": Standing.FAILED,
    "succeeded": Standing.LIVE,
}


def standing_of(state: OfferState) -> Standing:
    """Where an offer's newest submission stands."""
    if state.status in _BY_STATUS:
        return _BY_STATUS[state.status]
    if state.has_passed(Phase.SIGNOFF):
        return Standing.GOING_LIVE
    return Standing.WAITING if state.has_passed(Phase.PREVIEW) else Standing.PREVIEWING


def product_id(plan: OfferPlan) -> str:
    """The product's GUID, the same in both APIs."""
    return str(uuid.uuid5(_NAMESPACE, f"{plan.publisher}/{plan.offer}"))


def submission_id(plan: OfferPlan, number: int) -> str:
    """The id of a round's submission: 19 digits, too many for a float. Round -1 is the one that was live before."""
    return str(_FIRST_SUBMISSION + (int(product_id(plan)[:8], 16) << 16) + number + 1)


def page_of(items: Sequence[Any], begin: str, size: int) -> tuple[list[Any], int | None]:
    """The page that begins at a token, and where the next one begins; an unreadable token begins anew."""
    first = int(begin) if begin.isdecimal() else 0
    end = first + max(size, 1)
    return list(items[first:end]), end if end < len(items) else None


@dataclass(slots=True)
class World:
    """A scenario and a clock."""

    scenario: Scenario
    clock: Clock
    _plans: dict[str, dict[str, OfferPlan]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for plan in self.scenario.plans:
            self._plans.setdefault(plan.publisher, {})[plan.offer] = plan

    def publishers(self) -> list[str]:
        """All publishers, also the forbidden ones."""
        return list(dict.fromkeys([*self.scenario.publishers, *self._plans]))

    def offer(self, publisher: str, offer: str) -> OfferState | None:
        """One offer as it stands now."""
        plan = self._plans.get(publisher, {}).get(offer)
        return None if plan is None else self._now(plan)

    def offers(self, publisher: str) -> list[OfferState]:
        """All offers of a publisher as they stand now."""
        return [self._now(plan) for plan in self._plans.get(publisher, {}).values()]

    def products(self) -> list[OfferState]:
        """Every product of the account: both Partner Center APIs list them all, whatever they serve."""
        return self.offers(self.scenario.account)

    def product(self, guid: str) -> OfferState | None:
        """One product of the account."""
        plans = self._plans.get(self.scenario.account, {}).values()
        return next((self._now(plan) for plan in plans if product_id(plan) == guid), None)

    def _now(self, plan: OfferPlan) -> OfferState:
        return state_at(plan, self.scenario.speed, self.clock())

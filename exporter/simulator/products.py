"""Products: what both Partner Center APIs make of the offers of one account."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from exporter.simulator.pipeline import Phase
from exporter.simulator.walk import OfferPlan, OfferState, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.simulator.world import World

__all__ = ["Products", "Standing", "is_complete", "page_of", "product_id", "standing_of", "submission_id"]

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
    """Tell where an offer's newest submission stands."""
    if state.status in _BY_STATUS:
        return _BY_STATUS[state.status]
    if is_complete(state, Phase.SIGNOFF):
        return Standing.GOING_LIVE
    return Standing.WAITING if is_complete(state, Phase.PREVIEW) else Standing.PREVIEWING


def is_complete(state: OfferState, phase: Phase) -> bool:
    """Tell whether every step of a phase is complete."""
    return all(step.status == "complete" for step in state.phase(phase))


def product_id(plan: OfferPlan) -> str:
    """Give the product's GUID, the same in both APIs."""
    return str(uuid.uuid5(_NAMESPACE, f"{plan.publisher}/{plan.offer}"))


def submission_id(plan: OfferPlan, number: int) -> str:
    """Give the id of a round's submission: 19 digits, too many for a float. Round -1 is the one that was live before."""
    return str(_FIRST_SUBMISSION + (int(product_id(plan)[:8], 16) << 16) + number + 1)


@dataclass(frozen=True, slots=True)
class Products:
    """The products of the scenario's account in one API.

    `also` is another API whose offers are listed here, too, although nothing more is told about them.
    """

    world: World
    source: Source
    also: Source | None = None

    def listed(self) -> list[OfferState]:
        """Give all products that a list contains."""
        plans = [plan for plan in self.world.scenario.plans if plan.publisher == self.world.scenario.account]
        return [state for plan in plans if (state := self._state(plan, self.also))]

    def find(self, guid: str) -> OfferState | None:
        """Give a product of which this API can tell submissions."""
        account = self.world.scenario.account
        return next(
            (state for state in self.world.states(account, self.source) if product_id(state.plan) == guid), None
        )

    def _state(self, plan: OfferPlan, also: Source | None) -> OfferState | None:
        state = self.world.state(plan.publisher, plan.offer, self.source)
        return state or (self.world.state(plan.publisher, plan.offer, also) if also else None)


def page_of(items: Sequence[Any], begin: str, size: int) -> tuple[list[Any], int | None]:
    """Give the page that begins at a token, and where the next one begins; an unreadable token begins anew."""
    first = int(begin) if begin.isdecimal() else 0
    end = first + max(size, 1)
    return list(items[first:end]), end if end < len(items) else None

"""Scenarios: who publishes what. Each is a pure function of seed, epoch and speed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from exporter.simulator.pipeline import DAY, KINDS
from exporter.simulator.walk import OfferPlan, OfferState, state_at

__all__ = ["DEMO_SPEED", "Planner", "Scenario", "empty", "scale"]

DEMO_SPEED = DAY / 100
"""Simulated seconds per real second in the demo: a day takes 100 seconds, a whole pipeline some ten minutes."""

_SHORTEST = 6.0
"""No step is over in fewer real seconds, so that each can be seen at a demo's refresh interval."""

_BIG_VERSION = 1_252_868_275
"""Of the size that the real API shows: more than 2^30, and it grows."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Plans of offers, publishers (also those without offers) and those that the principal may not see.

    `account` is the publisher whose products the two Partner Center APIs tell, for their paths name none.
    """

    plans: tuple[OfferPlan, ...] = ()
    publishers: tuple[str, ...] = ()
    forbidden: frozenset[str] = frozenset()
    speed: float = 1.0
    account: str = ""

    def state(self, plan: OfferPlan, now: float) -> OfferState:
        """Tell where one of the plans stands at the real instant `now`."""
        return state_at(plan, self.speed, now)


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans whose durations vary by seed and name; `epoch` is the real instant at which the scenario begins."""

    seed: int
    epoch: float
    speed: float

    def durations(self, publisher: str, offer: str, kind_name: str) -> tuple[float, ...]:
        """Give simulated seconds per step, up to a quarter more or less than usual."""
        chance = random.Random(f"{self.seed}/{publisher}/{offer}")  # noqa: S311 - play, no secret
        shortest = _SHORTEST * self.speed
        return tuple(max(stage.duration * chance.uniform(0.75, 1.25), shortest) for stage in KINDS[kind_name].stages)

    def ago(self, *, simulated: float = 0.0, days: float = 0.0) -> float:
        """Give the real instant that many simulated seconds, or real days, before the epoch."""
        return self.epoch - simulated / self.speed - days * DAY


def empty(*publishers: str, forbidden: tuple[str, ...] = ()) -> Scenario:
    """Give publishers without an offer, to be filled through the control API."""
    return Scenario(publishers=publishers + forbidden, forbidden=frozenset(forbidden))


def scale(offers: int, publishers: int = 1, *, seed: int, epoch: float, speed: float = DEMO_SPEED) -> Scenario:
    """Give many offers of eight steps each, spread over the publishers and over all stages of their endless rounds."""
    planner = Planner(seed, epoch, speed)
    names = tuple(f"publisher-{number:03d}" for number in range(1, publishers + 1))
    plans = tuple(_endless(planner, names[number % publishers], number) for number in range(offers))
    return Scenario(plans, names, speed=speed, account=names[0] if names else "")


def _endless(planner: Planner, publisher: str, number: int) -> OfferPlan:
    offer = f"offer-{number:05d}"
    durations = planner.durations(publisher, offer, "application")
    chance = random.Random(f"{planner.seed}/{number}")  # noqa: S311 - play, no secret
    return OfferPlan(
        publisher=publisher,
        offer=offer,
        title=f"Offer number {number}",
        kind_name="application",
        durations=durations,
        submitted=planner.ago(simulated=chance.uniform(0, sum(durations))),
        version=_BIG_VERSION + number,
        rest=DAY / 2,
    )

"""Scenarios: who publishes what. Each is a pure function of seed, epoch and speed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from exporter.simulator.pipeline import DAY, KINDS
from exporter.simulator.walk import OfferPlan

__all__ = ["BIG_VERSION", "DEMO_SPEED", "Planner", "Scenario", "scale"]

DEMO_SPEED = DAY / 100
"""Simulated seconds per real second in the demo: a day takes 100 seconds, a whole pipeline some ten minutes."""

_SHORTEST = 6.0
"""No step is over in fewer real seconds, so that each can be seen at a demo's refresh interval."""

BIG_VERSION = 1_252_868_275
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


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans whose durations vary by seed and name; `epoch` is the real instant at which the scenario begins."""

    seed: int
    epoch: float
    speed: float

    def plan(
        self, publisher: str, offer: str, title: str, kind: str, *, into: float = 0.0, days: float = 0.0, **more: Any
    ) -> OfferPlan:
        """Plan an offer that was submitted so many days ago, and has gone `into` of its way to the last step it reaches."""
        durations = self._durations(publisher, offer, kind)
        way = _way([stage.step_id for stage in KINDS[kind].stages], durations, more.get("ends_at", ""))
        submitted = self.epoch - into * way / self.speed - days * DAY
        return OfferPlan(
            publisher=publisher,
            offer=offer,
            title=title,
            kind=KINDS[kind],
            durations=durations,
            submitted=submitted,
            **more,
        )

    def _durations(self, publisher: str, offer: str, kind: str) -> tuple[float, ...]:
        """Simulated seconds per step, up to a quarter more or less than usual."""
        chance = self.chance(f"{publisher}/{offer}")
        shortest = _SHORTEST * self.speed
        return tuple(max(stage.duration * chance.uniform(0.75, 1.25), shortest) for stage in KINDS[kind].stages)

    def chance(self, name: object) -> random.Random:
        """The chance that decides about one thing, the same for the same seed."""
        return random.Random(f"{self.seed}/{name}")  # noqa: S311 - play, no secret


def _way(ids: Iterable[str], durations: tuple[float, ...], ends_at: str) -> float:
    ordered = list(ids)
    return sum(durations[: ordered.index(ends_at) + 1] if ends_at else durations)


def scale(offers: int, publishers: int = 1, *, seed: int, epoch: float, speed: float = DEMO_SPEED) -> Scenario:
    """Many offers of eight steps each, spread over the publishers and over all stages of their endless rounds."""
    planner = Planner(seed, epoch, speed)
    names = tuple(f"publisher-{number:03d}" for number in range(1, publishers + 1))
    plans = tuple(_endless(planner, names[number % publishers], number) for number in range(offers))
    return Scenario(plans, names, speed=speed, account=names[0] if names else "")


def _endless(planner: Planner, publisher: str, number: int) -> OfferPlan:
    return planner.plan(
        publisher,
        f"offer-{number:05d}",
        f"Offer number {number}",
        "application",
        into=planner.chance(number).random(),
        version=BIG_VERSION + number,
        rest=DAY / 2,
        in_partner_center=True,
    )

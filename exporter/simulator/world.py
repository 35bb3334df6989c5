"""What there is at this moment: the scenario's offers, and those that a test has put in their place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exporter.simulator.clock import Clock
    from exporter.simulator.scenario import Scenario
    from exporter.simulator.walk import OfferPlan, OfferState, Source

__all__ = ["Override", "World"]


@dataclass(frozen=True, slots=True)
class Override:
    """An offer that a test has defined: the raw status answer, and fields of its list entry (None: not in the list)."""

    status: Any
    entry: dict[str, Any] | None
    put_at: float


@dataclass(slots=True)
class World:
    """A scenario, a clock, and what was put over the scenario since."""

    scenario: Scenario
    clock: Clock
    overrides: dict[tuple[str, str], Override | None] = field(default_factory=dict)
    _plans: dict[str, dict[str, OfferPlan]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for plan in self.scenario.plans:
            self._plans.setdefault(plan.publisher, {})[plan.offer] = plan

    def put(self, publisher: str, offer: str, status: Any, entry: dict[str, Any] | None) -> None:
        """Serve this raw status answer for an offer from now on, in the Cloud Partner Portal API alone."""
        self.overrides[publisher, offer] = Override(status, entry, self.clock())

    def remove(self, publisher: str, offer: str) -> None:
        """Let an offer vanish from all APIs, wherever it came from."""
        self.overrides[publisher, offer] = None

    def publishers(self) -> list[str]:
        """All publishers, also the forbidden ones and those whose last offer was removed."""
        named = [*self.scenario.publishers, *self._plans, *(publisher for publisher, _ in self.overrides)]
        return list(dict.fromkeys(named))

    def raw(self, publisher: str, offer: str) -> Override | None:
        """Give what a test has put for this offer."""
        return self.overrides.get((publisher, offer))

    def raws(self, publisher: str) -> dict[str, Override]:
        """Give all that tests have put for this publisher, by offer."""
        return {offer: over for (name, offer), over in self.overrides.items() if name == publisher and over is not None}

    def state(self, publisher: str, offer: str, source: Source) -> OfferState | None:
        """Give an offer of the scenario as it stands now, None if this source cannot see it."""
        plan = self._plans.get(publisher, {}).get(offer)
        if plan is None or source not in plan.sources or (publisher, offer) in self.overrides:
            return None
        return self.scenario.state(plan, self.clock())

    def states(self, publisher: str, source: Source) -> list[OfferState]:
        """Give all offers of the scenario that this source can see."""
        states = (self.state(publisher, offer, source) for offer in self._plans.get(publisher, {}))
        return [state for state in states if state is not None]

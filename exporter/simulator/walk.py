"""How an offer walks through its pipeline: a pure function of its plan, the speed and the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from exporter.simulator.pipeline import SIGNOFF, Kind, Note, Phase, Stage, notes_of

__all__ = ["Ending", "OfferPlan", "OfferState", "StepState", "state_at"]


class Ending(StrEnum):
    """How a round through the pipeline ends; all but the first and the last happen at the plan's `ends_at` step."""

    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    FAILED = "failed"
    CANCELED = "canceled"
    STUCK = "stuck"
    NEVER_PUBLISHED = "neverPublished"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferPlan:
    """One offer and its whole future.

    `submitted` and `live_since` are real instants (Unix seconds), `durations` are simulated seconds per step and `rest`
    the pause between two rounds, None if there is only one. `waiting` is what the top level says during sign-off:
    both `waitingForPublisherReview` and `running` have been met.

    Where answers have been seen to differ: `keeps_preview` leaves the preview entry in Product Ingestion after go-live,
    `is_deprecated` marks the live entry there, `tells_little` leaves out ids and times there, `hides_workflows` makes the
    submission API's workflow details 404 at sign-off, `estimates` replaces time frames by step id.
    """

    publisher: str
    offer: str
    title: str
    kind: Kind
    durations: tuple[float, ...]
    submitted: float
    version: int = 1
    ending: Ending = Ending.SUCCEEDED
    ends_at: str = ""
    rest: float | None = None
    waiting: str = "waitingForPublisherReview"
    live_since: float | None = None
    in_cloud_partner: bool = True
    in_partner_center: bool = False
    keeps_preview: bool = False
    is_deprecated: bool = False
    tells_little: bool = False
    hides_workflows: bool = False
    estimates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepState:
    """One step at one moment; instants are real Unix seconds, never later than that moment."""

    stage: Stage
    status: str
    progress: int = 0
    started: float | None = None
    ended: float | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class OfferState:
    """One offer at one moment.

    `number` counts its rounds from 0; `live_since` tells since when the live version is live,
    `promoted` when the publisher had signed it off.
    """

    plan: OfferPlan
    status: str
    changed: float
    number: int = 0
    submitted: float | None = None
    live_since: float | None = None
    promoted: float | None = None
    steps: tuple[StepState, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def version(self) -> int:
        """The version number, one more for each round."""
        return self.plan.version + self.number

    def step(self, step_id: str) -> StepState | None:
        """One step by its id."""
        return next((step for step in self.steps if step.stage.step_id == step_id), None)

    def phase(self, *phases: Phase) -> tuple[StepState, ...]:
        """The steps of some phases."""
        return tuple(step for step in self.steps if step.stage.phase in phases)

    def has_passed(self, phase: Phase) -> bool:
        """True when every step of the phase is complete."""
        return all(step.status == "complete" for step in self.phase(phase))


_AT_END = {
    Ending.REJECTED: ("rejected", "failed"),
    Ending.BLOCKED: ("blocked", "running"),
    Ending.FAILED: ("blocked", "failed"),
    Ending.CANCELED: ("canceled", "canceled"),
}
"""Statuses of the step in which a round ends, and of the offer."""


@dataclass(frozen=True, slots=True)
class _Round:
    """One round of a plan, `elapsed` simulated seconds after its start, which is the real instant `started`."""

    plan: OfferPlan
    number: int
    started: float
    elapsed: float
    speed: float
    now: float

    def at(self, simulated: float) -> float:
        """The real instant of a simulated second of this round; the past stays the past in spite of rounding."""
        return min(self.now, self.started + simulated / self.speed)


def state_at(plan: OfferPlan, speed: float, now: float) -> OfferState:
    """Where an offer stands at the real instant `now`."""
    if plan.ending is Ending.NEVER_PUBLISHED:
        return OfferState(plan, "neverPublished", min(plan.submitted, now))
    this = _round(plan, speed, now)
    steps = _steps(this)
    status = _status(plan, steps)
    known = [instant for step in steps for instant in (step.started, step.ended) if instant is not None]
    changed = max(known, default=this.started)
    live_since = changed if status == "succeeded" else _previously_live(this)
    promoted = live_since if live_since is None or live_since == plan.live_since else live_since - _way_to_live(this)
    notes = notes_of(status, plan.title, changed)
    return OfferState(plan, status, changed, this.number, this.started, live_since, promoted, steps, notes)


def _round(plan: OfferPlan, speed: float, now: float) -> _Round:
    elapsed = max(0.0, now - plan.submitted) * speed
    if plan.rest is None:
        return _Round(plan, 0, min(plan.submitted, now), elapsed, speed, now)
    cycle = sum(plan.durations) + plan.rest
    number = int(elapsed // cycle)
    started = min(plan.submitted + number * cycle / speed, now)
    return _Round(plan, number, started, elapsed - number * cycle, speed, now)


def _previously_live(this: _Round) -> float | None:
    return this.started - (this.plan.rest or 0.0) / this.speed if this.number else this.plan.live_since


def _way_to_live(this: _Round) -> float:
    """Real seconds from the sign-off to being live."""
    pairs = zip(this.plan.kind.stages, this.plan.durations, strict=True)
    return sum(duration for stage, duration in pairs if stage.phase is Phase.LIVE) / this.speed


def _steps(this: _Round) -> tuple[StepState, ...]:
    """Walk the stages; nothing after the stage in which the plan ends is ever reached."""
    states: list[StepState] = []
    begin, is_open = 0.0, True
    for stage, duration in zip(this.plan.kind.stages, this.plan.durations, strict=True):
        states.append(_step(this, stage, begin, duration) if is_open else StepState(stage, "notStarted"))
        is_open = is_open and stage.step_id != this.plan.ends_at
        begin += duration
    return tuple(states)


def _step(this: _Round, stage: Stage, begin: float, duration: float) -> StepState:
    if this.elapsed < begin:
        return StepState(stage, "notStarted")
    since, ended = this.at(begin), this.at(begin + duration)
    is_end = stage.step_id == this.plan.ends_at
    if this.elapsed < begin + duration or (is_end and this.plan.ending is Ending.STUCK):
        progress = 0 if stage.phase is Phase.SIGNOFF else min(95, int(100 * (this.elapsed - begin) / duration))
        return StepState(stage, stage.busy, progress, since, None, notes_of(stage.busy, stage.name, since))
    status = _AT_END[this.plan.ending][0] if is_end else "complete"
    notes = notes_of("inProgress", stage.name, since) + notes_of(status, stage.name, ended)
    return StepState(stage, status, 100 if status == "complete" else 60, since, ended, notes)


def _status(plan: OfferPlan, steps: tuple[StepState, ...]) -> str:
    by_id = {step.stage.step_id: step.status for step in steps}
    if plan.ending in _AT_END and by_id[plan.ends_at] == _AT_END[plan.ending][0]:
        return _AT_END[plan.ending][1]
    if all(status == "complete" for status in by_id.values()):
        return "succeeded"
    return plan.waiting if by_id.get(SIGNOFF) == "waitingForPublisherReview" else "running"

"""What the pages show of a step: the domain, seen at one moment. All times are Unix seconds, all durations seconds."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.domain.estimates import upper_bound_seconds
from exporter.domain.offers import Party, Step, StepStatus

__all__ = ["StepView", "current_step", "seconds_over"]

_DONE = {StepStatus.COMPLETE, StepStatus.NOT_STARTED, StepStatus.CANCELED}
_WITH_MICROSOFT = {StepStatus.IN_PROGRESS, StepStatus.WAITING_FOR_APPROVAL}


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of an offer; `position` counts from 1, `seen` is when its status was first seen.

    `usual` and `last` are how long it usually takes and took the last time.
    """

    step: Step
    position: int
    seen: float | None
    waiting_on: Party
    is_current: bool
    now: float
    usual: float | None
    last: float | None

    @property
    def name(self) -> str:
        """What to call it."""
        return self.step.name or self.step.step_id

    @property
    def percent(self) -> int | None:
        """Its progress, if that is known and says anything."""
        is_told = self.step.progress is not None and self.step.status is not StepStatus.NOT_STARTED
        return round((self.step.progress or 0.0) * 100) if is_told else None

    @property
    def estimate(self) -> float | None:
        """The longest that the API expects the step to take."""
        return upper_bound_seconds(self.step.estimated_time_frame)

    @property
    def took(self) -> float | None:
        """How long it took from beginning to end, if the API tells both."""
        started, completed = self.step.started, self.step.completed
        return None if started is None or completed is None else max(0.0, completed - started)

    @property
    def elapsed(self) -> float | None:
        """How long Microsoft has been at work on it."""
        since = _begin(self.step, self.seen)
        is_under_way = _is_with_microsoft(self.step, self.waiting_on) and self.step.completed is None
        return max(0.0, self.now - since) if since is not None and is_under_way else None

    @property
    def expected(self) -> str:
        """The estimate in the words of the API, while the step is under way or still to come.

        Beside the time since a step ended or stopped it would read as if the two were compared.
        """
        is_ahead = _is_with_microsoft(self.step, self.waiting_on) or self.step.status is StepStatus.NOT_STARTED
        return self.step.estimated_time_frame if is_ahead or self.took is not None else ""

    @property
    def over(self) -> float:
        """By how much Microsoft is over the estimate."""
        return seconds_over(self.step, self.seen, self.waiting_on, self.now)


def seconds_over(step: Step, seen: float | None, waiting_on: Party | None, now: float) -> float:
    """By how much Microsoft is over the estimate of a step; 0 if it is not, or if that is not known."""
    since, estimate = _begin(step, seen), upper_bound_seconds(step.estimated_time_frame)
    if since is None or estimate is None or not _is_with_microsoft(step, waiting_on):
        return 0.0
    return max(0.0, now - since - estimate)


def current_step(steps: tuple[Step, ...]) -> Step | None:
    """Find the step at which an offer stands: the first that is neither done nor still to come."""
    return next((step for step in steps if step.status not in _DONE), None)


def _begin(step: Step, seen: float | None) -> float | None:
    return seen if step.started is None else step.started


def _is_with_microsoft(step: Step, waiting_on: Party | None) -> bool:
    """While Microsoft works on it: only then does its estimate say how long that may take."""
    return waiting_on is Party.MICROSOFT and step.status in _WITH_MICROSOFT

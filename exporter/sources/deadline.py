"""The time that a refresh, a probe or a request is given."""

from __future__ import annotations

from collections.abc import Callable

from exporter.domain.errors import DeadlineError

__all__ = ["Deadline"]


class Deadline:
    """A moment by which something must have ended; `monotonic` is the clock it is measured on, in seconds."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self.now = monotonic
        self._at = monotonic() + seconds

    def within(self, seconds: float) -> Deadline:
        """One that is not later, and at most so many seconds from now."""
        return Deadline(min(seconds, self.remaining()), self.now)

    def part(self, share: float) -> Deadline:
        """An earlier one, after this share of the time that is left."""
        return self.within(self.remaining() * share)

    def end(self) -> None:
        """Make it pass now."""
        self._at = self.now()

    def remaining(self) -> float:
        """Seconds that are left, never less than 0."""
        return max(0.0, self._at - self.now())

    def check(self) -> None:
        """Raise DeadlineError once the time is over."""
        if self.now() >= self._at:
            raise DeadlineError("the time for this refresh is over")

"""The time that a refresh, a probe or a request is given."""

from __future__ import annotations

from collections.abc import Callable

from exporter.domain.errors import DeadlineError

__all__ = ["Deadline"]


class Deadline:
    """A moment by which something must have ended; `monotonic` is the clock it is measured on, in seconds."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._at = monotonic() + seconds

    def now(self) -> float:
        """The time on its clock."""
        return self._monotonic()

    def part(self, share: float) -> Deadline:
        """An earlier one, after this share of the time that is left."""
        return Deadline(self.remaining() * share, self._monotonic)

    def end(self) -> None:
        """Make it pass now."""
        self._at = self._monotonic()

    def remaining(self) -> float:
        """Seconds that are left, never less than 0."""
        return max(0.0, self._at - self._monotonic())

    def check(self) -> None:
        """Raise DeadlineError once the time is over."""
        if self._monotonic() >= self._at:
            raise DeadlineError("the time for this refresh is over")

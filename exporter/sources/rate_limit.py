"""The one gate through which every request of a credential passes: pacing, and pauses that the API asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from exporter.domain.errors import SourceError, ThrottledError
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry

__all__ = ["MAX_PAUSE", "Gate"]

MAX_PAUSE = 900.0
"""The longest time, in seconds, for which a Retry-After is believed."""


class Gate:
    """A token bucket of one second's worth of requests, and a clock that says until when nobody may pass.

    `monotonic` and `wait` measure and spend seconds, `wait` returns True if it was ended early; `clock` is Unix time, for
    the metric.
    """

    def __init__(
        self,
        rate: float,
        *,
        source: str,
        telemetry: Telemetry,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        wait: Callable[[float], bool],
    ) -> None:
        self._rate = rate
        self._burst = max(1.0, rate)
        self._monotonic = monotonic
        self._clock = clock
        self._wait = wait
        self._source = source
        self._paused_until = telemetry.api_paused_until_timestamp_seconds
        self._lock = threading.Lock()
        self._open_at = float("-inf")
        self._tokens = self._burst
        self._filled_at = monotonic()

    def enter(self, deadline: Deadline) -> None:
        """Wait for a place.

        Raises:
            ThrottledError: the API wants a pause that outlasts the deadline; it is not asked.
            DeadlineError: the deadline passed while waiting.
        """
        self._sit_out(deadline)
        deadline.check()
        try:
            self.sleep(self._reserve(), deadline, None)
        except SourceError:
            self._give_back()
            raise
        self._sit_out(deadline)

    def pause(self, seconds: float) -> None:
        """Let nobody pass for some seconds, at most `MAX_PAUSE`."""
        seconds = min(seconds, MAX_PAUSE)
        with self._lock:
            now = self._monotonic()
            self._open_at = max(self._open_at, now + seconds)
            self._paused_until.labels(self._source).set(self._clock() + self._open_at - now)

    @property
    def paused_until(self) -> float:
        """Until when nobody may pass, on the monotonic clock."""
        with self._lock:
            return self._open_at

    def sleep(self, seconds: float, deadline: Deadline, too_long: SourceError | None) -> None:
        """Spend some seconds; raises `too_long`, or DeadlineError if there is none, when the deadline is nearer."""
        if seconds > deadline.remaining() and too_long is not None:
            raise too_long
        if seconds > 0 and self._wait(min(seconds, deadline.remaining())):
            deadline.end()
        deadline.check()

    def _sit_out(self, deadline: Deadline) -> None:
        """Wait until the pause is over, which others may make longer meanwhile."""
        while (left := self._pause_left()) > 0:
            self.sleep(left, deadline, ThrottledError(f"not asked: the API wants no request for another {left:.0f} s"))

    def _pause_left(self) -> float:
        with self._lock:
            return self._open_at - self._monotonic()

    def _reserve(self) -> float:
        """Take one token out of the bucket, on credit if need be; gives the seconds until it is there."""
        with self._lock:
            now = self._monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
            self._filled_at = now
            self._tokens -= 1
            return max(0.0, -self._tokens / self._rate)

    def _give_back(self) -> None:
        """Put a token back that was not used, so that those who gave up hold up nobody later."""
        with self._lock:
            self._tokens += 1

"""The limits that all requests to one API share: its pace, and the pauses that it asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from exporter.domain.errors import SourceError, ThrottledError
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry

__all__ = ["MAX_PAUSE", "RateLimiter"]

MAX_PAUSE = 900.0
"""The longest time, in seconds, for which a Retry-After is believed."""


class RateLimiter:
    """A token bucket of one second's worth of requests, and a time until which nothing is asked.

    `monotonic` and `wait` measure and spend seconds, `wait` returns True if it was ended early; `clock` is Unix time, for
    the metric.
    """

    def __init__(
        self,
        rate: float,
        *,
        credential: str,
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
        self._names = {"credential": credential, "source": source}
        self._metric = telemetry.api_paused_until_timestamp_seconds
        self._lock = threading.Lock()
        self._paused_until = float("-inf")
        self._tokens = self._burst
        self._filled_at = monotonic()

    @property
    def paused_until(self) -> float:
        """Until when nothing is asked, on the monotonic clock."""
        return self._paused_until

    def pause(self, seconds: float) -> None:
        """Ask nothing for some seconds, at most `MAX_PAUSE`; a longer pause that is under way stays."""
        with self._lock:
            now = self._monotonic()
            self._paused_until = max(self._paused_until, now + min(seconds, MAX_PAUSE))
            self._metric.labels(**self._names).set(self._clock() + self._paused_until - now)

    def acquire(self, deadline: Deadline) -> None:
        """Wait until one more request may be made.

        Raises:
            ThrottledError: the API wants a pause that outlasts the deadline.
            DeadlineError: the deadline passed while waiting.
        """
        self._sit_out(deadline)
        deadline.check()
        try:
            self.sleep(self._reserve(), deadline)
        except SourceError:
            self._give_back()
            raise
        self._sit_out(deadline)

    def sleep(self, seconds: float, deadline: Deadline, too_long: SourceError | None = None) -> None:
        """Spend some seconds; raises `too_long`, or DeadlineError if there is none, when the deadline is nearer."""
        if seconds > deadline.remaining() and too_long is not None:
            raise too_long
        if seconds > 0 and self._wait(min(seconds, deadline.remaining())):
            deadline.end()
        deadline.check()

    def _sit_out(self, deadline: Deadline) -> None:
        """Wait until the pause is over, which others may make longer meanwhile."""
        while (left := self._paused_until - self._monotonic()) > 0:
            self.sleep(left, deadline, ThrottledError(f"not asked: the API wants no request for another {left:.0f} s"))

    def _reserve(self) -> float:
        """Take one token out of the bucket, on credit if need be; the seconds until it is there."""
        with self._lock:
            now = self._monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
            self._filled_at = now
            self._tokens -= 1
            return max(0.0, -self._tokens / self._rate)

    def _give_back(self) -> None:
        """A request that was given up holds up nobody."""
        with self._lock:
            self._tokens += 1

"""Retries: urllib3 decides, here is what it may not know: our deadline, our gate and our counters."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Self

from urllib3 import BaseHTTPResponse, Retry
from urllib3.exceptions import InvalidHeader

from exporter.domain.errors import SourceError, UpstreamError
from exporter.sources.bounded import current_deadline
from exporter.sources.deadline import Deadline
from exporter.sources.failures import lost
from exporter.sources.rate_limit import MAX_PAUSE, Gate
from exporter.telemetry.metrics import Telemetry

__all__ = ["Call", "PoliteRetry", "current_call"]

TOO_MANY = 429
RETRIED = (408, TOO_MANY, 500, 502, 503, 504)
BACKOFF_FACTOR = 0.5
BACKOFF_MAX = 30.0
BACKOFF_JITTER = 0.5


@dataclass(slots=True)
class Call:
    """One request with its retries; it keeps time and counts each attempt, which may take `timeout` seconds."""

    operation: str
    deadline: Deadline
    timeout: float
    gate: Gate
    telemetry: Telemetry
    monotonic: Callable[[], float]
    started: float = math.nan
    attempt: Deadline = field(init=False)

    def __post_init__(self) -> None:
        self.attempt = self.deadline

    def enter(self) -> None:
        """Start an attempt as soon as the gate lets it pass."""
        self.gate.enter(self.deadline)
        self.started = self.deadline.now()
        self.attempt = Deadline(min(self.timeout, self.deadline.remaining()), self.monotonic)
        current_deadline.set(self.attempt)

    def count(self, code: str) -> None:
        """End an attempt: its status code, or `none` if no answer came."""
        if math.isnan(self.started):
            return
        self.telemetry.api_requests_total.labels(self.operation, code).inc()
        self.telemetry.api_request_duration_seconds.labels(self.operation).observe(self.deadline.now() - self.started)
        if code == str(TOO_MANY):
            self.telemetry.api_throttled_total.inc()
        self.started = math.nan


current_call: ContextVar[Call] = ContextVar("current_call")
"""The call that this thread is at; urllib3 has no other way to tell its retries which request they belong to."""


class PoliteRetry(Retry):
    """urllib3's accounting of retries, with waits that respect the deadline and the gate."""

    def __init__(self, total: int | None = 0, **options: Any) -> None:
        standard: dict[str, Any] = {
            "status_forcelist": RETRIED,
            "allowed_methods": frozenset({"GET"}),
            "backoff_factor": BACKOFF_FACTOR,
            "backoff_max": BACKOFF_MAX,
            "backoff_jitter": BACKOFF_JITTER,
            "raise_on_status": False,
            "redirect": False,
            "respect_retry_after_header": True,
        }
        super().__init__(total, **standard | options)

    def increment(self, *arguments: Any, **options: Any) -> Self:
        """Take note of an attempt that failed; urllib3 raises here when it was the last one."""
        call = current_call.get()
        response: BaseHTTPResponse | None = options.get("response")
        call.count(str(response.status) if response is not None else "none")
        if response is not None and response.status == TOO_MANY:
            # No wait at all is not believed: it would turn a limit into a quick burst of retries.
            call.gate.pause(self.get_retry_after(response) or 2.0 ** len(self.history))
        return super().increment(*arguments, **options)

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Read Retry-After in both of its forms; an unreadable one is as good as none, an absurd one is capped."""
        try:
            seconds = super().get_retry_after(response)
        except (InvalidHeader, ValueError, OverflowError):
            return None
        return None if seconds is None else min(seconds, MAX_PAUSE)

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Wait before the next attempt; after a 429 the gate does it, for everybody who uses the same credential."""
        call = current_call.get()
        if response is None or response.status != TOO_MANY:
            asked = self.get_retry_after(response) if response is not None else None
            seconds = self.get_backoff_time() if asked is None else asked
            call.gate.sleep(seconds, call.deadline, self._why(call, response, seconds))
        call.enter()
        call.telemetry.api_retries_total.inc()

    def _why(self, call: Call, response: BaseHTTPResponse | None, seconds: float) -> SourceError | None:
        """Name what the wait is for, should it be longer than the time that is left."""
        if response is not None:
            return UpstreamError(f"answered with {response.status}, and {seconds:.0f} s to wait are more than are left")
        error = self.history[-1].error if self.history else None
        return None if error is None else lost(f"no answer to {call.operation}", error)

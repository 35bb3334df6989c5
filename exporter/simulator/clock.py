"""Time in the simulator: one real clock, and pipelines that walk faster than it.

A pipeline of days must fit into a demo of minutes: its durations are *simulated* seconds and last `duration / speed` real
ones. All that is reported is a *real* instant: nothing lies in the future, and an instant, once told, never moves.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["NEVER", "Clock", "stamp"]

Clock = Callable[[], float]
"""Gives the real time in Unix seconds. Everything that the simulator tells is a function of it."""

NEVER = "1601-01-01T00:00:00Z"
"""How the submission API writes a time that has not come (microsoft/AL-Go issue 1073)."""

_TICKS = 10_000_000


def stamp(instant: float, digits: int = 7) -> str:
    """Write Unix seconds as Microsoft does: RFC 3339 in UTC, cut (never rounded up) to `digits` fractional digits."""
    seconds = int(instant)
    ticks = int((instant - seconds) * _TICKS)
    fraction = f".{ticks:07d}"[: digits + 1] if digits else ""
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"

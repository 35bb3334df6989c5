"""Time in the simulator: one real clock, and pipelines that walk faster than it.

A pipeline of days must fit into a demo of minutes, so every duration of a pipeline is given in *simulated* seconds and
lasts `duration / speed` real ones. What the simulator reports are always *real* instants: a step that ended 864 simulated
seconds ago at speed 864 ended one real second ago, and its message says so. Hence "now" in the simulation is now in
reality, no timestamp lies in the future, and an instant, once reported, never changes between two answers (a stretched
age would move it with every request, and an unchanged offer would look changed).

What follows from that: an offer reports "< 1 day" for a step that takes a hundred real seconds. The texts are Microsoft's
and stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "stamp", "stamp_without_zone"]

Clock = Callable[[], float]
"""Gives the real time in Unix seconds."""

_TICKS = 10_000_000


def stamp(instant: float, digits: int = 7) -> str:
    """Write Unix seconds as Microsoft does: RFC 3339 in UTC, cut (never rounded up) to `digits` fractional digits."""
    seconds = int(instant)
    ticks = int((instant - seconds) * _TICKS)
    fraction = f".{ticks:07d}"[: digits + 1] if digits else ""
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def stamp_without_zone(instant: float) -> str:
    """Write Unix seconds in the other form seen in real lists: three digits and no zone, to be read as UTC."""
    return stamp(instant, 3).removesuffix("Z")

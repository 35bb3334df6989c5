"""Working time: Unix time without Saturdays and Sundays, in UTC."""

from __future__ import annotations

import math

__all__ = ["advanced", "is_weekend", "worked"]

_DAY = 86400.0
_WEEK, _WORKING = 7 * _DAY, 5 * _DAY
_MONDAY = 4 * _DAY
"""1 January 1970 was a Thursday, so the first week began with the following Monday."""


def _clock(time: float) -> float:
    weeks, rest = divmod(time - _MONDAY, _WEEK)
    return weeks * _WORKING + min(rest, _WORKING)


def worked(begun: float, ended: float) -> float:
    """Seconds of working time between two instants."""
    return _clock(ended) - _clock(begun)


def advanced(time: float, seconds: float) -> float:
    """When so many seconds of working time have passed."""
    weeks, rest = divmod(_clock(time) + seconds, _WORKING)
    return weeks * _WEEK + rest + _MONDAY


def is_weekend(time: float) -> bool:
    """Whether it is a Saturday or a Sunday."""
    return math.fmod(time - _MONDAY, _WEEK) % _WEEK >= _WORKING

"""Durations as Prometheus writes them: `30s`, `5m`, `1h30m`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

__all__ = ["Duration", "format_duration", "parse_duration"]

_UNITS = {"y": 31536000.0, "w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_LONGEST = 100 * _UNITS["y"]  # the standard library cannot wait much longer
_SHAPE = re.compile("".join(rf"(?:(?P<{unit}>[0-9]{{1,9}}){unit})?" for unit in _UNITS))


def parse_duration(text: Any) -> float:
    """Read a duration in seconds; the units are those of the Prometheus configuration page, largest first.

    Raises:
        ValueError: the text is no such duration.
    """
    seconds = _seconds(text)
    if not seconds <= _LONGEST:
        raise ValueError(f"{text!r:.60} is no duration; the longest is {format_duration(_LONGEST)}")
    return seconds


def _seconds(text: Any) -> float:
    shape = _SHAPE.fullmatch(text) if isinstance(text, str) and text else None
    if shape is None:
        raise ValueError(f"{text!r:.60} is no duration; write a number and a unit, such as 30s, 5m or 1h30m")
    return sum(int(count) * _UNITS[unit] for unit, count in shape.groupdict().items() if count)


def format_duration(seconds: float) -> str:
    """Write seconds the way `parse_duration` reads them, in the largest units that divide them: 5400 is `1h30m`."""
    left = round(seconds * 1000)
    parts = []
    for unit, size in _UNITS.items():
        count, left = divmod(left, round(size * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""A setting in seconds that is written as a Prometheus duration."""

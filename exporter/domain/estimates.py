"""The API's friendly time frames, such as "~2-3 days", as seconds."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["bounds_seconds", "upper_bound_seconds"]

_SECONDS = {"min": 60.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0, "week": 604800.0}
_SHAPE = re.compile(
    r"""\s* [<~≤]? \s*
        (?P<low>\d{1,4}(?:\.\d{1,3})?) \s*
        (?: (?:-|\u2013|to) \s* (?P<high>\d{1,4}(?:\.\d{1,3})?) \s* )?
        (?P<unit>min|minute|hour|day|week) s? \.? \s*""",
    re.VERBOSE | re.IGNORECASE,
)


def upper_bound_seconds(text: str) -> float | None:
    """Read the longest duration that an `estimatedTimeFrame` allows, in seconds.

    Understood are one number or a range, with an optional `<` or `~` before and minutes to weeks behind it; the texts
    on the API page are "< 15 min", "~2-3 days", "< 1 day", "< 1 hour" and "~2-5 days". Anything else, "> 30 min" and
    its missing upper bound included, is None: no estimate is better than a wrong one.
    """
    bounds = bounds_seconds(text)
    return None if bounds is None else bounds[1]


@lru_cache(maxsize=1024)
def bounds_seconds(text: str) -> tuple[float, float] | None:
    """Read both ends of the same; the shortest is 0 where only one number is told."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        return None
    numbers = sorted((float(shape["low"]), float(shape["high"] or 0)))
    unit = _SECONDS[shape["unit"].lower()]
    return (numbers[0] * unit, numbers[1] * unit) if numbers[1] else None

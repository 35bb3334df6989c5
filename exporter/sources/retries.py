"""When a request is worth another attempt, and how long to wait before it."""

from __future__ import annotations

import random

from urllib3 import Retry
from urllib3.exceptions import InvalidHeader

from exporter.sources.rate_limit import MAX_PAUSE

__all__ = ["RETRIED", "TOO_MANY", "pause_after", "retry_after"]

TOO_MANY = 429
RETRIED = frozenset({408, TOO_MANY, 500, 502, 503, 504})
BACKOFF = 0.5
BACKOFF_MAX = 30.0
JITTER = 0.5


def pause_after(failures: int, asked: float | None) -> float:
    """Seconds to wait after so many failures: what the API asked for, and never less than the back-off."""
    backoff = min(BACKOFF * 2.0 ** (failures - 1), BACKOFF_MAX)
    spread = random.random() * JITTER  # noqa: S311 - keeps clients apart, guards nothing
    return max(backoff + spread, asked or 0.0)


def retry_after(header: str | None) -> float | None:
    """Read Retry-After in both of its forms; an unreadable one is as good as none, an absurd one is capped."""
    if header is None:
        return None
    try:
        return min(Retry().parse_retry_after(header), MAX_PAUSE)
    except (InvalidHeader, ValueError, OverflowError):
        return None

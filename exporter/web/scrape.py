"""What a scraper tells in its request."""

from __future__ import annotations

import math

from starlette.requests import Request

__all__ = ["joined", "scrape_timeout"]

TIMEOUT_OFFSET = 0.5
DEFAULT_TIMEOUT = 9.5
MAX_TIMEOUT = 60.0  # a header of 1e9 must not hold a connection for ever


def scrape_timeout(request: Request) -> float:
    """How many seconds a scrape may take: what Prometheus says, less half a second for the way back; at most a minute."""
    try:
        seconds = float(request.headers.get("x-prometheus-scrape-timeout-seconds", ""))
    except ValueError:
        seconds = math.nan
    return min(max(seconds - TIMEOUT_OFFSET, 0.1), MAX_TIMEOUT) if math.isfinite(seconds) else DEFAULT_TIMEOUT


def joined(request: Request, name: str) -> str:
    """The value of a header; several fields of one name are one list (RFC 9110, section 5.3)."""
    return ",".join(request.headers.getlist(name))

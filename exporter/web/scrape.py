"""What a scraper tells in its request."""

from __future__ import annotations

import math

from starlette.requests import Request

__all__ = ["scrape_timeout"]

TIMEOUT_OFFSET = 0.5
DEFAULT_TIMEOUT = 9.5


def scrape_timeout(request: Request) -> float:
    """Tell how many seconds a scrape may take: what Prometheus says, less half a second for the way back."""
    try:
        seconds = float(request.headers.get("x-prometheus-scrape-timeout-seconds", ""))
    except ValueError:
        seconds = math.nan
    return max(seconds - TIMEOUT_OFFSET, 0.1) if math.isfinite(seconds) else DEFAULT_TIMEOUT

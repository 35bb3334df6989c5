"""The exporter's own metrics as text; they change all the time, so they are rendered when somebody asks."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of

__all__ = ["OwnMetrics"]

HOLD = 0.01
"""Seconds for which a rendering holds: less than any two scrapes of one scraper are apart."""


class OwnMetrics:
    """Renders a registry so that those who come at the same moment share one rendering per format.

    It is most of what a scrape costs; a crowd would pay for it each time. `monotonic` is in seconds.
    """

    def __init__(self, registry: CollectorRegistry, monotonic: Callable[[], float]) -> None:
        self._registry = registry
        self._monotonic = monotonic
        self._rendered: dict[bool, tuple[float, bytes]] = {}

    def text(self, *, openmetrics: bool) -> bytes:
        """Give the text in one of the two formats."""
        now = self._monotonic()
        until, text = self._rendered.get(openmetrics, (now, b""))
        if now >= until:
            text = (openmetrics_of if openmetrics else text_of)(self._registry)
            self._rendered[openmetrics] = now + HOLD, text
        return text

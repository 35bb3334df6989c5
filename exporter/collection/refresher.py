"""One refresh at a time, for all who want one: a clock in the background, or scrapes."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future

import structlog

__all__ = ["Refresher"]

JITTER = 0.05

log = structlog.get_logger("exporter.collection")


class Refresher:
    """Runs `refresh` in a thread, never twice at once."""

    def __init__(self, refresh: Callable[[], object]) -> None:
        self._refresh = refresh
        self._lock = threading.Lock()
        self._flight: Future[None] | None = None

    def join(self) -> Future[None]:
        """Join the refresh that is under way, or start one; the future is done when it has ended, well or not."""
        with self._lock:
            if self._flight is None or self._flight.done():
                self._flight = Future()
                threading.Thread(target=self._fly, args=(self._flight,), name="refresh", daemon=True).start()
            return self._flight

    def _fly(self, flight: Future[None]) -> None:
        try:
            self._refresh()
        except Exception:
            log.exception("refresh broke; the next one is tried as planned")
        flight.set_result(None)

    def repeat(
        self,
        interval: float,
        *,
        monotonic: Callable[[], float],
        wait: Callable[[float], bool],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Start refreshes by the clock until it is time to stop, of which `wait` tells: it sleeps for some seconds and returns True then.

        The first starts at once. Each next one is planned one interval after the planned start of the last, plus up to five
        per cent, so that many exporters don't ask in step; what a long refresh has missed is skipped.
        """
        planned = monotonic()
        while True:
            self.join().result()
            now = monotonic()
            planned += interval * (1 + int(max(0.0, now - planned) / interval))
            if wait(planned + interval * JITTER * jitter() - now):
                return

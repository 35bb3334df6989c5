"""One refresh at a time, for all who want one: a clock in the background, or scrapes."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future

import structlog

__all__ = ["Background", "Refresher"]

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


class Background:
    """Starts refreshes by the clock until it is stopped.

    The first starts at once. Each next one is planned one interval after the planned start of the last, plus up to five
    per cent, so that many exporters don't ask in step; what a long refresh has missed is skipped. `wait` sleeps for some
    seconds and returns True if it is time to stop.
    """

    def __init__(
        self,
        refresher: Refresher,
        interval: float,
        *,
        monotonic: Callable[[], float],
        wait: Callable[[float], bool],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._refresher = refresher
        self._interval = interval
        self._monotonic = monotonic
        self._wait = wait
        self._jitter = jitter
        self._thread = threading.Thread(target=self.run, name="background", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """True while the thread runs."""
        return self._thread.is_alive()

    def run(self) -> None:
        """Do the thread's work; returns when `wait` says so."""
        planned = self._monotonic()
        while True:
            self._refresher.join().result()
            now = self._monotonic()
            planned += self._interval * (1 + int(max(0.0, now - planned) / self._interval))
            if self._wait(planned + self._interval * JITTER * self._jitter() - now):
                return

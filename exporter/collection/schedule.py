"""When to refresh in the background."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import structlog

__all__ = ["Background"]

JITTER = 0.05

log = structlog.get_logger("exporter.collection")


class Background:
    """Calls `refresh` again and again in one thread, so that refreshes never overlap.

    The first starts at once. Each next one is planned one interval after the planned start of the last, plus up to five
    per cent, so that many exporters don't ask in step; what a long refresh has missed is skipped. `wait` sleeps for some
    seconds and returns True if it is time to stop.
    """

    def __init__(
        self,
        refresh: Callable[[], object],
        interval: float,
        *,
        monotonic: Callable[[], float],
        wait: Callable[[float], bool] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._refresh = refresh
        self._interval = interval
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._jitter = jitter
        self._thread = threading.Thread(target=self.run, name="background", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Let the refresh under way be the last, and wait up to `timeout` seconds for it; tells whether it has ended."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """True while the thread runs."""
        return self._thread.is_alive()

    def run(self) -> None:
        """Do the thread's work; returns when `wait` says so."""
        planned = self._monotonic()
        while True:
            try:
                self._refresh()
            except Exception:
                log.exception("refresh broke; the next one is tried as planned")
            now = self._monotonic()
            planned += self._interval * (1 + int(max(0.0, now - planned) / self._interval))
            if self._wait(planned + self._interval * JITTER * self._jitter() - now):
                return

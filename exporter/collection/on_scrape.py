"""Refreshing when somebody scrapes: one refresh serves all who ask while it is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

import structlog

__all__ = ["SingleFlight"]

log = structlog.get_logger("exporter.collection")


class SingleFlight:
    """Runs `refresh` in a thread, never twice at once."""

    def __init__(self, refresh: Callable[[], object]) -> None:
        self._refresh = refresh
        self._lock = threading.Lock()
        self._flight: Future[None] | None = None
        self._ended = False

    def join(self) -> Future[None]:
        """Join the refresh that is under way, or start one; the future is done when it has ended, well or not."""
        with self._lock:
            if self._flight is None or (self._flight.done() and not self._ended):
                self._flight = Future()
                threading.Thread(target=self._fly, args=(self._flight,), name="on-scrape", daemon=True).start()
            return self._flight

    def stop(self, timeout: float) -> None:
        """Let the refresh under way be the last, and wait up to `timeout` seconds for it."""
        with self._lock:
            self._ended = True
            self._flight = self._flight or _done()
        wait([self._flight], timeout)

    def _fly(self, flight: Future[None]) -> None:
        try:
            self._refresh()
        except Exception:
            log.exception("refresh broke; the next scrape tries again")
        flight.set_result(None)


def _done() -> Future[None]:
    done: Future[None] = Future()
    done.set_result(None)
    return done

"""Refreshing when somebody scrapes: one refresh serves all who ask while it is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

__all__ = ["SingleFlight"]


class SingleFlight:
    """Runs `refresh` in a thread, never twice at once."""

    def __init__(self, refresh: Callable[[], object]) -> None:
        self._refresh = refresh
        self._lock = threading.Lock()
        self._flight: Future[None] | None = None

    def join(self) -> Future[None]:
        """Join the refresh that is under way, or start one; the future is done when it has ended."""
        with self._lock:
            if self._flight is None or self._flight.done():
                self._flight = Future()
                threading.Thread(target=self._fly, args=(self._flight,), name="on-scrape", daemon=True).start()
            return self._flight

    def _fly(self, flight: Future[None]) -> None:
        try:
            self._refresh()
        except Exception as error:  # noqa: BLE001 - the future hands it to whoever waits
            flight.set_exception(error)
        else:
            flight.set_result(None)

"""Where the snapshots of an engine go."""

from __future__ import annotations

import threading
from collections.abc import Callable

from exporter.collection.snapshot import Snapshot

__all__ = ["Outlet"]


class Outlet:
    """Shows and keeps what one engine finds, until another engine takes its place.

    A refresh for a scrape may outlive its engine; what it finds then, of publishers that may be gone from the settings,
    must not replace what the new engine has found.
    """

    def __init__(self, publish: Callable[[Snapshot], None], keep: Callable[[Snapshot], None]) -> None:
        self._publish = publish
        self._keep = keep
        self._lock = threading.Lock()
        self._closed = False

    def publish(self, snapshot: Snapshot) -> None:
        """Show this."""
        with self._lock:
            if not self._closed:
                self._publish(snapshot)

    def keep(self, snapshot: Snapshot) -> None:
        """Keep this over restarts."""
        with self._lock:
            if not self._closed:
                self._keep(snapshot)

    def close(self) -> None:
        """Wait for what is being shown or kept, and drop all that comes later."""
        with self._lock:
            self._closed = True

"""The event loop of the web: whenever the network wakes it, it has the right of way."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

from exporter.right_of_way import RightOfWay

__all__ = ["event_loop"]


class _Selector(selectors.DefaultSelector):
    """Tells by its one blocking call when the loop is at work: from an event until it has nothing left to do."""

    def __init__(self, way: RightOfWay) -> None:
        super().__init__()
        self._way = way

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, Any]]:
        if timeout is None or timeout > 0:
            self._way.leave()
        events = super().select(timeout)
        if events:
            self._way.take()
        return events


def event_loop(way: RightOfWay) -> asyncio.AbstractEventLoop:
    """Make an event loop that takes and leaves the way."""
    return asyncio.SelectorEventLoop(_Selector(way))

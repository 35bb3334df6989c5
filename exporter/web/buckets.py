"""Token buckets: so much at once, so much per second."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Bucket", "Buckets"]


class Bucket:
    """Holds up to `capacity` tokens and gains `per_second`; `clock` is in seconds, monotonic."""

    def __init__(self, capacity: float, per_second: float, clock: Callable[[], float]) -> None:
        self._capacity = capacity
        self._per_second = per_second
        self._clock = clock
        self._level = capacity
        self._filled = clock()

    @property
    def level(self) -> float:
        """Tokens there are now; below 0 after more was taken than there was."""
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._filled) * self._per_second)
        self._filled = now
        return self._level

    def affords(self, tokens: float) -> bool:
        """Tell whether there are as many; a full bucket affords anything, or what is dearer could never be had."""
        return self.level >= min(tokens, self._capacity)

    def take(self, tokens: float = 1.0) -> bool:
        """Take tokens if there are as many."""
        if self.level < tokens:
            return False
        self.spend(tokens)
        return True

    def spend(self, tokens: float) -> None:
        """Take tokens, into debt if need be."""
        self._level = self.level - tokens


class Buckets:
    """A bucket for each key, of which the latest `keys` are remembered."""

    def __init__(self, keys: int, make: Callable[[], Bucket]) -> None:
        self._keys = keys
        self._make = make
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __getitem__(self, key: str) -> Bucket:
        bucket = self._buckets.pop(key, None) or self._make()
        self._buckets[key] = bucket
        if len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return bucket

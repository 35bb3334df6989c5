"""Who goes first when the event loop and the background want to work at the same time.

Python runs one thread at a time. A scrape needs it for a few milliseconds, but in dozens of turns, one after each system
call; with eight threads that read answers of the API in between, each turn is waited for anew. So the background stands
aside while the event loop has something to do, of its threads that talk to the API one works at a time while the others
wait for answers, all take short turns, and nobody stops the others to look for garbage among objects that live for ever.
`make bench ARGS=latency` shows what a scrape gains.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator

__all__ = ["RightOfWay", "spare_long_lived", "take_short_turns"]

LINGER = 0.002
"""Seconds for which the way stays taken after the event loop has gone to rest: mostly a client reads, and wakes it again."""
LONGEST = 0.1
"""Seconds for which it is taken at most, and for which the background waits at most before a piece of its work."""
ENOUGH = LONGEST / 4
"""Seconds that there must be left before it is taken again, so that the background has as long a time for itself."""
PAUSE = 0.003
TURN = 0.0005
"""Seconds that a thread may work while others wait; Python's own 5 ms are as long as a whole scrape."""
FULL_COLLECTION = 100
"""Middle collections before a full one, instead of 10: what the exporter keeps has no cycles, so there is little to find."""


class RightOfWay:
    """The event loop takes the way and leaves it; the background gives way before each piece of its work.

    The way can be taken for half of the time: what has been used comes back as time passes in which it is free. So clients
    that never let the loop rest slow the background down, and cannot stop it. Between the two there is no lock, so neither
    side can hold up the other; among themselves the threads of the background wait `LONGEST` seconds at most for their
    turn. `monotonic` and `sleep` measure and spend seconds.
    """

    def __init__(
        self, *, monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._turn = threading.Lock()
        self._thread = threading.local()
        self._left = LONGEST
        self._seen = self._free_from = monotonic()

    def take(self) -> None:
        """Go first from now on, for as long as there is time left to do so; again and again does no harm."""
        now = self._settle()
        if now < self._free_from or self._left >= ENOUGH:
            self._free_from = now + self._left

    def leave(self) -> None:
        """Let the others go on, unless it is taken again within a moment."""
        now = self._settle()
        self._free_from = min(self._free_from, now + LINGER)

    def give_way(self) -> None:
        """Wait while the way is taken."""
        now = self._monotonic()
        until = now + LONGEST
        while now < min(self._free_from, until):
            self._sleep(PAUSE)
            now = self._monotonic()

    def work(self) -> None:
        """Begin to work in this thread, when the way is free and no other thread works; again and again does no harm."""
        if not self._works:
            self._thread.works = self._turn.acquire(timeout=LONGEST)
        self.give_way()

    def rest(self) -> None:
        """Let another thread work: to be called before this one waits for anything, and when it is done."""
        if self._works:
            self._thread.works = False
            self._turn.release()

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """Rest for as long as something is waited for, and go on as before."""
        worked = self._works
        self.rest()
        try:
            yield
        finally:
            if worked:
                self.work()

    @property
    def _works(self) -> bool:
        return getattr(self._thread, "works", False)

    def _settle(self) -> float:
        """Take what was used since the last look out of the time that is left, and put back what was not; gives the time."""
        now = self._monotonic()
        used = min(max(0.0, self._free_from - self._seen), now - self._seen)
        unused = now - self._seen - used
        self._left = min(LONGEST, max(0.0, self._left - used) + unused)
        self._seen = now
        return now


def take_short_turns() -> None:
    """Let threads that compute make room for each other soon."""
    sys.setswitchinterval(TURN)


def spare_long_lived() -> None:
    """Leave what there is so far out of all garbage collections, and make full ones, which stop everybody, seldom.

    Called once, when everything is imported and nothing runs yet.
    """
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, FULL_COLLECTION)

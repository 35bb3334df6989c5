"""How many connections there may be, and which has to go when there is one too many."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from enum import Enum

from exporter.web.buckets import Bucket, Buckets

__all__ = ["Connections", "Slot", "State"]

ARRIVALS, ARRIVALS_PER_SECOND = 600.0, 100.0
"""New connections of one address at once, and from then on; to refuse one costs much less than to answer it."""
ADDRESSES = 1024
"""How many addresses are remembered."""
LONG = 5.0
"""Seconds after which a request that is still being answered may be given up for a new one of the same client."""


class State(Enum):
    """What a connection does."""

    WAITING = "waiting"
    """Nothing is due to the client: it shakes hands, sends its request slowly, or rests between two."""
    STALLED = "stalled"
    """The client does not read its answer as fast as we write it."""
    BUSY = "busy"
    """A request is being answered."""


_EXPENDABLE = (State.WAITING, State.STALLED)


def _nothing() -> None: ...


class Slot:
    """The place of one connection, in `state` since `since`; `drop` ends the connection at once and is set by whoever runs it."""

    __slots__ = ("_connections", "drop", "peer", "since", "state")

    def __init__(self, connections: Connections, peer: str) -> None:
        self._connections = connections
        self.peer = peer
        self.state = State.WAITING
        self.since = 0.0
        self.drop: Callable[[], object] = _nothing

    def move(self, state: State) -> None:
        """Tell what the connection does now."""
        if state is not self.state:
            self._connections.move(self, state)

    def may_ask(self) -> bool:
        """Tell whether a request of this connection can be answered now; another one may have to go for it."""
        return self._connections.may_ask(self)

    def leave(self) -> None:
        """Give the place back; more than once does no harm."""
        self._connections.forget(self)
        self.drop = _nothing  # or the two would hold each other until the garbage collector comes by


class Connections:
    """At most `limit` connections at a time, of which one address can have a quarter at work.

    A new one takes the place of one that waits for its client: the oldest of the address that holds most of them, so that
    one client with hundreds of connections loses its own. Connections whose request is being answered are dropped only
    for another request of the same address, when they have been at it for long. Who comes back again and again is refused
    for a while. `clock` is in seconds, monotonic.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._share = max(1, limit // 4)
        self._arrivals = Buckets(ADDRESSES, lambda: Bucket(ARRIVALS, ARRIVALS_PER_SECOND, clock))
        self._slots: dict[State, dict[Slot, None]] = {state: {} for state in State}

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def admit(self, peer: str) -> Slot | None:
        """Give a place to a client at the address `peer`; None if all that it could have are at work, or it comes too often."""
        if not self._arrivals[peer].take():
            return None
        busy = self._busy(peer)
        if len(busy) >= self._share and not self._takes_long(busy[0]):
            return None
        if len(self) >= self._limit and not self._make_room():
            return None
        slot = Slot(self, peer)
        self._slots[slot.state][slot] = None
        return slot

    def _make_room(self) -> bool:
        for state in _EXPENDABLE:
            if candidates := self._slots[state]:
                ((peer, _),) = Counter(slot.peer for slot in candidates).most_common(1)
                self._drop(next(slot for slot in candidates if slot.peer == peer))
                return True
        return False

    def may_ask(self, slot: Slot) -> bool:
        """Tell whether one more request of this address can be answered; the oldest goes for it if it has taken long."""
        busy = [one for one in self._busy(slot.peer) if one is not slot]
        if len(busy) < self._share:
            return True
        if not self._takes_long(busy[0]):
            return False
        self._drop(busy[0])
        return True

    def _busy(self, peer: str) -> list[Slot]:
        return [one for one in self._slots[State.BUSY] if one.peer == peer]

    def _takes_long(self, slot: Slot) -> bool:
        return self._clock() - slot.since >= LONG

    def _drop(self, slot: Slot) -> None:
        self.forget(slot)
        slot.drop()

    def move(self, slot: Slot, state: State) -> None:
        """Put a slot at the end of those in the given state, unless it is gone already."""
        if slot in self._slots[slot.state]:
            del self._slots[slot.state][slot]
            self._slots[state][slot] = None
        slot.state, slot.since = state, self._clock()

    def forget(self, slot: Slot) -> None:
        """Free a slot."""
        self._slots[slot.state].pop(slot, None)

"""How many connections there may be, and which has to go when there is one too many."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from enum import Enum

__all__ = ["Connections", "Slot", "State"]

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


class Slot:
    """The place of one connection, in `state` since `since`; `drop` ends the connection at once and is set by whoever runs it."""

    __slots__ = ("_connections", "drop", "peer", "since", "state")

    def __init__(self, connections: Connections, peer: str) -> None:
        self._connections = connections
        self.peer = peer
        self.state = State.WAITING
        self.since = 0.0
        self.drop: Callable[[], object] = lambda: None

    def move(self, state: State) -> None:
        """Tell what the connection does now."""
        if state is not self.state:
            self._connections.move(self, state)

    def leave(self) -> None:
        """Give the place back; more than once does no harm."""
        self._connections.forget(self)


class Connections:
    """At most `limit` connections at a time, and at most a quarter of them from one address.

    An address that has its quarter loses one of its own for each new one: the oldest of those that wait for their client,
    else of those that are stalled, else one whose request has been under way for long. Where all places are taken, the
    oldest that waits or is stalled has to go, of the address that has most of them. `clock` is in seconds, monotonic.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._share = max(1, limit // 4)
        self._slots: dict[State, dict[Slot, None]] = {state: {} for state in State}

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def admit(self, peer: str) -> Slot | None:
        """Give a place to a client at the address `peer`, or None if all that it could have are busy."""
        own = [slot for state in State for slot in self._slots[state] if slot.peer == peer]
        if len(own) >= self._share:
            if own[0].state is State.BUSY and self._clock() - own[0].since < LONG:
                return None
            self._drop(own[0])
        elif len(self) >= self._limit and not self._make_room():
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

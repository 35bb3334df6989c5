"""How many connections there may be, and which has to go when there is one too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import Enum

__all__ = ["Connections", "Slot", "State"]


class State(Enum):
    """What a connection does."""

    # In the order in which they are expendable.
    WAITING = "waiting"
    """Nothing is due to the client: it shakes hands, sends its request slowly, or rests between two."""
    STALLED = "stalled"
    """The client does not read its answer as fast as we write it."""
    BUSY = "busy"
    """A request is being answered."""


class Slot:
    """The place of one connection; `drop` ends the connection at once and is set by whoever runs it."""

    __slots__ = ("_connections", "drop", "peer", "state")

    def __init__(self, connections: Connections, peer: str) -> None:
        self._connections = connections
        self.peer = peer
        self.state = State.WAITING
        self.drop: Callable[[], object] = lambda: None

    def move(self, state: State) -> None:
        """Tell what the connection does now."""
        if state is not self.state:
            self._connections.move(self, state)

    def leave(self) -> None:
        """Give the place back; more than once does no harm."""
        self._connections.forget(self)


class Connections:
    """At most `limit` connections at a time.

    A new one takes the place of one that waits for its client: the oldest of the address that holds most of them, so that
    one client with hundreds of connections loses its own. Where none waits, an address that has more than a quarter of all
    places answered at once loses the oldest; up to that, connections whose request is being answered are never dropped.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._share = max(1, limit // 4)
        self._slots: dict[State, dict[Slot, None]] = {state: {} for state in State}

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def admit(self, peer: str) -> Slot | None:
        """Give a place to a client at the address `peer`, or None if all are taken by busy connections."""
        if len(self) >= self._limit and not self._make_room():
            return None
        slot = Slot(self, peer)
        self._slots[slot.state][slot] = None
        return slot

    def _make_room(self) -> bool:
        candidates = next(one for one in self._slots.values() if one)
        ((peer, count),) = Counter(slot.peer for slot in candidates).most_common(1)
        if candidates is self._slots[State.BUSY] and count <= self._share:
            return False
        oldest = next(slot for slot in candidates if slot.peer == peer)
        self.forget(oldest)
        oldest.drop()
        return True

    def move(self, slot: Slot, state: State) -> None:
        """Put a slot at the end of those in the given state, unless it is gone already."""
        if slot in self._slots[slot.state]:
            del self._slots[slot.state][slot]
            self._slots[state][slot] = None
        slot.state = state

    def forget(self, slot: Slot) -> None:
        """Free a slot."""
        self._slots[slot.state].pop(slot, None)

from exporter.web.connections import LONG, Connections, Slot, State


def admit(connections: Connections, peer: str) -> Slot:
    slot = connections.admit(peer)
    assert slot is not None
    return slot


def watch(slot: Slot, dropped: list[str], name: str) -> Slot:
    slot.drop = lambda: dropped.append(name)
    return slot


def crowd(connections: Connections, dropped: list[str], peer: str, *states: State) -> list[Slot]:
    """Let connections of one address come, and bring them into these states; each notes its place when dropped."""
    slots = [watch(admit(connections, peer), dropped, f"{peer} {place}") for place in range(len(states))]
    for slot, state in zip(slots, states, strict=True):
        slot.move(state)
    return slots


def test_there_is_room_up_to_the_limit() -> None:
    connections = Connections(8)
    dropped: list[str] = []
    slots = [watch(admit(connections, str(number)), dropped, str(number)) for number in range(8)]
    slots[0].leave()
    slots[0].leave()
    assert len(connections) == 7
    admit(connections, "new")
    assert (len(connections), dropped) == (8, [])


def test_an_address_has_a_quarter_of_the_places() -> None:
    """For one more it loses the one that has waited longest; those of others are safe, and so is the place that is free."""
    connections = Connections(16)
    dropped: list[str] = []
    crowd(connections, dropped, "other", *[State.WAITING] * 4)
    slots = crowd(connections, dropped, "crowd", *[State.WAITING] * 4)
    slots[0].move(State.BUSY)
    slots[0].move(State.WAITING)
    admit(connections, "crowd")
    assert (dropped, len(connections)) == (["crowd 1"], 8)


def test_of_its_own_it_loses_first_what_is_least_worth() -> None:
    """One that waits, one that is stalled, and last one whose request is being answered."""
    now = 0.0
    connections = Connections(12, lambda: now)
    dropped: list[str] = []
    crowd(connections, dropped, "crowd", State.BUSY, State.STALLED, State.WAITING)
    for _ in range(2):
        admit(connections, "crowd").move(State.BUSY)
    assert dropped == ["crowd 2", "crowd 1"]
    now = LONG - 0.1
    assert connections.admit("crowd") is None
    now = LONG
    admit(connections, "crowd")
    assert dropped == ["crowd 2", "crowd 1", "crowd 0"]
    assert len(connections) == 3


def test_a_new_request_is_not_an_old_one() -> None:
    """Requests that follow each other without a pause keep their places; it is cheaper to refuse one more."""
    now = 0.0
    connections = Connections(4, lambda: now)
    (slot,) = crowd(connections, [], "crowd", State.BUSY)
    now = LONG
    slot.move(State.WAITING)
    slot.move(State.BUSY)
    assert connections.admit("crowd") is None


def test_a_busy_crowd_pushes_nobody_else_out() -> None:
    """Requests that hang, or that follow each other without a pause, must not cost a scraper its place."""
    connections = Connections(8)
    dropped: list[str] = []
    crowd(connections, dropped, "scraper", State.WAITING)
    crowd(connections, dropped, "crowd", *[State.BUSY] * 2)
    assert [connections.admit("crowd") for _ in range(20)] == [None] * 20
    assert (dropped, len(connections)) == ([], 3)


def test_when_all_is_taken_the_address_with_most_that_wait_loses_one() -> None:
    connections = Connections(8)
    dropped: list[str] = []
    crowd(connections, dropped, "busy", State.BUSY, State.BUSY)
    crowd(connections, dropped, "alone", State.WAITING)
    crowd(connections, dropped, "both", State.WAITING, State.WAITING)
    crowd(connections, dropped, "stalled", State.STALLED, State.STALLED)
    crowd(connections, dropped, "one more", State.WAITING)
    admit(connections, "new")
    assert (dropped, len(connections)) == (["both 0"], 8)


def test_stalled_ones_go_when_nobody_waits() -> None:
    connections = Connections(4)
    dropped: list[str] = []
    for peer, state in (("a", State.BUSY), ("b", State.STALLED), ("c", State.BUSY), ("d", State.STALLED)):
        crowd(connections, dropped, peer, state)
    admit(connections, "new")
    assert dropped == ["b 0"]


def test_busy_ones_stay_and_the_new_one_is_refused() -> None:
    connections = Connections(4)
    dropped: list[str] = []
    for peer in "abcd":
        crowd(connections, dropped, peer, State.BUSY)
    assert connections.admit("new") is None
    assert (dropped, len(connections)) == ([], 4)


def test_a_dropped_one_does_not_come_back() -> None:
    connections = Connections(4)
    first = admit(connections, "a")
    admit(connections, "a")
    first.move(State.BUSY)
    first.leave()
    assert len(connections) == 1

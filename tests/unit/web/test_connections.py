from exporter.web.connections import ARRIVALS, ARRIVALS_PER_SECOND, LONG, Connections, Slot, State


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


def test_the_longest_waiting_has_to_go() -> None:
    connections = Connections(3)
    dropped: list[str] = []
    slots = crowd(connections, dropped, "crowd", *[State.WAITING] * 3)
    slots[0].move(State.BUSY)
    slots[0].move(State.WAITING)
    admit(connections, "crowd")
    assert (dropped, len(connections)) == (["crowd 1"], 3)


def test_an_address_has_a_quarter_of_the_places_at_work() -> None:
    """Requests that hang, or that follow each other without a pause, leave time and places for the others."""
    connections = Connections(8, lambda: 0.0)
    dropped: list[str] = []
    *_, third = crowd(connections, dropped, "crowd", State.BUSY, State.BUSY, State.WAITING)
    (other,) = crowd(connections, dropped, "scraper", State.WAITING)
    assert not third.may_ask()
    assert connections.admit("crowd") is None
    assert other.may_ask()
    assert (dropped, len(connections)) == ([], 4)


def test_a_busy_connection_may_ask_for_more() -> None:
    """What it sends belongs to its request, or comes right after it."""
    connections = Connections(8, lambda: 0.0)
    slots = crowd(connections, [], "crowd", State.BUSY, State.BUSY)
    assert all(one.may_ask() for one in slots)


def test_a_request_that_takes_long_goes_for_a_new_one() -> None:
    """Those that hang must not keep their own address out either, which a scraper may share with them."""
    now = 0.0
    connections = Connections(8, lambda: now)
    dropped: list[str] = []
    crowd(connections, dropped, "crowd", State.BUSY, State.BUSY)
    now = LONG - 0.1
    assert connections.admit("crowd") is None
    now = LONG
    assert admit(connections, "crowd").may_ask()
    assert dropped == ["crowd 0"]


def test_a_new_request_is_not_an_old_one() -> None:
    now = 0.0
    connections = Connections(4, lambda: now)
    dropped: list[str] = []
    slot, scraper = crowd(connections, dropped, "crowd", State.BUSY, State.WAITING)
    now = LONG
    slot.move(State.WAITING)
    slot.move(State.BUSY)
    assert not scraper.may_ask()
    assert dropped == []


def test_who_comes_back_again_and_again_is_refused_for_a_while() -> None:
    """Others are not, and later on it may come again."""
    now = 0.0
    connections = Connections(4, lambda: now)
    admitted = [connections.admit("crowd") for _ in range(int(ARRIVALS) + 1)]
    assert [one is None for one in admitted] == [False] * int(ARRIVALS) + [True]
    assert connections.admit("scraper") is not None
    now = 1 / ARRIVALS_PER_SECOND
    assert connections.admit("crowd") is not None
    assert connections.admit("crowd") is None


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

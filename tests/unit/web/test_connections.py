from exporter.web.connections import Connections, Slot, State


def admit(connections: Connections, peer: str = "10.0.0.1") -> Slot:
    slot = connections.admit(peer)
    assert slot is not None
    return slot


def watch(slot: Slot, dropped: list[str], name: str) -> Slot:
    slot.drop = lambda: dropped.append(name)
    return slot


def test_there_is_room_up_to_the_limit() -> None:
    connections = Connections(2)
    dropped: list[str] = []
    first = watch(admit(connections), dropped, "first")
    admit(connections)
    assert len(connections) == 2
    first.leave()
    first.leave()
    assert len(connections) == 1
    admit(connections)
    assert dropped == []


def test_the_longest_waiting_has_to_go() -> None:
    connections = Connections(3)
    dropped: list[str] = []
    slots = [watch(admit(connections), dropped, str(number)) for number in range(3)]
    slots[0].move(State.BUSY)
    slots[0].move(State.WAITING)
    admit(connections)
    assert dropped == ["1"]
    assert len(connections) == 3


def test_the_address_with_most_connections_loses_one() -> None:
    connections = Connections(3)
    dropped: list[str] = []
    watch(admit(connections, "10.0.0.1"), dropped, "alone")
    watch(admit(connections, "10.0.0.2"), dropped, "crowd")
    watch(admit(connections, "10.0.0.2"), dropped, "crowd, too")
    admit(connections, "10.0.0.3")
    assert dropped == ["crowd"]


def test_stalled_ones_go_when_nobody_waits() -> None:
    connections = Connections(2)
    dropped: list[str] = []
    watch(admit(connections), dropped, "busy").move(State.BUSY)
    watch(admit(connections), dropped, "stalled").move(State.STALLED)
    admit(connections)
    assert dropped == ["stalled"]


def test_busy_ones_stay_and_the_new_one_is_refused() -> None:
    connections = Connections(1)
    admit(connections).move(State.BUSY)
    assert connections.admit("10.0.0.2") is None
    assert len(connections) == 1


def test_busy_ones_beyond_its_share_cost_an_address_the_oldest() -> None:
    """Requests that hang, or that follow each other without a pause, must not keep everybody out."""
    connections = Connections(8)
    dropped: list[str] = []
    for number in range(3):
        watch(admit(connections, "10.0.0.1"), dropped, f"crowd {number}").move(State.BUSY)
    for number in range(5):
        watch(admit(connections, f"10.0.1.{number}"), dropped, "others").move(State.BUSY)
    admit(connections, "10.0.0.2")
    assert dropped == ["crowd 0"]
    assert len(connections) == 8


def test_an_address_keeps_its_share_of_busy_ones() -> None:
    connections = Connections(8)
    for number in range(8):
        admit(connections, f"10.0.0.{number // 2}").move(State.BUSY)
    assert connections.admit("10.0.1.1") is None
    assert len(connections) == 8


def test_a_dropped_one_does_not_come_back() -> None:
    connections = Connections(1)
    first = admit(connections)
    admit(connections)
    first.move(State.BUSY)
    first.leave()
    assert len(connections) == 1

from __future__ import annotations

import asyncio
import socket

from exporter.right_of_way import RightOfWay
from exporter.web.loop import event_loop


class Watched(RightOfWay):
    """Notes what happens to it."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []

    def take(self) -> None:
        self.events.append("take")

    def leave(self) -> None:
        self.events.append("leave")


def test_the_loop_has_the_way_while_it_works() -> None:
    """From an event of the network until there is nothing left to do; time that passes is no event."""
    way = Watched()
    here, there = socket.socketpair()
    here.setblocking(False)

    async def run() -> None:
        await asyncio.sleep(0.001)
        way.events.append("nothing came")
        reading = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(here, 10))
        await asyncio.sleep(0)
        there.send(b"a request")
        assert await reading == b"a request"
        way.events.append("answered")
        await asyncio.sleep(0.001)

    with here, there, asyncio.Runner(loop_factory=lambda: event_loop(way)) as runner:
        runner.run(run())
    events = way.events
    first, second = events.index("nothing came"), events.index("answered")
    assert "take" not in events[:first]
    assert events[second - 1] == "take"
    assert events[second + 1] == "leave"

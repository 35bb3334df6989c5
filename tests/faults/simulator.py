"""The package's simulator between what a test has written and what it breaks."""

from __future__ import annotations

import time
from typing import Any

from starlette.types import Receive, Scope, Send

from exporter.simulator import Scenario, Simulator
from exporter.simulator.clock import Clock
from tests.faults.control import Control
from tests.faults.faults import Fault
from tests.faults.operations import operation_of
from tests.faults.play import Play, transport_of
from tests.faults.seen import RequestsSeen
from tests.faults.written import Written


def empty(*publishers: str) -> Scenario:
    """Publishers without an offer, to be written by a test."""
    return Scenario(publishers=publishers)


class FaultySimulator:
    """`app` answers as the simulator does, but for offers that were `put` or removed and for the faults that are set.

    All options are those of the simulator.
    """

    def __init__(self, scenario: Scenario, *, clock: Clock = time.time, **options: Any) -> None:
        simulator = Simulator(scenario, clock=clock, **options)
        self.seen = RequestsSeen()
        self.faults: list[Fault] = []
        self._clock = clock
        self._written = Written(simulator.app, clock)
        self._control = Control(simulator, self._written, self.faults, self.seen).app()

    def put(self, publisher: str, offer: str, status: Any, entry: dict[str, Any] | None = None) -> None:
        """Serve this raw status answer from now on; `entry` has fields of the list entry."""
        self._written.put(publisher, offer, status, entry or {})

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = operation_of(scope)
        if operation.name == "control":
            await self._control({**scope, "path": scope["raw_path"].decode("latin-1")}, receive, send)
            return
        self.seen.begin(operation, scope["query_string"].decode("latin-1"), self._clock())
        answering = self._control if operation.name == "managed_identity" else self._written
        fault = next((one for one in self.faults if one.hits(operation)), None)
        try:
            if fault is None:
                await answering(scope, receive, send)
            else:
                await Play(fault, answering, scope, receive, send, transport_of(send)).run()
        finally:
            self.seen.end()

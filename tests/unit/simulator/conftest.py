from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from exporter.simulator import Scenario, Simulator, demo, serve_in_thread

EPOCH = 1_790_000_000.0


class Client:
    """Asks one running simulator."""

    def __init__(self, url: str, simulator: Simulator) -> None:
        self.url = url
        self.simulator = simulator
        self.token = "anything"

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return requests.request(method, self.url + path, timeout=10, headers=headers, **options)

    def get(self, path: str, **query: str) -> requests.Response:
        return self.ask("GET", path, params=query)

    def cpp(self, path: str, **query: str) -> requests.Response:
        return self.get(f"/api/publishers{path}", **{"api-version": "2017-10-31"} | query)


Start = Callable[..., Client]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def start_one(scenario: Scenario, **options: Any) -> Client:
            simulator = Simulator(scenario, **({"clock": lambda: EPOCH} | options))
            return Client(stack.enter_context(serve_in_thread(simulator.app)).url, simulator)

        yield start_one


@pytest.fixture(scope="session")
def shared() -> Iterator[Client]:
    simulator = Simulator(demo(epoch=EPOCH), clock=lambda: EPOCH)
    with serve_in_thread(simulator.app) as server:
        yield Client(server.url, simulator)


@pytest.fixture
def client(shared: Client) -> Client:
    """A client of a demo at its first moment."""
    return Client(shared.url, shared.simulator)

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from exporter.simulator import Scenario, Simulator, serve_in_thread

EPOCH = 1_790_000_000.0


class Client:
    """Asks one running simulator."""

    def __init__(self, url: str, simulator: Simulator) -> None:
        self.url = url
        self.simulator = simulator
        self.token = "anything"

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        options["headers"] = headers | options.get("headers", {})
        return requests.request(method, self.url + path, **({"timeout": 10, "allow_redirects": False} | options))

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.ask("GET", path, **options)

    def cpp(self, path: str, **options: Any) -> requests.Response:
        return self.get(f"/api/publishers{path}", params={"api-version": "2017-10-31"}, **options)

    def fault(self, *faults: dict[str, Any]) -> None:
        answer = self.ask("POST", "/control/faults", json=list(faults))
        assert answer.status_code == 200, answer.text


Start = Callable[..., Client]


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that happens in the server's thread."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def start_one(scenario: Scenario, **options: Any) -> Client:
            settings: dict[str, Any] = {"clock": lambda: EPOCH, "control": True}
            simulator = Simulator(scenario, **(settings | options))
            return Client(stack.enter_context(serve_in_thread(simulator.app)).url, simulator)

        yield start_one

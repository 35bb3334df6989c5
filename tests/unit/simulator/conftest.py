from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from exporter.simulator import Scenario, Simulator, demo

EPOCH = 1_790_000_000.0
URL = "http://simulator"


class Client:
    """Asks a simulator without a network between."""

    def __init__(self, scenario: Scenario | None = None, **options: Any) -> None:
        self.simulator = Simulator(scenario or demo(epoch=EPOCH), **({"clock": lambda: EPOCH} | options))
        self.token = "anything"

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.simulator.app)
            async with httpx.AsyncClient(transport=transport, base_url=URL, headers=headers) as client:
                return await client.request(method, path, **options)

        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return asyncio.run(ask())

    def get(self, path: str, **query: str) -> httpx.Response:
        return self.ask("GET", path, params=query or None)

    def cpp(self, path: str, **query: str) -> httpx.Response:
        return self.get(f"/api/publishers{path}", **{"api-version": "2017-10-31"} | query)


@pytest.fixture
def client() -> Client:
    """A client of a demo at its first moment."""
    return Client()

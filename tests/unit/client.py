"""Asking an application without a network between."""

from __future__ import annotations

import asyncio

import httpx
from starlette.types import ASGIApp


class Client:
    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(app)

    def request(self, method: str, path: str, **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://exporter") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(ask())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.request("GET", path, **headers)

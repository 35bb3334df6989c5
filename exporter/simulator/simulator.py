"""The simulator as one ASGI application."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from exporter.simulator.access import Gate, TokenStore
from exporter.simulator.answers import ApiError, answer_error, answer_http_error
from exporter.simulator.cloud_partner import CloudPartner
from exporter.simulator.control import Control
from exporter.simulator.operations import raw_path
from exporter.simulator.requests_seen import Counting, RequestsSeen
from exporter.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.routing import Route
    from starlette.types import ASGIApp, Receive, Scope, Send

    from exporter.simulator.clock import Clock
    from exporter.simulator.scenario import Scenario

__all__ = ["Simulator"]


class Simulator:
    """A stand-in for Microsoft's APIs.

    `tokens` are the bearer tokens to accept (none: any that is not empty), `require_audience` lets only those and the
    ones issued by the simulator pass, `control` opens the control API. `clock` gives real Unix seconds.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        clock: Clock = time.time,
        tokens: Collection[str] = (),
        require_audience: bool = False,
        token_lifetime: float = 3600.0,
        control: bool = False,
    ) -> None:
        self.world = World(scenario, clock)
        self.seen = RequestsSeen()
        self.issued = TokenStore(clock, token_lifetime)
        self._gate = Gate(self.issued, frozenset(tokens), require_audience)
        self.app: ASGIApp = self._application(clock, control=control)

    def _application(self, clock: Clock, *, control: bool) -> ASGIApp:
        handlers = {ApiError: answer_error, HTTPException: answer_http_error}
        routes = self._routes() + (Control(self.world, self.seen).routes() if control else [])
        application = Starlette(routes=routes, exception_handlers=handlers)
        return Counting(_RawPath(application), self.seen, clock)

    def _routes(self) -> list[Route]:
        return CloudPartner(self.world, self._gate).routes()


class _RawPath:
    """Routes by the path as it came, so that an id may contain an encoded slash."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": raw_path(scope)}
        await self._app(scope, receive, send)

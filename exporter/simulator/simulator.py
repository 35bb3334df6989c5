"""The simulator as one ASGI application."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from exporter.simulator.access import Gate, TokenStore
from exporter.simulator.answers import ApiError, answer_error, answer_http_error
from exporter.simulator.cloud_partner import CloudPartner
from exporter.simulator.control import Control
from exporter.simulator.control_faults import ControlOfFaults
from exporter.simulator.faulting import Faulting, Pause
from exporter.simulator.faults import Fault, FaultBook
from exporter.simulator.oauth import Authority
from exporter.simulator.operations import raw_path
from exporter.simulator.partner_center import PartnerCenter
from exporter.simulator.product_ingestion import ProductIngestion
from exporter.simulator.products import Products
from exporter.simulator.requests_seen import Counting, RequestsSeen
from exporter.simulator.walk import Source
from exporter.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from starlette.routing import Route
    from starlette.types import ASGIApp, Receive, Scope, Send

    from exporter.simulator.clock import Clock
    from exporter.simulator.scenario import Scenario

__all__ = ["Simulator"]


class Simulator:
    """A stand-in for Microsoft's APIs; `app` speaks HTTP alone, no lifespan.

    `tokens` are the bearer tokens to accept (none: any that is not empty), `require_audience` lets only those and the
    ones issued by the simulator pass; issued ones live for `token_lifetime` seconds, for a client with one of the
    `client_secrets` (None: any). Lists of products come in pages of `page_size`, few, so that paging is seen. `control` opens the control API, `faults` are set from the start. `clock` gives real
    Unix seconds, `pause` sleeps.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        clock: Clock = time.time,
        tokens: Collection[str] = (),
        require_audience: bool = False,
        token_lifetime: float = 3600.0,
        client_secrets: Collection[str] | None = None,
        page_size: int = 4,
        control: bool = False,
        faults: Iterable[Fault] = (),
        pause: Pause = asyncio.sleep,
    ) -> None:
        self.world = World(scenario, clock)
        self.seen = RequestsSeen()
        self.faults = FaultBook(clock)
        self.faults.add(faults)
        self.issued = TokenStore(clock, token_lifetime)
        self.authority = Authority(self.issued, client_secrets)
        self._gate = Gate(self.issued, frozenset(tokens), require_audience)
        self._page_size = page_size
        faulty = Faulting(_RawPath(self._application(control=control)), self.faults, clock, pause)
        self.app: ASGIApp = Counting(faulty, self.seen, clock)

    def _application(self, *, control: bool) -> ASGIApp:
        handlers = {ApiError: answer_error, HTTPException: answer_http_error}
        routes = self._routes() + (self._control() if control else [])
        return Starlette(routes=routes, exception_handlers=handlers)

    def _routes(self) -> list[Route]:
        center = Products(self.world, Source.PARTNER_CENTER, also=Source.PRODUCT_INGESTION)
        ingestion = Products(self.world, Source.PRODUCT_INGESTION)
        return [
            *CloudPartner(self.world, self._gate).routes(),
            *PartnerCenter(center, self._gate, self._page_size).routes(),
            *ProductIngestion(ingestion, self._gate, self._page_size).routes(),
            *self.authority.routes(),
        ]

    def _control(self) -> list[Route]:
        return Control(self.world, self.seen).routes() + ControlOfFaults(self.faults, self.authority).routes()


class _RawPath:
    """Routes by the path as it came, so that an id may contain an encoded slash."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "path": raw_path(scope)}, receive, send)

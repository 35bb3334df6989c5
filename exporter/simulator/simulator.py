"""The simulator as one ASGI application."""

from __future__ import annotations

import time
from collections.abc import Collection

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from exporter.simulator.access import ApiError, Tokens, answer_error, answer_http_error
from exporter.simulator.clock import Clock
from exporter.simulator.cloud_partner import CloudPartner
from exporter.simulator.oauth import Authority
from exporter.simulator.partner_center import PartnerCenter, Quirk
from exporter.simulator.product_ingestion import ProductIngestion
from exporter.simulator.scenario import Scenario
from exporter.simulator.world import World

__all__ = ["Simulator"]


class Simulator:
    """A stand-in for Microsoft's APIs; `app` speaks HTTP alone, no lifespan.

    `tokens` are the bearer tokens to accept (none: any that is not empty), `require_audience` lets only those and the
    ones issued by the simulator pass; issued ones live for `token_lifetime` seconds, for a client with one of the
    `client_secrets` (None: any). Lists of products come in pages of `page_size`; `clock` gives real Unix seconds, and the
    simulator answers for that moment.
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
        quirks: Collection[Quirk] = (),
    ) -> None:
        self.tokens = Tokens(clock, token_lifetime, frozenset(tokens), require_audience)
        self.authority = Authority(self.tokens, client_secrets)
        world = World(scenario, clock)
        routes = [
            *CloudPartner(world, self.tokens).routes(),
            *PartnerCenter(world, self.tokens, page_size, quirks).routes(),
            *ProductIngestion(world, self.tokens, page_size).routes(),
            *self.authority.routes(),
        ]
        handlers = {ApiError: answer_error, HTTPException: answer_http_error}
        self.app = Starlette(routes=routes, exception_handlers=handlers)

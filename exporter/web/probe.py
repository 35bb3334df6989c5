"""`/probe` and `/sd`: one offer per request, and the list of offers to ask for (Prometheus HTTP service discovery)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from exporter.collection.prober import TargetError, UnknownOfferError
from exporter.collection.snapshot import OfferRecord
from exporter.exposition.negotiation import OPENMETRICS, TEXT, wants_openmetrics
from exporter.exposition.publication import Publication
from exporter.pages.discovery import Discovery, missing_lists
from exporter.pages.documents import in_turn, respond
from exporter.web.guard import Turnstile
from exporter.web.scrape import joined, scrape_timeout

__all__ = ["ProbeRoutes"]

GRACE = 0.25  # for the answer of a fetch that has used all of its time; half of what scrape_timeout keeps back


@dataclass(frozen=True, slots=True)
class ProbeRoutes:
    """Answers `/probe` and `/sd`; `probe` starts a fetch of at most so many seconds, and raises TargetError."""

    publication: Publication
    probe: Callable[[str, str | None, float], Future[OfferRecord]]
    document: Discovery = field(default_factory=Discovery)
    turnstile: Turnstile = field(default_factory=Turnstile)

    async def answer_probe(self, request: Request) -> Response:
        """Fetch one offer and show it: 200 with `probe_success`; 400 if it may not be probed, 404 if there is no such."""
        started = time.monotonic()
        seconds = scrape_timeout(request)
        try:
            flight = self.probe(request.query_params.get("target", ""), request.query_params.get("source"), seconds)
        except UnknownOfferError as error:
            return PlainTextResponse(f"{error}\n", 404)
        except TargetError as error:
            return PlainTextResponse(f"{error}\n", 400)
        try:
            record = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(flight)), seconds + GRACE)
        except TimeoutError:
            return PlainTextResponse("the offer was not fetched within the scrape timeout\n", 504)
        openmetrics = wants_openmetrics(joined(request, "accept"))
        body = self.publication.probe(record, time.monotonic() - started, openmetrics=openmetrics)
        return Response(body, headers={"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept"})

    async def answer_discovery(self, request: Request) -> Response:
        """List all targets for `/probe`: all of them or, while a list is missing, none with a 503."""

        def answer() -> Response:
            snapshot = self.publication.snapshot
            if missing := missing_lists(snapshot):
                return PlainTextResponse(f"no list of offers yet {missing}\n", 503)
            return respond(request, self.document.body(snapshot))

        return await in_turn(self.turnstile, answer)

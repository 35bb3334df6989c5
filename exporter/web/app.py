"""The application: metrics, probes, health, reload, and the pages."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.collection.prober import TargetError, UnknownOfferError
from exporter.collection.snapshot import Failure, OfferRecord
from exporter.domain.errors import ConfigError
from exporter.exposition.negotiation import OPENMETRICS, TEXT, accepts_gzip, wants_openmetrics
from exporter.exposition.publication import Publication
from exporter.pages.routes import PageRoutes
from exporter.pages.streaming import stream

__all__ = ["WebApp"]

TIMEOUT_OFFSET = 0.5
DEFAULT_TIMEOUT = 9.5
MAX_TIMEOUT = 60.0  # a header of 1e9 must not hold a connection for ever
NOT_IN_TIME = OfferRecord("", "", failure=Failure("deadline", "the time for this probe is over"))


@dataclass(frozen=True, slots=True)
class WebApp:
    """The routes over a publication and what they may ask of the collection behind it.

    `flight` returns the refresh that a scrape has to wait for, or None. `probe` fetches an offer from a source within so
    many seconds, and raises TargetError. `reload` is None where the web may not do that.
    """

    publication: Publication
    pages: PageRoutes
    telemetry_path: str
    is_alive: Callable[[], bool]
    flight: Callable[[], Future[None] | None]
    probe: Callable[[str, str | None, float], Future[OfferRecord]]
    reload: Callable[[], None] | None

    def build(self) -> Starlette:
        """The ASGI application."""
        app = Starlette(
            routes=[
                Route(self.telemetry_path, self.metrics),
                Route("/probe", self.answer_probe),
                Route("/-/healthy", self.healthy),
                Route("/-/ready", self.ready),
                Route("/-/reload", self.answer_reload, methods=["POST"]),
                *self.pages.routes(),
            ],
            exception_handlers={404: self.pages.missing},
        )
        app.router.redirect_slashes = False  # it would send clients of a reverse proxy to an address without its prefix
        return app

    async def metrics(self, request: Request) -> Response:
        """Answer a scrape in the format and encoding that its headers prefer."""
        flight = self.flight()
        if flight is not None:
            await asyncio.wait([asyncio.wrap_future(flight)], timeout=_scrape_timeout(request))
        openmetrics = wants_openmetrics(_joined(request, "accept"))
        gzip = accepts_gzip(_joined(request, "accept-encoding"))
        body = self.publication.metrics(openmetrics=openmetrics, gzip=gzip)
        headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
        return stream(request, body, body.size, headers | ({"Content-Encoding": "gzip"} if gzip else {}))

    async def answer_probe(self, request: Request) -> Response:
        """Fetch one offer and show it: 200 with `probe_success`; 400 if it may not be probed, 404 if there is no such."""
        started, seconds = time.monotonic(), _scrape_timeout(request)
        target, source = request.query_params.get("target", ""), request.query_params.get("source")
        try:
            flight = self.probe(target, source, seconds)
        except TargetError as error:
            is_unknown = isinstance(error, UnknownOfferError)
            return PlainTextResponse(f"{error}\n", HTTPStatus.NOT_FOUND if is_unknown else HTTPStatus.BAD_REQUEST)
        await asyncio.wait([asyncio.wrap_future(flight)], timeout=seconds)
        record = flight.result() if flight.done() and not flight.cancelled() else NOT_IN_TIME
        openmetrics = wants_openmetrics(_joined(request, "accept"))
        body = self.publication.probe(record, time.monotonic() - started, openmetrics=openmetrics)
        return Response(body, headers={"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept"})

    async def healthy(self, _: Request) -> Response:
        """200 while the process works; the state of the upstream has no say here."""
        if self.is_alive():
            return PlainTextResponse("healthy\n")
        return PlainTextResponse("not collecting\n", HTTPStatus.SERVICE_UNAVAILABLE)

    async def ready(self, _: Request) -> Response:
        """200 once every publisher has been through a refresh, from then on for good."""
        if self.publication.is_ready:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("the first refresh is under way\n", HTTPStatus.SERVICE_UNAVAILABLE)

    async def answer_reload(self, request: Request) -> Response:
        """Read the settings again."""
        if self.reload is None:
            text = "reloading is not enabled; start with --web.enable-lifecycle\n"
            return PlainTextResponse(text, HTTPStatus.FORBIDDEN)
        if _is_foreign(request):
            return PlainTextResponse("reloading is not for pages of other sites\n", HTTPStatus.FORBIDDEN)
        try:
            await run_in_threadpool(self.reload)
        except ConfigError as error:
            return PlainTextResponse(f"{error}\n", HTTPStatus.INTERNAL_SERVER_ERROR)
        return PlainTextResponse("reloaded\n")


def _scrape_timeout(request: Request) -> float:
    """How many seconds a scrape may take: what Prometheus says, less half a second for the way back; at most a minute."""
    try:
        seconds = float(request.headers.get("x-prometheus-scrape-timeout-seconds", ""))
    except ValueError:
        seconds = math.nan
    return min(max(seconds - TIMEOUT_OFFSET, 0.1), MAX_TIMEOUT) if math.isfinite(seconds) else DEFAULT_TIMEOUT


def _joined(request: Request, name: str) -> str:
    """The value of a header; several fields of one name are one list (RFC 9110, section 5.3)."""
    return ",".join(request.headers.getlist(name))


def _is_foreign(request: Request) -> bool:
    """True if a browser sends this on behalf of another site; programs send neither header."""
    headers = request.headers
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return True
    return "origin" in headers and urlsplit(headers["origin"]).netloc != headers.get("host", "")

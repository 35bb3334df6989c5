"""The routes. Nothing here waits for the upstream API or takes a lock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from exporter.collection.snapshot import OfferRecord
from exporter.domain.errors import ConfigError
from exporter.exposition.negotiation import OPENMETRICS, TEXT, accepts_gzip, wants_openmetrics
from exporter.exposition.publication import Publication
from exporter.pages.page_routes import PageRoutes
from exporter.pages.pages import Pages
from exporter.web.probe import ProbeRoutes
from exporter.web.scrape import joined, scrape_timeout

__all__ = ["WebApp"]

CHUNK = 128 * 1024


@dataclass(frozen=True, slots=True)
class WebApp:
    """What the web shows: a publication, and what it may ask of the collection behind it.

    `flight` gives the refresh that a scrape has to wait for, or None; `reload` is None where the web may not do that.
    """

    publication: Publication
    pages: Pages
    telemetry_path: str
    is_alive: Callable[[], bool]
    flight: Callable[[], Future[None] | None]
    reload: Callable[[], None] | None
    probe: Callable[[str, str | None, float], Future[OfferRecord]]

    def build(self) -> Starlette:
        """Make the ASGI application."""
        probes = ProbeRoutes(self.publication, self.probe)
        people = PageRoutes(self.publication, self.pages)
        app = Starlette(
            routes=[
                Route(self.telemetry_path, self.metrics),
                Route("/probe", probes.answer_probe),
                Route("/sd", probes.answer_discovery),
                Route("/-/healthy", self.healthy),
                Route("/-/ready", self.ready),
                Route("/-/reload", self.reload_settings, methods=["POST"]),
                *people.routes(),
            ],
            exception_handlers={404: people.missing},
        )
        app.router.redirect_slashes = False  # it would send clients of a reverse proxy to an address without its prefix
        return app

    async def metrics(self, request: Request) -> Response:
        """Answer a scrape in the format and encoding that its headers prefer."""
        await self._fly(scrape_timeout(request))
        openmetrics = wants_openmetrics(joined(request, "accept"))
        gzip = accepts_gzip(joined(request, "accept-encoding"))
        body = self.publication.metrics(openmetrics=openmetrics, gzip=gzip)
        headers = {
            "Content-Type": OPENMETRICS if openmetrics else TEXT,
            "Content-Length": str(body.size),
            "Vary": "Accept, Accept-Encoding",
        }
        if gzip:
            headers["Content-Encoding"] = "gzip"
        if request.method == "HEAD":
            return Response(headers=headers)
        return StreamingResponse(_async(_chunks(body)), headers=headers)

    async def healthy(self, _: Request) -> Response:
        """Tell that the process works; the state of the upstream has no say here."""
        return PlainTextResponse("healthy\n") if self.is_alive() else PlainTextResponse("not collecting\n", 503)

    async def ready(self, _: Request) -> Response:
        """Tell whether there has been a first refresh of every publisher."""
        if self.publication.is_ready:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("the first refresh is under way\n", 503)

    async def reload_settings(self, _: Request) -> Response:
        """Read the settings again."""
        if self.reload is None:
            return PlainTextResponse("reloading is not enabled; start with --web.enable-lifecycle\n", 403)
        try:
            await run_in_threadpool(self.reload)
        except ConfigError as error:
            return PlainTextResponse(f"{error}\n", 500)
        return PlainTextResponse("reloaded\n")

    async def _fly(self, seconds: float) -> None:
        """Wait for the refresh that this scrape asks for; past the time, what is there has to do."""
        flight = self.flight()
        if flight is not None:
            await asyncio.wait([asyncio.wrap_future(flight)], timeout=seconds)


def _chunks(pieces: Iterable[bytes]) -> Iterator[memoryview]:
    """Cut the pieces so small that a slow reader never has more than one of them waiting in a buffer; copy nothing."""
    for piece in pieces:
        whole = memoryview(piece)
        for start in range(0, len(piece), CHUNK):
            yield whole[start : start + CHUNK]


async def _async(chunks: Iterator[memoryview]) -> AsyncIterator[memoryview]:
    for chunk in chunks:
        yield chunk

"""The addresses for people and scripts; none of them asks the upstream API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from http import HTTPStatus
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.exposition.publication import Publication
from exporter.pages.discovery import missing_lists, write_targets
from exporter.pages.filters import BadQueryError, Filters
from exporter.pages.history import write_csv, write_json
from exporter.pages.html import HtmlPages
from exporter.pages.offers_json import write_offers
from exporter.pages.streaming import stream
from exporter.pages.wording import Lens

__all__ = ["PageRoutes"]

OFFERS = "/offers/"
API_OFFERS = "/api/v1/offers"
HISTORY = "/history"
MAX_WAITING = 32


class PageRoutes:
    """Pages and JSON over a publication; `clock` is Unix time.

    They are written one at a time, in a thread, so that they never hold up a scrape for long.
    """

    def __init__(self, publication: Publication, html: HtmlPages, clock: Callable[[], float]) -> None:
        self._publication = publication
        self._html = html
        self._clock = clock
        self._turn = asyncio.Lock()
        self._waiting = 0

    def routes(self) -> list[Route]:
        """All routes, for the application."""
        return [
            Route("/", self.index),
            Route(OFFERS + "{ids:path}", self.offer),
            Route("/docs", self.docs),
            Route(API_OFFERS, self.offers),
            Route(API_OFFERS + "/{ids:path}" + HISTORY, self.history),
            Route("/sd", self.targets),
        ]

    async def index(self, request: Request) -> Response:
        """Answer with the landing page."""
        try:
            filters = Filters.parse(request.query_params)
        except BadQueryError as error:
            return await self._message("The filter cannot be used", str(error), "./", HTTPStatus.BAD_REQUEST)
        return await self._page(lambda lens: self._html.index(self._publication.snapshot, filters, lens))

    async def offer(self, request: Request) -> Response:
        """Answer with the page of one offer."""
        ids = _raw_path(request).partition(OFFERS)[2]
        record = self._record(ids)
        if record is None:
            text = "The exporter does not watch such an offer, or has not seen it in the publisher's list yet."
            root = "../" * (ids.count("/") + 1)
            return await self._message("There is no such offer", text, root, HTTPStatus.NOT_FOUND)
        return await self._page(lambda lens: self._html.offer(record, lens))

    def _record(self, ids: str) -> OfferRecord | None:
        # A slash within an offer id may stand as it is, for some reverse proxies decode it on the way.
        publisher_id, _, offer_id = (unquote(part) for part in ids.partition("/"))
        return self._publication.snapshot.offer(publisher_id, offer_id)

    async def history(self, request: Request) -> Response:
        """Answer with the past of one offer, as JSON or, with `format=csv`, as CSV."""
        record = self._record(_raw_path(request).partition(API_OFFERS + "/")[2].removesuffix(HISTORY))
        if record is None:
            return PlainTextResponse("Not Found", HTTPStatus.NOT_FOUND)
        if request.query_params.get("format") == "csv":
            return Response(write_csv(record), media_type="text/csv")
        return Response(write_json(record), media_type="application/json")

    async def docs(self, _: Request) -> Response:
        """Answer with the reference."""
        return await self._page(self._html.docs)

    async def offers(self, request: Request) -> Response:
        """Answer with the snapshot as JSON."""
        return await self._json(write_offers, request)

    async def targets(self, request: Request) -> Response:
        """List all targets for `/probe`: all of them or, while a list is missing, none with a 503."""
        if missing := missing_lists(self._publication.snapshot):
            return PlainTextResponse(f"no list of offers yet {missing}\n", HTTPStatus.SERVICE_UNAVAILABLE)
        return await self._json(write_targets, request)

    async def missing(self, request: Request, _: Exception) -> Response:
        """Answer for an address that does not exist: a page that leads back for browsers, one line for programs."""
        if "text/html" not in request.headers.get("accept", "").lower():
            return PlainTextResponse("Not Found", HTTPStatus.NOT_FOUND)
        root = "../" * (_raw_path(request).count("/") - 1) or "./"
        return await self._message(
            "There is nothing here", "The exporter has no page at this address.", root, HTTPStatus.NOT_FOUND
        )

    async def _json(self, write: Callable[[Snapshot, Lens], Iterable[str]], request: Request) -> Response:
        """Answer with a document, which is written once for each snapshot that is published."""

        def answer() -> Response:
            snapshot, documents = self._publication.documents
            if write not in documents:
                documents[write] = tuple(part.encode("ascii") for part in write(snapshot, self._lens()))
            pieces = documents[write]
            return stream(request, pieces, sum(map(len, pieces)), {"Content-Type": "application/json"})

        return await self._in_turn(answer)

    async def _message(self, title: str, text: str, root: str, status: HTTPStatus) -> Response:
        return await self._page(lambda lens: self._html.message(title, text, lens, root=root), status)

    async def _page(self, render: Callable[[Lens], str], status: HTTPStatus = HTTPStatus.OK) -> Response:
        def answer() -> Response:
            headers = {"Content-Security-Policy": self._html.policy}
            return HTMLResponse(render(self._lens()), status, headers)

        return await self._in_turn(answer)

    async def _in_turn(self, answer: Callable[[], Response]) -> Response:
        """Write an answer when it is its turn; 503 if too many wait already."""
        if self._waiting > MAX_WAITING:
            text = "too many answers are being written, try again\n"
            return PlainTextResponse(text, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "1"})
        self._waiting += 1
        try:
            async with self._turn:
                return await run_in_threadpool(answer)
        finally:
            self._waiting -= 1

    def _lens(self) -> Lens:
        return Lens(self._clock(), self._publication.stale_after)


def _raw_path(request: Request) -> str:
    """The path as it was sent, still percent-encoded: an id may hold a slash."""
    raw: bytes = request.scope["raw_path"]
    return raw.partition(b"?")[0].decode("ascii", "replace")

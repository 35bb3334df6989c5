"""The routes for people, and the snapshot as JSON: rendered in a thread, one at a time, so that no scrape waits for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.exposition.publication import Publication
from exporter.pages.documents import in_turn, respond
from exporter.pages.filters import BadQueryError, Filters
from exporter.pages.offers_json import OffersJson
from exporter.pages.pages import Pages
from exporter.web.guard import Turnstile, security_headers

__all__ = ["PageRoutes", "find"]

OFFERS = "/offers/"


@dataclass(frozen=True, slots=True)
class PageRoutes:
    """Pages and JSON over a publication."""

    publication: Publication
    pages: Pages
    document: OffersJson = field(default_factory=OffersJson)
    turnstile: Turnstile = field(default_factory=Turnstile)

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [
            Route("/", self.index),
            Route(OFFERS + "{ids:path}", self.offer),
            Route("/docs", self.docs),
            Route("/api/v1/offers", self.offers),
        ]

    async def index(self, request: Request) -> Response:
        """Show the landing page."""
        try:
            filters = Filters.parse(request.query_params)
        except BadQueryError as error:
            text = str(error)
            return await self._page(
                lambda: self.pages.message("The filter cannot be used", text, root="./"), HTTPStatus.BAD_REQUEST
            )
        return await self._page(
            lambda: self.pages.index(self.publication.snapshot, filters, self.publication.stale_after)
        )

    async def offer(self, request: Request) -> Response:
        """Show one offer."""
        path = _raw_path(request)
        record = find(self.publication.snapshot, path.partition(OFFERS)[2])
        if record is None:
            text = "The exporter does not watch such an offer, or has not seen it in the publisher's list yet."
            root = "../" * path.rpartition(OFFERS)[2].count("/") + "../"
            return await self._page(
                lambda: self.pages.message("There is no such offer", text, root=root), HTTPStatus.NOT_FOUND
            )
        return await self._page(lambda: self.pages.offer(record, self.publication.stale_after))

    async def docs(self, _: Request) -> Response:
        """Show the reference."""
        return await self._page(self.pages.docs)

    async def offers(self, request: Request) -> Response:
        """Answer with the snapshot as JSON."""

        def answer() -> Response:
            lens = self.pages.lens(self.publication.stale_after)
            return respond(request, self.document.body(self.publication.snapshot, lens))

        return await in_turn(self.turnstile, answer)

    async def missing(self, request: Request, _: Exception) -> Response:
        """Answer for an address that does not exist: a page that leads back for browsers, one line for programs."""
        if "text/html" not in request.headers.get("accept", "").lower():
            return PlainTextResponse("Not Found", HTTPStatus.NOT_FOUND, security_headers())
        root = "../" * (_raw_path(request).count("/") - 1) or "./"
        text = "The exporter has no page at this address."
        return await self._page(
            lambda: self.pages.message("There is nothing here", text, root=root), HTTPStatus.NOT_FOUND
        )

    async def _page(self, render: Callable[[], str], status: HTTPStatus = HTTPStatus.OK) -> Response:
        def answer() -> Response:
            html = render().encode("utf-8", "replace")
            return Response(html, status, self.pages.headers, "text/html; charset=utf-8")

        return await in_turn(self.turnstile, answer)


def _raw_path(request: Request) -> str:
    """Give the path as it was sent, still percent-encoded: an id may hold a slash."""
    raw: bytes = request.scope["raw_path"]
    return raw.partition(b"?")[0].decode("ascii", "replace")


def find(snapshot: Snapshot, path: str) -> OfferRecord | None:
    """Find the offer of `publisher/offer`, both percent-encoded.

    A slash inside of an offer id may stand as it is, for some reverse proxies decode it on the way.
    """
    publisher_id, _, offer_id = (unquote(part) for part in path.partition("/"))
    return next(
        (
            record
            for publisher in snapshot.publishers
            if publisher.publisher_id == publisher_id
            for record in publisher.offers
            if record.offer_id == offer_id
        ),
        None,
    )

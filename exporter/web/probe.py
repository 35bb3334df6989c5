"""`/probe` and `/sd`: one offer per request, and the list of offers to ask for (Prometheus HTTP service discovery)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from exporter.collection.prober import BusyError, TargetError, UnknownOfferError
from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.collection.targets import targets
from exporter.exposition.negotiation import OPENMETRICS, TEXT, wants_openmetrics
from exporter.exposition.publication import Publication
from exporter.web.scrape import scrape_timeout

__all__ = ["ProbeRoutes"]

META = "__meta_azure_marketplace_"
GRACE = 0.25  # for the answer of a fetch that has used all of its time; half of what scrape_timeout keeps back


@dataclass(frozen=True, slots=True)
class ProbeRoutes:
    """Answers `/probe` and `/sd`; `probe` starts a fetch of at most so many seconds, and raises TargetError or BusyError."""

    publication: Publication
    probe: Callable[[str, str | None, float], Future[OfferRecord]]

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
        except BusyError as error:
            return PlainTextResponse(f"{error}\n", 503, headers={"Retry-After": "1"})
        try:
            record = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(flight)), seconds + GRACE)
        except TimeoutError:
            return PlainTextResponse("the offer was not fetched within the scrape timeout\n", 504)
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        body = self.publication.probe(record, time.monotonic() - started, openmetrics=openmetrics)
        return Response(body, headers={"Content-Type": OPENMETRICS if openmetrics else TEXT})

    async def answer_discovery(self, _: Request) -> Response:
        """List all targets for `/probe`: all of them or, while a list is missing, none with a 503."""
        snapshot = self.publication.snapshot
        missing = [f"of {one.publisher_id} from {', '.join(one.missing)}" for one in snapshot.publishers if one.missing]
        if missing:
            return PlainTextResponse(f"no list of offers yet {'; '.join(missing)}\n", 503)
        return JSONResponse(_groups(snapshot))


def _groups(snapshot: Snapshot) -> list[dict[str, Any]]:
    return [_group(record) for publisher in snapshot.publishers for record in targets(publisher)]


def _group(record: OfferRecord) -> dict[str, Any]:
    labels = {"publisher_id": record.publisher_id, "offer_id": record.offer_id}
    if record.offer is not None:
        labels |= {"offer_type": record.offer.offer_type, "source": record.offer.source}
    return {
        "targets": [f"{record.publisher_id}/{record.offer_id}"],
        "labels": {META + name: value for name, value in labels.items()},
    }

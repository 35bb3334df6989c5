"""The Product Ingestion API on Microsoft Graph: products, and their draft, preview and live submissions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.access import GRAPH, Gate
from exporter.simulator.answers import ApiError
from exporter.simulator.clock import stamp
from exporter.simulator.pipeline import Phase
from exporter.simulator.products import Products, Standing, page_of, product_id, standing_of, submission_id

if TYPE_CHECKING:
    from starlette.requests import Request

    from exporter.simulator.walk import OfferState

__all__ = ["ProductIngestion"]

_ROOT = "/rp/product-ingestion"
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview\d*)?")
# Real answers carry either host.
_SCHEMAS = ("https://schema.mp.microsoft.com/schema", "https://product-ingestion.azureedge.net/schema")


@dataclass(frozen=True, slots=True)
class ProductIngestion:
    """The routes of this API over an account's products, at most `page_size` of them per page."""

    products: Products
    gate: Gate
    page_size: int

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [
            Route(f"{_ROOT}/product", self.list_products),
            Route(f"{_ROOT}/submission/{{product}}", self.list_submissions),
            Route(f"{_ROOT}/submission/{{product}}/{{submission}}", self.get_submission),
        ]

    async def list_products(self, request: Request) -> Response:
        """Answer with a page of products; `externalId` and `type` select."""
        self._admit(request)
        query = {name.lower(): value for name, value in request.query_params.items()}
        states = [state for state in self.products.listed() if _is_wanted(state, query)]
        wanted = query.get("$maxpagesize", "")
        size = min(int(wanted) if wanted.isdecimal() else self.page_size, self.page_size)
        page, following = page_of(states, query.get("continuationtoken", ""), size)
        answer: dict[str, Any] = {"value": [_product(state) for state in page]}
        if following is not None:
            more = dict(request.query_params) | {"continuationToken": str(following)}
            answer["@nextLink"] = f"{request.base_url}{_ROOT.lstrip('/')}/product?{urlencode(more)}"
        return JSONResponse(answer)

    async def list_submissions(self, request: Request) -> Response:
        """Answer with the active submissions, if asked those of one target."""
        entries = self._submissions(request)
        target = request.query_params.get("targetType")
        return JSONResponse({"value": [one for one in entries if target in {None, one["target"]["targetType"]}]})

    async def get_submission(self, request: Request) -> Response:
        """Answer with one submission."""
        wanted = f"submission/{request.path_params['product']}/{request.path_params['submission']}"
        for entry in self._submissions(request):
            if entry["id"] == wanted:
                return JSONResponse(entry)
        raise ApiError(404, "notFound", f"There is no {wanted}.")

    def _submissions(self, request: Request) -> list[dict[str, Any]]:
        self._admit(request)
        state = self.products.find(request.path_params["product"])
        if state is None:
            raise ApiError(404, "notFound", "There is no such product.")
        return submissions_of(state)

    def _admit(self, request: Request) -> None:
        self.gate.admit(request, GRAPH)
        version = request.query_params.get("$version")
        if version is not None and not _VERSION.fullmatch(version):
            raise ApiError(400, "badRequest", f"There is no version {version!r}.")


def _is_wanted(state: OfferState, query: dict[str, str]) -> bool:
    plan = state.plan
    return (
        query.get("externalid", plan.offer) == plan.offer
        and query.get("type", plan.kind.product_type) == plan.kind.product_type
    )


def _product(state: OfferState) -> dict[str, Any]:
    plan = state.plan
    guid = product_id(plan)
    return {
        "$schema": f"{_SCHEMAS[int(guid[0], 16) % 2]}/product/2022-03-01-preview3",
        "id": f"product/{guid}",
        "identity": {"externalId": plan.offer},
        "type": plan.kind.product_type,
        "alias": plan.title,
        "lifecycleState": "generallyAvailable",
    }


def submissions_of(state: OfferState) -> list[dict[str, Any]]:
    """Tell a state in submissions.

    A promoted submission is preview and live at once, under one id; while it goes live, the old live one is still there.
    What failed on its way to live leaves the preview as it was, and a canceled one leaves nothing.
    """
    entries = [_entry(state, "draft", 0)]
    standing = standing_of(state)
    newest = submission_id(state.plan, state.number)
    if standing is not Standing.LIVE and state.promoted is not None:
        older = submission_id(state.plan, state.number - 1)
        entries.append(_entry(state, "live", older, ("completed", "succeeded", state.promoted)))
    if standing in {Standing.DRAFT, Standing.CANCELED} or state.submitted is None:
        return entries
    signed_off = next((step.ended for step in state.phase(Phase.SIGNOFF)), None)
    preview = _RESULTS.get(standing, ("completed", "succeeded")) if signed_off is None else ("completed", "succeeded")
    entries.append(_entry(state, "preview", newest, (*preview, state.submitted)))
    if signed_off is not None:
        live = _RESULTS.get(standing, ("completed", "succeeded"))
        entries.append(_entry(state, "live", newest, (*live, signed_off)))
    return entries


_RESULTS = {
    Standing.PREVIEWING: ("running", "pending"),
    Standing.GOING_LIVE: ("running", "pending"),
    Standing.FAILED: ("completed", "failed"),
}


def _entry(
    state: OfferState, target: str, number: str | int, outcome: tuple[str, str, float] | None = None
) -> dict[str, Any]:
    guid = product_id(state.plan)
    entry: dict[str, Any] = {
        "$schema": f"{_SCHEMAS[0]}/submission/2022-03-01-preview2",
        "id": f"submission/{guid}/{number}",
        "product": f"product/{guid}",
        "target": {"targetType": target},
    }
    if outcome is None:
        return entry
    status, result, created = outcome
    return entry | {
        "status": status,
        "result": result,
        "created": stamp(created),
        "lifecycleState": "generallyAvailable",
    }

"""The Product Ingestion API on Microsoft Graph: products and their submissions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.access import GRAPH, ApiError, BearerAuth
from exporter.simulator.clock import stamp
from exporter.simulator.pipeline import Phase
from exporter.simulator.walk import OfferState
from exporter.simulator.world import Standing, World, page_of, product_id, standing_of, submission_id

__all__ = ["ProductIngestion"]

_ROOT = "/rp/product-ingestion"
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview\d*)?")
_REFUSED = {"azureApplication", "consultingService"}
"""Types of products that are listed here and served elsewhere (robe070/cookbooks saw azureApplication refused)."""

# Real answers carry either host.
_SCHEMAS = ("https://schema.mp.microsoft.com/schema", "https://product-ingestion.azureedge.net/schema")


@dataclass(frozen=True, slots=True)
class ProductIngestion:
    """The routes of this API over an account's products, at most `page_size` of them per page."""

    world: World
    auth: BearerAuth
    page_size: int

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route(f"{_ROOT}/product", self._list_products),
            Route(f"{_ROOT}/submission/{{product}}", self._list_submissions),
        ]

    async def _list_products(self, request: Request) -> Response:
        """Answer with a page; `externalId` selects."""
        self._admit(request)
        query = request.query_params
        wanted = query.get("externalId")
        states = [state for state in self.world.products() if wanted in {None, state.plan.offer}]
        page, following = page_of(states, query.get("continuationToken", ""), self.page_size)
        answer: dict[str, Any] = {"value": [_product(state) for state in page]}
        if following is not None:
            more = dict(query) | {"continuationToken": str(following)}
            answer["@nextLink"] = f"{request.base_url}{_ROOT.lstrip('/')}/product?{urlencode(more)}"
        return JSONResponse(answer)

    async def _list_submissions(self, request: Request) -> Response:
        return JSONResponse({"value": submissions_of(self._served(request))})

    def _served(self, request: Request) -> OfferState:
        self._admit(request)
        guid = request.path_params["product"]
        state = self.world.product(guid)
        if state is None:
            raise ApiError(404, "notFound", f"There is no product/{guid}.", "resourceNotFound")
        kind = state.plan.kind.product_type
        if kind in _REFUSED:
            raise ApiError(400, "badRequest", f"The product type '{kind}' is not supported.", "notSupported")
        return state

    def _admit(self, request: Request) -> None:
        self.auth.check(request, GRAPH)
        version = request.query_params.get("$version")
        if version is not None and not _VERSION.fullmatch(version):
            raise ApiError(400, "badRequest", f"There is no version {version!r}.", "invalidRequest")


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


_SUCCEEDED = ("completed", "succeeded")
_RESULTS = {
    Standing.PREVIEWING: ("running", "pending"),
    Standing.GOING_LIVE: ("running", "pending"),
    Standing.FAILED: ("completed", "failed"),
}


def submissions_of(state: OfferState) -> list[dict[str, Any]]:
    """Tell a state in submissions.

    Once promoted, a submission is a live entry; its preview entry is gone (SUSE-Enceladus/azure-img-utils counts on it)
    or stays under the same id until there is a newer one (`keeps_preview`, as release-engineering/cloudpub has it). Until
    it is live, the old live entry stays. A canceled submission leaves nothing.
    """
    standing = standing_of(state)
    entries = [_entry(state, "draft", 0)]
    if standing is not Standing.LIVE and state.promoted is not None:
        older = submission_id(state.plan, state.number - 1)
        entries.append(_entry(state, "live", older, (*_SUCCEEDED, state.promoted)))
    if standing in {Standing.DRAFT, Standing.CANCELED} or state.submitted is None:
        return entries
    newest = submission_id(state.plan, state.number)
    outcome = _RESULTS.get(standing, _SUCCEEDED)
    signed_off = next((step.ended for step in state.phase(Phase.SIGNOFF)), None)
    if signed_off is None or state.plan.keeps_preview:
        preview = outcome if signed_off is None else _SUCCEEDED
        entries.append(_entry(state, "preview", newest, (*preview, state.submitted)))
    if signed_off is not None:
        entries.append(_entry(state, "live", newest, (*outcome, signed_off)))
    return entries


def _entry(
    state: OfferState, target: str, number: str | int, outcome: tuple[str, str, float] | None = None
) -> dict[str, Any]:
    if state.plan.tells_little and outcome is not None:
        return {"target": {"targetType": target}, "status": outcome[0], "result": outcome[1]}
    guid = product_id(state.plan)
    entry: dict[str, Any] = {
        "$schema": f"{_SCHEMAS[0]}/submission/2022-03-01-preview2",
        "id": f"submission/{guid}/{number}",
        "product": f"product/{guid}",
        "target": {"targetType": target},
        "lifecycleState": "generallyAvailable",
    }
    if target == "live" and state.plan.is_deprecated:
        entry["lifecycleState"] = "deprecated"
        entry["deprecationSchedule"] = {"date": stamp(state.changed)[:10], "reason": "endOfSupport"}
    if outcome is None:
        return entry
    status, result, created = outcome
    return entry | {"status": status, "result": result, "created": stamp(created)}

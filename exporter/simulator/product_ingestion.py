"""The Product Ingestion API on Microsoft Graph: products, submissions, resource trees, and the jobs that made them.

It is read-only here. Nobody lists jobs: a client knows the id of the job that it started. Here the newest job of a
product has the product's GUID for its id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.access import GRAPH, ApiError, Tokens
from exporter.simulator.clock import stamp
from exporter.simulator.pipeline import Phase
from exporter.simulator.walk import OfferState
from exporter.simulator.world import Standing, World, page_of, product_id, standing_of, submission_id

__all__ = ["ProductIngestion"]

_ROOT = "/rp/product-ingestion"
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview\d*)?")
_NOT_ENDED = "0001-01-01T00:00:00"
_REFUSED = {"azureApplication", "consultingService"}
"""Types of products that are listed here and served elsewhere (robe070/cookbooks saw azureApplication refused)."""

# Real answers carry either host.
_SCHEMAS = ("https://schema.mp.microsoft.com/schema", "https://product-ingestion.azureedge.net/schema")


@dataclass(frozen=True, slots=True)
class ProductIngestion:
    """The routes of this API over an account's products, at most `page_size` of them per page."""

    world: World
    tokens: Tokens
    page_size: int

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route(f"{_ROOT}/product", self._list_products),
            Route(f"{_ROOT}/submission/{{product}}", self._list_submissions),
            Route(f"{_ROOT}/submission/{{product}}/{{submission}}", self._get_submission),
            Route(f"{_ROOT}/resource-tree/product/{{product}}", self._resource_tree),
            Route(f"{_ROOT}/configure/{{product}}", self._job),
            Route(f"{_ROOT}/configure/{{product}}/status", self._job_status),
        ]

    async def _list_products(self, request: Request) -> Response:
        """Answer with a page; `externalId` (in any case) and `type` select, `$maxpagesize` only makes pages smaller."""
        self._admit(request)
        query = {name.lower(): value for name, value in request.query_params.items()}
        states = [state for state in self.world.products() if _is_wanted(state, query)]
        wanted = query.get("$maxpagesize", "")
        size = min(int(wanted) if wanted.isdecimal() else self.page_size, self.page_size)
        page, following = page_of(states, query.get("continuationtoken", ""), size)
        answer: dict[str, Any] = {"value": [_product(state) for state in page]}
        if following is not None:
            more = dict(request.query_params) | {"continuationToken": str(following)}
            answer["@nextLink"] = f"{request.base_url}{_ROOT.lstrip('/')}/product?{urlencode(more)}"
        return JSONResponse(answer)

    async def _list_submissions(self, request: Request) -> Response:
        entries = submissions_of(self._served(request))
        target = request.query_params.get("targetType")
        return JSONResponse({"value": [one for one in entries if target in {None, one["target"]["targetType"]}]})

    async def _get_submission(self, request: Request) -> Response:
        wanted = f"submission/{request.path_params['product']}/{request.path_params['submission']}"
        for entry in submissions_of(self._served(request)):
            if entry.get("id") == wanted:
                return JSONResponse(entry)
        raise _not_found(wanted)

    async def _resource_tree(self, request: Request) -> Response:
        """Answer with the product and the submission of one target; the pages write the target in quotes."""
        state = self._served(request)
        target = request.query_params.get("targetType", "draft").strip('"')
        found = [one for one in submissions_of(state) if one["target"]["targetType"] == target]
        if not found:
            raise _not_found(f"product/{request.path_params['product']} for the target {target}")
        return JSONResponse(
            {
                "$schema": f"{_SCHEMAS[0]}/resource-tree/2022-03-01-preview2",
                "root": f"product/{product_id(state.plan)}",
                "target": {"targetType": target},
                "resources": [_product(state), found[-1]],
            }
        )

    async def _job(self, request: Request) -> Response:
        """Answer with what a job made; one that failed made nothing (lwhsu/azure-freebsd-scripts 62e9fb1)."""
        state = self._served(request)
        status = _job_status(state)
        if status is None or status["jobResult"] != "succeeded":
            raise _not_found(f"configuration {request.path_params['product']}")
        schema = f"{_SCHEMAS[0]}/configure/2022-03-01-preview2"
        return JSONResponse({"$schema": schema, "resources": [submissions_of(state)[-1]]})

    async def _job_status(self, request: Request) -> Response:
        status = _job_status(self._served(request))
        if status is None:
            raise _not_found(f"configuration {request.path_params['product']}")
        return JSONResponse(status)

    def _served(self, request: Request) -> OfferState:
        self._admit(request)
        guid = request.path_params["product"]
        state = self.world.product(guid)
        if state is None:
            raise _not_found(f"product/{guid}")
        kind = state.plan.kind.product_type
        if kind in _REFUSED:
            raise ApiError(400, "badRequest", f"The product type '{kind}' is not supported.", "notSupported")
        return state

    def _admit(self, request: Request) -> None:
        self.tokens.admit(request, GRAPH)
        version = request.query_params.get("$version")
        if version is not None and not _VERSION.fullmatch(version):
            raise ApiError(400, "badRequest", f"There is no version {version!r}.", "invalidRequest")


def _not_found(what: str) -> ApiError:
    return ApiError(404, "notFound", f"There is no {what}.", "resourceNotFound")


def _is_wanted(state: OfferState, query: dict[str, str]) -> bool:
    plan = state.plan
    kind = plan.kind.product_type
    return query.get("externalid", plan.offer) == plan.offer and query.get("type", kind) == kind


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


def _job_status(state: OfferState) -> dict[str, Any] | None:
    """The job of the newest submission, None if there was none; errors in the form that cloudpub's tests show."""
    standing = standing_of(state)
    if state.submitted is None:
        return None
    canceled = ("completed", "cancelled")
    status, result = canceled if standing is Standing.CANCELED else _RESULTS.get(standing, _SUCCEEDED)
    submission = f"submission/{product_id(state.plan)}/{submission_id(state.plan, state.number)}"
    finding = {"code": "invalidState", "message": "Issues were found during certification."}
    failure = {
        "code": "internalServerError",
        "resourceId": submission,
        "message": "Operation failed",
        "details": [finding],
    }
    return {
        "$schema": f"{_SCHEMAS[0]}/configure-status/2022-03-01-preview2",
        "jobId": product_id(state.plan),
        "jobStatus": status,
        "jobResult": result,
        "jobStart": stamp(state.submitted),
        "jobEnd": stamp(state.changed) if status == "completed" else _NOT_ENDED,
        "resourceUri": f"https://graph.microsoft.com{_ROOT}/{submission}",
        "errors": [failure] if result == "failed" else [],
    }

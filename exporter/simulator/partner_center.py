"""The Partner Center submission API: products, submissions, and what is told about one submission."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.access import PARTNER_CENTER, Gate
from exporter.simulator.answers import PlainError
from exporter.simulator.products import Products, page_of, product_id
from exporter.simulator.submissions import reports_of, submissions_of, validations_of, workflows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from exporter.simulator.walk import OfferState

__all__ = ["PartnerCenter"]

_ROOT = "/v1.0/ingestion"
_BY_OFFER = re.compile(r"externalIDs/Any\(i:i/type eq 'AzureOfferId' and i/value eq '([^']*)'\)", re.IGNORECASE)
_BY_TYPE = re.compile(r"resourceType eq '([^']*)'", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PartnerCenter:
    """The routes of this API over an account's products, `page_size` of them per page.

    Virtual machines and containers are listed although their submissions belong to the other API: those answer 404.
    """

    products: Products
    gate: Gate
    page_size: int

    def routes(self) -> list[Route]:
        """Give the routes."""
        one = f"{_ROOT}/products/{{product}}/submissions/{{submission}}"
        return [
            Route(f"{_ROOT}/products", self.list_products),
            Route(f"{_ROOT}/products/{{product}}", self.get_product),
            Route(f"{_ROOT}/products/{{product}}/submissions", self.list_submissions),
            Route(one, self.get_submission),
            Route(f"{one}/workflowdetails", self.list_workflows),
            Route(f"{one}/reports", self.list_reports),
            Route(f"{one}/validations", self.list_validations),
        ]

    async def list_products(self, request: Request) -> Response:
        """Answer with a page of products; the link to the next is relative to the host and has no leading slash."""
        self._admit(request)
        query = request.query_params
        states = _selected(self.products.listed(), query.get("$filter", ""))
        page, following = page_of(states, query.get("$skipToken", ""), self.page_size)
        answer: dict[str, Any] = {"value": [_product(state) for state in page]}
        if following is not None:
            more = dict(query) | {"$skipToken": str(following)}
            answer["nextLink"] = f"{_ROOT.lstrip('/')}/products?{urlencode(more, safe='$')}"
        return JSONResponse(answer)

    async def get_product(self, request: Request) -> Response:
        """Answer with one product of the list."""
        self._admit(request)
        for state in self.products.listed():
            if product_id(state.plan) == request.path_params["product"]:
                return JSONResponse(_product(state))
        raise PlainError(404, "NotFound", "There is no such product.")

    async def list_submissions(self, request: Request) -> Response:
        """Answer with the submission in progress and the published one."""
        return JSONResponse({"value": submissions_of(self._state(request))})

    async def get_submission(self, request: Request) -> Response:
        """Answer with one submission."""
        return JSONResponse(self._submission(request)[1])

    async def list_workflows(self, request: Request) -> Response:
        """Answer with the steps of a submission."""
        return self._tell(request, workflows_of)

    async def list_reports(self, request: Request) -> Response:
        """Answer with the certification reports of a submission."""
        return self._tell(request, reports_of)

    async def list_validations(self, request: Request) -> Response:
        """Answer with the findings of a submission's validation."""
        return self._tell(request, validations_of)

    def _tell(self, request: Request, tell: Callable[[OfferState], list[dict[str, Any]]]) -> Response:
        """Only the newest submission has something to tell; of the older one no details are kept."""
        state, submission = self._submission(request)
        is_newest = submission == submissions_of(state)[-1]
        return JSONResponse({"value": tell(state) if is_newest else []})

    def _submission(self, request: Request) -> tuple[OfferState, dict[str, Any]]:
        state = self._state(request)
        for submission in submissions_of(state):
            if submission["id"] == request.path_params["submission"]:
                return state, submission
        raise PlainError(404, "NotFound", "There is no such submission.")

    def _state(self, request: Request) -> OfferState:
        self._admit(request)
        state = self.products.find(request.path_params["product"])
        if state is None:
            raise PlainError(404, "NotFound", "There are no submissions of such a product.")
        return state

    def _admit(self, request: Request) -> None:
        self.gate.admit(request, PARTNER_CENTER, PlainError)


def _selected(states: list[OfferState], condition: str) -> list[OfferState]:
    """Keep what a `$filter` selects; the two filters that real clients use are understood, all others refused."""
    if not condition:
        return states
    if match := _BY_OFFER.fullmatch(condition):
        return [state for state in states if state.plan.offer == match[1]]
    if match := _BY_TYPE.fullmatch(condition):
        return [state for state in states if state.plan.kind.resource_type == match[1]]
    raise PlainError(400, "BadRequest", f"The filter {condition!r} cannot be understood.")


def _product(state: OfferState) -> dict[str, Any]:
    return {
        "resourceType": state.plan.kind.resource_type,
        "name": state.plan.title,
        "externalIDs": [{"type": "AzureOfferId", "value": state.plan.offer}],
        "isModularPublishing": True,
        "id": product_id(state.plan),
    }

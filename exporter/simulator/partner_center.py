"""The Partner Center submission API: products, submissions, and what is told about one submission."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.access import PARTNER_CENTER, PlainError, Tokens
from exporter.simulator.submissions import reports_of, submissions_of, validations_of, workflows_of
from exporter.simulator.walk import OfferState
from exporter.simulator.world import Standing, World, page_of, product_id, standing_of

__all__ = ["PartnerCenter", "Quirk"]

_ROOT = "/v1.0/ingestion"
_BY_OFFER = re.compile(r"externalIDs/Any\(i:i/type eq 'AzureOfferId' and i/value eq '([^']*)'\)", re.IGNORECASE)
_BY_TYPE = re.compile(r"resourceType eq '([^']*)'", re.IGNORECASE)


class Quirk(StrEnum):
    """What this API has been seen to do for a while (microsoft/navcontainerhelper issues 4126 and 3151)."""

    UNFILTERED_REFUSED = "unfiltered-refused"
    NEXT_PAGE_MISSING = "next-page-missing"


@dataclass(frozen=True, slots=True)
class PartnerCenter:
    """The routes of this API, `page_size` products per page.

    All products of the account are listed; those whose submissions it does not have answer 404.
    """

    world: World
    tokens: Tokens
    page_size: int
    quirks: Collection[Quirk] = ()

    def routes(self) -> list[Route]:
        """The routes."""
        one = f"{_ROOT}/products/{{product}}/submissions/{{submission}}"
        return [
            Route(f"{_ROOT}/products", self._list_products),
            Route(f"{_ROOT}/products/{{product}}", self._get_product),
            Route(f"{_ROOT}/products/{{product}}/submissions", self._list_submissions),
            Route(one, self._get_submission),
            Route(f"{one}/workflowdetails", self._list_workflows),
            Route(f"{one}/reports", self._list_reports),
            Route(f"{one}/validations", self._list_validations),
        ]

    async def _list_products(self, request: Request) -> Response:
        """Answer with a page; the link to the next is relative to the host and has no leading slash."""
        self._admit(request)
        query = request.query_params
        states = self._selected(query.get("$filter", ""))
        begin = query.get("$skipToken", "")
        page, following = page_of(states, begin, self.page_size)
        if begin and not page:
            raise PlainError(404, "NotFound", "Not Found")
        if following is None and Quirk.NEXT_PAGE_MISSING in self.quirks:
            following = len(states)
        answer: dict[str, Any] = {"value": [_product(state) for state in page]}
        if following is not None:
            more = dict(query) | {"$skipToken": str(following)}
            answer["nextLink"] = f"{_ROOT.lstrip('/')}/products?{urlencode(more, safe='$')}"
        return JSONResponse(answer)

    def _selected(self, condition: str) -> list[OfferState]:
        """Keep what a `$filter` selects; the two filters that real clients use are understood, all others refused."""
        states = self.world.products()
        if not condition:
            if Quirk.UNFILTERED_REFUSED in self.quirks:
                raise PlainError(400, "BadRequest", _unfiltered())
            return states
        if match := _BY_OFFER.fullmatch(condition):
            return [state for state in states if state.plan.offer == match[1]]
        if match := _BY_TYPE.fullmatch(condition):
            return [state for state in states if state.plan.kind.resource_type == match[1]]
        raise PlainError(400, "BadRequest", f"The filter {condition!r} cannot be understood.")

    async def _get_product(self, request: Request) -> Response:
        return JSONResponse(_product(self._state(request)))

    async def _list_submissions(self, request: Request) -> Response:
        return JSONResponse({"value": submissions_of(self._submitted(request))})

    async def _get_submission(self, request: Request) -> Response:
        return JSONResponse(self._submission(request)[1])

    async def _list_workflows(self, request: Request) -> Response:
        state, _ = self._submission(request)
        if state.plan.hides_workflows and standing_of(state) is Standing.WAITING:
            raise PlainError(404, "NotFound", "Not Found")
        return self._tell(request, workflows_of)

    async def _list_reports(self, request: Request) -> Response:
        return self._tell(request, reports_of)

    async def _list_validations(self, request: Request) -> Response:
        return self._tell(request, validations_of)

    def _tell(self, request: Request, tell: Callable[[OfferState], list[dict[str, Any]]]) -> Response:
        """Only the newest submission has something to tell; of the older one no details are kept."""
        state, submission = self._submission(request)
        is_newest = submission == submissions_of(state)[-1]
        return JSONResponse({"value": tell(state) if is_newest else []})

    def _submission(self, request: Request) -> tuple[OfferState, dict[str, Any]]:
        state = self._submitted(request)
        for submission in submissions_of(state):
            if submission["id"] == request.path_params["submission"]:
                return state, submission
        raise PlainError(404, "NotFound", "Not Found")

    def _submitted(self, request: Request) -> OfferState:
        state = self._state(request)
        if not state.plan.in_partner_center:
            raise PlainError(404, "NotFound", "Not Found")
        return state

    def _state(self, request: Request) -> OfferState:
        self._admit(request)
        state = self.world.product(request.path_params["product"])
        if state is None:
            raise PlainError(404, "NotFound", "Not Found")
        return state

    def _admit(self, request: Request) -> None:
        self.tokens.admit(request, PARTNER_CENTER, PlainError)


def _unfiltered() -> str:
    """The refusal of a list that names no product type; the types are those of the API's own default."""
    kinds = ("Application", "Bundle", "AvatarItem", "InternetOfThings")
    data = {
        f"ProductTypeFilter[{place}]": [f"The field is invalid (value '{kind}')."] for place, kind in enumerate(kinds)
    }
    fault = {"faultCode": 50400, "reasonPhrase": "Request validation failed.", "data": data}
    return f"ICH50400 - Unable to complete request. {json.dumps(fault)}"


def _product(state: OfferState) -> dict[str, Any]:
    return {
        "resourceType": state.plan.kind.resource_type,
        "name": state.plan.title,
        "externalIDs": [{"type": "AzureOfferId", "value": state.plan.offer}],
        "isModularPublishing": True,
        "id": product_id(state.plan),
    }

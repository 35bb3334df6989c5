"""The Cloud Partner Portal API, api-version 2017-10-31: publishers, offers, status."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.access import CLOUD_PARTNER, ApiError, Tokens
from exporter.simulator.clock import stamp
from exporter.simulator.pipeline import Note
from exporter.simulator.walk import OfferState, StepState
from exporter.simulator.world import World

__all__ = ["API_VERSION", "CloudPartner"]

API_VERSION = "2017-10-31"
_BY_TYPE = re.compile(r"offerTypeId eq '([^']*)'")


@dataclass(frozen=True, slots=True)
class CloudPartner:
    """The routes of this API over a world."""

    world: World
    tokens: Tokens

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/api/publishers", self._list_publishers),
            Route("/api/publishers/{publisher}/offers", self._list_offers),
            Route("/api/publishers/{publisher}/offers/{offer}/status", self._offer_status),
        ]

    async def _list_publishers(self, request: Request) -> Response:
        self._admit(request)
        names = [name for name in self.world.publishers() if name not in self.world.scenario.forbidden]
        return JSONResponse([{"id": name, "definition": {"displayText": name.capitalize()}} for name in names])

    async def _list_offers(self, request: Request) -> Response:
        """Answer with a bare array; the `$filter` is that of az-partner-center-cli."""
        self._admit(request)
        states = [state for state in self.world.offers(self._publisher(request)) if state.plan.in_cloud_partner]
        if condition := request.query_params.get("$filter"):
            match = _BY_TYPE.fullmatch(condition)
            if match is None:
                raise ApiError(400, "BadRequest", f"The filter {condition!r} cannot be understood.")
            states = [state for state in states if state.plan.kind.offer_type_id == match[1]]
        return JSONResponse([_entry(state) for state in states])

    async def _offer_status(self, request: Request) -> Response:
        self._admit(request)
        publisher, offer = self._publisher(request), request.path_params["offer"]
        state = self.world.offer(publisher, offer)
        if state is None or not state.plan.in_cloud_partner:
            raise ApiError(404, "NotFound", f"There is no offer {offer!r} of publisher {publisher!r}.")
        return JSONResponse(_status(state))

    def _admit(self, request: Request) -> None:
        self.tokens.admit(request, CLOUD_PARTNER)
        version = request.query_params.get("api-version")
        if version != API_VERSION:
            raise ApiError(400, "InvalidAPIVersion", f"api-version {version!r} is none of the allowed: {API_VERSION}.")

    def _publisher(self, request: Request) -> str:
        publisher: str = request.path_params["publisher"]
        if publisher in self.world.scenario.forbidden:
            message = f"The principal has no access to the namespace of publisher {publisher!r}."
            raise ApiError(403, "Forbidden", message)
        if publisher not in self.world.publishers():
            raise ApiError(404, "NotFound", f"There is no publisher {publisher!r}.")
        return publisher


def _entry(state: OfferState) -> dict[str, Any]:
    plan = state.plan
    # A never published offer shows the form of times with three digits and no zone, which real lists know, too.
    changed = stamp(state.changed) if state.steps else stamp(state.changed, 3).removesuffix("Z")
    return {
        "offerTypeId": plan.kind.offer_type_id,
        "publisherId": plan.publisher,
        "status": state.status,
        "lockStatus": "none",
        "pcMigrationStatus": "migrated",
        "pcRedirectUri": f"https://partner.example.com/offers/{plan.offer}",
        "isvUpgradeRequest": False,
        "id": plan.offer,
        "version": state.version,
        "definition": {"displayText": plan.title},
        "changedTime": changed,
    }


def _status(state: OfferState) -> dict[str, Any]:
    return {
        "status": state.status,
        "messages": [_message(note) for note in state.notes],
        "steps": [_step(state, step) for step in state.steps],
        "previewLinks": [],
        "liveLinks": [],
    }


def _step(state: OfferState, step: StepState) -> dict[str, Any]:
    estimate = state.plan.estimates.get(step.stage.step_id, step.stage.estimate)
    return {
        "id": step.stage.step_id,
        "stepName": step.stage.name,
        "description": f"{step.stage.name} of the submitted offer.",
        **({"estimatedTimeFrame": estimate} if estimate else {}),
        "status": step.status,
        "messages": [_message(note) for note in step.notes],
        "progressPercentage": step.progress,
    }


def _message(note: Note) -> dict[str, Any]:
    return {"messageHtml": note.html, "level": note.level, "timestamp": stamp(note.at)}

"""The Cloud Partner Portal API, api-version 2017-10-31: publishers, offers, status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.access import CLOUD_PARTNER, Gate
from exporter.simulator.answers import ApiError
from exporter.simulator.clock import stamp, stamp_without_zone
from exporter.simulator.walk import OfferState, Source, StepState

if TYPE_CHECKING:
    from starlette.requests import Request

    from exporter.simulator.notes import Note
    from exporter.simulator.world import Override, World

__all__ = ["API_VERSION", "CloudPartner"]

API_VERSION = "2017-10-31"


@dataclass(frozen=True, slots=True)
class CloudPartner:
    """The routes of this API over a world."""

    world: World
    gate: Gate

    def routes(self) -> list[Route]:
        """Give the routes; ids are matched as they stand in the URL, still percent-encoded."""
        return [
            Route("/api/publishers", self.list_publishers),
            Route("/api/publishers/{publisher}/offers", self.list_offers),
            Route("/api/publishers/{publisher}/offers/{offer}/status", self.offer_status),
        ]

    async def list_publishers(self, request: Request) -> Response:
        """Answer which publishers the principal may see."""
        self._admit(request)
        names = [name for name in self.world.publishers() if name not in self.world.scenario.forbidden]
        return JSONResponse([{"id": name, "definition": {"displayText": name.capitalize()}} for name in names])

    async def list_offers(self, request: Request) -> Response:
        """Answer with the bare array of a publisher's offers."""
        self._admit(request)
        publisher = self._publisher(request)
        entries = [_entry(state) for state in self.world.states(publisher, Source.CLOUD_PARTNER)]
        for offer, override in self.world.raws(publisher).items():
            if override.entry is not None:
                entries.append(_override_entry(publisher, offer, override))
        return JSONResponse(entries)

    async def offer_status(self, request: Request) -> Response:
        """Answer with status, steps and messages of one offer."""
        self._admit(request)
        publisher, offer = self._publisher(request), unquote(request.path_params["offer"])
        override = self.world.raw(publisher, offer)
        if override is not None:
            return JSONResponse(override.status)
        state = self.world.state(publisher, offer, Source.CLOUD_PARTNER)
        if state is None:
            raise ApiError(404, "NotFound", f"There is no offer {offer!r} of publisher {publisher!r}.")
        return JSONResponse(_status(state))

    def _admit(self, request: Request) -> None:
        self.gate.admit(request, CLOUD_PARTNER)
        version = request.query_params.get("api-version")
        if version != API_VERSION:
            raise ApiError(400, "InvalidAPIVersion", f"api-version {version!r} is none of the allowed: {API_VERSION}.")

    def _publisher(self, request: Request) -> str:
        publisher = unquote(request.path_params["publisher"])
        if publisher in self.world.scenario.forbidden:
            raise ApiError(
                403, "Forbidden", f"The principal has no access to the namespace of publisher {publisher!r}."
            )
        if publisher not in self.world.publishers():
            raise ApiError(404, "NotFound", f"There is no publisher {publisher!r}.")
        return publisher


def _entry(state: OfferState) -> dict[str, Any]:
    plan = state.plan
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
        # A never published offer shows the form without a zone, which the real list knows, too.
        "changedTime": stamp(state.changed) if state.steps else stamp_without_zone(state.changed),
    }


def _override_entry(publisher: str, offer: str, override: Override) -> dict[str, Any]:
    status = override.status.get("status") if isinstance(override.status, dict) else None
    usual = {
        "offerTypeId": "microsoft-azure-virtualmachines",
        "publisherId": publisher,
        "status": status,
        "id": offer,
        "version": 1,
        "definition": {"displayText": offer},
        "changedTime": stamp(override.put_at),
    }
    return usual | (override.entry or {})


def _status(state: OfferState) -> dict[str, Any]:
    return {
        "status": state.status,
        "messages": [_message(note) for note in state.notes],
        "steps": [_step(state, step) for step in state.steps],
        "previewLinks": [],
        "liveLinks": [],
    }


def _step(state: OfferState, step: StepState) -> dict[str, Any]:
    estimate = state.plan.estimate(step.stage)
    return {
        "id": step.stage.step_id,
        "stepName": step.stage.name,
        "description": step.stage.description,
        **({"estimatedTimeFrame": estimate} if estimate else {}),
        "status": step.status,
        "messages": [_message(note) for note in step.notes],
        "progressPercentage": step.progress,
    }


def _message(note: Note) -> dict[str, Any]:
    return {"messageHtml": note.html, "level": note.level, "timestamp": stamp(note.at)}

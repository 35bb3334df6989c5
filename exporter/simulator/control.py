"""The control API under `/control/`: how a test tells the simulator what to answer, and asks what it was asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.answers import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request

    from exporter.simulator.requests_seen import RequestsSeen
    from exporter.simulator.world import World

__all__ = ["Control"]


@dataclass(frozen=True, slots=True)
class Control:
    """The routes of the control API; they ask for no token."""

    world: World
    seen: RequestsSeen

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [
            Route("/control/offers/{publisher}/{offer}", self.put_offer, methods=["PUT"]),
            Route("/control/offers/{publisher}/{offer}", self.delete_offer, methods=["DELETE"]),
            Route("/control/requests", self.get_requests, methods=["GET"]),
            Route("/control/requests", self.reset_requests, methods=["DELETE"]),
            Route("/control/requests/log", self.get_log, methods=["GET"]),
        ]

    async def put_offer(self, request: Request) -> Response:
        """Serve the body as the offer's status answer; its key `list` has fields of the list entry, or null for none."""
        body = await read_json(request)
        if not isinstance(body, dict):
            raise ApiError(
                400, "BadRequest", "Expected a JSON object: the status answer, with `list` beside it if needed."
            )
        entry = body.pop("list", {})
        if entry is not None and not isinstance(entry, dict):
            raise ApiError(400, "BadRequest", "`list` is an object with fields of the list entry, or null.")
        self.world.put(*_names(request), body, entry)
        return Response(status_code=204)

    async def delete_offer(self, request: Request) -> Response:
        """Let the offer vanish from lists and status."""
        self.world.remove(*_names(request))
        return Response(status_code=204)

    async def get_requests(self, _request: Request) -> Response:
        """Answer with the counters."""
        return JSONResponse(self.seen.as_json())

    async def get_log(self, _request: Request) -> Response:
        """Answer with the latest requests, oldest first."""
        return JSONResponse(list(self.seen.log))

    async def reset_requests(self, _request: Request) -> Response:
        """Set the counters to zero."""
        self.seen.reset()
        return Response(status_code=204)


async def read_json(request: Request) -> Any:
    """Read the JSON body of a control request.

    Raises:
        ApiError: 400 if it is none.
    """
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise ApiError(400, "BadRequest", f"The body is not JSON: {error}") from error


def _names(request: Request) -> tuple[str, str]:
    return unquote(request.path_params["publisher"]), unquote(request.path_params["offer"])

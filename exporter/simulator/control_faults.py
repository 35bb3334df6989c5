"""The part of the control API that breaks things: faults, refused connections, tokens and secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.answers import ApiError
from exporter.simulator.connection import connection_of
from exporter.simulator.control import read_json
from exporter.simulator.faults import FaultBook, read_faults

if TYPE_CHECKING:
    from starlette.requests import Request

    from exporter.simulator.oauth import Authority

__all__ = ["ControlOfFaults"]


@dataclass(frozen=True, slots=True)
class ControlOfFaults:
    """The routes over a fault book and a token authority."""

    book: FaultBook
    authority: Authority

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [
            Route("/control/faults", self.get_faults, methods=["GET"]),
            Route("/control/faults", self.post_faults, methods=["POST"]),
            Route("/control/faults", self.delete_faults, methods=["DELETE"]),
            Route("/control/refuse", self.refuse, methods=["POST"]),
            Route("/control/tokens/revoke", self.revoke, methods=["POST"]),
            Route("/control/client-secrets", self.put_secrets, methods=["PUT"]),
        ]

    async def get_faults(self, _request: Request) -> Response:
        """Answer with the faults and how often each has hit."""
        return JSONResponse(self.book.as_json())

    async def post_faults(self, request: Request) -> Response:
        """Set faults behind those that are set."""
        try:
            faults = read_faults(await request.body())
        except ValueError as error:
            raise ApiError(400, "BadRequest", str(error)) from error
        self.book.add(faults)
        return JSONResponse(self.book.as_json())

    async def delete_faults(self, _request: Request) -> Response:
        """Let everything work again."""
        self.book.clear()
        return Response(status_code=204)

    async def refuse(self, request: Request) -> Response:
        """Refuse all connections for `seconds`, these words' own included."""
        body = await read_json(request)
        if not isinstance(body, dict) or not isinstance(body.get("seconds"), int | float):
            raise ApiError(400, "BadRequest", "Expected an object with `seconds`.")
        connection_of(request.scope).listener.refuse(body["seconds"])
        return Response(status_code=204)

    async def revoke(self, _request: Request) -> Response:
        """Make all issued tokens invalid."""
        return JSONResponse({"revoked": self.authority.store.revoke_all()})

    async def put_secrets(self, request: Request) -> Response:
        """Accept these client secrets only: a list, or null for any."""
        body = await read_json(request)
        if body is not None and not (isinstance(body, list) and all(isinstance(secret, str) for secret in body)):
            raise ApiError(400, "BadRequest", "Expected a list of secrets, or null.")
        self.authority.client_secrets = body
        return Response(status_code=204)

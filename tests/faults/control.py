"""The control API under `/control/`, by which a test in another process writes offers and sets faults; no token needed."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator import Simulator
from tests.faults.faults import Fault
from tests.faults.seen import RequestsSeen
from tests.faults.written import Written

IDENTITY_HEADER = "simulated-identity"


@dataclass(frozen=True)
class Control:
    """The routes over the parts of a faulty simulator."""

    simulator: Simulator
    written: Written
    faults: list[Fault]
    seen: RequestsSeen

    def app(self) -> Starlette:
        offer, requests, faults = "/control/offers/{publisher}/{offer}", "/control/requests", "/control/faults"
        return Starlette(
            routes=[
                Route(offer, self.put_offer, methods=["PUT"]),
                Route(offer, self.delete_offer, methods=["DELETE"]),
                Route(requests, self.get_requests, methods=["GET"]),
                Route(requests, self.delete_requests, methods=["DELETE"]),
                Route(f"{requests}/log", self.get_log),
                Route(faults, self.post_faults, methods=["POST"]),
                Route(faults, self.delete_faults, methods=["DELETE"]),
                Route("/control/tokens/revoke", self.revoke, methods=["POST"]),
                Route("/control/client-secrets", self.put_secrets, methods=["PUT"]),
                Route("/msi/token", self.managed_identity),
            ]
        )

    async def put_offer(self, request: Request) -> Response:
        """Serve the body as the offer's status answer; its key `list` has fields of the list entry."""
        body = json.loads(await request.body())
        entry = body.pop("list", {})
        self.written.put(*names(request), body, entry)
        return Response(status_code=204)

    async def delete_offer(self, request: Request) -> Response:
        self.written.remove(*names(request))
        return Response(status_code=204)

    async def get_requests(self, _request: Request) -> Response:
        return JSONResponse(self.seen.as_json())

    async def get_log(self, _request: Request) -> Response:
        return JSONResponse(list(self.seen.log))

    async def delete_requests(self, _request: Request) -> Response:
        self.seen.reset()
        return Response(status_code=204)

    async def post_faults(self, request: Request) -> Response:
        self.faults.append(Fault.model_validate_json(await request.body()))
        return Response(status_code=204)

    async def delete_faults(self, _request: Request) -> Response:
        self.faults.clear()
        return Response(status_code=204)

    async def revoke(self, _request: Request) -> Response:
        """Make all issued tokens invalid."""
        issued = self.simulator.tokens.issued
        issued.update({token: (audience, 0.0) for token, (audience, _) in issued.items()})
        return JSONResponse({"revoked": len(issued)})

    async def put_secrets(self, request: Request) -> Response:
        """Accept these client secrets only: a list, or null for any."""
        self.simulator.authority.client_secrets = json.loads(await request.body())
        return Response(status_code=204)

    async def managed_identity(self, request: Request) -> Response:
        """Answer as the endpoint inside an App Service does; its expiry is an absolute time, in a string."""
        if not secrets.compare_digest(request.headers.get("x-identity-header", ""), IDENTITY_HEADER):
            return JSONResponse({"statusCode": 401, "message": "The identity header is missing or wrong."}, 401)
        resource = request.query_params["resource"]
        token, expires = self.simulator.tokens.issue(resource.removesuffix("/.default"))
        answer: dict[str, Any] = {"access_token": token, "expires_on": str(int(expires))}
        return JSONResponse(answer | {"resource": resource, "token_type": "Bearer"})


def names(request: Request) -> tuple[str, str]:
    return unquote(request.path_params["publisher"]), unquote(request.path_params["offer"])

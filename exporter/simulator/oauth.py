"""Tokens as the v2.0 endpoint of Entra ID issues them."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.access import TokenStore
from exporter.simulator.clock import stamp

__all__ = ["Authority"]

_DEFAULT = "/.default"

_SECRET_IS_WRONG = (7000215, "invalid_client", "Invalid client secret provided.")
_NOTHING_GIVEN = (7000218, "invalid_client", "The request body must contain: 'client_assertion' or 'client_secret'.")
_GRANT_IS_WRONG = (70003, "unsupported_grant_type", "The app requested an unsupported grant type.")
_NO_SCOPE = (90014, "invalid_request", "The required field 'scope' is missing from the request.")


@dataclass(slots=True)
class Authority:
    """The token endpoint. `client_secrets` are those to accept, None accepts any that is not empty.

    Certificates and federated tokens come as a client assertion; whatever is not empty passes.
    """

    store: TokenStore
    client_secrets: Collection[str] | None = None

    def routes(self) -> list[Route]:
        """The routes of the endpoint and of its discovery, which msal asks for."""
        return [
            Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._configuration),
        ]

    async def _token(self, request: Request) -> Response:
        body = (await request.body()).decode("latin-1")
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if refusal := self._refusal(form):
            return self._refuse(*refusal)
        token, _ = self.store.issue(form["scope"].removesuffix(_DEFAULT))
        lifetime = int(self.store.lifetime)
        answer = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
        return JSONResponse(answer)

    def _refusal(self, form: dict[str, str]) -> tuple[int, str, str] | None:
        if form.get("grant_type") != "client_credentials":
            return _GRANT_IS_WRONG
        if "client_assertion" not in form:
            if not form.get("client_secret"):
                return _NOTHING_GIVEN
            if self.client_secrets is not None and form["client_secret"] not in self.client_secrets:
                return _SECRET_IS_WRONG
        return None if form.get("scope", "").endswith(_DEFAULT) else _NO_SCOPE

    def _refuse(self, number: int, error: str, text: str) -> Response:
        now, trace = stamp(self.store.clock(), 0), secrets.token_hex(16)
        body = {
            "error": error,
            "error_description": f"AADSTS{number}: {text} Trace ID: {trace} Timestamp: {now}",
            "error_codes": [number],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": trace,
        }
        return JSONResponse(body, 401 if error == "invalid_client" else 400)

    async def _configuration(self, request: Request) -> Response:
        root = str(request.base_url) + request.path_params["tenant"]
        return JSONResponse(
            {
                "issuer": f"{root}/v2.0",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "token_endpoint": f"{root}/oauth2/v2.0/token",
            }
        )

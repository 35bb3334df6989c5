"""Tokens as Entra ID issues them, so far as real clients ask.

Entra's two endpoints answer differently: the older one takes a `resource` and writes all numbers as texts, with
`expires_on`, `not_before` and `resource` (cloudpub cannot log in without them); the newer one takes a `scope`.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.access import Tokens
from exporter.simulator.clock import stamp

__all__ = ["Authority"]

_DEFAULT = "/.default"
_SKEW = 300
"""Seconds by which `not_before` lies in the past."""

_SECRET_IS_WRONG = (7000215, "invalid_client", "Invalid client secret provided.")
_NOTHING_GIVEN = (7000218, "invalid_client", "The request body must contain: 'client_assertion' or 'client_secret'.")
_GRANT_IS_WRONG = (70003, "unsupported_grant_type", "The app requested an unsupported grant type.")
_NO_AUDIENCE = (90014, "invalid_request", "The required field '{}' is missing from the request.")


@dataclass(slots=True)
class Authority:
    """The token endpoints. `client_secrets` are those to accept, None accepts any that is not empty.

    Certificates and federated tokens come as a client assertion; whatever is not empty passes.
    """

    tokens: Tokens
    client_secrets: Collection[str] | None = None

    def routes(self) -> list[Route]:
        """The routes of the endpoints and of their discovery, which msal asks for."""
        return [
            Route("/{tenant}/oauth2/token", self._token_for_resource, methods=["POST"]),
            Route("/{tenant}/oauth2/v2.0/token", self._token_for_scope, methods=["POST"]),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._configuration),
        ]

    async def _token_for_resource(self, request: Request) -> Response:
        form = await _form(request)
        if refusal := self._refusal(form, "resource"):
            return self._refuse(*refusal)
        token, expires = self.tokens.issue(form["resource"])
        numbers = {
            "expires_in": self.tokens.lifetime,
            "ext_expires_in": self.tokens.lifetime,
            "expires_on": expires,
            "not_before": expires - self.tokens.lifetime - _SKEW,
        }
        texts = {name: str(int(number)) for name, number in numbers.items()}
        return JSONResponse({"token_type": "Bearer"} | texts | {"resource": form["resource"], "access_token": token})

    async def _token_for_scope(self, request: Request) -> Response:
        form = await _form(request)
        if refusal := self._refusal(form, "scope"):
            return self._refuse(*refusal)
        token, _ = self.tokens.issue(form["scope"].removesuffix(_DEFAULT))
        lifetime = int(self.tokens.lifetime)
        answer = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
        return JSONResponse(answer)

    def _refusal(self, form: dict[str, str], audience: str) -> tuple[int, str, str] | None:
        if form.get("grant_type") != "client_credentials":
            return _GRANT_IS_WRONG
        if "client_assertion" not in form:
            if not form.get("client_secret"):
                return _NOTHING_GIVEN
            if self.client_secrets is not None and form["client_secret"] not in self.client_secrets:
                return _SECRET_IS_WRONG
        number, error, text = _NO_AUDIENCE
        is_there = form.get("scope", "").endswith(_DEFAULT) if audience == "scope" else bool(form.get("resource"))
        return None if is_there else (number, error, text.format(audience))

    def _refuse(self, number: int, error: str, text: str) -> Response:
        now, trace = stamp(self.tokens.clock(), 0), secrets.token_hex(16)
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


async def _form(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("latin-1")
    return {name: values[0] for name, values in parse_qs(body).items()}

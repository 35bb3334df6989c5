"""Tokens as Entra ID and a managed identity endpoint give them, so far as azure-identity asks."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.clock import stamp

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.requests import Request

    from exporter.simulator.access import TokenStore

__all__ = ["Authority"]

_DEFAULT = "/.default"
_SECRET_IS_WRONG = (7000215, "invalid_client", "Invalid client secret provided.")
_ASSERTION_IS_WRONG = (50027, "invalid_client", "JWT token is invalid or malformed.")
_NOTHING_GIVEN = (7000218, "invalid_client", "The request body must contain: 'client_assertion' or 'client_secret'.")
_GRANT_IS_WRONG = (70003, "unsupported_grant_type", "The app requested an unsupported grant type.")
_NO_SCOPE = (90014, "invalid_request", "The required field 'scope' is missing from the request.")


@dataclass(slots=True)
class Authority:
    """The token endpoints. `client_secrets` are those to accept, None accepts any that is not empty.

    Certificates and federated tokens come as a client assertion; whatever is a well-formed JWT passes. The managed
    identity endpoint is that of App Service, and wants `identity_header` in X-IDENTITY-HEADER.
    """

    store: TokenStore
    client_secrets: Collection[str] | None = None
    identity_header: str = "simulated-identity"

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [
            Route("/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"]),
            Route("/{tenant}/oauth2/token", self.token, methods=["POST"]),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self.configuration),
            Route("/common/discovery/instance", self.instance),
            Route("/msi/token", self.managed_identity),
        ]

    async def token(self, request: Request) -> Response:
        """Answer a client credentials grant."""
        body = (await request.body()).decode("latin-1")
        form = {name: values[0] for name, values in parse_qs(body).items()}
        refusal = self._refusal(form)
        if refusal is not None:
            return self._refuse(*refusal)
        audience = form["scope"].removesuffix(_DEFAULT) if "scope" in form else form["resource"]
        token, _ = self.store.issue(audience)
        lifetime = int(self.store.lifetime)
        answer = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
        return JSONResponse(answer)

    def _refusal(self, form: dict[str, str]) -> tuple[int, str, str] | None:
        if form.get("grant_type") != "client_credentials":
            return _GRANT_IS_WRONG
        if "client_assertion" in form:
            if not _is_jwt(form["client_assertion"]):
                return _ASSERTION_IS_WRONG
        elif not form.get("client_secret"):
            return _NOTHING_GIVEN
        elif self.client_secrets is not None and form["client_secret"] not in self.client_secrets:
            return _SECRET_IS_WRONG
        return None if form.get("scope", "").endswith(_DEFAULT) or "resource" in form else _NO_SCOPE

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

    async def configuration(self, request: Request) -> Response:
        """Answer where the endpoints of a tenant are."""
        root = str(request.base_url) + request.path_params["tenant"]
        return JSONResponse(
            {
                "issuer": f"{root}/v2.0",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "token_endpoint": f"{root}/oauth2/v2.0/token",
                "jwks_uri": f"{root}/discovery/v2.0/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            }
        )

    async def instance(self, request: Request) -> Response:
        """Answer that this host is its own authority."""
        host = request.base_url.netloc
        tenant = f"{request.base_url}common/v2.0/.well-known/openid-configuration"
        metadata = [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}]
        return JSONResponse({"tenant_discovery_endpoint": tenant, "api-version": "1.1", "metadata": metadata})

    async def managed_identity(self, request: Request) -> Response:
        """Answer as the endpoint inside an App Service does; its expiry is an absolute time, in a string."""
        if not secrets.compare_digest(request.headers.get("x-identity-header", ""), self.identity_header):
            return JSONResponse({"statusCode": 401, "message": "The identity header is missing or wrong."}, 401)
        resource = request.query_params.get("resource", "")
        if request.query_params.get("api-version") != "2019-08-01" or not resource:
            return JSONResponse(
                {"statusCode": 400, "message": "api-version 2019-08-01 and a resource are required."}, 400
            )
        token, expires = self.store.issue(resource.removesuffix(_DEFAULT))
        answer = {"access_token": token, "expires_on": str(int(expires)), "resource": resource, "token_type": "Bearer"}
        return JSONResponse(answer)


def _is_jwt(text: str) -> bool:
    """Tell whether a text has the form of a JWT: header and claims as JSON objects, and some signature."""
    parts = text.split(".")
    try:
        header, claims = (_decode(part) for part in parts[:2])
    except ValueError:
        return False
    return (
        len(parts) == len(("header", "claims", "signature")) and isinstance(header, dict) and isinstance(claims, dict)
    )


def _decode(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))

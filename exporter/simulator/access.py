"""Who may come in, and how the APIs refuse: bearer tokens given beforehand or issued by the simulator's token endpoint."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from exporter.simulator.clock import Clock

__all__ = [
    "CLOUD_PARTNER",
    "GRAPH",
    "PARTNER_CENTER",
    "ApiError",
    "PlainError",
    "Tokens",
    "answer_error",
    "answer_http_error",
]

CLOUD_PARTNER = "https://cloudpartner.azure.com"
PARTNER_CENTER = "https://api.partner.microsoft.com"
GRAPH = "https://graph.microsoft.com"


class ApiError(Exception):
    """A refusal in the form `{"error": {"code", "message"}}`; Product Ingestion adds `details`."""

    def __init__(self, status: int, code: str, message: str, inner_code: str = "") -> None:
        self.status, self.code, self.message, self.inner_code = status, code, message, inner_code
        super().__init__(message)

    def body(self) -> object:
        """The JSON of the answer."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.inner_code:
            error["details"] = [{"code": self.inner_code, "message": self.message}]
        return {"error": error}


class PlainError(ApiError):
    """A refusal of the submission API, whose bodies are bare JSON strings (microsoft/navcontainerhelper issue 4126)."""

    def body(self) -> object:
        """The JSON of the answer."""
        return self.message


async def answer_error(_request: Request, error: Exception) -> Response:
    """Answer an `ApiError` (starlette's handlers are typed for any exception)."""
    refusal = cast("ApiError", error)
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(refusal.body(), refusal.status, headers)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Answer what starlette refuses by itself, such as an unknown path, in the APIs' form."""
    refusal = cast("HTTPException", error)
    return await answer_error(request, ApiError(refusal.status_code, refusal.detail.replace(" ", ""), refusal.detail))


@dataclass(slots=True)
class Tokens:
    """The bearer tokens that this simulator has issued, and which others pass.

    One that was issued here must be valid for the API's audience. Any other passes if it is among `accepted`, or, when
    none is listed there, if it is not empty; with `require_audience` only listed and issued ones pass.
    """

    clock: Clock
    lifetime: float = 3600.0
    accepted: Collection[str] = ()
    require_audience: bool = False
    issued: dict[str, tuple[str, float]] = field(default_factory=dict)

    def issue(self, audience: str) -> tuple[str, float]:
        """Make a token for an audience; returns it and the Unix time of its expiry."""
        token = f"simulated.{secrets.token_urlsafe(24)}"
        expires = self.clock() + self.lifetime
        self.issued[token] = audience.rstrip("/"), expires
        return token, expires

    def admit(self, request: Request, audience: str, refusal: type[ApiError] = ApiError) -> None:
        """Return if the request may pass.

        Raises:
            ApiError: 401, of the class `refusal`.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise refusal(401, "Unauthorized", "The request has no bearer token.")
        if not self._is_good(token.strip(), audience):
            message = "The token has expired, was revoked or is for another audience."
            raise refusal(401, "InvalidAuthenticationToken", message)

    def _is_good(self, token: str, audience: str) -> bool:
        if token in self.issued:
            issued_for, expires = self.issued[token]
            return issued_for == audience and self.clock() < expires
        return token in self.accepted if self.accepted or self.require_audience else True

"""Who may come in: bearer tokens, given beforehand or issued by the simulator's own token endpoint."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.simulator.answers import ApiError

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.requests import Request

    from exporter.simulator.clock import Clock

__all__ = ["CLOUD_PARTNER", "GRAPH", "PARTNER_CENTER", "Gate", "TokenStore"]

CLOUD_PARTNER = "https://cloudpartner.azure.com"
PARTNER_CENTER = "https://api.partner.microsoft.com"
GRAPH = "https://graph.microsoft.com"


@dataclass(frozen=True, slots=True)
class _Issued:
    audience: str
    expires: float


@dataclass(slots=True)
class TokenStore:
    """The tokens that this simulator has issued; a revoked one stays known, so that it is refused everywhere."""

    clock: Clock
    lifetime: float = 3600.0
    _tokens: dict[str, _Issued] = field(default_factory=dict)

    def issue(self, audience: str) -> tuple[str, float]:
        """Make a token for an audience; gives it and the Unix time of its expiry."""
        token = f"simulated.{secrets.token_urlsafe(24)}"
        expires = self.clock() + self.lifetime
        self._tokens[token] = _Issued(audience.rstrip("/"), expires)
        return token, expires

    def is_known(self, token: str) -> bool:
        """Tell whether the token was issued here, be it still valid or not."""
        return token in self._tokens

    def is_valid(self, token: str, audience: str) -> bool:
        """Tell whether the token was issued here for that audience and has not expired."""
        issued = self._tokens.get(token)
        return issued is not None and issued.audience == audience and self.clock() < issued.expires

    def revoke_all(self) -> int:
        """Let all tokens issued so far expire; gives their number."""
        for token, issued in self._tokens.items():
            self._tokens[token] = _Issued(issued.audience, 0.0)
        return len(self._tokens)


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides on the bearer token of a request.

    A token that was issued here must be valid for the API's audience. Any other passes if it is among `accepted`, or,
    when none is listed there, if it is not empty; with `require_audience` only listed and issued ones pass.
    """

    issued: TokenStore
    accepted: Collection[str] = ()
    require_audience: bool = False

    def admit(self, request: Request, audience: str, refusal: type[ApiError] = ApiError) -> None:
        """Return if the request may pass.

        Raises:
            ApiError: 401, of the class `refusal`.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise refusal(401, "Unauthorized", "The request has no bearer token.")
        if not self._is_good(token.strip(), audience):
            raise refusal(
                401, "InvalidAuthenticationToken", "The token has expired, was revoked or is for another audience."
            )

    def _is_good(self, token: str, audience: str) -> bool:
        if self.issued.is_known(token):
            return self.issued.is_valid(token, audience)
        return token in self.accepted if self.accepted or self.require_audience else True

"""What stands before the application: security headers, the rate limit, and who may come in."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.basic_auth import BasicAuth, Verdict
from exporter.web.web_config import RateLimit, WebConfig

__all__ = ["HEALTH_PATHS", "AccessMiddleware"]

HEALTH_PATHS = frozenset({"/-/healthy", "/-/ready"})
DEFAULT_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""No other site may use an answer, and no cache may keep it."""


class AccessMiddleware:
    """An ASGI application around another; `config` returns the web configuration in force.

    `open_paths` are served to everybody, without credentials and without counting against the rate limit.
    """

    def __init__(
        self,
        app: ASGIApp,
        config: Callable[[], WebConfig],
        *,
        open_paths: frozenset[str] = frozenset(),
        auth: BasicAuth | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._config = config
        self._open_paths = open_paths
        self._auth = auth or BasicAuth()
        self._clock = clock
        self._limit = _Limit(RateLimit(), clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        config = self._config()
        scope = _origin_form(scope)
        send = _with_headers(send, config.http_server_config.headers)
        refusal = _ambiguous(scope)
        if refusal is None and scope["path"] not in self._open_paths:
            refusal = await self._refusal(scope, config)
        await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, scope: Scope, config: WebConfig) -> Response | None:
        if config.rate_limit != self._limit.rate:
            self._limit = _Limit(config.rate_limit, self._clock)
        if not self._limit.allows():
            return _too_many(config.rate_limit.interval)
        if not config.basic_auth_users:
            return None
        header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        verdict = await self._auth.judge(header, config.basic_auth_users)
        if verdict is Verdict.GRANTED:
            return None
        if verdict is Verdict.POSTPONED:
            return _too_many(1)
        challenge = 'Basic realm="azure-marketplace-exporter", charset="UTF-8"'
        return PlainTextResponse("unauthorized\n", 401, {"WWW-Authenticate": challenge})


class _Limit:
    """The `rate_limit` of the web configuration, as a token bucket."""

    def __init__(self, rate: RateLimit, clock: Callable[[], float]) -> None:
        self.rate = rate
        self._clock = clock
        self._tokens = float(rate.burst)
        self._filled = clock()

    def allows(self) -> bool:
        """Take a token, if there is one; an interval of 0 is no limit."""
        if not self.rate.interval:
            return True
        now = self._clock()
        self._tokens = min(self.rate.burst, self._tokens + (now - self._filled) / self.rate.interval)
        self._filled = now
        is_allowed = self._tokens >= 1
        self._tokens -= is_allowed
        return is_allowed


def _origin_form(scope: Scope) -> Scope:
    """Take the path out of a target that is a whole URL, which a server must accept (RFC 9112, 3.2.2)."""
    scheme, separator, rest = scope["path"].partition("://")
    if not separator or "/" in scheme:
        return scope
    raw = scope["raw_path"].partition(b"://")[2]
    return {**scope, "path": "/" + rest.partition("/")[2], "raw_path": b"/" + raw.partition(b"/")[2]}


def _ambiguous(scope: Scope) -> Response | None:
    """Refuse a body whose end a proxy before us may see elsewhere than we do (RFC 9112, 6.3)."""
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
        return PlainTextResponse("content-length and transfer-encoding\n", 400, {"Connection": "close"})
    return None


def _too_many(seconds: float) -> Response:
    return PlainTextResponse("too many requests\n", 429, {"Retry-After": str(max(1, round(seconds)))})


def _with_headers(send: Send, configured: dict[str, str]) -> Send:
    """Add the headers of the configuration to every answer; where it is silent, ours, unless the page knows better."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in DEFAULT_HEADERS.items():
                headers.setdefault(name, value)
            for name, value in configured.items():
                if value:
                    headers[name] = value
                else:
                    del headers[name]
        await send(message)

    return send_with_headers

"""What stands before the application: security headers, the rate limit, and who may come in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.basic_auth import BasicAuth, Verdict
from exporter.web.buckets import Bucket
from exporter.web.web_config import RateLimit, WebConfig

__all__ = ["HEALTH_PATHS", "Gate"]

TURN = 0.002
"""Seconds that one answer may be sent without a pause."""
HEALTH_PATHS = frozenset({"/-/healthy", "/-/ready"})
DEFAULT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
    "Referrer-Policy": "no-referrer",
}


class Gate:
    """An ASGI application around another; `config` gives the web configuration in force.

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
        self._limit: tuple[RateLimit, Bucket | None] = (RateLimit(), None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        config = self._config()
        scope = _origin_form(scope)
        send = _giving_way(_with_headers(send, config.http_server_config.headers), self._clock)
        refusal = _ambiguous(scope)
        if refusal is None and scope["path"] not in self._open_paths:
            refusal = await self._refusal(scope, config)
        await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, scope: Scope, config: WebConfig) -> Response | None:
        bucket = self._bucket(config.rate_limit)
        if bucket is not None and not bucket.take():
            return _too_many(config.rate_limit.interval)
        if not config.basic_auth_users:
            return None
        header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        address = scope["client"][0] if scope["client"] else ""
        verdict = await self._auth.judge(header, address, config.basic_auth_users)
        if verdict is Verdict.GRANTED:
            return None
        if verdict is Verdict.POSTPONED:
            return _too_many(10)
        challenge = 'Basic realm="azure-marketplace-exporter", charset="UTF-8"'
        return PlainTextResponse("unauthorized\n", 401, {"WWW-Authenticate": challenge})

    def _bucket(self, limit: RateLimit) -> Bucket | None:
        if limit != self._limit[0]:
            bucket = Bucket(limit.burst, 1 / limit.interval, self._clock) if limit.interval else None
            self._limit = (limit, bucket)
        return self._limit[1]


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


def _giving_way(send: Send, clock: Callable[[], float]) -> Send:
    """Let others have their turn now and then in a large body.

    Not after each piece: every turn of the event loop gives up the interpreter, which a busy background may then keep.
    """
    due = clock() + TURN

    async def send_and_give_way(message: Message) -> None:
        nonlocal due
        await send(message)
        if message.get("more_body") and clock() >= due:
            await asyncio.sleep(0)
            due = clock() + TURN

    return send_and_give_way


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

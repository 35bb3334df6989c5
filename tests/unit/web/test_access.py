from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.web.access import HEALTH_PATHS, AccessMiddleware
from exporter.web.basic_auth import BasicAuth, Verdict
from exporter.web.web_config import WebConfig
from tests.unit.client import Client

HASH = f"$2b$10${'a':.<53}"


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello", headers={"X-Frame-Options": "SAMEORIGIN", "Content-Security-Policy": "own"})


APP = Starlette(routes=[Route("/", hello), Route("/-/healthy", lambda _: PlainTextResponse("healthy"))])


def config(**sections: Any) -> WebConfig:
    return WebConfig.model_validate(sections)


async def no_sleep(_: float) -> None: ...


def access(of: WebConfig, *, open_health: bool = False) -> AccessMiddleware:
    auth = BasicAuth(lambda password, _: password == b"good", sleep=no_sleep)
    open_paths = HEALTH_PATHS if open_health else frozenset()
    return AccessMiddleware(APP, lambda: of, open_paths=open_paths, auth=auth)


def ask(one: AccessMiddleware, *paths: str, **headers: str) -> list[httpx.Response]:
    return [Client(one).get(path, **headers) for path in paths]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_adds_headers_where_the_answer_has_none() -> None:
    own, other = ask(access(config()), "/", "/nothing")
    assert own.text == "hello"
    assert own.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert own.headers["X-Content-Type-Options"] == "nosniff"
    assert other.status_code == 404
    assert other.headers["X-Frame-Options"] == "deny"
    assert other.headers["Referrer-Policy"] == "no-referrer"


def test_configured_headers_win_and_blank_ones_are_left_out() -> None:
    headers = {"X-Frame-Options": "deny", "Content-Security-Policy": "", "Strict-Transport-Security": "max-age=1"}
    (answer,) = ask(access(config(http_server_config={"headers": headers})), "/")
    assert answer.headers.get_list("X-Frame-Options") == ["deny"]
    assert "Content-Security-Policy" not in answer.headers
    assert answer.headers["Strict-Transport-Security"] == "max-age=1"


def test_users_must_say_who_they_are() -> None:
    one = access(config(basic_auth_users={"alice": HASH}))
    (good,) = ask(one, "/", authorization=basic("alice", "good"))
    assert good.text == "hello"
    for answer in (*ask(one, "/-/healthy", "/nothing"), *ask(one, "/", authorization=basic("alice", "bad"))):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="azure-marketplace-exporter", charset="UTF-8"'
        assert answer.headers["X-Frame-Options"] == "deny"


def test_health_can_be_left_open() -> None:
    sections = {"basic_auth_users": {"alice": HASH}, "rate_limit": {"interval": "1h"}}
    answers = ask(
        access(config(**sections), open_health=True), "/", "/-/healthy", "/-/healthy", "/-/ready", "/-/reload"
    )
    assert [answer.status_code for answer in answers] == [401, 200, 200, 404, 429]


def test_a_rate_limit_holds_for_all_and_changes_with_the_file() -> None:
    current, now = config(rate_limit={"interval": "30s", "burst": 2}), 0.0
    one = AccessMiddleware(APP, lambda: current, clock=lambda: now)
    answers = ask(one, "/", "/", "/")
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "30"
    now = 45.0
    assert [answer.status_code for answer in ask(one, "/", "/")] == [200, 429]
    now = 60.0
    assert [answer.status_code for answer in ask(one, "/", "/")] == [200, 429]
    current = config(rate_limit={"interval": "30s", "burst": 3})
    assert [answer.status_code for answer in ask(one, "/", "/", "/", "/")] == [200, 200, 200, 429]
    for limit in ({}, {"interval": 0, "burst": 0}):
        current = config(rate_limit=limit)
        assert [answer.status_code for answer in ask(one, "/", "/", "/")] == [200, 200, 200]
    current = config(rate_limit={"interval": "1s", "burst": 0})
    assert ask(one, "/")[0].status_code == 429, "as in exporter-toolkit"


def test_too_many_who_wait_for_a_check_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def judge(*_: object) -> Verdict:
        return Verdict.POSTPONED

    monkeypatch.setattr(BasicAuth, "judge", judge)
    (answer,) = ask(access(config(basic_auth_users={"alice": HASH})), "/", authorization=basic("alice", "good"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://exporter/", 200),
        ("HTTPS://exporter:10142/", 200),
        ("http://exporter", 200),
        ("http://exporter/-/healthy", 200),
        ("http://exporter/nothing", 404),
        ("/http://exporter/", 404),
        ("://exporter/", 200),
    ],
)
def test_a_target_may_be_a_whole_url(target: str, status: int) -> None:
    """RFC 9112, 3.2.2: a server must accept the absolute form; only a path that starts with a slash is one."""
    assert serve(access(config()), target)[0] == status


def test_a_whole_url_opens_no_closed_path() -> None:
    one = access(config(basic_auth_users={"alice": HASH}), open_health=True)
    assert serve(one, "http://exporter/-/healthy")[0] == 200
    assert serve(one, "http://exporter/")[0] == 401
    assert serve(one, "http://-/healthy")[0] == 401


def test_two_lengths_are_refused() -> None:
    """What comes after such a body may be a request that a proxy has not seen."""
    status, headers = serve(access(config(), open_health=True), "/-/healthy", b"content-length", b"transfer-encoding")
    assert (status, headers[b"connection"]) == (400, b"close")


def serve(one: AccessMiddleware, target: str, *names: bytes) -> tuple[int, dict[bytes, bytes]]:
    """Give status and headers of the answer to a target in any form, with headers of these names."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "path": target,
        "raw_path": target.encode(),
        "method": "GET",
        "headers": [(name, b"1") for name in names],
        "client": None,
        "query_string": b"",
    }
    asyncio.run(one(scope, None, send))  # type: ignore[arg-type]  # nothing is received
    return sent[0]["status"], dict(sent[0]["headers"])

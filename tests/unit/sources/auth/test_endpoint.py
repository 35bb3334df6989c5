"""Microsoft's own library against a token endpoint on a real socket, over TLS."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from exporter.config.settings import AuthSettings
from exporter.domain.errors import CredentialError
from exporter.sources.auth.entra import token_source
from exporter.sources.auth.tokens import TokenSource
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry
from tests.certificates import Authority

DRIPS = 400
PAUSE = 0.02


class Endpoint(ThreadingHTTPServer):
    """Issues tokens; `drips` is the part of an answer to a token request that comes byte by byte, for eight seconds."""

    daemon_threads = True

    def __init__(self, authority: Authority) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("server"))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server_port}"
        self.asked = 0
        self.drips = ""
        self.heard_out = 0
        self.refuses = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not wait to the end is what is tested."""


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_GET(self) -> None:
        one = f"{self.server.url}/tenant"
        self.answer({"authorization_endpoint": one, "token_endpoint": f"{one}/token", "issuer": one}, drips="")

    def do_POST(self) -> None:
        said = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked += 1
        if self.server.refuses:
            self.answer({"error": "invalid_client", "error_description": f"AADSTS7000215: what is {said}"}, drips="")
        else:
            token = {"access_token": f"token-{self.server.asked}", "expires_in": 3600, "token_type": "Bearer"}
            self.answer(token, self.server.drips)

    def answer(self, body: dict[str, Any], drips: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Drip: ")
        self.drip(drips == "headers")
        self.wfile.write(b"\r\n\r\n")
        self.drip(drips == "body")
        self.wfile.write(json.dumps(body).encode())

    def drip(self, really: bool) -> None:
        if really:
            for _ in range(DRIPS):
                self.wfile.write(b" ")
                time.sleep(PAUSE)
            self.server.heard_out += 1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Nobody reads it."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def endpoint(authority: Authority) -> Iterator[Endpoint]:
    with Endpoint(authority) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def tokens(endpoint: Endpoint, authority: Authority) -> TokenSource:
    auth = AuthSettings(
        method="client_secret",
        tenant_id="tenant",
        client_id="client",
        client_secret=SecretStr("hush-this-secret"),
        authority=endpoint.url,
    )
    return token_source(
        auth,
        scope="https://api/.default",
        credential="default",
        source="s",
        ca_file=authority.file,
        telemetry=Telemetry(),
        clock=time.time,
    )


def within(seconds: float) -> Deadline:
    return Deadline(seconds, time.monotonic)


def test_one_request_for_all_until_the_token_is_refused(endpoint: Endpoint, tokens: TokenSource) -> None:
    assert {tokens.token(within(60)) for _ in range(20)} == {"token-1"}
    assert endpoint.asked == 1
    assert tokens.drop("token-1")
    assert {tokens.token(within(60)) for _ in range(20)} == {"token-2"}
    assert endpoint.asked == 2


@pytest.mark.parametrize("what", ["headers", "body"])
def test_endpoint_that_drips(endpoint: Endpoint, tokens: TokenSource, what: str) -> None:
    """It would have the whole token after eight seconds; when it is well again, so are we."""
    endpoint.drips = what
    with pytest.raises(CredentialError, match=r"^client_secret: no answer in time$"):
        tokens.token(within(0.5))
    assert endpoint.heard_out == 0
    endpoint.drips = ""
    assert tokens.token(within(60)) == "token-2"


def test_nobody_is_asked_when_the_time_is_over(endpoint: Endpoint, tokens: TokenSource) -> None:
    with pytest.raises(CredentialError, match=r"^client_secret: no answer in time$"):
        tokens.token(within(0))
    assert endpoint.asked == 0


def test_endpoint_that_quotes_the_secret(endpoint: Endpoint, tokens: TokenSource) -> None:
    endpoint.refuses = True
    with pytest.raises(CredentialError, match=r"AADSTS7000215: what is .*\[hidden\]") as error:
        tokens.token(within(60))
    assert "secret=hush" not in str(error.value)

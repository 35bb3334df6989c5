from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter.config.settings import WebSettings
from exporter.web.healthcheck import Health, healthcheck
from tests.certificates import Authority


def handler(status: int, text: str) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/-/healthy"
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None: ...

    return Handler


class Server(http.server.HTTPServer):
    """Shakes hands for each connection, so that a failure there ends only that one."""

    tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, str]:
        connection, address = super().get_request()
        connection.settimeout(5)
        return (self.tls.wrap_socket(connection, server_side=True) if self.tls else connection), address


Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(status: int, text: str = "healthy\n", tls: ssl.SSLContext | None = None) -> str:
            server = stack.enter_context(Server(("127.0.0.1", 0), handler(status, text)))
            server.tls = tls
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return f"127.0.0.1:{server.server_port}"

        yield start


def web(address: str, file: Path | None = None) -> WebSettings:
    return WebSettings.model_validate({"listen_address": [address], "config": {"file": file}})


@pytest.mark.parametrize(
    ("status", "text", "answer"),
    [
        (200, "healthy\n", Health(is_healthy=True, text="healthy")),
        (503, "not collecting\n", Health(is_healthy=False, text="not collecting")),
        (404, "", Health(is_healthy=False, text="")),
        (401, "", Health(is_healthy=True, text="alive; answers 401 (web.open_health opens the health paths)")),
        (429, "", Health(is_healthy=True, text="alive; answers 429 (web.open_health opens the health paths)")),
    ],
)
def test_judges_the_answer(serve: Serve, status: int, text: str, answer: Health) -> None:
    assert healthcheck(web(serve(status, text))) == answer


@pytest.mark.parametrize("host", ["", "0.0.0.0", "localhost"])
def test_asks_this_host(serve: Serve, host: str) -> None:
    port = serve(200).rpartition(":")[2]
    assert healthcheck(web(f"{host}:{port}")).is_healthy


def test_nobody_there_is_not_healthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    answer = healthcheck(web(address))
    assert not answer.is_healthy
    assert answer.text.startswith(f"no answer from {address}: ")


class Tls:
    """A web configuration in a file, and what a server makes of it; its certificate is for another name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority(folder)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*self._authority.issue("server", "DNS:elsewhere.example"))

    def ask_for_certificates(self, version: ssl.TLSVersion) -> None:
        self.context.maximum_version = version
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_verify_locations(self._authority.file)

    def file(self, more: str = "") -> Path:
        path = self._folder / "web.yml"
        path.write_text(f"tls_server_config: {{cert_file: server.crt, key_file: server.key{more}}}", encoding="utf-8")
        return path


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return Tls(tmp_path)


def test_asks_over_tls_whatever_the_certificate_is_for(serve: Serve, tls: Tls) -> None:
    assert healthcheck(web(serve(200, tls=tls.context), tls.file())).is_healthy
    assert not healthcheck(web(serve(200), tls.file())).is_healthy, "plain HTTP where TLS should be"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_asks_for_a_certificate_lives(serve: Serve, tls: Tls, version: ssl.TLSVersion) -> None:
    tls.ask_for_certificates(version)
    file = tls.file(", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem")
    answer = healthcheck(web(serve(200, tls=tls.context), file))
    assert answer == Health(is_healthy=True, text="alive; asks for a client certificate")

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from exporter.config.settings import WebSettings
from exporter.web.healthcheck import Health, healthcheck
from tests.certificates import Authority


@contextmanager
def answering(status: int, text: str = "healthy\n", tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Answer one request, or fail to shake hands; gives the address."""

    def answer() -> None:
        with suppress(OSError), listener.accept()[0] as accepted:
            accepted.settimeout(5)
            with tls.wrap_socket(accepted, server_side=True) if tls else accepted as one:
                if one.recv(1000).startswith(b"GET /-/healthy "):
                    one.sendall(f"HTTP/1.1 {status} Said\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


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
def test_judges_the_answer(status: int, text: str, answer: Health) -> None:
    with answering(status, text) as address:
        assert healthcheck(web(address)) == answer


@pytest.mark.parametrize("host", ["", "0.0.0.0", "localhost"])
def test_asks_this_host(host: str) -> None:
    with answering(200) as address:
        assert healthcheck(web(address.replace("127.0.0.1", host))).is_healthy


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


def test_asks_over_tls_whatever_the_certificate_is_for(tls: Tls) -> None:
    with answering(200, tls=tls.context) as address:
        assert healthcheck(web(address, tls.file())).is_healthy
    with answering(200) as address:
        assert not healthcheck(web(address, tls.file())).is_healthy, "plain HTTP where TLS should be"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_asks_for_a_certificate_lives(tls: Tls, version: ssl.TLSVersion) -> None:
    tls.ask_for_certificates(version)
    file = tls.file(", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem")
    with answering(200, tls=tls.context) as address:
        answer = healthcheck(web(address, file))
    assert answer == Health(is_healthy=True, text="alive; asks for a client certificate")

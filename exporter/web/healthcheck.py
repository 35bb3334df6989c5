"""Asking a running exporter of the same settings whether it is healthy, for containers."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass

from exporter.config.settings import WebSettings
from exporter.web.web_config import TlsServerConfig, read

__all__ = ["Health", "healthcheck"]

TIMEOUT = 5.0
_GUARDED = {http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.TOO_MANY_REQUESTS}


@dataclass(frozen=True, slots=True)
class Health:
    """What the exporter said, and whether that is good."""

    is_healthy: bool
    text: str


def healthcheck(web: WebSettings) -> Health:
    """Ask the first listening address on this host.

    An exporter that asks for credentials is taken for healthy: its event loop has answered. It says more with
    `web.open_health`, unless it asks for client certificates, without which there is no request at all.

    Raises:
        ConfigError: the web configuration file cannot be read.
    """
    host, _, port = web.listen_address[0].rpartition(":")
    host = host.strip("[]")
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = "localhost"
    tls = _tls(web)
    connection = _connection(host, int(port), with_tls=tls.is_enabled)
    try:
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        return _judge(answer.status, answer.read(1000).decode("utf-8", "replace").strip())
    except (OSError, http.client.HTTPException) as error:
        if tls.wants_client_certificate and isinstance(error, ssl.SSLError | ConnectionResetError):
            return Health(is_healthy=True, text="alive; asks for a client certificate")
        return Health(is_healthy=False, text=f"no answer from {host}:{port}: {error}")
    finally:
        connection.close()


def _judge(status: int, text: str) -> Health:
    if status in _GUARDED:
        return Health(is_healthy=True, text=f"alive; answers {status} (web.open_health opens the health paths)")
    return Health(status == http.HTTPStatus.OK, text)


def _connection(host: str, port: int, *, with_tls: bool) -> http.client.HTTPConnection:
    if not with_tls:
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    # The certificate is for the name that others use, and nothing secret is sent: there is nothing to verify.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)


def _tls(web: WebSettings) -> TlsServerConfig:
    return TlsServerConfig() if web.config.file is None else read(web.config.file).tls_server_config

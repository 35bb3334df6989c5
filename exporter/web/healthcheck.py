"""Asking a running exporter of the same settings whether it is healthy, for containers."""

from __future__ import annotations

import http.client
from dataclasses import dataclass

from exporter.settings import WebSettings

__all__ = ["Answer", "healthcheck"]

TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the exporter said, and whether that is good."""

    is_healthy: bool
    text: str


def healthcheck(web: WebSettings) -> Answer:
    """Ask the first listening address on this host."""
    host, _, port = web.listen_address[0].rpartition(":")
    host = host.strip("[]")
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = "localhost"
    connection = http.client.HTTPConnection(host, int(port), timeout=TIMEOUT)
    try:
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        return Answer(answer.status == http.HTTPStatus.OK, answer.read(1000).decode("utf-8", "replace").strip())
    except (OSError, http.client.HTTPException) as error:
        return Answer(is_healthy=False, text=f"no answer from {host}:{port}: {error}")
    finally:
        connection.close()

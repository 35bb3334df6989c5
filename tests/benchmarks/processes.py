"""The real programs under measurement: the installed exporter and the simulator, as processes on loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.integration.processes import Exporter, Simulator

BIN = Path(sys.executable).parent
PATIENCE = 300.0
PUBLISHER = "publisher-001"


@contextlib.contextmanager
def simulator(offers: int) -> Iterator[str]:
    """Run the simulator with so many offers; gives its URL."""
    command: list[str | Path] = [BIN / "azure-marketplace-simulator", "--scenario", "scale", "--offers", str(offers)]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        one = Simulator(command, Path(folder))
        stack.callback(one.kill)
        yield one.url


@contextlib.contextmanager
def exporter(api: str, interval: str = "1h", *, pace: int = 1000, state: Path | None = None) -> Iterator[Exporter]:
    """Run the exporter against that simulator, at `pace` requests per second."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        settings = Path(folder) / "exporter.yaml"
        settings.write_text(
            f"publishers: [{PUBLISHER}]\napi: {{base_url: '{api}', requests_per_second: {pace}}}\nauth: {{token: x}}\n"
            f"collection: {{interval: {interval}, terminal_interval: 0s, stale_after: 1d, "
            f"state_file: {json.dumps(str(state)) if state else 'null'}}}\nweb: {{listen_address: '127.0.0.1:0'}}\n",
            encoding="utf-8",
        )
        one = Exporter([BIN / "azure-marketplace-exporter", "--config.file", settings], Path(folder))
        stack.callback(one.kill)
        yield one


def connected(one: Exporter) -> http.client.HTTPConnection:
    """A connection that stays open."""
    return http.client.HTTPConnection(urlsplit(one.url).netloc, timeout=60)


def get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Ask once over a connection that stays open."""
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read()

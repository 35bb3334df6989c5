"""The real programs under measurement: the installed exporter and the simulator, as processes on loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

BIN = Path(sys.executable).parent
PATIENCE = 300.0
PUBLISHER = "publisher-001"


@contextlib.contextmanager
def simulator(offers: int) -> Iterator[str]:
    """Run the simulator with so many offers; gives its URL."""
    command: list[str | Path] = [BIN / "azure-marketplace-simulator", "--scenario", "scale", "--offers", str(offers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.kill()


@contextlib.contextmanager
def exporter(
    api: str, interval: str = "1h", *, pace: int = 1000, state: Path | None = None
) -> Iterator[tuple[int, int]]:
    """Run the exporter against that simulator, at `pace` requests per second; gives its process id and port."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "exporter.yaml"
        settings.write_text(
            f"publishers: [{PUBLISHER}]\napi: {{base_url: '{api}', requests_per_second: {pace}}}\nauth: {{token: x}}\n"
            f"collection: {{interval: {interval}, terminal_interval: 0s, stale_after: 1d, "
            f"state_file: {json.dumps(str(state)) if state else 'null'}}}\nweb: {{listen_address: '127.0.0.1:0'}}\n",
            encoding="utf-8",
        )
        log = Path(folder) / "log"
        with log.open("w", encoding="utf-8") as stderr:
            process = subprocess.Popen([BIN / "azure-marketplace-exporter", "--config.file", settings], stderr=stderr)
        try:
            yield process.pid, _port(log)
        finally:
            process.kill()
            process.wait()


def _port(log: Path) -> int:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = re.search(r"event=listening.* address=\S+?:(\d+)", log.read_text(encoding="utf-8"))
        if found:
            return int(found[1])
        time.sleep(0.01)
    raise TimeoutError(log.read_text(encoding="utf-8"))


def get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Ask once over a connection that stays open."""
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def wait_until_ready(port: int) -> None:
    """Wait for the end of the first refresh."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with contextlib.closing(connection), contextlib.suppress(OSError):
            if get(connection, "/-/ready")[0] == http.HTTPStatus.OK:
                return
        time.sleep(0.05)
    raise TimeoutError("the exporter was not ready in time")

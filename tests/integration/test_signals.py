"""Being told to end."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import StartExporter, StartSimulator, WriteSettings
from .processes import TIMEOUT, clean_environment, wait_until


class Mute:
    """A server that takes requests and never answers."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = "http://{}:{}".format(*self._server.getsockname())
        self.held: list[socket.socket] = []
        threading.Thread(target=self._hold, daemon=True).start()

    def _hold(self) -> None:
        while True:
            try:
                self.held.append(self._server.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self.held:
            one.close()


@pytest.fixture
def mute() -> Iterator[Mute]:
    server = Mute()
    yield server
    server.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_well(simulator: StartSimulator, exporter: StartExporter, number: signal.Signals) -> None:
    watched = exporter({"api": {"base_url": simulator().url}})
    watched.wait_until_ready()
    watched.signal(number)
    assert watched.wait() == 0
    assert "event=ended" in watched.log
    assert "Traceback" not in watched.log
    assert watched.output == ""


def test_ends_while_the_api_hangs(mute: Mute, exporter: StartExporter) -> None:
    """Ten seconds are less than the thirty that Kubernetes and Docker's ten allow."""
    watched = exporter({"api": {"base_url": mute.url, "timeout": "5m"}, "collection": {"timeout": "5m"}})
    wait_until(lambda: mute.held, "a request under way")
    assert watched.get("/-/healthy").status_code == 200
    assert watched.get("/-/ready").status_code == 503
    assert watched.terminate(timeout=10) == 0
    assert "Traceback" not in watched.log


def test_ends_well_from_the_first_line_on(command: Path, write_settings: WriteSettings, mute: Mute) -> None:
    """Whoever reads that it listens may end it at once."""
    line: list[str | Path] = [command, f"--config.file={write_settings({'api': {'base_url': mute.url}})}"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=clean_environment()) as process:
        assert process.stderr is not None
        for one in process.stderr:
            if "event=listening" in one:
                break
        process.terminate()
        rest = process.stderr.read()
        assert process.wait(TIMEOUT) == 0
    assert "Traceback" not in rest

"""Being told to end."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from .conftest import StartExporter, StartSimulator, WriteSettings
from .processes import TIMEOUT, clean_environment


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_well(simulator: StartSimulator, exporter: StartExporter, number: signal.Signals) -> None:
    watched = exporter({"api": {"base_url": simulator().url}})
    watched.wait_until_ready()
    watched.signal(number)
    assert watched.wait() == 0
    assert "event=ended" in watched.log
    assert "Traceback" not in watched.log
    assert watched.output == ""


def test_ends_well_from_the_first_line_on(command: Path, write_settings: WriteSettings) -> None:
    """Whoever reads that it listens may end it at once."""
    line: list[str | Path] = [command, f"--config.file={write_settings({'api': {'base_url': 'http://127.0.0.1:9'}})}"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=clean_environment()) as process:
        assert process.stderr is not None
        for one in process.stderr:
            if "event=listening" in one:
                break
        process.terminate()
        rest = process.stderr.read()
        assert process.wait(TIMEOUT) == 0
    assert "Traceback" not in rest

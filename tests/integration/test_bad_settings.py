"""Wrong settings of the installed command: a message that says where and what, nothing served, exit code 2.

All messages stand in tests/unit/test_bad_settings.py.
"""

from __future__ import annotations

from collections.abc import Callable

from .conftest import StartExporter, StartSimulator, WriteSettings
from .processes import Process

Run = Callable[..., Process]


def test_a_running_exporter_is_healthy_whatever_became_of_its_file(
    simulator: StartSimulator, exporter: StartExporter, run: Run, write_settings: WriteSettings
) -> None:
    address = exporter({"api": {"base_url": simulator().url}}).url.partition("//")[2]
    file = write_settings({"web": {"listen_address": [address]}})
    with file.open("a", encoding="utf-8") as edited:
        edited.write("log: [")
    assert run(f"--config.file={file}", "--config.check").exit_code == 2
    done = run(f"--config.file={file}", "--healthcheck")
    assert (done.exit_code, done.output, done.log) == (0, "healthy\n", "")

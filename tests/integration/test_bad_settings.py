"""Wrong settings of the installed command: a message that says where and what, nothing served, exit code 2.

All messages stand in tests/unit/test_bad_settings.py.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import StartExporter, StartSimulator, WriteSettings
from .processes import Process

Run = Callable[..., Process]


@pytest.mark.parametrize(
    ("action", "changes", "message"),
    [
        (["--config.check"], {"wep": {}}, "wep ({file}:11): unknown; did you mean web?\n"),
        ([], {"publishers": []}, "publishers: nothing to watch; name at least one publisher, such as contoso\n"),
        (["--once"], {"auth": {"token_file": "/no"}}, "auth: cannot read /no: No such file or directory\n"),
    ],
    ids=["unknown section", "no publisher", "unreadable token file"],
)
def test_bad_settings(
    run: Run, write_settings: WriteSettings, action: list[str], changes: dict[str, Any], message: str
) -> None:
    file = write_settings(changes)
    done = run(f"--config.file={file}", *action)
    assert (done.exit_code, done.output, done.log) == (2, "", message.format(file=file))


def test_port_in_use(run: Run, write_settings: WriteSettings) -> None:
    """The settings are fine, the host is not: exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "{}:{}".format(*taken.getsockname())
        settings = f"--config.file={write_settings({'web': {'listen_address': [address]}})}"
        assert run(settings, "--config.check").output == "the settings are good\n"
        done = run(settings)
    assert (done.exit_code, done.output) == (1, "")
    assert done.log.startswith(f"cannot listen on {address}: Address already in use")


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

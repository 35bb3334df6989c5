"""Wrong settings of the installed command: a message that says where and what, nothing served, exit code 2.

All messages stand in tests/unit/test_bad_settings.py.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import StartExporter, StartSimulator, WriteSettings
from .processes import Process

Run = Callable[..., Process]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wep": {}}, "wep ({file}:11): unknown; did you mean web?\n"),
        ({"publishers": []}, "publishers: nothing to watch; name at least one publisher, such as contoso\n"),
        ({"auth": {"token_file": "/no/such/token"}}, "auth: cannot read /no/such/token: No such file or directory\n"),
    ],
    ids=["unknown section", "no publisher", "unreadable token file"],
)
@pytest.mark.parametrize("action", [[], ["--config.check"], ["--once"]], ids=["serve", "check", "once"])
def test_bad_settings(
    run: Run, write_settings: WriteSettings, changes: dict[str, Any], message: str, action: list[str]
) -> None:
    file = write_settings(changes)
    done = run(f"--config.file={file}", *action)
    assert (done.exit_code, done.output, done.log) == (2, "", message.format(file=file))


def test_bad_flags(run: Run) -> None:
    done = run("exporter.yaml", "--web.listen-adress=:1")
    assert (done.exit_code, done.output) == (2, "")
    assert done.log == (
        "exporter.yaml: is no option; did you mean --config.file=exporter.yaml?\n"
        "--web.listen-adress: unknown; did you mean --web.listen-address?\n"
    )


def test_port_in_use(run: Run, write_settings: WriteSettings) -> None:
    """The settings are fine, the host is not: exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "{}:{}".format(*taken.getsockname())
        settings = f"--config.file={write_settings({'web': {'listen_address': [address]}})}"
        assert run(settings, "--config.check").output == "the settings are good\n"
        done = run(settings)
    assert (done.exit_code, done.output) == (1, "")
    assert done.log.startswith(f"cannot listen on {address}: Address already in use")


def test_paths_in_the_file_are_relative_to_it(run: Run, write_settings: WriteSettings, token_file: Path) -> None:
    """The command starts in a folder of its own."""
    state = {"state_file": "state.json"}
    settings = write_settings({"auth": {"token_file": token_file.name}, "collection": state})
    done = run(f"--config.file={settings}", "--config.check")
    assert (done.exit_code, done.output, done.log) == (0, "the settings are good\n", "")


def test_a_disk_that_is_full(command: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [command, "--demo", "--once", "--log.level=error"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (1, b"cannot write to standard output: No space left on device\n")


def test_a_running_exporter_is_healthy_whatever_became_of_its_file(
    simulator: StartSimulator, exporter: StartExporter, run: Run, write_settings: WriteSettings, tmp_path: Path
) -> None:
    address = exporter({"api": {"base_url": simulator().url}}).url.partition("//")[2]
    good = write_settings({"web": {"listen_address": [address]}}).read_text(encoding="utf-8")
    file = tmp_path / "edited.yaml"
    for edited in (
        good + "log: {level: loud}",
        good + "log: [",
        good + "auth: {}",
        good.replace("web:", "web:\n  tls: 1"),
    ):
        file.write_text(edited, encoding="utf-8")
        assert run(f"--config.file={file}", "--config.check").exit_code == 2
        done = run(f"--config.file={file}", "--healthcheck")
        assert (done.exit_code, done.output, done.log) == (0, "healthy\n", "")

"""Wrong settings of the installed command: a message that says where and what, nothing served, exit code 2."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import WriteSettings
from .processes import Process

Run = Callable[..., Process]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"web": {"listen_adress": ":1"}},
            "web.listen_adress: unknown; did you mean web.listen_address?\n",
        ),
        ({"wep": {}}, "wep: unknown; did you mean web?\n"),
        ({"publishers": []}, "publishers: nothing to watch; name at least one publisher, such as contoso\n"),
        (
            {"auth": {"token_file": "/no/such/token"}},
            "auth: cannot read /no/such/token: No such file or directory\n",
        ),
        (
            {"collection": {"interval": "5 minutes"}},
            "collection.interval: '5 minutes' is no duration; write a number and a unit, such as 30s, 5m or 1h30m\n",
        ),
        (
            {"collection": {"interval": "oops"}, "log": {"level": "loud"}},
            (
                "collection.interval: 'oops' is no duration; write a number and a unit, such as 30s, 5m or 1h30m\n"
                "log.level: Input should be 'debug', 'info', 'warning' or 'error'\n"
            ),
        ),
    ],
    ids=["unknown key", "unknown section", "no publisher", "unreadable token file", "bad duration", "all at once"],
)
@pytest.mark.parametrize("action", [[], ["--config.check"], ["--once"]], ids=["serve", "check", "once"])
def test_bad_settings(
    run: Run, write_settings: WriteSettings, changes: dict[str, Any], message: str, action: list[str]
) -> None:
    done = run(f"--config.file={write_settings(changes)}", *action)
    assert (done.exit_code, done.output, done.log) == (2, "", message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--web.listen-adress=:1"], "--web.listen-adress: unknown; did you mean --web.listen-address?\n"),
        (["--config.file=/no/such.yaml"], "config.file: cannot read /no/such.yaml: No such file or directory\n"),
        (
            ["--auth.token=sesame"],
            (
                "--auth.token: a secret on the command line is visible to all;"
                " use MARKETPLACE_EXPORTER_AUTH__TOKEN or --auth.token-file\n"
            ),
        ),
        ([], "publishers: nothing to watch; name at least one publisher, such as contoso\n"),
    ],
    ids=["unknown flag", "no file", "secret as flag", "nothing at all"],
)
def test_bad_flags(run: Run, arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, done.output, done.log) == (2, "", message)


def test_good_settings(run: Run, write_settings: WriteSettings) -> None:
    done = run(f"--config.file={write_settings({})}", "--config.check")
    assert (done.exit_code, done.output, done.log) == (0, "the settings are good\n", "")


def test_port_in_use(run: Run, write_settings: WriteSettings) -> None:
    """The settings are fine, the host is not: exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "{}:{}".format(*taken.getsockname())
        done = run(f"--config.file={write_settings({'web': {'listen_address': [address]}})}")
    assert (done.exit_code, done.output) == (1, "")
    assert done.log.startswith(f"cannot listen on {address}: Address already in use")
    assert done.log.count("\n") == 1


def test_broken_yaml_shows_no_secret(run: Run, tmp_path: Path) -> None:
    """A line of the file may hold a secret, so none is quoted."""
    path = tmp_path / "exporter.yaml"
    path.write_text('auth:\n  token: "sesame\npublishers: [contoso]\n', encoding="utf-8")
    done = run(f"--config.file={path}")
    assert (done.exit_code, done.output) == (2, "")
    assert done.log.startswith(f"config.file: {path} is not YAML: ")
    assert "sesame" not in done.log

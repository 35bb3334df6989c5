from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import structlog

from exporter.cli import main
from exporter.collection.snapshot import Snapshot
from exporter.collection.state import StateFile
from exporter.config.options import help_text
from exporter.domain.errors import ServeError
from exporter.service import Service
from exporter.sources.registry import SOURCES

pytestmark = pytest.mark.usefixtures("own_logging", "no_variables")

Captured = pytest.CaptureFixture[str]
VERSION = f"azure-marketplace-exporter {version('azure-marketplace-exporter')} (Python 3."
GOOD = "the settings are good\n"


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_wins_over_wrong_settings(flag: str, capsys: Captured) -> None:
    assert main(["--no-such-flag", flag]) == 0
    assert capsys.readouterr() == (help_text(SOURCES), "")


def test_arguments_are_those_of_the_process(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["azure-marketplace-exporter", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith(VERSION)


def test_check(tmp_path: Path, capsys: Captured) -> None:
    """It may run beside the exporter, which holds the state file, and leaves nothing behind."""
    state, token = tmp_path / "state", tmp_path / "token"
    token.write_text("sesame", encoding="utf-8")
    running = StateFile(state)
    running.save(Snapshot())
    before = sorted(tmp_path.iterdir())
    files = f"--auth.token-file={token}", f"--collection.state-file={state}"
    assert main(["--config.check", "--publishers=contoso", *files]) == 0
    running.close()
    assert capsys.readouterr() == (GOOD, "")
    assert sorted(tmp_path.iterdir()) == before


def test_once_of_the_demo(capsys: Captured) -> None:
    assert main(["--demo", "--once", "--log.level=warning"]) == 0
    out, err = capsys.readouterr()
    assert 'azure_marketplace_publisher_up{publisher_id="fabrikam"} 1.0\n' in out
    assert err == ""


@pytest.mark.parametrize(
    ("variable", "arguments", "code", "said"),
    [
        ("DEMO", ["--healthcheck", "--web.listen-address=127.0.0.1:1"], 1, "no answer from 127.0.0.1:1: "),
        ("DEMO", ["--config.check"], 0, GOOD),
        ("DEMO", ["--version"], 0, VERSION),
        ("VERSION", [], 0, VERSION),
        ("HEALTHCHECK", ["--web.listen-address=127.0.0.1:1"], 1, "no answer from 127.0.0.1:1: "),
    ],
)
def test_an_action_by_the_environment_leaves_other_actions_alone(  # noqa: PLR0917 - fixtures
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, variable: str, arguments: list[str], code: int, said: str
) -> None:
    """As in a container, where the health check has the environment of the exporter that it asks."""
    monkeypatch.setenv(f"MARKETPLACE_EXPORTER_{variable}", "true")
    assert main(arguments) == code
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize(
    ("error", "code", "message"), [(ServeError("taken"), 1, "taken\n"), (KeyboardInterrupt(), 130, "")]
)
def test_what_ends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, error: BaseException, code: int, message: str
) -> None:
    def run(_: Service) -> None:
        raise error

    monkeypatch.setattr(Service, "run", run)
    assert main(["--demo", "--log.level=error"]) == code
    assert capsys.readouterr() == ("", message)


def test_the_log_hides_the_secrets_that_the_service_has_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "token").write_text("sesame", encoding="utf-8")
    monkeypatch.setattr(Service, "run", lambda _: structlog.get_logger("exporter").error("it is sesame"))
    assert main(["--publishers=contoso", f"--auth.token-file={tmp_path / 'token'}"]) == 0
    assert "it is [hidden]" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["--help", "--once"])
def test_output_that_cannot_be_written(action: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main([action, "--demo", "--log.level=error"]) == 1
    assert capsys.readouterr().err == "cannot write to standard output: No space left on device\n"


def test_reader_that_has_gone(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """`--help | head -1` ends without a trace."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        assert main(["--help"]) == 1
    assert capsys.readouterr().err == ""


def test_no_output_at_all(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """As after `>&-` in a shell."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["--version"]) == 0
    assert capsys.readouterr().err == ""

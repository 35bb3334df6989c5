from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.collection.snapshot import Snapshot
from exporter.collection.state import StateFile
from exporter.config.options import help_text
from exporter.domain.errors import ServeError
from exporter.service import Service
from exporter.simulator import Listening, Simulator, demo, serve_in_thread
from exporter.sources.registry import SOURCES

pytestmark = pytest.mark.usefixtures("own_logging", "no_variables")

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def simulator() -> Iterator[Listening]:
    with serve_in_thread(Simulator(demo(epoch=time.time()), tokens=["sesame"]).app) as server:
        yield server


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("sesame", encoding="utf-8")
    return path


def test_version(capsys: Captured) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(
        f"azure-marketplace-exporter {version('azure-marketplace-exporter')} (Python 3."
    )


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_wins_over_wrong_settings(flag: str, capsys: Captured) -> None:
    assert main(["--no-such-flag", flag]) == 0
    assert capsys.readouterr() == (help_text(SOURCES), "")


def test_arguments_are_those_of_the_process(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["azure-marketplace-exporter", "--version"])
    assert main() == 0
    assert "azure-marketplace-exporter" in capsys.readouterr().out


@pytest.mark.parametrize("action", [[], ["--once"]])
def test_nothing_to_watch(action: list[str], capsys: Captured) -> None:
    assert main(action) == 2
    assert capsys.readouterr().err == "publishers: nothing to watch; name at least one publisher, such as contoso\n"


def test_check(token_file: Path, tmp_path: Path, capsys: Captured) -> None:
    """It may run beside the exporter, which holds the state file, and leaves nothing behind."""
    state = tmp_path / "state"
    check = ["--config.check", "--publishers=contoso", f"--auth.token-file={token_file}"]
    running = StateFile(state)
    running.save(Snapshot())
    before = sorted(tmp_path.iterdir())
    assert main([*check, f"--collection.state-file={state}"]) == 0
    running.close()
    assert capsys.readouterr() == ("the settings are good\n", "")
    assert sorted(tmp_path.iterdir()) == before


def test_once(simulator: Listening, token_file: Path, capsys: Captured) -> None:
    base = ["--once", f"--api.base-url={simulator.url}", f"--auth.token-file={token_file}", "--log.level=warning"]
    assert main([*base, "--publishers=contoso"]) == 0
    out, err = capsys.readouterr()
    assert 'azure_marketplace_publisher_up{publisher_id="contoso"} 1.0\n' in out
    assert err == ""
    assert main([*base, "--publishers=nobody,contoso"]) == 1
    out, err = capsys.readouterr()
    assert 'azure_marketplace_publisher_up{publisher_id="contoso"} 1.0\n' in out
    assert 'azure_marketplace_publisher_up{publisher_id="nobody"} 0.0\n' in out
    assert "level=warning" in err


def test_once_of_the_demo(capsys: Captured) -> None:
    assert main(["--demo", "--once", "--log.level=warning"]) == 0
    out, err = capsys.readouterr()
    assert 'azure_marketplace_publisher_up{publisher_id="fabrikam"} 1.0\n' in out
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--healthcheck", "--web.listen-address=127.0.0.1:1"], 1, "no answer from 127.0.0.1:1: "),
        (["--config.check"], 0, "the settings are good\n"),
        (["--version"], 0, "azure-marketplace-exporter "),
    ],
)
def test_a_demo_by_the_environment_leaves_other_actions_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, arguments: list[str], code: int, said: str
) -> None:
    """As in a container, where the health check has the environment of the exporter that it asks."""
    monkeypatch.setenv("MARKETPLACE_EXPORTER_DEMO", "true")
    assert main(arguments) == code
    assert capsys.readouterr().out.startswith(said)


def test_version_by_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("MARKETPLACE_EXPORTER_VERSION", "true")
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("azure-marketplace-exporter ")


def test_serve(monkeypatch: pytest.MonkeyPatch, token_file: Path) -> None:
    """The service is run with the settings, and its secrets are known to the log."""
    ran: list[Service] = []
    monkeypatch.setattr(Service, "run", lambda service: ran.append(service))  # noqa: PLW0108 - a method, to be bound
    assert main(["--publishers=contoso", f"--auth.token-file={token_file}"]) == 0
    assert [one.secrets() for one in ran] == [("sesame",)]


def test_demo_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Service] = []
    monkeypatch.setattr(Service, "run", lambda service: ran.append(service))  # noqa: PLW0108 - a method, to be bound
    assert main(["--demo"]) == 0
    assert len(ran) == 1


@pytest.mark.parametrize(
    ("error", "code", "message"), [(ServeError("taken"), 1, "taken\n"), (KeyboardInterrupt(), 130, "")]
)
def test_what_ends_it(  # noqa: PLR0917 - fixtures
    monkeypatch: pytest.MonkeyPatch, token_file: Path, capsys: Captured, error: BaseException, code: int, message: str
) -> None:
    def run(_: Service) -> None:
        raise error

    monkeypatch.setattr(Service, "run", run)
    assert main(["--publishers=contoso", f"--auth.token-file={token_file}"]) == code
    assert capsys.readouterr() == ("", message)


def test_healthcheck_of_nobody(capsys: Captured) -> None:
    assert main(["--healthcheck", "--web.listen-address=127.0.0.1:1"]) == 1
    assert capsys.readouterr().out.startswith("no answer from 127.0.0.1:1")


ACTIONS = [["--help"], ["--version"], ["--demo", "--config.check"], ["--demo", "--once", "--log.level=error"]]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action[-1])
def test_output_that_cannot_be_written(action: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(action) == 1
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

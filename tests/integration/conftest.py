"""Fixtures that start real processes: each returns a function, what it starts is ended after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
import yaml

from .processes import Exporter, Process, Prometheus, Simulator, faulty_simulator

TOKEN = "a-token-that-nobody-must-ever-see"

Started = TypeVar("Started", bound=Process)
Tool = Callable[[str], Path]


class Keep(Protocol):
    """Starts a process by calling its class with a folder of its own, and remembers to end it."""

    def __call__(self, make: Callable[[Path], Started], /) -> Started: ...


@contextmanager
def keeping(folder: Path) -> Iterator[Keep]:
    """Start processes with folders below this one, and end them all."""
    with ExitStack() as stack:
        numbers = count(1)

        def start(make: Callable[[Path], Started], /) -> Started:
            process = make(folder / f"process-{next(numbers)}")
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Keep]:
    """Start processes and end them after the test."""
    with keeping(tmp_path) as start:
        yield start


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A file with a token, as a secret would be mounted."""
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n", encoding="utf-8")
    return path


StartSimulator = Callable[..., Simulator]


@pytest.fixture
def simulator(keep: Keep) -> StartSimulator:
    """Start the simulator with these arguments; without `--scenario` it has the publisher contoso and no offers."""

    def start(*arguments: str) -> Simulator:
        chosen = arguments if "--scenario" in arguments else ("--publisher", "contoso", *arguments)
        return keep(lambda folder: Simulator(faulty_simulator(*chosen), folder))

    return start


@pytest.fixture
def write_settings(tmp_path: Path, token_file: Path) -> Callable[[Mapping[str, Any]], Path]:
    """Write a settings file that watches contoso, with short times and a free port; `changes` go over each section."""
    numbers = count(1)

    def write(changes: Mapping[str, Any]) -> Path:
        settings: dict[str, Any] = {
            "publishers": ["contoso"],
            "auth": {"token_file": str(token_file)},
            "collection": {"interval": "1s", "timeout": "5s"},
            "web": {"listen_address": ["127.0.0.1:0"]},
        }
        for section, value in changes.items():
            old = settings.get(section)
            settings[section] = {**old, **value} if isinstance(old, dict) and isinstance(value, Mapping) else value
        path = tmp_path / f"exporter-{next(numbers)}.yaml"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return path

    return write


WriteSettings = Callable[[Mapping[str, Any]], Path]


@pytest.fixture
def command(tool: Tool) -> Path:
    """The installed `azure-marketplace-exporter`."""
    return tool("azure-marketplace-exporter")


class StartExporter(Protocol):
    """Starts the exporter with a settings file of these changes."""

    def __call__(
        self,
        changes: Mapping[str, Any] | None = None,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
    ) -> Exporter: ...


@pytest.fixture
def exporter(keep: Keep, command: Path, write_settings: WriteSettings) -> StartExporter:
    """Start the exporter: `exporter({"api": {"base_url": simulator.url}}, "--log.level=debug")`; see `write_settings`."""

    def start(
        changes: Mapping[str, Any] | None = None, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> Exporter:
        line: list[str | Path] = [command, f"--config.file={write_settings(changes or {})}", *arguments]
        return keep(lambda folder: Exporter(line, folder, environ=environ))

    return start


@pytest.fixture
def run(keep: Keep, command: Path) -> Callable[..., Process]:
    """Run the exporter with exactly these arguments, to its end: `run("--version").output`."""

    def to_the_end(*arguments: str, environ: Mapping[str, str] | None = None) -> Process:
        process = keep(lambda folder: Process([command, *arguments], folder, environ=environ))
        process.wait()
        return process

    return to_the_end


StartPrometheus = Callable[..., Prometheus]


@pytest.fixture
def prometheus(keep: Keep, tool: Tool, tmp_path: Path) -> StartPrometheus:
    """Start Prometheus with this configuration (a mapping, as in prometheus.yml) and these options."""
    program = tool("prometheus")
    numbers = count(1)

    def start(config: Mapping[str, Any], *options: str) -> Prometheus:
        path = tmp_path / f"prometheus-{next(numbers)}.yml"
        path.write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
        return keep(lambda folder: Prometheus(program, path, folder, *options))

    return start


def scrape_config(*targets: Exporter | str, interval: str = "1s", **options: Any) -> dict[str, Any]:
    """Configure Prometheus to scrape these exporters or addresses; `options` go into the scrape job."""
    addresses = [one if isinstance(one, str) else one.url.partition("//")[2] for one in targets]
    job = {"job_name": "marketplace", "scrape_interval": interval, "scrape_timeout": interval}
    return {"scrape_configs": [{**job, "static_configs": [{"targets": addresses}], **options}]}

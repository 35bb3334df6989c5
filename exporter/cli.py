"""The command: read the settings, choose the action, run it.

Exit codes: 0 done, 1 the action failed, 2 the settings are wrong, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from exporter.domain.errors import ConfigError, ExporterError, Problem

if TYPE_CHECKING:
    from exporter.config.options import CommandLine
    from exporter.config.settings import Settings, WebSettings
    from exporter.service import Service

__all__ = ["main"]


class _OutputError(ExporterError):
    """Standard output cannot be written; without words if its reader has gone."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the imports happen late, so that `--help` and `--version` answer at once."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return _run(arguments)
    except ConfigError as error:
        for where, what in error.problems:
            print(f"{where}: {what}", file=sys.stderr)
        return 2
    except ExporterError as error:
        if str(error):
            print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: Sequence[str]) -> int:
    if "--version" in arguments:
        return _version()
    from exporter.config.options import help_text, load, reachable
    from exporter.sources.registry import SOURCES

    if "--help" in arguments or "-h" in arguments:
        return _say(help_text(SOURCES))
    if "--healthcheck" in arguments:
        return _healthcheck(reachable(arguments, sources=SOURCES))
    return _act(lambda: load(arguments, sources=SOURCES))


def _say(text: str) -> int:
    _write([text.encode()])
    return 0


def _write(pieces: Iterable[bytes]) -> None:
    """Write to standard output now; at Python's end it would be too late to say what is wrong with it."""
    if sys.stdout is None:  # closed by who started us
        return
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        is_gone = isinstance(error, BrokenPipeError)
        raise _OutputError("" if is_gone else f"cannot write to standard output: {error.strerror}") from error


def _act(load: Callable[[], CommandLine]) -> int:
    """Do what is asked; where the environment asks for serving, a flag for something else still wins."""
    command = load()
    if command.version:
        return _version()
    if command.healthcheck:
        return _healthcheck(command.web)
    if command.config.check:
        return _check(_demo_settings(command) if command.demo else _watching(command))
    with _logs(command) as hidden, _upstream(command, load) as settings:
        from exporter.service import Service

        service = Service(settings(), settings)
        hidden.append(service.secrets)
        if command.once:
            return _print(service)
        service.run()
    return 0


def _watching(settings: Settings) -> Settings:
    """Refuse settings that name nothing to ask the real API for."""
    if not settings.publishers:
        raise ConfigError([("publishers", "nothing to watch; name at least one publisher, such as contoso")])
    return settings


def _version() -> int:
    from exporter.telemetry.metrics import package_version

    return _say(f"azure-marketplace-exporter {package_version()} (Python {sys.version.split()[0]})\n")


def _check(settings: Settings) -> int:
    """Do what a start does with files and secrets, but listen nowhere, ask nobody and take nothing from who runs."""
    from exporter.collection.state import check
    from exporter.service import Service

    problems: list[Problem] = []
    for step in (lambda: Service(settings, lambda: settings), lambda: check(settings.collection.state_file)):
        try:
            step()
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return _say("the settings are good\n")


def _print(service: Service) -> int:
    snapshot = service.once()
    _write(service.publication.metrics(openmetrics=False, gzip=False))
    return 0 if all(publisher.up for publisher in snapshot.publishers) else 1


def _healthcheck(web: WebSettings) -> int:
    from exporter.web.healthcheck import healthcheck

    answer = healthcheck(web)
    _say(f"{answer.text}\n")
    return 0 if answer.is_healthy else 1


def _demo_settings(command: CommandLine, api_url: str = "http://localhost") -> Settings:
    from exporter.config.demo import demo_settings

    return demo_settings(command, api_url)


@contextmanager
def _upstream(command: CommandLine, load: Callable[[], CommandLine]) -> Iterator[Callable[[], Settings]]:
    """How to load the settings; for the demo, those of a simulator that runs meanwhile."""
    if not command.demo:
        yield lambda: _watching(load())
        return
    from exporter.simulator import Simulator, demo, serve_in_thread

    with serve_in_thread(Simulator(demo(epoch=time.time())).app) as simulator:
        settings = _demo_settings(command, simulator.url)
        yield lambda: settings


@contextmanager
def _logs(settings: Settings) -> Iterator[list[Callable[[], tuple[str, ...]]]]:
    """Set up the logs; what is appended to the list tells more secrets to blot out."""
    from exporter.telemetry.logs import set_up

    hidden = [settings.secrets]
    set_up(settings.log, lambda: tuple(secret for secrets in hidden for secret in secrets()))
    yield hidden

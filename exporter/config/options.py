"""From command line, environment and file to `Settings`, with every problem at its place; and the text of `--help`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import CliSettingsSource, EnvSettingsSource, SettingsConfigDict, SettingsError

from exporter.config.fields import FilePath, is_path
from exporter.config.flags import flag_problems
from exporter.config.problems import dotted, is_unknown, words
from exporter.config.settings import ENV_PREFIX, DeclaredSource, Section, Settings, WebSettings, with_sources
from exporter.config.table import PROGRAM, Option, table, unknown
from exporter.config.yaml_file import Document, read_mapping
from exporter.domain.errors import ConfigError, Problem

__all__ = ["CommandLine", "Option", "command_line", "help_text", "load", "options", "reachable"]

Sources = tuple[type[DeclaredSource], ...]
Place = Sequence[int | str]


class ConfigSettings(Section):
    """The settings file."""

    file: FilePath | None = None
    """YAML file with settings; relative paths in it are relative to its folder."""
    check: bool = False
    """Check all settings and exit: 0 if they are good, 2 if not."""


class CommandLine(Settings):
    """The settings plus what only makes sense outside the file: the file itself, and the action."""

    model_config = SettingsConfigDict(
        cli_prog_name=PROGRAM,
        cli_kebab_case=True,
        cli_implicit_flags="toggle",
        cli_avoid_json=True,
        cli_exit_on_error=False,
    )

    config: ConfigSettings = ConfigSettings()
    once: bool = False
    """Fetch once, print the metrics and exit: 0 if everything was fetched, 1 if not."""
    healthcheck: bool = False
    """Ask the exporter that runs with these settings whether it is healthy, and exit: 0 if so, 1 if not."""
    demo: bool = False
    """Serve simulated publishers; needs no credentials and asks nothing of Microsoft."""
    version: bool = False
    """Print the version and exit."""


_OUTSIDE = CommandLine.model_fields.keys() - Settings.model_fields
"""What makes no sense in the file."""


@cache
def command_line(sources: Sources) -> type[CommandLine]:
    """The model of the command line with the sections of these sources."""
    return with_sources(CommandLine, sources)


def options(sources: Sources) -> Iterator[Option]:
    """All options, in the order of `--help`."""
    return table(command_line(sources), _OUTSIDE)


def load(arguments: Sequence[str], environ: Mapping[str, str] = os.environ, *, sources: Sources) -> CommandLine:
    """Read flags, environment and file.

    Raises:
        ConfigError: with all problems of the command line; if it has none, with all others.
    """
    given = _Given.read(arguments, environ, sources)
    problems = [*_variable_problems(environ, given.options), *given.problems]
    try:
        settings = command_line(sources)(**given.values())
    except ValidationError as error:
        problems += [given.problem(one) for one in error.errors(include_url=False)]
        raise ConfigError(problems) from None
    problems += [(given.where(name.split(".")), what) for name, what in settings.exposures()]
    if problems:
        raise ConfigError(problems)
    return settings


def reachable(arguments: Sequence[str], environ: Mapping[str, str] = os.environ, *, sources: Sources) -> WebSettings:
    """What can be read of the section `web`, whatever is wrong elsewhere: a file may have been edited since the start.

    Raises:
        ConfigError: the command line is wrong.
    """
    web = _Given.read(arguments, environ, sources).values().get("web")
    try:
        return WebSettings.model_validate(web)
    except ValidationError as error:
        wrong = {one["loc"][0] for one in error.errors() if one["loc"]}
        kept = web.items() if isinstance(web, dict) else ()
        return WebSettings.model_validate({name: value for name, value in kept if name not in wrong})


@dataclass(frozen=True, slots=True)
class _Given:
    """What flags, environment and file say, each by itself; the problems are those of the file as a whole."""

    options: tuple[Option, ...]
    flags: dict[str, Any]
    variables: dict[str, Any]
    file: Document
    problems: tuple[Problem, ...] = ()

    @classmethod
    def read(cls, arguments: Sequence[str], environ: Mapping[str, str], sources: Sources) -> _Given:
        """Raises ConfigError if the command line is wrong."""
        known = tuple(options(sources))
        if problems := list(flag_problems(arguments, known)):
            raise ConfigError(problems)
        model = command_line(sources)
        flags, variables = _flags(model, arguments), _variables(model, environ, known)
        path = _over(variables, flags).get("config", {}).get("file", "")
        if not is_path(path):
            return cls(known, flags, variables, Document({}))
        try:
            file = read_mapping("config.file", Path(path))
        except ConfigError as error:
            return cls(known, flags, variables, Document({}), tuple(error.problems))
        _anchor(file, [one.name for one in known if one.kind == "FILE"], Path(path).parent)
        return cls(known, flags, variables, file, tuple(_unknown_keys(file, known)))

    def values(self) -> dict[str, Any]:
        """All of it together: flags over environment over file."""
        known = {one.name.partition(".")[0] for one in self.options if one.in_file}
        file = {name: value for name, value in self.file.items() if name in known}
        return _over(_over(file, self.variables), self.flags)

    def problem(self, error: ErrorDetails) -> Problem:
        """Where and what, for people."""
        place = error["loc"]
        if is_unknown(error):
            paths = (one.name.split(".") for one in self.options)
            near = {".".join(path[: len(place)]) for path in paths if len(path) >= len(place)}
            return self.where(place), unknown(dotted(place), sorted(near))
        option = self._option(place)
        return self.where(place), words(error, is_duration=option is not None and option.kind == "DURATION")

    def where(self, place: Place) -> str:
        """The flag, the variable, or the key and its line: where the value came from."""
        if option := self._option(place):
            rest = dotted(place[option.name.count(".") + 1 :])
            for values, name in ((self.flags, option.as_flag), (self.variables, option.variable)):
                if _has(values, option.name.split(".")):
                    return name + rest
        line = self.file.line(place)
        return f"{dotted(place)} ({line})" if line else dotted(place)

    def _option(self, place: Place) -> Option | None:
        names = {".".join(map(str, place[:length])) for length in range(1, len(place) + 1)}
        return next((one for one in self.options if one.name in names), None)


def _flags(model: type[CommandLine], arguments: Sequence[str]) -> dict[str, Any]:
    try:
        return dict(CliSettingsSource[Any](model, cli_parse_args=list(arguments))())
    except SettingsError:  # a list whose brackets or quotes do not match
        raise ConfigError([("command line", "a value cannot be read; look at its brackets and quotes")]) from None


def _variables(model: type[CommandLine], environ: Mapping[str, str], options: Sequence[Option]) -> dict[str, Any]:
    known = {option.variable for option in options}
    source = EnvSettingsSource(model)
    source.env_vars = {name.lower(): value for name, value in environ.items() if value and name.upper() in known}
    return dict(source())


def _over(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """Merge sections; one that is no mapping stays, to be refused."""
    merged = dict(low)
    for name, value in high.items():
        below = merged.get(name)
        if not isinstance(value, dict):
            merged[name] = value
        elif isinstance(below, dict | None):
            merged[name] = _over(below or {}, value)
    return merged


def _has(values: Mapping[str, Any], path: Sequence[str]) -> bool:
    first, *rest = path
    return first in values and (not rest or _has(values[first], rest))


def _anchor(values: dict[Any, Any], names: Sequence[str], folder: Path) -> None:
    """Take relative paths from this folder."""
    for name in names:
        section, _, key = name.rpartition(".")
        part: Any = values
        for one in section.split("."):
            part = part.get(one) if isinstance(part, dict) else None
        if isinstance(part, dict) and part.get(key) and isinstance(part[key], str):
            part[key] = str(folder / part[key])


def _unknown_keys(file: Document, options: Sequence[Option]) -> Iterator[Problem]:
    """Keys at the top of the file that are none, or belong on the command line."""
    known = {one.name.partition(".")[0] for one in options if one.in_file}
    for key in file:
        if key not in known:
            yield f"{key} ({file.line([str(key)])})", unknown(str(key), sorted(known))


_SERVICE_LINK = re.compile(r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)")


def _variable_problems(environ: Mapping[str, str], options: Sequence[Option]) -> Iterator[Problem]:
    """Variables with our prefix and an unknown name; those of a Kubernetes Service of our name are not ours."""
    known = {option.variable for option in options}
    for name in sorted(environ):
        rest = name.removeprefix(ENV_PREFIX)
        if rest != name and name.upper() not in known and not _SERVICE_LINK.fullmatch(rest):
            yield name, unknown(name, sorted(known), ENV_PREFIX)


def help_text(sources: Sources) -> str:
    """What `--help` prints: every option with its sentence and its default."""
    lines = [
        f"usage: {PROGRAM} [--config.file FILE] [OPTION ...]",
        "",
        "Prometheus exporter for the publishing status of Azure Marketplace offers.",
        "Without --once, --config.check, --healthcheck or --version it serves metrics until it is told to end.",
        "",
        f"Every option is also an environment variable ({ENV_PREFIX}WEB__LISTEN_ADDRESS for --web.listen-address)",
        "and, but for the actions, a key of the settings file. Flags win over the environment, that over the file.",
    ]
    group = None
    for option in options(sources):
        flag = option.flag or f"  (environment or file) {option.name}"
        section = option.name.partition(".")[0] if "." in option.name else ""
        if section != group:
            group = section
            lines.append("")
        default = f" Default: {option.default}." if option.default else ""
        lines += [f"  {flag} {option.kind}".rstrip(), f"        {option.description}{default}"]
    return "\n".join([*lines, "", "  --help", "        Print this text and exit.", ""])

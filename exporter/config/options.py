"""From command line, environment and file to `Settings`, with every problem at its place; and the text of `--help`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from exporter.config.fields import FilePath
from exporter.config.given import Given
from exporter.config.settings import ENV_PREFIX, DeclaredSource, Section, Settings, WebSettings, with_sources
from exporter.config.table import PROGRAM, Option, table
from exporter.domain.errors import ConfigError

__all__ = ["CommandLine", "Option", "command_line", "help_text", "load", "options", "reachable"]

Sources = tuple[type[DeclaredSource], ...]


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
        cli_parse_none_str="\0",  # so that a text may be None
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
    given = Given.read(command_line(sources), tuple(options(sources)), arguments, environ)
    problems = [*given.problems]
    try:
        settings = command_line(sources)(**given.values())
    except ValidationError as error:
        problems += [given.problem(one) for one in error.errors(include_url=False)]
        raise ConfigError(problems) from None
    problems += [(given.where(name.split(".")), what) for name, what in settings.contradictions()]
    if problems:
        raise ConfigError(problems)
    return settings


def reachable(arguments: Sequence[str], environ: Mapping[str, str] = os.environ, *, sources: Sources) -> WebSettings:
    """What can be read of the section `web`, whatever is wrong elsewhere: a file may have been edited since the start.

    Raises:
        ConfigError: the command line is wrong.
    """
    given = Given.read(command_line(sources), tuple(options(sources)), arguments, environ)
    web = given.values().get("web")
    try:
        return WebSettings.model_validate(web)
    except ValidationError as error:
        wrong = {one["loc"][0] for one in error.errors() if one["loc"]}
        kept = web.items() if isinstance(web, dict) else ()
        return WebSettings.model_validate({name: value for name, value in kept if name not in wrong})


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

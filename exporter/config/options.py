"""From command line, environment and file to `Settings`; and the table of all options for `--help` and the docs."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from exporter.config.durations import Duration, format_duration
from exporter.config.settings import ENV_PREFIX, DeclaredSource, Section, Settings, with_sources
from exporter.config.yaml_file import read_mapping
from exporter.domain.errors import ConfigError, Problem

__all__ = ["CommandLine", "Option", "command_line", "help_text", "load", "options"]

Sources = tuple[type[DeclaredSource], ...]

PROGRAM = "azure-marketplace-exporter"


class ConfigSettings(Section):
    """The settings file."""

    file: Path | None = None
    """YAML file with settings."""
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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flag (put first by the library), environment, file."""
        del init_settings, dotenv_settings, file_secret_settings
        return env_settings, _FileSource(settings_cls)


_ACTIONS = CommandLine.model_fields.keys() - Settings.model_fields
"""What makes no sense in the file."""


class _FileSource(InitSettingsSource):
    """The YAML file that a source of higher precedence names."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls, init_kwargs={})

    def __call__(self) -> dict[str, Any]:
        config = self.current_state.get("config", {})
        path = config.get("file") if isinstance(config, dict) else None
        return read_file(Path(path), self.settings_cls) if path else {}


def read_file(path: Path, model: type[BaseModel]) -> dict[str, Any]:
    """Read the settings file.

    Raises:
        ConfigError: it cannot be read, is not YAML, or holds keys that belong on the command line; other keys that are
            unknown are left for the model to find, together with all else that is wrong.
    """
    content = read_mapping("config.file", path)
    known = model.model_fields.keys() - _ACTIONS
    unknown = content.keys() - known
    if any(key in _ACTIONS or not isinstance(key, str) for key in unknown):
        raise ConfigError(sorted((str(key), _unknown(str(key), sorted(known))) for key in unknown))
    return content


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its dotted name (also its key in the file) and what the docs say of it."""

    name: str
    description: str
    default: str
    kind: str
    in_file: bool
    is_secret: bool

    @property
    def flag(self) -> str | None:
        """The flag; a secret has none."""
        return None if self.is_secret else "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return _variable(self.name)


@cache
def command_line(sources: Sources) -> type[CommandLine]:
    """The model of the command line with the sections of these sources."""
    return with_sources(CommandLine, sources)


def options(sources: Sources) -> Iterator[Option]:
    """Walk over all options in the order in which they are defined."""
    return _options(command_line(sources))


def _options(model: type[BaseModel], prefix: str = "") -> Iterator[Option]:
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            yield from _options(annotation, f"{prefix}{name}.")
        else:
            top = (prefix or f"{name}.").partition(".")[0]
            yield Option(
                name=prefix + name,
                description=" ".join((field.description or "").split()),
                default=_default(field),
                kind=_kind(field),
                in_file=top not in _ACTIONS,
                is_secret=SecretStr in get_args(annotation),
            )


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value is False or value == ():
        return ""
    if _is_duration(field):
        return format_duration(value)
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _is_duration(field: FieldInfo) -> bool:
    marks = get_args(Duration)[1:]
    return any(mark in field.metadata for mark in marks) or any(
        get_origin(one) is Annotated and any(mark in get_args(one) for mark in marks)
        for one in get_args(field.annotation)
    )


_KINDS = {Path: "FILE", int: "NUMBER", float: "NUMBER", date: "DATE", bool: ""}


def _kind(field: FieldInfo) -> str:
    """Name what an option takes, for people."""
    if _is_duration(field):
        return "DURATION"
    kinds = [one for one in (*get_args(field.annotation), field.annotation) if one is not type(None)]
    if isinstance(kinds[0], str):
        return "|".join(map(str, get_args(field.annotation)))
    return next((_KINDS[one] for one in kinds if one in _KINDS), "TEXT")


def help_text(sources: Sources) -> str:
    """Write what `--help` prints: every option with its sentence and its default."""
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


def load(arguments: Sequence[str], environ: Mapping[str, str] = os.environ, *, sources: Sources) -> CommandLine:
    """Read flags, environment and file.

    Raises:
        ConfigError: with all problems found, each with its place and its remedy.
    """
    model, known = command_line(sources), tuple(options(sources))
    problems = [*_flag_problems(arguments, known), *_variable_problems(environ, known)]
    told = {where for where, _ in problems}
    try:
        # The model hides its own options.
        settings = model(_cli_parse_args=list(_without(told, arguments)))  # type: ignore[call-arg]
    except ValidationError as error:
        found = [_problem(one, known) for one in error.errors(include_url=False, include_input=False)]
        raise ConfigError([*problems, *(one for one in found if _variable(one[0]) not in told)]) from None
    except SettingsError as error:
        raise ConfigError(
            problems or [("command line", _one_line(error).removeprefix("error parsing CLI: "))]
        ) from None
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from error
    if problems:
        raise ConfigError(problems)
    return settings


def _variable(name: str) -> str:
    return ENV_PREFIX + name.replace(".", "__").upper()


def _without(flags: Collection[str], arguments: Sequence[str]) -> Iterator[str]:
    """Leave out flags, each with its value."""
    is_value = False
    for argument in arguments:
        flag, equals, _ = argument.partition("=")
        if flag in flags:
            is_value = not equals
        elif not is_value or argument.startswith("-"):
            is_value = False
            yield argument
        else:
            is_value = False


def _flag_problems(arguments: Sequence[str], options: Sequence[Option]) -> Iterator[Problem]:
    known = {option.flag: option for option in options}
    secrets = {"--" + option.name.replace("_", "-"): option for option in options if option.is_secret}
    for flag in [one.partition("=")[0] for one in arguments if one.startswith("--")]:
        if flag in secrets:
            option = secrets[flag]
            yield flag, f"a secret on the command line is visible to all; use {option.variable} or {flag}-file"
        elif flag not in known:
            yield flag, _unknown(flag, [one for one in known if one])


def _unknown(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"unknown; did you mean {near[0]}?" if near else f"unknown; {PROGRAM} --help lists what there is"


_SERVICE_LINK = re.compile(r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)")


def _variable_problems(environ: Mapping[str, str], options: Sequence[Option]) -> Iterator[Problem]:
    """Find variables with our prefix and an unknown name; those of a Kubernetes Service of our name are not ours."""
    known = {option.variable for option in options}
    for name in sorted(environ):
        rest = name.removeprefix(ENV_PREFIX)
        if rest != name and name.upper() not in known and not _SERVICE_LINK.fullmatch(rest):
            yield name, _unknown(name, sorted(known))


def _problem(error: Mapping[str, Any], options: Sequence[Option]) -> Problem:
    where = re.sub(r"\.\[", "[", ".".join(f"[{one}]" if isinstance(one, int) else str(one) for one in error["loc"]))
    what = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        depth = where.count(".") + 1
        paths = (one.name.split(".") for one in options)
        what = _unknown(where, sorted({".".join(path[:depth]) for path in paths if len(path) >= depth}))
    elif error["type"] in {"model_type", "dict_type"}:
        what = "holds no mapping of settings"
    return where or "settings", what

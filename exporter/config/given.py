"""What was given where: flags, variables and the file, put together, and the place of every value in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, CliSettingsSource, EnvSettingsSource

from exporter.config.flags import flag_problems
from exporter.config.problems import dotted, is_unknown, words
from exporter.config.settings import ENV_PREFIX
from exporter.config.table import Option, named, unknown
from exporter.config.yaml_file import Document, read_mapping, read_part
from exporter.domain.errors import ConfigError, Problem

__all__ = ["Given"]

Place = Sequence[int | str]
_CREDENTIAL = re.compile(f"{ENV_PREFIX}CREDENTIALS__([A-Z0-9_-]+?)__([A-Z0-9_]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Given:
    """What flags, environment and file say, each by itself; the problems are those of names and of the file as a whole."""

    options: tuple[Option, ...]
    flags: dict[str, Any]
    variables: dict[str, Any]
    file: Document
    problems: tuple[Problem, ...]

    @classmethod
    def read(
        cls,
        model: type[BaseSettings],
        options: tuple[Option, ...],
        arguments: Sequence[str],
        environ: Mapping[str, str],
    ) -> Given:
        """Raises ConfigError if the command line is wrong."""
        if problems := list(flag_problems(arguments, options)):
            raise ConfigError(problems)
        names = {found[1].lower() for one in environ if (found := _CREDENTIAL.match(one))}
        given = named(options, names)
        flags, variables = _flags(model, arguments), _variables(model, environ, given)
        problems, file = list(_variable_problems(environ, given)), Document({})
        path = _over(variables, flags).get("config", {}).get("file", "")
        if path.isprintable() and path:
            try:
                file = read_mapping("config.file", Path(path))
            except ConfigError as error:
                problems += error.problems
                file = read_part("web", Path(path))  # for the health check
        options = named(options, names | _keys(file, "credentials"))
        _anchor(file, [one.name for one in options if one.kind == "FILE"], Path(path).parent)
        problems += _unknown_keys(file, options)
        return cls(options, flags, variables, file, tuple(problems))

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


def _keys(file: Document, section: str) -> set[str]:
    found = file.get(section)
    return set(map(str, found)) if isinstance(found, dict) else set()


def _flags(model: type[BaseSettings], arguments: Sequence[str]) -> dict[str, Any]:
    return dict(CliSettingsSource[Any](model, cli_parse_args=list(arguments))())


def _variables(model: type[BaseSettings], environ: Mapping[str, str], options: Sequence[Option]) -> dict[str, Any]:
    known = {option.variable for option in options}
    source = EnvSettingsSource(model)
    given = {name.upper(): value for name, value in environ.items() if value and name.upper() in known}
    named = {name: found for name in given if (found := _CREDENTIAL.match(name))}
    source.env_vars = {name.lower(): value for name, value in given.items() if name not in named}
    variables = dict(source())
    for name, found in named.items():  # the library would read the digits of a secret as a number
        credential = variables.setdefault("credentials", {}).setdefault(found[1].lower(), {})
        credential[found[2].lower()] = given[name]
    return variables


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
    """Take relative paths from this folder; each once, though YAML aliases may share a mapping."""
    anchored = set()
    for name in names:
        section, _, key = name.rpartition(".")
        part: Any = values
        for one in section.split("."):
            part = part.get(one) if isinstance(part, dict) else None
        if isinstance(part, dict) and part.get(key) and isinstance(part[key], str) and (id(part), key) not in anchored:
            part[key] = str(folder / part[key])
            anchored.add((id(part), key))


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

"""The table of all options, out of the settings model: for flags, variables, `--help` and the docs."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from exporter.config.durations import Duration, format_duration
from exporter.config.settings import ENV_PREFIX, Section, SourceSettings

__all__ = ["NAMED", "PROGRAM", "Option", "named", "table", "unknown"]

PROGRAM = "azure-marketplace-exporter"
NAMED = "credentials.NAME.KEY"
"""Stands for all options of credentials, whose names users choose; the keys are those of `auth`."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its dotted name, which is also its key in the file, and what the docs say of it.

    `kind` is what it takes; an empty one means that the flag alone is enough.
    """

    name: str
    description: str
    default: str
    kind: str
    in_file: bool
    is_secret: bool

    @property
    def as_flag(self) -> str:
        """Its name as a flag would have it; what is on can only be switched off."""
        return ("--no-" if self.default == "true" else "--") + self.name.replace("_", "-")

    @property
    def flag(self) -> str | None:
        """The flag; secrets and credentials with a name have none."""
        return None if self.is_secret or self.name == NAMED else self.as_flag

    @property
    def variable(self) -> str:
        """The environment variable."""
        return ENV_PREFIX + self.name.replace(".", "__").upper()


def unknown(name: str, known: Iterable[str], prefix: str = "") -> str:
    """What to say of a name that does not exist, where all begin with the prefix."""
    near = difflib.get_close_matches(name.removeprefix(prefix), [one.removeprefix(prefix) for one in known], n=1)
    return f"unknown; did you mean {prefix}{near[0]}?" if near else f"unknown; {PROGRAM} --help lists what there is"


def table(model: type[BaseModel], outside: Collection[str]) -> Iterator[Option]:
    """All options of a model, those of other sources after `api`; the top-level names in `outside` have no place in the file."""
    places = {name: number for number, name in enumerate(model.model_fields)}
    for name, field in sorted(
        model.model_fields.items(), key=lambda one: places["api"] if _is_source(one[1]) else places[one[0]]
    ):
        for place, one in _walk(name, field):
            yield Option(
                name=place,
                description=" ".join((one.description or "").split()),
                default=_default(one),
                kind=_kind(one),
                in_file=name not in outside,
                is_secret=SecretStr in _parts(one),
            )


def named(options: Iterable[Option], names: Collection[str]) -> tuple[Option, ...]:
    """The options, with those of the credentials of these names."""
    options = tuple(options)
    keys = [(one, key) for one in options for section, _, key in [one.name.partition(".")] if section == "auth"]
    return (*options, *(replace(one, name=f"credentials.{name}.{key}") for name in sorted(names) for one, key in keys))


def _is_source(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, SourceSettings)


def _walk(place: str, field: FieldInfo) -> Iterator[tuple[str, FieldInfo]]:
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, Section):
        for name, one in kind.model_fields.items():
            yield from _walk(f"{place}.{name}", one)
    else:
        yield NAMED if get_origin(kind) is dict else place, field


def _parts(field: FieldInfo) -> list[Any]:
    """All types, marks and literals that an annotation is made of."""
    parts = [field.annotation, *field.metadata]
    for one in parts:
        parts += get_args(one)
    return parts


_DURATION = get_args(Duration)[1]
_KINDS = {Path: "FILE", int: "NUMBER", float: "NUMBER", date: "DATE", bool: ""}


def _kind(field: FieldInfo) -> str:
    parts = _parts(field)
    if _DURATION in parts:
        return "DURATION"
    choices = [one for one in parts if isinstance(one, str)]
    return "|".join(choices) or next((_KINDS[one] for one in parts if one in _KINDS), "TEXT")


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value is False or value in ((), {}):
        return ""
    if value is True:
        return "true"
    if _DURATION in _parts(field):
        return format_duration(value)
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)

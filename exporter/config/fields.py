"""The kinds of values that settings take, each with its own refusal."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import NoDecode

__all__ = [
    "Address",
    "FilePath",
    "HttpUrl",
    "Identifier",
    "ListSetting",
    "Rate",
    "Secret",
    "Section",
    "TelemetryPath",
    "Text",
    "is_exposed",
]


class Section(BaseModel):
    """A group of settings: frozen, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Text = Annotated[str, Field(min_length=1)]
Secret = Annotated[SecretStr, Field(min_length=1)]
Rate = Annotated[float, Field(gt=0, le=1000)]


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


ListSetting = (NoDecode, BeforeValidator(_split))
"""Marks of a list that may also be one text with commas."""


def _identifier(value: str) -> str:
    value = value.strip()
    if value in {"", ".", ".."} or "/" in value or not value.isprintable():
        raise ValueError(f"{value!r:.60} is no id; ids are not empty and hold no slash")
    return value


Identifier = Annotated[str, AfterValidator(_identifier)]


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bad port or a broken IPv6 address
        is_good = False
    if not is_good or any(one in value for one in "?#@"):
        # Not shown, because it may hold a password.
        raise ValueError("this is no plain http or https URL; it has no user, query or fragment")
    return value.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_http_url)]


def is_exposed(url: str) -> bool:
    """Whether others can read what is sent to a URL: plain http that leaves this host."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    return parts.scheme == "http" and not is_here


def _file_path(value: Any) -> Any:
    if isinstance(value, str) and not (value and value.isprintable()):
        raise ValueError("is no path of a file")
    return value


FilePath = Annotated[Path, BeforeValidator(_file_path)]


_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%a-z]+\]|[^:\[\]\s]*):(?P<port>[0-9]{1,5})")
_MAX_PORT = 65535


def _address(value: str) -> str:
    shape = _ADDRESS.fullmatch(value)
    if shape is None or int(shape["port"]) > _MAX_PORT:
        raise ValueError(f"{value!r:.60} is no address; write host:port, :port or [ipv6]:port")
    return value


Address = Annotated[str, AfterValidator(_address)]

_TAKEN = re.compile(r"/(-|api|docs|offers|probe|sd|static)(/.*)?")


def _telemetry_path(value: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]+", value):
        raise ValueError(f"{value!r:.60} is no path; it starts with a slash and is not empty, such as /metrics")
    if _TAKEN.fullmatch(value):
        raise ValueError(f"{value!r:.60} has another use; choose a path of its own, such as /metrics")
    return value


TelemetryPath = Annotated[str, AfterValidator(_telemetry_path)]

"""Reading a YAML file that holds one mapping, with errors that quote nothing of it: any line may hold a secret."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from exporter.domain.errors import ConfigError

__all__ = ["read_mapping"]

# What YAML's parser quotes may be the file's own words; not so what it expects or finds, such as ',' or '<stream end>'.
_QUOTED = re.compile("'(?!<[a-z ]+>'|.{1,2}').*'")


def read_mapping(where: str, path: Path) -> dict[Any, Any]:
    """Read the file that the option `where` names; an empty one is an empty mapping.

    Raises:
        ConfigError: it cannot be read, is not YAML, or holds something else.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([(where, f"cannot read {path}: {error.strerror}")]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError([(where, f"{path} is not YAML: {_problem(error)}")]) from None
    if not isinstance(content, dict | None):
        raise ConfigError([(where, f"{path} holds no mapping at its top level")])
    return content or {}


def _problem(error: Exception) -> str:
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if problem is None or mark is None:
        return "it holds what is no text"
    said = problem if problem.startswith("expected") else _QUOTED.sub("something", problem)
    return f"{said} at line {mark.line + 1}, column {mark.column + 1}"

"""Reading a YAML file that holds one mapping, with errors that quote no value of it: any line may hold a secret."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from exporter.domain.errors import ConfigError

__all__ = ["Document", "read_mapping", "read_part"]

MAX_SIZE = 1_000_000
# What YAML's parser quotes may be the file's own words; not so what it expects or finds, such as ',' or '<stream end>'.
_QUOTED = re.compile("'(?!<[a-z ]+>'|.{1,2}').*'")


class Document(dict[Any, Any]):
    """The mapping in a file, which knows its lines."""

    def __init__(self, content: dict[Any, Any], path: Path | None = None, root: yaml.Node | None = None) -> None:
        super().__init__(content)
        self._path = path
        self._root = root

    def line(self, place: Sequence[int | str]) -> str | None:
        """`file:line` of the innermost part of a path of keys and indices that stands in the file, if any does."""
        node, line = self._root, None
        for key in place:
            found = _child(node, key)
            if found is None:
                break
            mark, node = found
            line = f"{self._path}:{mark.line + 1}"
        return line


def _child(node: yaml.Node | None, key: int | str) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((name.start_mark, value) for name, value in node.value if name.value == str(key)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark, node.value[key]
    return None


def read_mapping(where: str, path: Path) -> Document:
    """Read the file that the option `where` names; an empty one is an empty mapping.

    Raises:
        ConfigError: it cannot be read, is too large, is not YAML, has a key twice, or holds something else.
    """
    text = _text(where, path)
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        content = {} if root is None else loader.construct_document(root)
    except RecursionError:
        raise ConfigError([(where, f"{path} is nested too deeply")]) from None
    except yaml.YAMLError as error:
        raise ConfigError([(where, f"{path} {_problem(error, text)}")]) from None
    if not isinstance(content, dict | None):
        raise ConfigError([(where, f"{path} holds no mapping at its top level")])
    return Document(content or {}, path, root)


def read_part(key: str, path: Path) -> Document:
    """One key at the top of a file that cannot be read as a whole; empty if that cannot be read either."""
    try:
        found = re.search(rf"^{key}:.*(\n([ \t#].*)?$)*", _text(key, path), re.MULTILINE)
        content = yaml.load(found[0], _Loader) if found else None  # noqa: S506 - a safe loader by another name
    except (ConfigError, RecursionError, yaml.YAMLError):
        content = None
    return Document(content or {})


def _text(where: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise ConfigError([(where, f"cannot read {path}: {error.strerror}")]) from error
    if len(content) > MAX_SIZE:
        raise ConfigError([(where, f"{path} is larger than 1 MB; is it the right file?")])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([(where, f"{path} is no text in UTF-8, see line {line}")]) from None


class _TwiceError(yaml.YAMLError):
    """A key that stands twice in the same mapping."""


class _Loader(yaml.SafeLoader):
    """Refuses keys that stand twice, and leaves dates as they are written: the settings know where one is wanted."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in the base class
        first: [one for one in resolvers if one[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode):
                if key.value in lines:
                    raise _TwiceError(f"has {key.value!r} twice, on lines {lines[key.value]} and {line}; join them")
                lines[key.value] = line
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError):  # such as a number of 5,000 digits
            raise ConstructorError(
                problem="found a value that is not of its type", problem_mark=node.start_mark
            ) from None


def _problem(error: yaml.YAMLError, text: str) -> str:
    if isinstance(error, _TwiceError):
        return str(error)
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"is not YAML: found a character that is not allowed at line {line}"
    problem, mark = getattr(error, "problem", None) or "", getattr(error, "problem_mark", None)
    said = problem if problem.startswith("expected") else _QUOTED.sub("something", problem)
    return f"is not YAML: {said} at line {mark.line + 1}, column {mark.column + 1}" if mark else f"is not YAML: {said}"

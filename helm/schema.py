"""values.schema.json, from the defaults and comments of values.yaml.

Groups are closed, so a misspelt value is refused with its path. Values whose default is an empty map stay open, they
take Kubernetes objects. The root knows `global` and `enabled`, which Helm hands to every subchart.
"""

from collections.abc import Mapping
from typing import Any

from helm.values import Comment, is_group

_TYPES = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}


def schema(values: Mapping[str, Any], texts: Mapping[str, Comment]) -> dict[str, Any]:
    """Return the JSON schema (draft 7) of a chart's values."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart azure-marketplace-exporter",
        **_group(values, texts, ""),
    }


def _group(values: Mapping[str, Any], texts: Mapping[str, Comment], parent: str) -> dict[str, Any]:
    prefix = f"{parent}." if parent else ""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _node(f"{prefix}{key}", value, texts) for key, value in values.items()},
    }


def _node(path: str, value: Any, texts: Mapping[str, Comment]) -> dict[str, Any]:
    comment = texts.get(path, Comment())
    node: dict[str, Any] = {"description": comment.text} if comment.text else {}
    node |= _group(value, texts, path) if is_group(path, texts) else _leaf(path, value)
    return node | comment.schema


def _leaf(path: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    node: dict[str, Any] = {"type": _TYPES[type(value)]}
    if path.lower().endswith(("labels", "annotations")) and isinstance(value, dict):
        node["additionalProperties"] = {"type": "string"}
    return node

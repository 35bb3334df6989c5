"""Text from outside: bounded and printable."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["MAX_ID", "identifier", "text"]

MAX_TEXT = 256
MAX_ID = 512


def text(value: Any, limit: int = MAX_TEXT) -> str:
    """Make a bounded, printable text of whatever the API sent; without control characters and lone surrogates."""
    if value is None or isinstance(value, dict | list):
        return ""
    raw = str(value)[: limit * 4].encode("utf-8", "replace").decode("utf-8")
    if not raw.isprintable():
        raw = "".join(one if one.isprintable() or one.isspace() else " " for one in raw)
    clean = " ".join(raw.split())
    # Thousands of offers share the names of their steps, and the text of their messages.
    return sys.intern(clean if len(clean) <= limit else clean[: limit - 1] + "…")


def identifier(value: Any) -> str:
    """An id as it is, or nothing: two that were shortened or cleaned could become the same one; dots lead out of a path."""
    if value is None or isinstance(value, bool | float | dict | list):
        return ""
    raw = str(value).strip() if not isinstance(value, int) or value.bit_length() <= MAX_ID else ""
    return raw if raw not in {".", ".."} and len(raw) <= MAX_ID and text(raw, MAX_ID) == raw else ""

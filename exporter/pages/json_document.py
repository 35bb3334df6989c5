"""JSON documents of a whole snapshot, written in pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeAlias

__all__ = ["Json", "batched", "dump"]

Json: TypeAlias = dict[str, Any]

BATCH = 50

dump: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":")).encode
"""Writes one value, in ASCII only."""


def batched(entries: Iterable[str]) -> Iterator[str]:
    """Put the entries of a list together, some at a time: so many pieces would cost more than what is in them."""
    left, before = iter(entries), ""
    while batch := ",".join(islice(left, BATCH)):
        yield before + batch
        before = ","

"""Faults: what goes wrong, which requests it hits, and how often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tests.faults.operations import Operation

Kind = Literal[
    "status",
    "respond",
    "redirect",
    "null",
    "html",
    "oversize",
    "documented_sample",
    "hold",
    "drop",
    "reset",
    "short_body",
    "trickle",
    "slow",
    "truncated_json",
    "wrong_types",
    "wrong_content_type",
    "duplicate_offers",
    "vanishing_offers",
]


class Fault(BaseModel):
    """One fault. `path` is a pattern with `*` over the path as it came; `publisher`, `offer`, `operation` must be equal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    path: str | None = None
    publisher: str | None = None
    offer: str | None = None
    operation: str | None = None
    times: int | None = Field(default=None, ge=1)

    status: int | None = Field(default=None, ge=200, le=599)
    retry_after: int | str | None = None
    body: Any = None
    seconds: float | None = Field(default=None, ge=0)
    size: int | None = Field(default=None, ge=0)
    offers: tuple[str, ...] = ()

    def matches(self, operation: Operation) -> bool:
        wanted = {"publisher": self.publisher, "offer": self.offer, "name": self.operation}
        if any(value is not None and value != getattr(operation, name) for name, value in wanted.items()):
            return False
        return self.path is None or fnmatchcase(operation.path, self.path)


LIST = TypeAdapter(list[Fault])


def read_faults(text: str | bytes) -> list[Fault]:
    """Read a JSON list of faults, or a single one.

    Raises:
        ValueError: the text is no such thing; tells where and why.
    """
    stripped = text.strip()
    if stripped[:1] in ("{", b"{"):
        return [Fault.model_validate_json(stripped)]
    return LIST.validate_json(stripped)


@dataclass
class Planned:
    fault: Fault
    hits: int = 0

    def takes(self, operation: Operation) -> bool:
        if not self.fault.matches(operation) or self.hits == self.fault.times:
            return False
        self.hits += 1
        return True


@dataclass
class FaultBook:
    """The faults that are set; of those that match a request the first one hits it."""

    planned: list[Planned] = field(default_factory=list)

    def add(self, faults: Iterable[Fault]) -> None:
        self.planned += map(Planned, faults)

    def take(self, operation: Operation) -> Fault | None:
        """Find the fault that hits this request, and count the hit."""
        return next((one.fault for one in self.planned if one.takes(operation)), None)

    def as_json(self) -> list[dict[str, Any]]:
        return [one.fault.model_dump(exclude_defaults=True) | {"hits": one.hits} for one in self.planned]

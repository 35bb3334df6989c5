"""Faults: which requests they hit, when, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.simulator.clock import Clock
    from exporter.simulator.operations import Operation

__all__ = ["Fault", "FaultBook", "read_faults"]

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
    """One fault: what goes wrong (`kind` and its details), for which requests, in which window.

    `path` and `query` are patterns with `*` over the path as it came and the decoded query; `publisher`, `offer` and
    `operation` must be equal.
    The first `skip` requests that match are spared, the next `times` are hit; the window opens `after` seconds after
    the fault was set and stays open for `lasts` seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    path: str | None = None
    query: str | None = None
    publisher: str | None = None
    offer: str | None = None
    operation: str | None = None
    times: int | None = Field(default=None, ge=1)
    skip: int = Field(default=0, ge=0)
    after: float = Field(default=0.0, ge=0)
    lasts: float | None = Field(default=None, ge=0)

    status: int | None = Field(default=None, ge=200, le=599)
    retry_after: int | str | None = None
    headers: dict[str, str] = {}
    body: Any = None
    text: str | None = None
    content_type: str = "text/plain"
    location: str = "https://elsewhere.invalid/"
    seconds: float | None = Field(default=None, ge=0)
    size: int | None = Field(default=None, ge=0)
    offers: tuple[str, ...] = ()

    def matches(self, operation: Operation) -> bool:
        """Tell whether a request is of those that this fault is aimed at."""
        wanted = {"publisher": self.publisher, "offer": self.offer, "name": self.operation}
        if any(value is not None and value != getattr(operation, name) for name, value in wanted.items()):
            return False
        patterns = ((self.path, operation.path), (self.query, operation.query))
        return all(pattern is None or fnmatchcase(text, pattern) for pattern, text in patterns)

    @field_validator("retry_after")
    @classmethod
    def _has_a_date(cls, value: int | str | None) -> int | str | None:
        kind, _, seconds = str(value).partition(":")
        if kind == "date":
            float(seconds)
        return value


_LIST = TypeAdapter(list[Fault])


def read_faults(text: str | bytes) -> list[Fault]:
    """Read a JSON list of faults, or a single one.

    Raises:
        ValueError: the text is no such thing; tells where and why.
    """
    stripped = text.strip()
    if stripped[:1] in ("{", b"{"):
        return [Fault.model_validate_json(stripped)]
    return _LIST.validate_json(stripped)


@dataclass(slots=True)
class _Set:
    fault: Fault
    at: float
    matched: int = 0
    hits: int = 0

    def take(self, operation: Operation, now: float) -> bool:
        fault, age = self.fault, now - self.at
        is_open = age >= fault.after and (fault.lasts is None or age < fault.after + fault.lasts)
        if not is_open or not fault.matches(operation):
            return False
        self.matched += 1
        if self.matched <= fault.skip or (fault.times is not None and self.hits >= fault.times):
            return False
        self.hits += 1
        return True


@dataclass(slots=True)
class FaultBook:
    """The faults that are set; of those that match a request the first one hits it."""

    clock: Clock
    _sets: list[_Set] = field(default_factory=list)

    def add(self, faults: Iterable[Fault]) -> None:
        """Set faults, behind those that are set already; their windows count from now."""
        now = self.clock()
        self._sets += [_Set(fault, now) for fault in faults]

    def clear(self) -> None:
        """Let everything work again."""
        self._sets.clear()

    def take(self, operation: Operation) -> Fault | None:
        """Give the fault that hits this request, and count the hit."""
        now = self.clock()
        return next((one.fault for one in self._sets if one.take(operation, now)), None)

    def as_json(self) -> list[dict[str, Any]]:
        """Give the faults with their hits, for the control API."""
        return [one.fault.model_dump(exclude_defaults=True) | {"hits": one.hits} for one in self._sets]

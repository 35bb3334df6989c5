"""Faults: what goes wrong, which requests it hits, and how often."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from tests.faults.operations import Operation


class Fault(BaseModel):
    """One fault, see `Play`. `path` is a pattern with `*` over the path as it came; other aims must be equal."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["status", "respond", "hold", "drop", "trickle", "slow"]
    path: str = "*"
    operation: str | None = None
    times: int | None = Field(default=None, ge=1)

    status: int | None = Field(default=None, ge=200, le=599)
    retry_after: int | None = None
    body: Any = None
    seconds: float = 0.0

    _hits: int = PrivateAttr(0)

    def hits(self, operation: Operation) -> bool:
        """Whether it happens to this request, which is counted."""
        fits = self.operation in {None, operation.name}
        if self._hits == self.times or not fits or not fnmatchcase(operation.path, self.path):
            return False
        self._hits += 1
        return True

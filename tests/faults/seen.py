"""The requests that came, so that a test can tell what a client asked for and how hard."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from tests.faults.operations import Operation

KEPT = 10_000


@dataclass
class RequestsSeen:
    """Counters since the last reset, and the latest requests one by one."""

    in_flight: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def begin(self, operation: Operation, query: str, at: float) -> None:
        self.in_flight += 1
        self.operations[operation.name] += 1
        self.log.append({"operation": operation.name, "path": operation.path, "query": query, "at": at})

    def end(self) -> None:
        self.in_flight -= 1

    def reset(self) -> None:
        """Forget all but the requests that are in flight."""
        for seen in (self.operations, self.log):
            seen.clear()

    def as_json(self) -> dict[str, Any]:
        return {
            "total": self.operations.total(),
            "in_flight": self.in_flight,
            "by_operation": dict(self.operations),
        }

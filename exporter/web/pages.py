"""The pages for people, rendered on the server."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.offers import Step, StepStatus
from exporter.telemetry import package_version

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Pages", "age", "current_step"]

_DONE = {StepStatus.COMPLETE, StepStatus.NOT_STARTED, StepStatus.CANCELED}


class Pages:
    """Renders snapshots as HTML; `clock` is Unix time."""

    def __init__(self, *, telemetry_path: str, stale_after: float, clock: Callable[[], float]) -> None:
        self._telemetry_path = telemetry_path
        self._stale_after = stale_after
        self._clock = clock

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only who looks pays for it

        environment = Environment(
            loader=PackageLoader("exporter.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        environment.filters.update(age=self._age, words=words)
        environment.globals.update(current_step=current_step)
        return environment

    def index(self, snapshot: Snapshot) -> str:
        """Render the landing page."""
        return self._render("index.html", snapshot=snapshot, is_fresh=self._is_fresh)

    def _render(self, template: str, **values: Any) -> str:
        common = {"version": package_version(), "telemetry_path": self._telemetry_path}
        return self._environment.get_template(template).render(**common, **values)

    def _is_fresh(self, record: OfferRecord) -> bool:
        return record.is_fresh(self._clock(), self._stale_after)

    def _age(self, moment: float | None) -> str:
        return "never" if moment is None else age(self._clock() - moment)


def words(state: str) -> str:
    """Write a state as words: `in_progress` is "in progress"."""
    return state.replace("_", " ")


def age(seconds: float) -> str:
    """Write an age in its two largest units, such as "2d 3h"."""
    left, parts = max(0, int(seconds)), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def current_step(steps: tuple[Step, ...]) -> Step | None:
    """Find the step at which an offer stands: the first that is neither done nor still to come."""
    return next((step for step in steps if step.status not in _DONE), None)

"""Times and durations as words for people, and the moment from which they are seen. All are seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from exporter.collection.snapshot import OfferRecord
from exporter.domain.offers import Offer

__all__ = ["Lens", "day", "duration", "iso", "utc"]

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def duration(seconds: float) -> str:
    """Write a duration in its two largest units, such as "2d 3h"; a negative one counts as none."""
    left, parts = max(0, int(seconds)), []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def utc(at: float) -> str:
    """An instant in words, such as "2026-11-21 04:32:17 UTC"."""
    return _written(at, "%Y-%m-%d %H:%M:%S UTC")


def day(at: float) -> str:
    """Its day in UTC, such as "Thursday 26 November"."""
    return _written(at, "%A {0.day} %B")


def iso(at: float) -> str:
    """The instant for machines, in RFC 3339."""
    return _written(at, "%Y-%m-%dT%H:%M:%SZ")


def _written(at: float, form: str) -> str:
    """Write an instant; one that no calendar has is written as nothing."""
    try:
        moment = datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.strftime(form.format(moment))


@dataclass(frozen=True, slots=True)
class Lens:
    """From where things are seen: the present moment, and the age past which the data of an offer is not shown."""

    now: float
    stale_after: float

    def fresh(self, record: OfferRecord) -> Offer | None:
        """The offer of a record if its data is young enough to be shown as the present state."""
        return record.offer if record.is_fresh(self.now, self.stale_after) else None

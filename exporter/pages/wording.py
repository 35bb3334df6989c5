"""Numbers and states as words for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Moment", "duration"]

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def duration(seconds: float) -> str:
    """Write a duration in its two largest units, such as "2d 3h"; a negative one counts as none."""
    left, parts = max(0, int(seconds)), []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant as seen from `now`, both in Unix seconds."""

    at: float
    now: float

    @property
    def ago(self) -> str:
        """How long ago it was, in words."""
        return duration(self.now - self.at)

    @property
    def utc(self) -> str:
        """The instant in words, such as "2026-11-21 04:32:17 UTC"; empty for one that no calendar has."""
        moment = self._moment()
        return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""

    @property
    def day(self) -> str:
        """Its day in UTC, such as "Thursday 26 November"; empty for one that no calendar has."""
        moment = self._moment()
        return f"{moment:%A} {moment.day} {moment:%B}" if moment else ""

    @property
    def iso(self) -> str:
        """The instant for machines, in RFC 3339; empty for one that no calendar has."""
        moment = self._moment()
        return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""

    def _moment(self) -> datetime | None:
        try:
            return datetime.fromtimestamp(self.at, UTC)
        except (ValueError, OverflowError, OSError):
            return None

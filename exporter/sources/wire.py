"""From what the APIs send to plain values: lenient where Microsoft is loose, bounded because it is not our text."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from exporter.domain.errors import DecodeError
from exporter.domain.offers import State, parse_state
from exporter.domain.texts import text
from exporter.telemetry.metrics import Telemetry

__all__ = ["Oddities", "WireModel", "decode", "timestamp", "whole_number"]

MAX_ODDITIES = 500
MAX_BITS = 64

Shape = TypeVar("Shape")


def _fold_key(name: str) -> str:
    return name.replace("_", "").lower()


class WireModel(BaseModel):
    """A JSON object of the API; keys match in any case, unknown ones are ignored, null is the same as absent."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=_fold_key, populate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _fold_keys(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {_fold_key(str(key)): value for key, value in data.items() if value is not None}


def decode(shape: TypeAdapter[Shape], body: bytes, what: str) -> Shape:
    """Read a JSON body.

    Raises:
        DecodeError: it is not JSON or not of this shape; the text says where, and shows nothing of the body.
    """
    try:
        # Not by pydantic: its parser refuses a byte order mark, and a title that was cut inside of a surrogate pair.
        content = json.loads(body)
    except json.JSONDecodeError as error:
        raise DecodeError(f"{what} cannot be read: no JSON at line {error.lineno} column {error.colno}") from None
    except (ValueError, RecursionError):
        raise DecodeError(f"{what} cannot be read: no JSON") from None
    try:
        return shape.validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DecodeError(f"{what} cannot be read: {where + ': ' if where else ''}{first['msg']}") from None


_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)


def timestamp(value: Any) -> float | None:
    """Read an RFC 3339 time as Unix seconds; 0 to 9 fractional digits, UTC where the zone is missing.

    Raises:
        ValueError: it is a text or number that is no such time.
    """
    if value is None or value == "":
        return None
    shape = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if shape is None:
        raise ValueError("no RFC 3339 time")
    day, clock, fraction, zone = shape.groups()
    moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if not zone or zone in 'Zz' else zone}")
    if moment.year == 1:  # the API's way to say "never"
        return None
    return moment.astimezone(UTC).timestamp() + float(f"0.{fraction or 0}")


def whole_number(value: Any) -> int | None:
    """Read an integer of up to 64 bits, also one written as text; ValueError if it is none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("no whole number")  # noqa: TRY004 - for the caller it is the value that is odd
    number = int(value)
    if number.bit_length() > MAX_BITS:
        raise ValueError("too large a number")
    return number


class Oddities:
    """Counts what cannot be used as it is, and logs each raw value once."""

    def __init__(self, telemetry: Telemetry, source: str) -> None:
        self._counter = telemetry.unknown_values_total
        self._log = structlog.get_logger("exporter.sources").bind(source=source)
        self._seen: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def note(self, field: str, raw: Any, **where: str) -> None:
        """Count an odd value of a field, and log it if it is new."""
        self._counter.labels(field).inc()
        shown = text(raw)
        with self._lock:
            is_new = (field, shown) not in self._seen and len(self._seen) < MAX_ODDITIES
            self._seen.add((field, shown)) if is_new else None
        if is_new:
            self._log.warning("odd value in an upstream answer", field=field, value=shown, **where)

    def state(self, kind: type[State], field: str, raw: Any) -> State:
        """Read a state; what is not in the enumeration is noted and `unknown`."""
        state = parse_state(kind, raw)
        if state is kind.UNKNOWN:
            self.note(field, raw)
        return state

    def timestamp(self, raw: Any) -> float | None:
        """Read a time; an unreadable one is noted and None."""
        try:
            return timestamp(raw)
        except (ValueError, OverflowError):
            self.note("timestamp", raw)
            return None

    def whole_number(self, raw: Any) -> int | None:
        """Read a whole number; an unreadable one is noted and None."""
        try:
            return whole_number(raw)
        except ValueError:
            self.note("number", raw)
            return None

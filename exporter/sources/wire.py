"""From what the APIs send to plain values: lenient where Microsoft is loose, bounded because it is not our text."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Container, Mapping
from datetime import UTC, date, datetime
from itertools import chain, count
from typing import Annotated, Any, TypeVar

import structlog
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from exporter.domain.errors import DecodeError
from exporter.domain.offers import State, parse_state
from exporter.domain.texts import identifier, text
from exporter.telemetry.metrics import Telemetry

__all__ = [
    "MAX_HTML",
    "MAX_MESSAGES",
    "MAX_STEPS",
    "Entries",
    "Inner",
    "Reading",
    "UnknownValues",
    "WireModel",
    "decode",
    "free_id",
    "timestamp",
]

MAX_HTML = 4096
MAX_MESSAGES = 50
"""Messages whose text is kept; all are counted."""
MAX_STEPS = 100
MAX_LOGGED = 500
MAX_BITS = 64
MAX_SKEW = 300.0
"""Seconds by which the API's clock may be ahead of ours."""

Shape = TypeVar("Shape")


def free_id(wanted: str, taken: Container[str]) -> str:
    """The id of a step, with a number if another step has it already."""
    candidates = chain([wanted], (f"{wanted}-{number}" for number in count(2)))
    return next(one for one in candidates if one not in taken)


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


class UnknownValues:
    """Counts what cannot be used as it is, and logs each raw value once. `clock` is Unix time."""

    def __init__(self, telemetry: Telemetry, source: str, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._telemetry = telemetry
        self._log = structlog.get_logger("exporter.sources").bind(source=source)
        self._seen: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def note(self, field: str, raw: Any, **where: str) -> None:
        """Count an odd value of a field, and log it if it is new."""
        self._telemetry.unknown_values_total.labels(field).inc()
        shown = text(raw)
        with self._lock:
            is_new = (field, shown) not in self._seen and len(self._seen) < MAX_LOGGED
            self._seen.add((field, shown)) if is_new else None
        if is_new:
            self._log.warning("odd value in an upstream answer", field=field, value=shown, **where)

    def missing_page(self, what: str, reason: str) -> None:
        """Count and log that a list ended with a page that is not there."""
        self._telemetry.failed(reason)
        self._log.warning("a list ended with a page that is not there", list=what)

    def state(self, kind: type[State], field: str, raw: Any) -> State:
        """Read a state; what is not in the enumeration is noted and `unknown`."""
        state = parse_state(kind, raw)
        if state is kind.UNKNOWN:
            self.note(field, raw)
        return state

    def identifier(self, field: str, raw: Any, **where: str) -> str:
        """Read an id; one that is there and cannot be kept whole is noted and empty."""
        found = identifier(raw)
        if not found and raw not in (None, ""):
            self.note(field, raw, **where)
        return found

    def timestamp(self, raw: Any) -> float | None:
        """Read a time; an unreadable one, and one that is yet to come, is noted and None."""
        now = self.clock()
        try:
            moment = timestamp(raw)
        except (ValueError, OverflowError):
            moment = float("inf")
        if moment is not None and moment > now + MAX_SKEW:
            self.note("timestamp", raw)
            return None
        return None if moment is None else min(moment, now)

    def whole_number(self, raw: Any) -> int | None:
        """Read a whole number; an unreadable one is noted and None."""
        try:
            return whole_number(raw)
        except ValueError:
            self.note("number", raw)
            return None


_KINDS = {type(None): "null", str: "text", list: "list", dict: "unreadable object"}


class Reading:
    """How one answer is read: `what` names it, `unusable` counts the entries that had to be left out."""

    def __init__(self, what: str, values: UnknownValues) -> None:
        self.what = what
        self.unusable = 0
        self._values = values

    def leave_out(self, raw: Any, place: str) -> None:
        """Note that there is no object where one belongs."""
        self.unusable += 1
        self._values.note("entry", f"{_KINDS.get(type(raw), 'number')} at {place} of {self.what}")


def decode(shape: TypeAdapter[Shape], body: bytes, reading: Reading) -> Shape:
    """Read a JSON body.

    Raises:
        DecodeError: it is not JSON or not of this shape; the text says where, and shows nothing of the body.
    """
    try:
        # Not by pydantic: its parser refuses a byte order mark, and a title that was cut inside of a surrogate pair.
        content = json.loads(body)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise DecodeError(f"{reading.what} cannot be read: no JSON at {where}") from None
    except (ValueError, RecursionError):
        raise DecodeError(f"{reading.what} cannot be read: no JSON") from None
    try:
        return shape.validate_python(content, context=reading)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DecodeError(f"{reading.what} cannot be read: {where + ': ' if where else ''}{first['msg']}") from None


def _one_by_one(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo[Reading]) -> Any:
    if not isinstance(value, list):
        return handler(value)
    usable: list[Any] = []
    for index, entry in enumerate(value):
        try:
            usable += handler([entry])
        except ValidationError:
            info.context.leave_out(entry, f"{info.field_name}[{index}]")
    return tuple(usable)


def _object(value: Any, info: ValidationInfo[Reading]) -> Any:
    if isinstance(value, Mapping | BaseModel):
        return value
    info.context.leave_out(value, str(info.field_name))
    return {}


Entry = TypeVar("Entry")
Entries = Annotated[tuple[Entry, ...], WrapValidator(_one_by_one)]
"""A list of objects; what is none of them is left out and noted."""
Inner = Annotated[Entry, BeforeValidator(_object)]
"""An object in an object; where something else is in its place, that is noted, and it is empty."""


_GAP = re.compile(r"\s+(?=[Z+-])")
"""Some write blanks before the zone, which the standard library mostly refuses."""
_NEVER = frozenset({date.min, date(1601, 1, 1), date.max})
"""The least and greatest times of .NET, and the zero of Windows' file times."""


def timestamp(value: Any) -> float | None:
    """Read an ISO 8601 time as Unix seconds, to the microsecond; UTC where the zone is missing.

    Raises:
        ValueError: it is a text or number that is no such time.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("no time")  # noqa: TRY004 - for the caller it is the value that is odd
    moment = datetime.fromisoformat(_GAP.sub("", value.strip().upper()))
    if moment.date() in _NEVER:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


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

"""What is wrong with a value, in our words; pydantic's are for programmers."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic_core import ErrorDetails

from exporter.config.durations import format_duration

__all__ = ["dotted", "is_unknown", "words"]

_WORDS = {
    "bool": "takes true or false",
    "date": "takes a day that exists, written as YYYY-MM-DD",
    "dict": "takes a mapping",
    "extra_forbidden": "unknown",
    "finite_number": "takes a number",
    "float": "takes a number",
    "frozen_set": "takes a list",
    "int": "takes a whole number",
    "invalid_key": "unknown",
    "literal": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list": "takes a list",
    "missing": "is missing",
    "model": "takes a mapping of settings",
    "path": "takes the path of a file",
    "string": "takes text; put a number in quotes",
    "string_too_short": "is empty",
    "too_short": "is empty",
    "tuple": "takes a list",
}


def is_unknown(error: ErrorDetails) -> bool:
    """Whether the place itself is wrong: there is no such key."""
    return error["type"] in {"extra_forbidden", "invalid_key"}


def words(error: ErrorDetails, *, is_duration: bool = False) -> str:
    """What is wrong; quotes nothing of what was given, unless our own validators did."""
    kind = error["type"]
    if error["input"] is None and kind != "missing":
        return "has no value; give it one, or leave it out"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    context = {name: _bound(value, is_duration=is_duration) for name, value in error.get("ctx", {}).items()}
    # Such as int_parsing and int_from_float, for which the same holds.
    found = _WORDS.get(kind) or _WORDS.get(kind.partition("_")[0]) or "cannot be used"
    return found.format(**context)


def _bound(value: object, *, is_duration: bool) -> str:
    if isinstance(value, int | float):
        return format_duration(value) if is_duration else f"{value:g}"
    return str(value).replace("'", "")


def dotted(place: Sequence[int | str]) -> str:
    """A place as people write it: `publishers[0].id`."""
    return "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in place).removeprefix(".")

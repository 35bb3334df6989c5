"""Which format and which encoding a client gets, by its Accept and Accept-Encoding headers (RFC 9110, section 12)."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["OPENMETRICS", "TEXT", "accepts_gzip", "wants_openmetrics"]

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

MAX_HEADER = 4096
_WEIGHT = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def wants_openmetrics(accept: str) -> bool:
    """True if the client prefers OpenMetrics 1.0.0 to the text format 0.0.4; it gets text if it names neither."""
    openmetrics = text = 0.0
    for name, parameters, weight in _items(accept):
        version = parameters.get("version")
        if name == "application/openmetrics-text" and version in {None, "1.0.0", "0.0.1"}:
            openmetrics = max(openmetrics, weight)
        elif (name == "text/plain" and version in {None, "0.0.4"}) or name in {"text/*", "*/*"}:
            text = max(text, weight)
    return openmetrics > 0 and openmetrics >= text


def accepts_gzip(accept_encoding: str) -> bool:
    """True if the client takes gzip."""
    weights = {name: weight for name, _, weight in _items(accept_encoding)}
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _items(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for item in header[:MAX_HEADER].lower().split(","):
        name, *rest = (part.strip() for part in item.split(";"))
        parameters = {key.strip(): value.strip(' "') for key, _, value in (part.partition("=") for part in rest)}
        weight = parameters.pop("q", "1")
        yield name, parameters, float(weight) if _WEIGHT.fullmatch(weight) else 0.0

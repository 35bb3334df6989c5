"""What a request is about: the names under which requests are counted and faults are aimed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.types import Scope

PATTERNS = {
    "list_offers": r"/api/publishers/(?P<publisher>[^/]+)/offers",
    "offer_status": r"/api/publishers/(?P<publisher>[^/]+)/offers/(?P<offer>[^/]+)/status",
    "center_products": r"/v1\.0/ingestion/products",
    "ingestion_products": r"/rp/product-ingestion/product",
    "token": r"/[^/]+/oauth2/(v2\.0/)?token",
    "managed_identity": r"/msi/token",
    "control": r"/control/.*",
}
COMPILED = {name: re.compile(pattern) for name, pattern in PATTERNS.items()}


@dataclass(frozen=True)
class Operation:
    """A request's meaning."""

    name: str
    path: str
    publisher: str = ""
    offer: str = ""


def operation_of(scope: Scope) -> Operation:
    """Recognise a request by its path as it came, still percent-encoded: an id may contain a slash."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("latin-1").partition("?")[0]
    for name, pattern in COMPILED.items():
        if match := pattern.fullmatch(path):
            return Operation(name, path, **{key: unquote(value) for key, value in match.groupdict().items()})
    return Operation("other", path)

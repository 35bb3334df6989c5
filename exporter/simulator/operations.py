"""What a request is about: the names under which requests are counted and faults are aimed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from starlette.types import Scope

__all__ = ["OPERATIONS", "Operation", "operation_of", "raw_path"]

_PATTERNS = {
    "list_publishers": r"/api/publishers",
    "list_offers": r"/api/publishers/(?P<publisher>[^/]+)/offers",
    "offer_status": r"/api/publishers/(?P<publisher>[^/]+)/offers/(?P<offer>[^/]+)/status",
    "center_products": r"/v1\.0/ingestion/products",
    "center_submissions": r"/v1\.0/ingestion/products/(?P<offer>[^/]+)/submissions",
    "center_workflow": r"/v1\.0/ingestion/products/(?P<offer>[^/]+)/submissions/[^/]+/workflowdetails",
    "center_reports": r"/v1\.0/ingestion/products/(?P<offer>[^/]+)/submissions/[^/]+/reports",
    "center_validations": r"/v1\.0/ingestion/products/(?P<offer>[^/]+)/submissions/[^/]+/validations",
    "ingestion_products": r"/rp/product-ingestion/product",
    "ingestion_submissions": r"/rp/product-ingestion/submission/(?P<offer>[^/]+)",
    "token": r"/[^/]+/oauth2/(v2\.0/)?token",
    "managed_identity": r"/msi/token",
    "discovery": r".*/\.well-known/openid-configuration|/common/discovery/instance",
    "control": r"/control/.*",
}
_COMPILED = {name: re.compile(pattern) for name, pattern in _PATTERNS.items()}

OPERATIONS = (*_PATTERNS, "other")
"""All names of operations. For the two Partner Center APIs the offer is the product's GUID."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A request's meaning; what its path does not tell is empty."""

    name: str
    path: str
    publisher: str = ""
    offer: str = ""
    query: str = ""


def raw_path(scope: Scope) -> str:
    """Give the path as it came, still percent-encoded: an id may contain a slash."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("latin-1").partition("?")[0]


def operation_of(scope: Scope) -> Operation:
    """Recognise a request by its path."""
    path = raw_path(scope)
    query = unquote(scope.get("query_string", b"").decode("latin-1"))
    for name, pattern in _COMPILED.items():
        if match := pattern.fullmatch(path):
            named = {key: unquote(value) for key, value in match.groupdict().items()}
            return Operation(name, path, query=query, **named)
    return Operation("other", path, query=query)

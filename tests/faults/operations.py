"""What a request is about: the names under which requests are counted and faults are aimed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.types import Scope

CENTER, INGESTION = r"/v1\.0/ingestion/products", "/rp/product-ingestion"
PATTERNS = {
    "list_publishers": r"/api/publishers",
    "list_offers": r"/api/publishers/(?P<publisher>[^/]+)/offers",
    "offer_status": r"/api/publishers/(?P<publisher>[^/]+)/offers/(?P<offer>[^/]+)/status",
    "center_products": CENTER,
    "center_submissions": CENTER + r"/(?P<offer>[^/]+)/submissions",
    "center_workflow": CENTER + r"/(?P<offer>[^/]+)/submissions/[^/]+/workflowdetails",
    "center_reports": CENTER + r"/(?P<offer>[^/]+)/submissions/[^/]+/reports",
    "center_validations": CENTER + r"/(?P<offer>[^/]+)/submissions/[^/]+/validations",
    "ingestion_products": INGESTION + r"/product",
    "ingestion_submissions": INGESTION + r"/submission/(?P<offer>[^/]+)",
    "token": r"/[^/]+/oauth2/(v2\.0/)?token",
    "managed_identity": r"/msi/token",
    "discovery": r".*/\.well-known/openid-configuration",
    "control": r"/control/.*",
}
COMPILED = {name: re.compile(pattern) for name, pattern in PATTERNS.items()}


@dataclass(frozen=True)
class Operation:
    """A request's meaning; for the two Partner Center APIs the offer is the product's GUID."""

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

from __future__ import annotations

import pytest

from exporter.simulator.operations import OPERATIONS, Operation, operation_of


@pytest.mark.parametrize(
    ("path", "name", "publisher", "offer"),
    [
        ("/api/publishers", "list_publishers", "", ""),
        ("/api/publishers/a%2Fb/offers", "list_offers", "a/b", ""),
        ("/api/publishers/a/offers/b%20c/status", "offer_status", "a", "b c"),
        ("/v1.0/ingestion/products", "center_products", "", ""),
        ("/v1.0/ingestion/products/g/submissions", "center_submissions", "", "g"),
        ("/v1.0/ingestion/products/g/submissions/1/workflowdetails", "center_workflow", "", "g"),
        ("/v1.0/ingestion/products/g/submissions/1/reports", "center_reports", "", "g"),
        ("/v1.0/ingestion/products/g/submissions/1/validations", "center_validations", "", "g"),
        ("/rp/product-ingestion/product", "ingestion_products", "", ""),
        ("/rp/product-ingestion/submission/g", "ingestion_submissions", "", "g"),
        ("/tenant/oauth2/v2.0/token", "token", "", ""),
        ("/tenant/oauth2/token", "token", "", ""),
        ("/msi/token", "managed_identity", "", ""),
        ("/tenant/v2.0/.well-known/openid-configuration", "discovery", "", ""),
        ("/common/discovery/instance", "discovery", "", ""),
        ("/control/faults", "control", "", ""),
        ("/elsewhere", "other", "", ""),
    ],
)
def test_recognises_a_request(path: str, name: str, publisher: str, offer: str) -> None:
    scope = {"type": "http", "path": "/decoded", "raw_path": path.encode() + b"?x=/y", "query_string": b"%24x=%2Fy"}
    assert operation_of(scope) == Operation(name, path, publisher, offer, "$x=/y")
    assert name in OPERATIONS


def test_does_without_a_raw_path() -> None:
    assert operation_of({"type": "http", "path": "/msi/token"}).name == "managed_identity"

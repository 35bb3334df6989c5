from __future__ import annotations

from typing import Any

import pytest

from exporter.simulator import demo, empty
from exporter.simulator.operations import Operation
from exporter.simulator.requests_seen import RequestsSeen

from .conftest import EPOCH, Start


def test_serves_a_raw_status_answer(start: Start) -> None:
    client = start(empty())
    body: dict[str, Any] = {"status": "Weird", "steps": [{"id": "a", "progressPercentage": None}], "extra": 2**63}
    put = client.ask("PUT", "/control/offers/acme/tool", json=body | {"list": {"version": 2**60, "lockStatus": "none"}})
    assert put.status_code == 204
    assert client.cpp("/acme/offers/tool/status").json() == body
    assert client.cpp("/acme/offers").json() == [
        {
            "offerTypeId": "microsoft-azure-virtualmachines",
            "publisherId": "acme",
            "status": "Weird",
            "id": "tool",
            "version": 2**60,
            "definition": {"displayText": "tool"},
            "changedTime": "2026-09-21T14:13:20.0000000Z",
            "lockStatus": "none",
        }
    ]


def test_an_offer_may_be_missing_in_the_list(start: Start) -> None:
    client = start(empty("acme"))
    client.ask("PUT", "/control/offers/acme/tool", json={"status": "running", "list": None})
    assert client.cpp("/acme/offers").json() == []
    assert client.cpp("/acme/offers/tool/status").json() == {"status": "running"}


def test_offers_vanish_whoever_made_them(start: Start) -> None:
    client = start(demo(epoch=EPOCH))
    client.ask("PUT", "/control/offers/fabrikam/mine", json={"status": "running"})
    for offer in ("mine", "pilot"):
        assert client.cpp(f"/fabrikam/offers/{offer}/status").status_code == 200
        assert client.ask("DELETE", f"/control/offers/fabrikam/{offer}").status_code == 204
        assert client.cpp(f"/fabrikam/offers/{offer}/status").status_code == 404
    assert {entry["id"] for entry in client.cpp("/fabrikam/offers").json()} == {
        "sql-appliance",
        "mail-filter",
        "assessment",
    }


@pytest.mark.parametrize("body", ["{", "[]", '{"list": 1}'])
def test_refuses_what_cannot_be_served(start: Start, body: str) -> None:
    answer = start(empty()).ask("PUT", "/control/offers/acme/tool", data=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


def test_is_closed_unless_asked_for(start: Start) -> None:
    client = start(empty(), control=False)
    assert client.get("/control/requests").status_code == 404


def test_counts_requests_and_forgets_them(start: Start) -> None:
    client = start(demo(epoch=EPOCH))
    client.cpp("/contoso/offers")
    client.cpp("/contoso/offers/billing/status", headers={"User-Agent": "me/1"})
    client.token = ""
    client.cpp("/tailspin/offers")
    assert client.get("/control/requests").json() == {
        "total": 3,
        "in_flight": 0,
        "max_in_flight": 1,
        "by_operation": {"list_offers": 2, "offer_status": 1},
        "by_publisher": {"contoso": 2, "tailspin": 1},
        "by_offer": {"contoso/billing": 1},
        "by_code": {"200": 2, "401": 1},
    }
    log = client.get("/control/requests/log").json()
    assert [line["has_token"] for line in log] == [True, True, False]
    assert log[1] == {
        "at": EPOCH,
        "method": "GET",
        "path": "/api/publishers/contoso/offers/billing/status",
        "query": "api-version=2017-10-31",
        "operation": "offer_status",
        "publisher": "contoso",
        "offer": "billing",
        "has_token": True,
        "user_agent": "me/1",
        "code": 200,
    }
    assert client.ask("DELETE", "/control/requests").status_code == 204
    assert client.get("/control/requests").json()["total"] == 0


def test_sees_concurrency() -> None:
    seen = RequestsSeen()
    for _ in range(3):
        seen.begin(Operation("list_offers", "/"))
    seen.end(200, {})
    assert (seen.in_flight, seen.max_in_flight) == (2, 3)
    seen.reset()
    assert (seen.in_flight, seen.max_in_flight) == (2, 2)

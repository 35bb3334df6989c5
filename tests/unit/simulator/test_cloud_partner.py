from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.simulator import demo

from .conftest import EPOCH, Client


def test_lists_offers_as_a_bare_array(client: Client) -> None:
    answer = client.cpp("/contoso/offers")
    assert answer.headers["content-type"] == "application/json"
    offers = {entry["id"]: entry for entry in answer.json()}
    assert len(offers) == 8
    assert offers["landing-zone"] == {
        "offerTypeId": "microsoft-azure-applications",
        "publisherId": "contoso",
        "status": "succeeded",
        "lockStatus": "none",
        "pcMigrationStatus": "migrated",
        "pcRedirectUri": "https://partner.example.com/offers/landing-zone",
        "isvUpgradeRequest": False,
        "id": "landing-zone",
        "version": 3,
        "definition": {"displayText": "Contoso Landing Zone"},
        "changedTime": offers["landing-zone"]["changedTime"],
    }
    assert offers["landing-zone"]["changedTime"].endswith("Z")
    assert offers["linux-hardened"]["version"] == 1_252_868_275


def test_tells_the_status_with_its_steps(client: Client) -> None:
    status = client.cpp("/contoso/offers/gateway-vm/status").json()
    assert list(status) == ["status", "messages", "steps", "previewLinks", "liveLinks"]
    assert status["status"] == "waitingForPublisherReview"
    certify, signoff = status["steps"][1], status["steps"][4]
    assert [message["level"] for message in certify.pop("messages")] == ["information"] * 2
    assert certify == {
        "id": "displaycertify",
        "stepName": "Certification",
        "description": "Certification of the submitted offer.",
        "estimatedTimeFrame": "~2-3 days",
        "status": "complete",
        "progressPercentage": 100,
    }
    assert "estimatedTimeFrame" not in signoff
    assert signoff["status"] == "waitingForPublisherReview"


@pytest.mark.parametrize(
    ("path", "query", "code", "name"),
    [
        ("/contoso/offers", {"api-version": "2016-08-01-preview"}, 400, "InvalidAPIVersion"),
        ("/northwind/offers", {}, 403, "Forbidden"),
        ("/northwind/offers/x/status", {}, 403, "Forbidden"),
        ("/tailspin/offers", {}, 404, "NotFound"),
        ("/contoso/offers/nothing/status", {}, 404, "NotFound"),
        ("/contoso/offers/edge-cache/status", {}, 404, "NotFound"),
        ("/contoso/offers/landing-zone/else", {}, 404, "NotFound"),
    ],
)
def test_refuses_what_is_not_there_or_not_allowed(
    client: Client, path: str, query: dict[str, str], code: int, name: str
) -> None:
    answer = client.cpp(path, **query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (code, name)
    assert answer.json()["error"]["message"]


def test_refuses_other_methods(client: Client) -> None:
    answer = client.ask("POST", "/api/publishers/contoso/offers")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "MethodNotAllowed")


@pytest.mark.parametrize("token", ["", "wrong"])
def test_asks_for_an_accepted_token(token: str) -> None:
    client = Client(tokens=["right"])
    client.token = token
    answer = client.cpp("/contoso/offers")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    client.token = "right"
    assert client.cpp("/contoso/offers").status_code == 200


def test_ids_may_need_quoting() -> None:
    scenario = demo(epoch=EPOCH)
    odd = replace(scenario.plans[0], publisher="con/toso", offer="ä b?/c")
    client = Client(replace(scenario, plans=(odd,)))
    assert [entry["id"] for entry in client.cpp("/con%2Ftoso/offers").json()] == ["ä b?/c"]
    assert client.cpp("/con%2Ftoso/offers/%C3%A4%20b%3F%2Fc/status").json()["status"] == "running"

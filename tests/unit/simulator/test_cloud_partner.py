from __future__ import annotations

import pytest

from exporter.simulator import Scenario

from .conftest import Client, Start


def test_lists_the_publishers_that_may_be_seen(client: Client) -> None:
    assert [entry["id"] for entry in client.cpp("").json()] == ["contoso", "fabrikam"]


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
    assert (certify["id"], certify["stepName"], certify["estimatedTimeFrame"]) == (
        "displaycertify",
        "Certification",
        "~2-3 days",
    )
    assert (certify["status"], certify["progressPercentage"]) == ("complete", 100)
    assert [message["level"] for message in certify["messages"]] == ["information"] * 2
    assert "estimatedTimeFrame" not in signoff
    assert signoff["status"] == "waitingForPublisherReview"


def test_an_offer_is_shown_where_its_source_is(client: Client) -> None:
    assert client.cpp("/contoso/offers/edge-cache/status").status_code == 404


@pytest.mark.parametrize("query", [{}, {"api-version": "2016-08-01-preview"}])
def test_refuses_other_api_versions(client: Client, query: dict[str, str]) -> None:
    answer = client.get("/api/publishers/contoso/offers", **query)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "InvalidAPIVersion"


@pytest.mark.parametrize(
    ("path", "code", "name"),
    [
        ("/northwind/offers", 403, "Forbidden"),
        ("/northwind/offers/x/status", 403, "Forbidden"),
        ("/tailspin/offers", 404, "NotFound"),
        ("/contoso/offers/nothing/status", 404, "NotFound"),
        ("/contoso/offers/landing-zone/else", 404, "NotFound"),
    ],
)
def test_refuses_what_is_not_there_or_not_allowed(client: Client, path: str, code: int, name: str) -> None:
    answer = client.cpp(path)
    assert answer.status_code == code
    assert answer.json()["error"]["code"] == name
    assert answer.json()["error"]["message"]


def test_refuses_other_methods(client: Client) -> None:
    answer = client.ask("POST", "/api/publishers/contoso/offers")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "MethodNotAllowed")


@pytest.mark.parametrize("token", ["", "wrong"])
def test_asks_for_an_accepted_token(start: Start, token: str) -> None:
    client = start(Scenario(publishers=("contoso",)), tokens=["right"])
    client.token = token
    answer = client.cpp("/contoso/offers")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    client.token = "right"
    assert client.cpp("/contoso/offers").json() == []


def test_understands_the_filter_of_real_clients(client: Client) -> None:
    chosen = client.cpp("/contoso/offers", **{"$filter": "offerTypeId eq 'microsoft-azure-container'"})
    assert [entry["id"] for entry in chosen.json()] == ["ingress", "backup-agent"]
    assert client.cpp("/contoso/offers", **{"$filter": "id eq 'x'"}).status_code == 400

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from exporter.simulator import demo
from exporter.simulator.products import Standing, standing_of
from exporter.simulator.submissions import reports_of, submissions_of, validations_of, workflows_of
from exporter.simulator.walk import Ending, OfferPlan, Source, state_at

from .conftest import EPOCH

if TYPE_CHECKING:
    from .conftest import Client, Start

ROOT = "/v1.0/ingestion/products"
SPEED = 100.0
# Ten real seconds for each of eight steps: certification is the fourth, sign-off the sixth, live the eighth.
PLAN = OfferPlan(
    publisher="acme",
    offer="app",
    title="App",
    kind_name="application",
    durations=(1000.0,) * 8,
    submitted=EPOCH,
    version=5,
    sources=frozenset({Source.PARTNER_CENTER}),
)


def ending(kind: Ending, step: str) -> OfferPlan:
    return replace(PLAN, ending=kind, ends_at=step)


@pytest.mark.parametrize(
    ("plan", "after", "standing", "told"),
    [
        (PLAN, 35, Standing.PREVIEWING, ("InProgress", "Submitted", "preview", "Submit", "Running")),
        (PLAN, 45, Standing.PREVIEWING, ("InProgress", "Publishing", "preview", "Submit", "Running")),
        (PLAN, 55, Standing.WAITING, ("InProgress", "ReadyToPublish", "preview", "Submit", "Completed")),
        (PLAN, 65, Standing.GOING_LIVE, ("InProgress", "Publishing", "live", "Promote", "Running")),
        (PLAN, 80, Standing.LIVE, ("Published", "InStore", "live", "Promote", "Completed")),
        (
            ending(Ending.REJECTED, "displaycertify"),
            99,
            Standing.FAILED,
            ("InProgress", "FailedInCertification", "preview", "Submit", "Failed"),
        ),
        (
            ending(Ending.FAILED, "live"),
            99,
            Standing.FAILED,
            ("InProgress", "Failed", "live", "Promote", "Failed"),
        ),
        (
            ending(Ending.CANCELED, "displaycertify"),
            99,
            Standing.CANCELED,
            ("InProgress", "Cancelled", "preview", "Submit", "Completed"),
        ),
    ],
)
def test_tells_an_offer_in_submissions(
    plan: OfferPlan, after: float, standing: Standing, told: tuple[str, str, str, str, str]
) -> None:
    state = state_at(plan, SPEED, EPOCH + after)
    (submission,) = submissions_of(state)
    pending = submission["pendingUpdateInfo"]
    target = submission["targets"][0]["value"]
    assert standing_of(state) is standing
    assert (submission["state"], submission["substate"], target, pending["updateType"], pending["status"]) == told
    assert ("publishedTimeInUtc" in submission) is (standing is Standing.LIVE)
    assert submission["releaseNumber"] == 5


def test_a_draft_has_nothing_pending() -> None:
    state = state_at(replace(PLAN, ending=Ending.NEVER_PUBLISHED), SPEED, EPOCH)
    (submission,) = submissions_of(state)
    assert (submission["substate"], submission["areResourcesReady"]) == ("InDraft", False)
    assert "pendingUpdateInfo" not in submission
    assert (workflows_of(state), reports_of(state), validations_of(state)) == ([], [], [])


def test_the_live_submission_stays_until_the_next_is_live() -> None:
    plan = replace(PLAN, rest=500.0)
    for after, releases in ((80, [5]), (90, [5, 6]), (164, [5, 6]), (166, [6]), (171, [6, 7])):
        submissions = submissions_of(state_at(plan, SPEED, EPOCH + after))
        assert [submission["releaseNumber"] for submission in submissions] == releases
        assert submissions[0]["publishedTimeInUtc"].endswith("Z")


def test_workflows_have_real_times() -> None:
    preview, live = workflows_of(state_at(PLAN, SPEED, EPOCH + 62))
    assert (preview["targetEnvironment"], preview["state"]) == ("preview", "Completed")
    assert (preview["startDateTimeInUtc"], preview["completeDateTimeInUtc"]) == (
        "2026-09-21T14:13:20.0000000Z",
        "2026-09-21T14:14:10.0000000Z",
    )
    assert live == {
        "type": "Publish",
        "state": "Running",
        "targetEnvironment": "live",
        "startDateTimeInUtc": "2026-09-21T14:14:20.0000000Z",
        "workflowSteps": [
            {"name": "Microsoft Review", "state": "Running", "startDateTimeInUtc": "2026-09-21T14:14:20.0000000Z"},
            {"name": "Live", "state": "NotStarted"},
        ],
    }


@pytest.mark.parametrize(
    ("plan", "after", "report", "workflow", "findings"),
    [
        (PLAN, 5, None, "Running", []),
        (PLAN, 35, "Pending", "Running", []),
        (PLAN, 45, "Passed", "Running", []),
        (ending(Ending.REJECTED, "displaycertify"), 99, "Failed", "Failed", ["Error"]),
        (ending(Ending.BLOCKED, "displaycertify"), 99, "Unknown", "Failed", ["Warning"]),
        (ending(Ending.CANCELED, "displaycertify"), 99, "Unknown", "Cancelled", []),
    ],
)
def test_tells_reports_and_findings(
    plan: OfferPlan, after: float, report: str | None, workflow: str, findings: list[str]
) -> None:
    state = state_at(plan, SPEED, EPOCH + after)
    assert [entry["status"] for entry in reports_of(state)] == ([report] if report else [])
    assert [entry["severity"] for entry in validations_of(state)] == findings
    assert workflows_of(state)[0]["state"] == workflow


@pytest.fixture
def client(start: Start) -> Client:
    return start(demo(epoch=EPOCH))


def products(client: Client, **query: str) -> dict[str, dict[str, Any]]:
    answer = client.get(ROOT, params={f"${name}": value for name, value in query.items()}).json()
    found = answer["value"]
    while link := answer.get("nextLink"):
        assert link.startswith("v1.0/ingestion/products?")
        answer = client.get(f"/{link}").json()
        found += answer["value"]
    return {product["externalIDs"][0]["value"]: product for product in found}


def test_lists_products_with_relative_links(client: Client) -> None:
    found = products(client)
    assert len(found) == 10
    assert found["edge-cache"] == {
        "resourceType": "AzureApplication",
        "name": "Contoso Edge Cache",
        "externalIDs": [{"type": "AzureOfferId", "value": "edge-cache"}],
        "isModularPublishing": True,
        "id": found["edge-cache"]["id"],
    }
    assert client.get(f"{ROOT}/{found['edge-cache']['id']}").json() == found["edge-cache"]
    assert client.get("/control/requests").json()["by_operation"]["center_products"] == 3


def test_understands_the_filters_of_real_clients(client: Client) -> None:
    by_offer = "externalIDs/Any(i:i/type eq 'AzureOfferId' and i/value eq 'billing')"
    assert set(products(client, filter=by_offer)) == {"billing"}
    assert set(products(client, filter="resourceType eq 'AzureContainer'")) == {"ingress", "backup-agent"}
    assert client.get(ROOT, params={"$filter": "name eq 'x'"}).status_code == 400


def test_tells_one_submission_and_its_details(client: Client) -> None:
    path = f"{ROOT}/{products(client)['billing']['id']}/submissions"
    older, newest = client.get(path).json()["value"]
    assert client.get(f"{path}/{newest['id']}").json() == newest
    details = ("workflowdetails", "reports", "validations")
    assert [len(client.get(f"{path}/{newest['id']}/{name}").json()["value"]) for name in details] == [1, 1, 0]
    assert [client.get(f"{path}/{older['id']}/{name}").json()["value"] for name in details] == [[], [], []]


def test_errors_are_bare_strings(client: Client) -> None:
    known = products(client)
    billing = known["billing"]["id"]
    for path in (f"{known['ingress']['id']}/submissions", "x", "x/submissions", f"{billing}/submissions/1/reports"):
        answer = client.get(f"{ROOT}/{path}")
        assert answer.status_code == 404
        assert answer.json().startswith("NotFound: ")
    client.token = ""
    assert client.get(ROOT).json() == "Unauthorized: The request has no bearer token."


@pytest.mark.parametrize(
    ("path", "audience"),
    [
        ("/api/publishers?api-version=2017-10-31", "https://cloudpartner.azure.com"),
        (ROOT, "https://api.partner.microsoft.com"),
        ("/rp/product-ingestion/product", "https://graph.microsoft.com"),
    ],
)
def test_each_api_wants_tokens_of_its_own_audience(start: Start, path: str, audience: str) -> None:
    client = start(demo(epoch=EPOCH), require_audience=True)
    for given in ("https://cloudpartner.azure.com", "https://api.partner.microsoft.com", "https://graph.microsoft.com"):
        client.token, _ = client.simulator.issued.issue(given)
        assert client.get(path).status_code == (200 if given == audience else 401)


def test_list_faults_know_the_shapes_of_all_apis(client: Client) -> None:
    client.fault({"kind": "vanishing_offers", "offers": ["ingress"], "operation": "center_products"})
    client.fault({"kind": "vanishing_offers", "offers": ["ingress"], "operation": "ingestion_products"})
    assert "ingress" not in products(client)
    answer = client.get("/rp/product-ingestion/product").json()
    assert "ingress" not in [product["identity"]["externalId"] for product in answer["value"]]

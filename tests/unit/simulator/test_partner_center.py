from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.simulator import demo
from exporter.simulator.partner_center import Quirk
from exporter.simulator.pipeline import KINDS
from exporter.simulator.submissions import reports_of, submissions_of, validations_of, workflows_of
from exporter.simulator.walk import Ending, OfferPlan, state_at

from .conftest import EPOCH, Client, Start

ROOT = "/v1.0/ingestion/products"
SPEED = 100.0
# Ten real seconds for each of eight steps: certification is the fourth, sign-off the sixth, live the eighth.
PLAN = OfferPlan(
    publisher="acme",
    offer="app",
    title="App",
    kind=KINDS["application"],
    durations=(1000.0,) * 8,
    submitted=EPOCH,
    version=5,
    in_partner_center=True,
)
NEVER = "1601-01-01T00:00:00Z"


def ending(kind: Ending, step: str) -> OfferPlan:
    return replace(PLAN, ending=kind, ends_at=step)


@pytest.mark.parametrize(
    ("plan", "after", "told", "published"),
    [
        (PLAN, 5, ("InProgress", "InDraft", "Create", "Running"), NEVER),
        (PLAN, 35, ("InProgress", "Submitted", "Create", "Completed"), NEVER),
        (PLAN, 55, ("Published", "ReadyToPublish", "Create", "Completed"), "2026-09-21T14:14:10.0000000Z"),
        (PLAN, 65, ("InProgress", "Publishing", "Promote", "PendingConfirmation"), "2026-09-21T14:14:10.0000000Z"),
        (PLAN, 75, ("InProgress", "Publishing", "Promote", "Running"), "2026-09-21T14:14:10.0000000Z"),
        (PLAN, 80, ("Published", "InStore", "Create", "Completed"), "2026-09-21T14:14:40.0000000Z"),
        (
            ending(Ending.REJECTED, "displaydummycertify"),
            99,
            ("InProgress", "InDraft", "Create", "Failed"),
            NEVER,
        ),
        (
            ending(Ending.REJECTED, "displaycertify"),
            99,
            ("InProgress", "FailedInCertification", "Create", "Completed"),
            NEVER,
        ),
        (ending(Ending.FAILED, "live"), 99, ("InProgress", "Failed", "Create", "Completed"), NEVER),
        (ending(Ending.CANCELED, "displaycertify"), 99, ("InProgress", "Cancelled", "Create", "Cancelled"), NEVER),
    ],
)
def test_tells_an_offer_in_submissions(
    plan: OfferPlan, after: float, told: tuple[str, str, str, str], published: str
) -> None:
    (submission,) = submissions_of(state_at(plan, SPEED, EPOCH + after))
    pending = submission["pendingUpdateInfo"]
    assert (submission["state"], submission["substate"], pending["updateType"], pending["status"]) == told
    assert submission["targets"] == [{"type": "Scope", "value": "Preview"}]
    assert submission["publishedTimeInUtc"] == published
    assert submission["releaseNumber"] == 5
    assert pending.get("failureReason") == ("Active validation errors" if pending["status"] == "Failed" else None)


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
        assert (submissions[0]["state"], submissions[0]["substate"]) == ("Published", "InStore")


def test_there_are_always_two_workflows() -> None:
    preview, live = workflows_of(state_at(PLAN, SPEED, EPOCH + 52))
    assert (preview["type"], preview["targetEnvironment"], preview["state"]) == ("Push", "Preview", "Success")
    assert (preview["startDateTimeInUtc"], preview["completeDateTimeInUtc"]) == (
        "2026-09-21T14:13:20.0000000",
        "2026-09-21T14:14:10.0000000",
    )
    signoff = {"name": "Publisher Signoff", "state": "InProgress", "startDateTimeInUtc": "2026-09-21T14:14:10.0000000"}
    waiting = {"type": "Push", "state": "NotStarted", "targetEnvironment": "Live"}
    assert live == waiting | {
        "workflowSteps": [
            signoff,
            {"name": "Microsoft Review", "state": "NotStarted"},
            {"name": "Live", "state": "NotStarted"},
        ]
    }
    promoted = workflows_of(state_at(PLAN, SPEED, EPOCH + 62))[1]
    assert (promoted["state"], promoted["startDateTimeInUtc"]) == ("InProgress", "2026-09-21T14:14:20.0000000")


@pytest.mark.parametrize(
    ("plan", "after", "report", "workflow", "findings"),
    [
        (PLAN, 5, None, "InProgress", []),
        (PLAN, 35, "Pending", "InProgress", []),
        (PLAN, 45, "Passed", "InProgress", []),
        (ending(Ending.REJECTED, "displaycertify"), 99, "Failed", "Failed", ["Informational", "Error"]),
        (ending(Ending.BLOCKED, "displaycertify"), 99, "Unknown", "Failed", ["Informational", "Warning"]),
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


def products(client: Client, **query: str) -> dict[str, dict[str, Any]]:
    answer = client.get(ROOT, **{f"${name}": value for name, value in query.items()}).json()
    found = answer["value"]
    while link := answer.get("nextLink"):
        assert link.startswith("v1.0/ingestion/products?")
        answer = client.get(f"/{link}").json()
        found += answer["value"]
    return {product["externalIDs"][0]["value"]: product for product in found}


def test_lists_products_with_relative_links(client: Client) -> None:
    found = products(client)
    assert len(found) == 12
    assert found["edge-cache"] == {
        "resourceType": "AzureApplication",
        "name": "Contoso Edge Cache",
        "externalIDs": [{"type": "AzureOfferId", "value": "edge-cache"}],
        "isModularPublishing": True,
        "id": found["edge-cache"]["id"],
    }
    assert client.get(f"{ROOT}/{found['edge-cache']['id']}").json() == found["edge-cache"]
    assert len(client.get(ROOT).json()["value"]) == 4


def test_understands_the_filters_of_real_clients(client: Client) -> None:
    by_offer = "externalIDs/Any(i:i/type eq 'AzureOfferId' and i/value eq 'billing')"
    assert set(products(client, filter=by_offer)) == {"billing"}
    assert set(products(client, filter="resourceType eq 'AzureContainer'")) == {
        "ingress",
        "backup-agent",
        "scan-engine",
    }
    assert client.get(ROOT, **{"$filter": "name eq 'x'"}).status_code == 400


def test_refuses_a_list_without_a_product_type_if_told_so(start: Start) -> None:
    client = start(demo(epoch=EPOCH), quirks=[Quirk.UNFILTERED_REFUSED])
    answer = client.get(ROOT)
    assert answer.status_code == 400
    assert answer.json().startswith("ICH50400 - Unable to complete request.")
    assert "ProductTypeFilter[0]" in answer.json()
    assert len(products(client, filter="resourceType eq 'AzureApplication'")) == 4


def test_the_last_page_leads_nowhere_if_told_so(start: Start) -> None:
    client = start(demo(epoch=EPOCH), quirks=[Quirk.NEXT_PAGE_MISSING], page_size=20)
    first = client.get(ROOT).json()
    assert len(first["value"]) == 12
    answer = client.get("/" + first["nextLink"])
    assert (answer.status_code, answer.json()) == (404, "Not Found")


def test_tells_one_submission_and_its_details(client: Client) -> None:
    path = f"{ROOT}/{products(client)['gateway-vm']['id']}/submissions"
    older, newest = client.get(path).json()["value"]
    assert client.get(f"{path}/{newest['id']}").json() == newest
    details = ("workflowdetails", "reports", "validations")
    assert [len(client.get(f"{path}/{newest['id']}/{name}").json()["value"]) for name in details] == [2, 1, 0]
    assert [client.get(f"{path}/{older['id']}/{name}").json()["value"] for name in details] == [[], [], []]


def test_one_offer_hides_its_workflows_at_signoff(client: Client) -> None:
    path = f"{ROOT}/{products(client)['billing']['id']}/submissions"
    newest = client.get(path).json()["value"][-1]
    assert newest["substate"] == "ReadyToPublish"
    answer = client.get(f"{path}/{newest['id']}/workflowdetails")
    assert (answer.status_code, answer.json()) == (404, "Not Found")


def test_errors_are_bare_strings(client: Client) -> None:
    known = products(client)
    billing = known["billing"]["id"]
    for path in (f"{known['ingress']['id']}/submissions", "x", "x/submissions", f"{billing}/submissions/1/reports"):
        answer = client.get(f"{ROOT}/{path}")
        assert (answer.status_code, answer.json()) == (404, "Not Found")
    client.token = ""
    assert client.get(ROOT).json() == "The request has no bearer token."

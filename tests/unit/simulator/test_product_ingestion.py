from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from exporter.simulator import Scenario, demo
from exporter.simulator.product_ingestion import submissions_of
from exporter.simulator.walk import Ending, OfferPlan, state_at
from exporter.simulator.world import product_id, submission_id

from .conftest import EPOCH, URL, Client
from .plans import SPEED, plan

ROOT = "/rp/product-ingestion"
PLAN = replace(plan("vm"), rest=500.0)
FAILING = replace(PLAN, rest=None, ending=Ending.FAILED)


def told(plan: OfferPlan, after: float) -> list[tuple[str, int, str, str, str]]:
    """Target, round, status, result and minute of `created`, for all but the draft."""
    entries = submissions_of(state_at(plan, SPEED, EPOCH + after))
    assert entries[0]["id"].endswith("/0")
    assert "status" not in entries[0]
    first = int(submission_id(plan, 0))
    return [
        (
            entry["target"]["targetType"],
            int(entry["id"].rpartition("/")[2]) - first,
            entry["status"],
            entry["result"],
            entry["created"][14:22],
        )
        for entry in entries[1:]
    ]


OLD = ("live", 0, "completed", "succeeded", "14:10.00")
KEEPING = replace(PLAN, keeps_preview=True)


@pytest.mark.parametrize(
    ("plan", "after", "entries"),
    [
        (PLAN, 5, [("preview", 0, "running", "pending", "13:20.00")]),
        (PLAN, 45, [("preview", 0, "completed", "succeeded", "13:20.00")]),
        (PLAN, 55, [("live", 0, "running", "pending", "14:10.00")]),
        (PLAN, 60, [OLD]),
        (KEEPING, 60, [("preview", 0, "completed", "succeeded", "13:20.00"), OLD]),
        (PLAN, 70, [OLD, ("preview", 1, "running", "pending", "14:25.00")]),
        (PLAN, 120, [OLD, ("live", 1, "running", "pending", "15:15.00")]),
        (replace(FAILING, ends_at="displaycertify"), 99, [("preview", 0, "completed", "failed", "13:20.00")]),
        (replace(FAILING, ends_at="live"), 99, [("live", 0, "completed", "failed", "14:10.00")]),
        (replace(FAILING, ending=Ending.BLOCKED, ends_at="live"), 99, [("live", 0, "running", "pending", "14:10.00")]),
        (replace(PLAN, rest=None, ending=Ending.CANCELED, ends_at="displaycertify"), 99, []),
        (replace(PLAN, ending=Ending.NEVER_PUBLISHED), 99, []),
    ],
)
def test_tells_an_offer_in_submissions(
    plan: OfferPlan, after: float, entries: list[tuple[str, int, str, str, str]]
) -> None:
    assert told(plan, after) == entries


def test_one_offer_failed_on_its_way_to_live_and_tells_little(client: Client) -> None:
    draft, *entries = client.get(f"{ROOT}/submission/{guid_of(client, 'scan-engine')}").json()["value"]
    assert draft["id"].endswith("/0")
    assert entries == [
        {"target": {"targetType": "live"}, "status": "completed", "result": "succeeded"},
        {"target": {"targetType": "live"}, "status": "completed", "result": "failed"},
    ]


def pages(client: Client, **query: str) -> list[list[dict[str, Any]]]:
    answer = client.get(f"{ROOT}/product", **query).json()
    found = [answer["value"]]
    while link := answer.get("@nextLink"):
        assert link.startswith(f"{URL}{ROOT}/product?")
        answer = client.get(link.removeprefix(URL)).json()
        found.append(answer["value"])
    return found


def guid_of(client: Client, offer: str) -> str:
    ((product,),) = pages(client, externalId=offer)
    return str(product["id"].partition("/")[2])


def test_lists_every_product_of_the_account_in_pages(client: Client) -> None:
    found = pages(client, **{"$version": "2022-07-01"})
    assert [len(page) for page in found] == [4, 4, 4]
    names = [product["identity"]["externalId"] for page in found for product in page]
    assert {"linux-hardened", "edge-cache", "assistant-kit"} <= set(names)
    assert found[0][0]["type"] == "azureVirtualMachine"
    hosts = {urlsplit(product["$schema"]).hostname for page in found for product in page}
    assert hosts == {"schema.mp.microsoft.com", "product-ingestion.azureedge.net"}
    assert pages(client, externalId="nothing") == [[]]


def test_a_live_entry_may_be_deprecated(client: Client) -> None:
    entries = client.get(f"{ROOT}/submission/{guid_of(client, 'backup-agent')}").json()["value"]
    assert {one["target"]["targetType"]: one["lifecycleState"] for one in entries} == {
        "draft": "generallyAvailable",
        "live": "deprecated",
        "preview": "generallyAvailable",
    }


def test_refuses_what_it_lists_and_does_not_serve_and_what_is_not_there(client: Client) -> None:
    stranger = product_id(demo(epoch=EPOCH).plans[-1])
    for guid, told in (
        (guid_of(client, "edge-cache"), (400, "badRequest", "notSupported")),
        (stranger, (404, "notFound", "resourceNotFound")),
    ):
        answer = client.get(f"{ROOT}/submission/{guid}")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["details"][0]["code"]) == told
    assert client.get(f"{ROOT}/product", **{"$version": "newest"}).status_code == 400


def test_without_an_account_there_are_no_products() -> None:
    assert pages(Client(Scenario((PLAN,), speed=SPEED))) == [[]]
    assert len(pages(Client(Scenario((PLAN,), speed=SPEED, account="acme")))[0]) == 1

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from exporter.simulator import Scenario, demo
from exporter.simulator.pipeline import KINDS
from exporter.simulator.product_ingestion import submissions_of
from exporter.simulator.walk import Ending, OfferPlan, state_at
from exporter.simulator.world import product_id, submission_id

from .conftest import EPOCH, Client, Start

ROOT = "/rp/product-ingestion"
SPEED = 100.0
# Ten real seconds for each of six steps: preview after 40, signed off after 50, live after 60, again after 65.
PLAN = OfferPlan(
    publisher="acme",
    offer="tool",
    title="Tool",
    kind=KINDS["vm"],
    durations=(1000.0,) * 6,
    submitted=EPOCH,
    rest=500.0,
)
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


def test_submission_ids_have_nineteen_digits() -> None:
    assert len(submission_id(PLAN, 0)) == 19
    assert int(submission_id(PLAN, 0)) != int(float(submission_id(PLAN, 0)))


def pages(client: Client, **query: str) -> list[list[dict[str, Any]]]:
    answer = client.get(f"{ROOT}/product", **query).json()
    found = [answer["value"]]
    while link := answer.get("@nextLink"):
        assert link.startswith(client.url)
        answer = client.get(f"{ROOT}/product", **dict(parse_qsl(urlsplit(link).query))).json()
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
    assert len(pages(client, **{"$maxpagesize": "2"})) == 6
    assert len(pages(client, **{"$maxpagesize": "200"})) == 3


def test_products_are_selected_by_offer_and_type(client: Client) -> None:
    assert [len(page) for page in pages(client, externalID="ingress")] == [1]
    assert [len(page) for page in pages(client, type="azureContainer")] == [3]
    assert pages(client, externalId="nothing") == [[]]


def test_submissions_are_selected_by_target_and_id(client: Client) -> None:
    guid = guid_of(client, "gateway-vm")
    everything = client.get(f"{ROOT}/submission/{guid}").json()["value"]
    assert [entry["target"]["targetType"] for entry in everything] == ["draft", "live", "preview"]
    assert client.get(f"{ROOT}/submission/{guid}", targetType="preview").json()["value"] == everything[2:]
    assert client.get(f"{ROOT}/{everything[2]['id']}").json() == everything[2]


def test_a_live_entry_may_be_deprecated(client: Client) -> None:
    entries = client.get(f"{ROOT}/submission/{guid_of(client, 'backup-agent')}").json()["value"]
    assert {one["target"]["targetType"]: one["lifecycleState"] for one in entries} == {
        "draft": "generallyAvailable",
        "live": "deprecated",
        "preview": "generallyAvailable",
    }


def test_refuses_what_it_lists_and_does_not_serve(client: Client) -> None:
    guid = guid_of(client, "edge-cache")
    for path in (f"submission/{guid}", f"resource-tree/product/{guid}", f"configure/{guid}/status"):
        answer = client.get(f"{ROOT}/{path}")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["details"][0]["code"]) == (400, "badRequest", "notSupported")


def test_a_resource_tree_has_the_product_and_a_submission(client: Client) -> None:
    guid = guid_of(client, "gateway-vm")
    tree = client.get(f"{ROOT}/resource-tree/product/{guid}", targetType='"preview"').json()
    assert (tree["root"], tree["target"]) == (f"product/{guid}", {"targetType": "preview"})
    submission = client.get(f"{ROOT}/submission/{guid}", targetType="preview").json()["value"][0]
    assert tree["resources"] == [pages(client, externalId="gateway-vm")[0][0], submission]
    draft = client.get(f"{ROOT}/resource-tree/product/{guid}").json()
    assert draft["target"] == {"targetType": "draft"}


@pytest.mark.parametrize(
    ("offer", "job", "detail", "errors"),
    [
        ("gateway-vm", ("completed", "succeeded"), 200, 0),
        ("linux-hardened", ("running", "pending"), 404, 0),
        ("backup-agent", ("completed", "failed"), 404, 1),
    ],
)
def test_jobs_tell_how_they_went(client: Client, offer: str, job: tuple[str, str], detail: int, errors: int) -> None:
    guid = guid_of(client, offer)
    status = client.get(f"{ROOT}/configure/{guid}/status").json()
    assert (status["jobStatus"], status["jobResult"]) == job
    assert status["jobEnd"].endswith("Z") is (job[0] == "completed")
    assert len(status["errors"]) == errors
    assert client.get(f"{ROOT}/configure/{guid}").status_code == detail


def test_refuses_what_is_not_there(client: Client) -> None:
    guid = guid_of(client, "insights")
    stranger = product_id(demo(epoch=EPOCH).plans[-1])
    for path in (
        f"submission/{stranger}",
        f"submission/{guid}/1",
        "submission/x",
        "configure/x",
        "configure/x/status",
        f"resource-tree/product/{guid_of(client, 'backup-agent')}?targetType=flight",
    ):
        answer = client.get(f"{ROOT}/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "notFound")
    assert client.get(f"{ROOT}/product", **{"$version": "newest"}).status_code == 400
    assert client.ask("POST", f"{ROOT}/configure/{guid}").status_code == 405


def test_without_an_account_there_are_no_products(start: Start) -> None:
    assert pages(start(Scenario((PLAN,), speed=SPEED))) == [[]]
    assert len(pages(start(Scenario((PLAN,), speed=SPEED, account="acme")))[0]) == 1

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from exporter.simulator import Scenario, demo
from exporter.simulator.product_ingestion import submissions_of
from exporter.simulator.products import product_id, submission_id
from exporter.simulator.walk import Ending, OfferPlan, Source, state_at

from .conftest import EPOCH

if TYPE_CHECKING:
    from .conftest import Client, Start

ROOT = "/rp/product-ingestion"
SPEED = 100.0
# Ten real seconds for each of six steps: preview after 40, signed off after 50, live after 60, again after 65.
PLAN = OfferPlan(
    publisher="acme",
    offer="tool",
    title="Tool",
    kind_name="vm",
    durations=(1000.0,) * 6,
    submitted=EPOCH,
    rest=500.0,
    sources=frozenset({Source.PRODUCT_INGESTION}),
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


@pytest.mark.parametrize(
    ("plan", "after", "entries"),
    [
        (PLAN, 5, [("preview", 0, "running", "pending", "13:20.00")]),
        (PLAN, 45, [("preview", 0, "completed", "succeeded", "13:20.00")]),
        (
            PLAN,
            55,
            [("preview", 0, "completed", "succeeded", "13:20.00"), ("live", 0, "running", "pending", "14:10.00")],
        ),
        (
            PLAN,
            60,
            [("preview", 0, "completed", "succeeded", "13:20.00"), ("live", 0, "completed", "succeeded", "14:10.00")],
        ),
        (
            PLAN,
            70,
            [("live", 0, "completed", "succeeded", "14:10.00"), ("preview", 1, "running", "pending", "14:25.00")],
        ),
        (
            PLAN,
            120,
            [
                ("live", 0, "completed", "succeeded", "14:10.00"),
                ("preview", 1, "completed", "succeeded", "14:25.00"),
                ("live", 1, "running", "pending", "15:15.00"),
            ],
        ),
        (
            replace(FAILING, ends_at="displaycertify"),
            99,
            [("preview", 0, "completed", "failed", "13:20.00")],
        ),
        (
            replace(FAILING, ends_at="live"),
            99,
            [("preview", 0, "completed", "succeeded", "13:20.00"), ("live", 0, "completed", "failed", "14:10.00")],
        ),
        (replace(PLAN, rest=None, ending=Ending.CANCELED, ends_at="displaycertify"), 99, []),
        (replace(PLAN, ending=Ending.NEVER_PUBLISHED), 99, []),
        (replace(FAILING, ending=Ending.BLOCKED, ends_at="live"), 99, None),
    ],
)
def test_tells_an_offer_in_submissions(
    plan: OfferPlan, after: float, entries: list[tuple[str, int, str, str, str]] | None
) -> None:
    blocked = [("preview", 0, "completed", "succeeded", "13:20.00"), ("live", 0, "running", "pending", "14:10.00")]
    assert told(plan, after) == (blocked if entries is None else entries)


def test_submission_ids_have_nineteen_digits() -> None:
    assert len(submission_id(PLAN, 0)) == 19
    assert int(submission_id(PLAN, 0)) != int(float(submission_id(PLAN, 0)))


@pytest.fixture
def client(start: Start) -> Client:
    return start(demo(epoch=EPOCH))


def pages(client: Client, query: dict[str, str]) -> list[list[dict[str, Any]]]:
    answer = client.get(f"{ROOT}/product", params=query).json()
    found = [answer["value"]]
    while link := answer.get("@nextLink"):
        assert link.startswith(client.url)
        answer = client.get(f"{ROOT}/product", params=parse_qs(urlsplit(link).query)).json()
        found.append(answer["value"])
    return found


def test_lists_products_in_pages(client: Client) -> None:
    found = pages(client, {"$version": "2022-07-01"})
    assert [len(page) for page in found] == [4, 1]
    assert [product["identity"]["externalId"] for page in found for product in page] == [
        "linux-hardened",
        "gateway-vm",
        "ingress",
        "backup-agent",
        "assistant-kit",
    ]
    assert found[0][0]["type"] == "azureVirtualMachine"
    hosts = {urlsplit(product["$schema"]).hostname for page in found for product in page}
    assert hosts == {"schema.mp.microsoft.com", "product-ingestion.azureedge.net"}
    assert [len(page) for page in pages(client, {"$maxpagesize": "2"})] == [2, 2, 1]


def test_products_are_selected_by_offer_and_type(client: Client) -> None:
    assert [len(page) for page in pages(client, {"externalID": "ingress"})] == [1]
    assert [len(page) for page in pages(client, {"type": "azureContainer"})] == [2]
    assert pages(client, {"externalId": "nothing"}) == [[]]


def test_submissions_are_selected_by_target_and_id(client: Client) -> None:
    guid = pages(client, {"externalId": "gateway-vm"})[0][0]["id"].partition("/")[2]
    everything = client.get(f"{ROOT}/submission/{guid}").json()["value"]
    assert [entry["target"]["targetType"] for entry in everything] == ["draft", "live", "preview"]
    preview = client.get(f"{ROOT}/submission/{guid}", params={"targetType": "preview"}).json()["value"]
    assert preview == everything[2:]
    assert client.get(f"/rp/product-ingestion/{everything[2]['id']}").json() == everything[2]


def test_refuses_what_is_not_there(client: Client) -> None:
    plans = {plan.offer: plan for plan in client.simulator.world.scenario.plans}
    guid = product_id(plans["gateway-vm"])
    for path in ("x", product_id(plans["edge-cache"]), product_id(plans["sql-appliance"]), f"{guid}/1"):
        answer = client.get(f"{ROOT}/submission/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "notFound")
    assert client.get(f"{ROOT}/product", params={"$version": "newest"}).status_code == 400


def test_without_an_account_there_are_no_products(start: Start) -> None:
    assert pages(start(Scenario((PLAN,), speed=SPEED)), {}) == [[]]
    assert len(pages(start(Scenario((PLAN,), speed=SPEED, account="acme")), {})[0]) == 1

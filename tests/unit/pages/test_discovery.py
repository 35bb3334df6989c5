"""`/sd`, and that it lists what `/probe` accepts."""

from __future__ import annotations

import json

import pytest

from exporter.collection.snapshot import OfferRecord, Snapshot, SourceRecord
from exporter.collection.targets import is_target
from exporter.config.selection import Selection
from exporter.pages.discovery import write_targets

from .samples import LENS, publisher, record, snapshot
from .test_routes import asking, page_routes, published


def discovered(shown: Snapshot) -> list[str]:
    return [target for group in json.loads("".join(write_targets(shown, LENS))) for target in group["targets"]]


def test_a_list_that_is_missing_is_named() -> None:
    """Nothing is better than a part: Prometheus keeps its targets over a 503, and drops what a 200 leaves out."""
    told = SourceRecord("cloud_partner", ("vm",), is_complete=True)
    both = Selection(sources=("cloud_partner", "partner_center", "product_ingestion"))
    some = publisher(record("vm"), sources=(told, SourceRecord("partner_center")), selection=both)
    none = publisher(publisher_id="fabrikam", selection=Selection(sources=("cloud_partner",)))
    full = publisher(publisher_id="northwind", sources=(told,), selection=Selection(sources=("cloud_partner",)))
    answer = asking(page_routes(published(Snapshot((some, none, full))))).get("/sd")
    assert (answer.status_code, answer.text) == (
        503,
        "no list of offers yet of contoso from partner_center, product_ingestion; of fabrikam from cloud_partner\n",
    )
    assert discovered(Snapshot((full,))) == []


def test_offers_that_the_settings_name_are_there_before_the_first_refresh() -> None:
    named = Selection(("vm", "app"), ("cloud_partner",))
    assert discovered(Snapshot((publisher(record("app"), selection=named),))) == ["contoso/vm", "contoso/app"]


GOOD = ("vm", "My_offer-1.2~x", "a/b c", "résumé", "100%", "?q#f", "%2F", "...", ".vm", "a+b&c=d", "日本", "x" * 512)
BAD = (
    "",
    ".",
    "..",
    "a/../b",
    "../vm",
    "a//b",
    "/vm",
    "vm/",
    "a\\..",
    "a\nb",
    "a\x00",
    "a\u2028b",
    "x" * 513,
)


@pytest.mark.parametrize("named", [(), GOOD + BAD])
def test_what_is_listed_is_accepted_and_nothing_else(named: tuple[str, ...]) -> None:
    """Whatever ids there are, by a list or in the settings; the other ones are left out rather than refused later."""
    told = SourceRecord("cloud_partner", ("vm",), is_complete=True)
    selection = Selection(named, ("cloud_partner",))
    shown = Snapshot((publisher(*map(record, GOOD + BAD), sources=(told,), selection=selection),))
    assert discovered(shown) == [f"contoso/{one}" for one in GOOD]
    assert all(is_target("contoso", one) for one in GOOD)
    assert not any(is_target("contoso", one) for one in BAD)


def test_labels_tell_what_is_known() -> None:
    shown = snapshot(record("vm", offer_type="virtual-machine"), OfferRecord("contoso", "new"))
    meta = "__meta_azure_marketplace_"
    assert asking(page_routes(published(shown))).get("/sd").json() == [
        {
            "targets": ["contoso/vm"],
            "labels": {
                f"{meta}publisher_id": "contoso",
                f"{meta}offer_id": "vm",
                f"{meta}offer_type": "virtual-machine",
                f"{meta}source": "cloud_partner",
            },
        },
        {"targets": ["contoso/new"], "labels": {f"{meta}publisher_id": "contoso", f"{meta}offer_id": "new"}},
    ]

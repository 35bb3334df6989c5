import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporter.collection.snapshot import Failure, OfferRecord, Snapshot, SourceRecord
from exporter.domain.offers import Level
from exporter.pages.offers_json import write_offers
from exporter.pages.wording import Lens

from .samples import CERTIFY, LENS, NOW, STALE_AFTER, listed_only, message, publisher, record, snapshot

NO_STATE: dict[str, Any] = {
    "failure": None,
    "last_success_timestamp_seconds": None,
    "display_name": None,
    "offer_type": None,
    "source": None,
    "version": None,
    "changed_timestamp_seconds": None,
    "status": None,
    "status_since_timestamp_seconds": None,
    "waiting_on": None,
    "waiting_on_since_timestamp_seconds": None,
    "live": None,
    "live_since_timestamp_seconds": None,
    "steps": [],
    "messages": [],
}


def written(of: Snapshot, lens: Lens = LENS) -> Any:
    return json.loads("".join(write_offers(of, lens)))


def test_the_whole_document() -> None:
    step = replace(
        CERTIFY,
        description="Checks",
        messages=(message("<p>It <b>runs</b>", Level.WARNING),),
        started=NOW - 7300,
        completed=NOW - 7,
    )
    one = record(
        "vm",
        steps=(step,),
        display_name="My VM",
        offer_type="vm",
        version=3,
        changed=NOW - 500,
        live=False,
        live_since=NOW - 86400,
        messages=(message("", ago=None),),
    )
    failure = Failure("forbidden", "no access")
    away = SourceRecord("partner_center", failure=failure, is_expected=False)
    sources = SourceRecord("cloud_partner", ("vm",), NOW - 30), away
    down = publisher(publisher_id="northwind", failure=failure, last_success=None, sources=sources)
    assert written(Snapshot((publisher(one), down))) == {
        "rendered_timestamp_seconds": NOW,
        "stale_after_seconds": STALE_AFTER,
        "publishers": [
            {
                "publisher_id": "contoso",
                "up": True,
                "failure": None,
                "offers_listed": None,
                "refresh_interval_seconds": 300.0,
                "refresh_duration_seconds": 1.5,
                "last_refresh_timestamp_seconds": NOW - 30,
                "last_success_timestamp_seconds": NOW - 30,
                "sources": [],
                "offers": [
                    {
                        "offer_id": "vm",
                        "up": True,
                        "fresh": True,
                        "failure": None,
                        "last_success_timestamp_seconds": NOW - 60,
                        "display_name": "My VM",
                        "offer_type": "vm",
                        "source": "cloud_partner",
                        "version": 3,
                        "changed_timestamp_seconds": NOW - 500,
                        "status": "running",
                        "status_since_timestamp_seconds": NOW - 7200,
                        "waiting_on": "microsoft",
                        "waiting_on_since_timestamp_seconds": NOW - 7200,
                        "live": False,
                        "live_since_timestamp_seconds": NOW - 86400,
                        "steps": [
                            {
                                "step_id": "certify",
                                "position": 1,
                                "name": "Certification",
                                "description": "Checks",
                                "status": "in_progress",
                                "status_since_timestamp_seconds": NOW - 7200,
                                "started_timestamp_seconds": NOW - 7300,
                                "completed_timestamp_seconds": NOW - 7,
                                "progress_ratio": 0.4,
                                "estimated_time_frame": "~2-3 days",
                                "estimated_duration_seconds": 259200.0,
                                "messages": [{"level": "warning", "timestamp_seconds": NOW - 90, "text": "It runs"}],
                            }
                        ],
                        "messages": [{"level": "information", "timestamp_seconds": None, "text": ""}],
                    }
                ],
            },
            {
                "publisher_id": "northwind",
                "up": False,
                "failure": {"reason": "forbidden", "text": "no access"},
                "offers_listed": 1,
                "refresh_interval_seconds": 300.0,
                "refresh_duration_seconds": 1.5,
                "last_refresh_timestamp_seconds": NOW - 30,
                "last_success_timestamp_seconds": None,
                "sources": [
                    {
                        "source": "cloud_partner",
                        "up": True,
                        "expected": True,
                        "failure": None,
                        "offers_listed": 1,
                        "last_success_timestamp_seconds": NOW - 30,
                    },
                    {
                        "source": "partner_center",
                        "up": False,
                        "expected": False,
                        "failure": {"reason": "forbidden", "text": "no access"},
                        "offers_listed": None,
                        "last_success_timestamp_seconds": None,
                    },
                ],
                "offers": [],
            },
        ],
    }


FAILED = Failure("timeout", "no answer")


@pytest.mark.parametrize(
    ("one", "about"),
    [
        (OfferRecord("contoso", "new"), {"offer_id": "new", "up": False, "fresh": False}),
        (
            record(fetched=STALE_AFTER, failure=FAILED, messages=(message("old"),), offer_type="vm"),
            {
                "offer_id": "vm",
                "up": False,
                "fresh": False,
                "failure": {"reason": "timeout", "text": "no answer"},
                "last_success_timestamp_seconds": NOW - STALE_AFTER,
                "display_name": "",
                "offer_type": "vm",
                "source": "cloud_partner",
            },
        ),
        (
            listed_only(display_name="Listed", offer_type="vm"),
            {
                "offer_id": "listed",
                "up": True,
                "fresh": True,
                "last_success_timestamp_seconds": NOW - 60,
                "display_name": "Listed",
                "offer_type": "vm",
                "source": "cloud_partner",
            },
        ),
    ],
    ids=["never fetched", "stale", "only listed"],
)
def test_an_offer_without_a_state_has_none_as_in_the_metrics(one: OfferRecord, about: dict[str, Any]) -> None:
    (told,) = written(snapshot(one))["publishers"][0]["offers"]
    assert told == NO_STATE | about


def test_a_start_that_is_not_known_is_null() -> None:
    (one,) = written(snapshot(replace(record(), since=None)))["publishers"][0]["offers"]
    assert (one["status"], one["status_since_timestamp_seconds"]) == ("running", None)
    assert [step["status_since_timestamp_seconds"] for step in one["steps"]] == [None] * 3


def test_every_key_is_documented() -> None:
    def keys(value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(keys, value))
        return set(value) | set().union(*map(keys, value.values())) if isinstance(value, dict) else set()

    full = record(messages=(message("x"),), failure=Failure("timeout", "x"))
    found = keys(written(Snapshot((publisher(full, failure=Failure("timeout", "x")),))))
    page = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-z_]+)`", page))
    assert found - documented == set()
    assert {one for one in documented if one.endswith("_seconds")} <= found

"""Grafana's own alerts are those of Prometheus."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
import yaml

from grafana.builder.alerting import PATH, alerting

from .conftest import ROOT

Json = dict[str, Any]

RULES = ROOT / "grafana" / "rules" / "azure-marketplace.rules.yaml"
ALERTS: list[Json] = [
    rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"] if "alert" in rule
]
CONTENT: Json = yaml.safe_load((ROOT / PATH).read_text("utf-8"))
OURS: list[Json] = [rule for group in CONTENT["groups"] for rule in group["rules"]]
# What Grafana's provisioning reads, and no more.
GROUP = {"orgId", "name", "folder", "interval", "rules"}
RULE = {
    "uid",
    "title",
    "condition",
    "data",
    "noDataState",
    "execErrState",
    "for",
    "keepFiringFor",
    "labels",
    "annotations",
    "isPaused",
}


def test_the_file_is_as_the_generator_writes_it() -> None:
    assert (ROOT / PATH).read_text("utf-8") == alerting()


def test_each_alert_is_there_with_its_expression_times_and_labels() -> None:
    assert len(OURS) == len(ALERTS)
    for ours, theirs in zip(OURS, ALERTS, strict=True):
        asked, firing = ours["data"]
        assert asked["model"]["expr"] == theirs["expr"].strip()
        assert asked["model"]["instant"]
        assert ours["title"].startswith(theirs["alert"])
        assert (ours["for"], ours.get("keepFiringFor")) == (theirs["for"], theirs.get("keep_firing_for"))
        assert ours["labels"] == theirs["labels"]
        assert ours["condition"] == firing["refId"] == firing["model"]["refId"]
        assert firing["datasourceUid"] == "__expr__"


def test_grafana_can_read_every_key_and_tell_the_rules_apart() -> None:
    assert CONTENT["apiVersion"] == 1
    for group in CONTENT["groups"]:
        assert group.keys() == GROUP
    for name in ("uid", "title"):
        assert max(Counter(rule[name] for rule in OURS).values()) == 1
    for rule in OURS:
        assert rule.keys() <= RULE
        assert re.fullmatch(r"[a-z0-9-]{1,40}", rule["uid"])
        assert rule["noDataState"] == "OK"


def test_texts_ask_nothing_and_show_values_as_grafana_names_them() -> None:
    for rule in OURS:
        for text in rule["annotations"].values():
            assert "| query" not in text
            assert not re.search(r"\$value\b", text)
            assert text.count("{{") == text.count("}}")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"].endswith(".")


@pytest.mark.parametrize(
    ("title", "key", "text"),
    [
        (
            "AzureMarketplaceOfferStepRejected",
            "summary",
            (
                "Microsoft rejected step {{ $labels.step_id }} of {{ $labels.publisher_id }}/{{ $labels.offer_id }}, "
                'seen since {{ ($values.A.Value | toTime).Format "Monday 2 January 2006, 15:04 MST" }}'
            ),
        ),
        (
            "AzureMarketplaceOfferStepOverdue (info)",
            "summary",
            "Step {{ $labels.step_id }} of {{ $labels.publisher_id }}/{{ $labels.offer_id }} is over its estimate",
        ),
        (
            "AzureMarketplaceExporterTargetDown",
            "description",
            "Another instance may still do the work; a shard has no other.",
        ),
    ],
)
def test_what_prometheus_would_look_up_is_left_out_of_the_texts(title: str, key: str, text: str) -> None:
    (rule,) = [rule for rule in OURS if rule["title"] == title]
    assert rule["annotations"][key] == text

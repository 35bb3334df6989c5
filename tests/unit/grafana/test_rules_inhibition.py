"""The Alertmanager example against the alerts: each has its receiver, and none silences itself or a stranger."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.unit.grafana._rules import RULES, Alert, alerts

FOLDER = RULES.parent.parent / "alertmanager"
CONFIG = yaml.safe_load((FOLDER / "alertmanager.yaml").read_text("utf-8"))
INHIBITIONS = CONFIG["inhibit_rules"]


def matches(alert: Alert, matchers: list[str]) -> bool:
    """Whether an alert has what all matchers ask for; only its fixed labels are known."""
    labels = {"alertname": alert.name, **alert.labels}

    def holds(matcher: str) -> bool:
        found = re.fullmatch(r'(\w+) (!?)=?(~?) "([^"]*)"', matcher)
        assert found, f"cannot read {matcher}"
        label, is_not, is_pattern, value = found.groups()
        actual = labels.get(label, "")
        return bool(is_not) != bool(re.fullmatch(value if is_pattern else re.escape(value), actual))

    return all(map(holds, matchers))


def pairs(rule: dict[str, Any]) -> list[tuple[Alert, Alert]]:
    """Which alert silences which, by this rule, if the labels in `equal` agree."""
    sources = [one for one in alerts() if matches(one, rule["source_matchers"])]
    targets = [one for one in alerts() if matches(one, rule["target_matchers"])]
    return [(source, target) for source in sources for target in targets]


def labels(alert: Alert) -> set[str]:
    return {"alertname", *alert.labels, *alert.kept}


@pytest.mark.parametrize("rule", INHIBITIONS, ids=lambda rule: " ".join(rule["source_matchers"]))
def test_each_rule_silences_something_else_by_labels_that_both_have(rule: dict[str, Any]) -> None:
    """A label that both sides lack counts as equal; that is only meant between severities of the same alert."""
    assert pairs(rule)
    equal = set(rule.get("equal", []))
    for source, target in pairs(rule):
        assert source != target
        if source.name == target.name:
            assert equal & labels(source) == equal & labels(target)
        elif "alertname" not in equal:
            assert equal <= labels(source) & labels(target), (str(source), str(target))


def test_no_circle() -> None:
    """Two alerts that silence each other would both be lost."""
    silences = {(str(source), str(target)) for rule in INHIBITIONS for source, target in pairs(rule)}
    assert not {pair for pair in silences if pair[::-1] in silences}


def test_exporter_trouble_silences_the_offers_of_that_publisher_only() -> None:
    """A warning of stale data does not: one offer that cannot be fetched must not hide the others."""
    rules = [rule for rule in INHIBITIONS if rule["target_matchers"] == ['component = "offers"']]
    assert {str(source): rule.get("equal", []) for rule in rules for source, _ in pairs(rule)} == {
        "AzureMarketplaceExporterDown-critical": ["publisher_id"],
        "AzureMarketplacePublisherDataStale-critical": ["publisher_id"],
        "AzureMarketplaceExporterAbsent-critical": [],
    }
    careless = [rule for rule in INHIBITIONS if not rule.get("equal")]
    assert {source.name for rule in careless for source, _ in pairs(rule)} == {"AzureMarketplaceExporterAbsent"}


@pytest.mark.parametrize("alert", alerts(), ids=str)
def test_groups_are_made_of_labels_that_the_alerts_have(alert: Alert) -> None:
    route = next(one for one in CONFIG["route"]["routes"] if matches(alert, one["matchers"]))
    if alert.name != "AzureMarketplaceExporterAbsent":
        assert set(route["group_by"]) <= labels(alert)
    assert all(inner["group_by"] == route["group_by"] for inner in route["routes"])

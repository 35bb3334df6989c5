"""The Alertmanager example against the alerts: each has its receiver, and none silences itself or a stranger."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.grafana._promql import labels_of
from tests.unit.grafana._rules import RULES, Alert, alerts, known_labels

CONFIG = yaml.safe_load((RULES.parent.parent / "alertmanager" / "alertmanager.yaml").read_text())
INHIBITIONS = CONFIG["inhibit_rules"]
MATCHER = re.compile(r'(\w+) (=|!=|=~|!~) "([^"]*)"')


def matches(alert: Alert, matchers: list[str]) -> bool:
    """Whether an alert has what all matchers ask for; only its fixed labels are known."""
    labels = {"alertname": alert.name, **alert.labels}
    return all(holds(labels.get(name, ""), operator, value) for name, operator, value in map(parse, matchers))


def parse(matcher: str) -> tuple[str, str, str]:
    found = MATCHER.fullmatch(matcher)
    assert found, f"cannot read {matcher}"
    return found.group(1), found.group(2), found.group(3)


def holds(actual: str, operator: str, value: str) -> bool:
    equal = bool(re.fullmatch(value, actual)) if "~" in operator else actual == value
    return equal != operator.startswith("!")


def pairs(rule: dict[str, Any]) -> list[tuple[Alert, Alert]]:
    """Which alert silences which, by this rule, if the labels in `equal` agree."""
    sources = [one for one in alerts() if matches(one, rule["source_matchers"])]
    targets = [one for one in alerts() if matches(one, rule["target_matchers"])]
    return [(source, target) for source in sources for target in targets]


def has(alert: Alert, label: str) -> bool:
    return label == "alertname" or label in alert.labels or label in labels_of(alert.expression, known_labels())


each_rule = pytest.mark.parametrize("rule", INHIBITIONS, ids=lambda rule: " ".join(rule["source_matchers"]))


@each_rule
def test_each_rule_silences_something(rule: dict[str, Any]) -> None:
    assert pairs(rule)


@each_rule
def test_no_alert_silences_itself(rule: dict[str, Any]) -> None:
    assert not [str(source) for source, target in pairs(rule) if str(source) == str(target)]


@each_rule
def test_what_is_equal_is_there(rule: dict[str, Any]) -> None:
    """A label that both sides lack counts as equal; that is only meant between severities of the same alert."""
    for source, target in pairs(rule):
        for label in rule.get("equal", []):
            if source.name == target.name:
                assert has(source, label) == has(target, label)
            elif "alertname" not in rule["equal"]:
                assert has(source, label), f"{source} has no {label}"
                assert has(target, label), f"{target} has no {label}"


def test_only_the_absence_of_all_exporters_silences_without_a_common_label() -> None:
    careless = [rule for rule in INHIBITIONS if not rule.get("equal")]
    assert {source.name for rule in careless for source, _ in pairs(rule)} == {"AzureMarketplaceExporterAbsent"}


def test_no_circle() -> None:
    """Two alerts that silence each other would both be lost."""
    silences = {(str(source), str(target)) for rule in INHIBITIONS for source, target in pairs(rule)}
    assert not {pair for pair in silences if pair[::-1] in silences}


def test_exporter_trouble_silences_the_offers_of_that_publisher_only() -> None:
    rules = [rule for rule in INHIBITIONS if rule["target_matchers"] == ['component = "offers"']]
    by_source = {source.name: rule.get("equal", []) for rule in rules for source, _ in pairs(rule)}
    assert by_source == {
        "AzureMarketplaceExporterDown": ["publisher_id"],
        "AzureMarketplacePublisherDataStale": ["publisher_id"],
        "AzureMarketplaceExporterAbsent": [],
    }


def test_a_warning_of_stale_data_silences_no_offer() -> None:
    """One offer that cannot be fetched must not hide the others."""
    sources = {
        str(source) for rule in INHIBITIONS for source, target in pairs(rule) if target.labels["component"] == "offers"
    }
    assert "AzureMarketplacePublisherDataStale-critical" in sources
    assert "AzureMarketplacePublisherDataStale-warning" not in sources


@pytest.mark.parametrize("alert", alerts(), ids=str)
def test_groups_are_made_of_labels_that_the_alerts_have(alert: Alert) -> None:
    route = next(one for one in CONFIG["route"]["routes"] if matches(alert, one["matchers"]))
    assert route["receiver"] == f"{alert.labels['audience']}-team"
    if alert.name != "AzureMarketplaceExporterAbsent":
        assert all(has(alert, label) for label in route["group_by"])
    assert all(inner["group_by"] == route["group_by"] for inner in route["routes"])


def test_templates_are_there() -> None:
    folder = Path(RULES.parent.parent / "alertmanager")
    assert all(list(folder.glob(pattern)) for pattern in CONFIG["templates"])

"""The rules that are evaluated over the past are those of Prometheus, in an order in which each finds what it reads."""

from __future__ import annotations

import yaml

from grafana.past_rules import passes
from tests.unit.grafana._promql import selectors
from tests.unit.grafana._rules import RULES, alerts, recordings

PASSES = list(passes(yaml.safe_load(RULES.read_text("utf-8"))))


def test_every_rule_is_there_once() -> None:
    evaluated = [rule for some in PASSES for rule in some]
    assert sorted(rule["record"] for rule in evaluated if rule["record"] != "ALERTS") == sorted(recordings())
    found = [rule["labels"] for rule in evaluated if rule["record"] == "ALERTS"]
    assert sorted(f"{labels['alertname']}-{labels['severity']}" for labels in found) == sorted(map(str, alerts()))


def test_each_finds_what_it_reads() -> None:
    written: set[str] = set()
    for some in PASSES:
        for rule in some:
            read = {name for name, _ in selectors(rule["expr"])} & recordings().keys()
            assert read <= written | {rule["record"]}, rule
        written |= {rule["record"] for rule in some}


def test_an_alert_has_to_last() -> None:
    alert = {"alert": "A", "expr": "up == 0", "for": "15m", "labels": {"severity": "info"}}
    at_once = {"alert": "B", "expr": "up == 0", "for": "5m", "labels": {}}
    ((lasting, short),) = passes({"groups": [{"rules": [alert, at_once]}]})
    assert lasting["expr"] == "1 + 0 * (count_over_time((up == 0)[15m:300s]) >= 3)"
    assert short["expr"] == "1 + 0 * (up == 0)"
    assert lasting["labels"] == {"alertname": "A", "alertstate": "firing", "severity": "info"}

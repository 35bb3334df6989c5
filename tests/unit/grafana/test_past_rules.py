"""The rules that are evaluated over the past are those of Prometheus, in an order in which each finds what it reads."""

from __future__ import annotations

from typing import Any

import promql_parser
import yaml

from grafana.past_rules import RULES, passes, write_rules

from .conftest import ROOT

CONTENT: dict[str, Any] = yaml.safe_load((ROOT / "grafana/rules/azure-marketplace.rules.yaml").read_text("utf-8"))
ORIGINAL = [rule for group in CONTENT["groups"] for rule in group["rules"]]


def test_every_rule_is_there_once() -> None:
    assert RULES.name == "azure-marketplace.rules.yaml"
    evaluated = [rule for some in passes(CONTENT) for rule in some]
    recorded = [rule["record"] for rule in evaluated if rule["record"] != "ALERTS"]
    assert sorted(recorded) == sorted(rule["record"] for rule in ORIGINAL if "record" in rule)
    alerts = [
        (rule["labels"]["alertname"], rule["labels"]["severity"]) for rule in evaluated if rule["record"] == "ALERTS"
    ]
    assert sorted(alerts) == sorted((rule["alert"], rule["labels"]["severity"]) for rule in ORIGINAL if "alert" in rule)


def test_each_finds_what_it_reads() -> None:
    known = {rule["record"] for rule in ORIGINAL if "record" in rule}
    written: set[str] = set()
    for some in passes(CONTENT):
        for rule in some:
            promql_parser.parse(rule["expr"])
            read = {name for name in known if name in rule["expr"]} - {rule["record"]}
            assert read <= written, rule
        written |= {rule["record"] for rule in some}
    assert known <= written


def test_an_alert_has_to_last() -> None:
    alert = {"alert": "A", "expr": "up == 0", "for": "15m", "labels": {"severity": "info"}}
    at_once = {"alert": "B", "expr": "up == 0", "for": "5m", "labels": {}}
    ((lasting, short),) = passes({"groups": [{"rules": [alert, at_once]}]})
    assert lasting["expr"] == "1 + 0 * (count_over_time((up == 0)[15m:300s]) >= 3)"
    assert short["expr"] == "1 + 0 * (up == 0)"
    assert lasting["labels"] == {"alertname": "A", "alertstate": "firing", "severity": "info"}


def test_the_files_say_that_they_were_written(tmp_path: Any) -> None:
    write_rules(tmp_path)
    for number, path in enumerate(sorted(tmp_path.iterdir()), start=1):
        (group,) = yaml.safe_load(path.read_text("utf-8"))["groups"]
        assert path.name == f"rules-{number}.yaml"
        assert group["rules"][-1] == {
            "record": "past:written",
            "expr": f"vector({number})",
            "labels": {"file": path.stem},
        }

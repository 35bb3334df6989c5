"""The alert rules and their unit tests, read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from tests.unit.grafana.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RULES = ROOT / "grafana" / "rules" / "azure-marketplace.rules.yaml"


@dataclass(frozen=True)
class Alert:
    """One alerting rule; the same name may come in several severities."""

    name: str
    expression: str
    hold: str
    keep: str | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.name}-{self.labels['severity']}"

    @property
    def queries(self) -> list[str]:
        """What the annotations ask Prometheus for, with an X for each label value and a 1 for each number."""
        queries = re.findall(
            r'printf "((?:[^"\\]|\\.)*%(?:\[\d\])?q(?:[^"\\]|\\.)*)"', "\n".join(self.annotations.values())
        )
        return [re.sub(r"%(\[\d\])?q", '"X"', one.replace(r"\"", '"').replace("%v", "1")) for one in queries]

    @property
    def kept(self) -> frozenset[str]:
        """The labels that it keeps of what it asks for, as its unit tests expect them."""
        (kept,) = {
            frozenset(one.keys() - self.labels.keys()) for one in fired(self.name) if one.items() >= self.labels.items()
        }
        return kept


def _rules(text: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def read(text: str) -> tuple[Alert, ...]:
    """Read the alerts of a file."""
    return tuple(
        Alert(
            rule["alert"],
            rule["expr"],
            rule["for"],
            rule.get("keep_firing_for"),
            rule["labels"],
            rule["annotations"],
        )
        for rule in _rules(text)
        if "alert" in rule
    )


@cache
def alerts() -> tuple[Alert, ...]:
    """Read ours, in the order of the file."""
    return read(RULES.read_text("utf-8"))


@cache
def recordings() -> dict[str, str]:
    """Read all recording rules: name and expression, in the order of the file."""
    return {rule["record"]: rule["expr"] for rule in _rules(RULES.read_text("utf-8")) if "record" in rule}


@cache
def unit_tests() -> list[dict[str, Any]]:
    """Read all promtool tests."""
    files = sorted(RULES.parent.glob("*_test.yaml"))
    return [test for path in files for test in yaml.safe_load(path.read_text("utf-8"))["tests"]]


def fired(name: str) -> Iterator[dict[str, str]]:
    """The labels of each alert of this name that a unit test expects."""
    for test in unit_tests():
        for step in test.get("alert_rule_test", []):
            if step["alertname"] == name:
                yield from (one["exp_labels"] for one in step["exp_alerts"])

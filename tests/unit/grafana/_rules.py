"""The alert rules, read for tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.unit.grafana._metrics import known_metrics
from tests.unit.grafana._promql import labels_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ROOT",
    "RULES",
    "RUNBOOKS",
    "Alert",
    "alerts",
    "known_labels",
    "label_values",
    "read",
    "recordings",
    "unit_tests",
]

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "grafana" / "rules" / "azure-marketplace.rules.yaml"
RUNBOOKS = ROOT / "docs" / "runbooks"

_TEMPLATE_QUERY = re.compile(r'printf "((?:[^"\\]|\\.)*)"')
_VERB = re.compile(r"%(\[\d\])?q")
_TEMPLATE_LABEL = re.compile(r"\$labels\.(\w+)")


@dataclass(frozen=True)
class Alert:
    """One alerting rule; the same name may come in several severities."""

    name: str
    expression: str
    hold: str | None
    keep: str | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.name}-{self.labels.get('severity')}"

    @property
    def queries(self) -> list[str]:
        """What the annotations ask Prometheus for, with an x for each label value and a 1 for each number."""
        texts = "\n".join(self.annotations.values())
        queries = [one.replace(r"\"", '"').replace("%v", "1") for one in _TEMPLATE_QUERY.findall(texts)]
        return [_VERB.sub('"x"', one) for one in queries if _VERB.search(one)]

    @property
    def used_labels(self) -> set[str]:
        """The labels that the annotations name."""
        return set(_TEMPLATE_LABEL.findall("\n".join(self.annotations.values())))


def _rules(text: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


@cache
def alerts() -> tuple[Alert, ...]:
    """Read all alerts, in the order of the file."""
    return read(RULES.read_text())


def read(text: str) -> tuple[Alert, ...]:
    """Read the alerts of such a file."""
    return tuple(
        Alert(
            rule["alert"],
            rule["expr"],
            rule.get("for"),
            rule.get("keep_firing_for"),
            rule.get("labels", {}),
            rule.get("annotations", {}),
        )
        for rule in _rules(text)
        if "alert" in rule
    )


def recordings() -> dict[str, str]:
    """Read all recording rules: name and expression, in the order of the file."""
    return {rule["record"]: rule["expr"] for rule in _rules(RULES.read_text()) if "record" in rule}


@cache
def known_labels() -> dict[str, frozenset[str]]:
    """Tell the labels of each metric and of each recorded one."""
    known = {name: frozenset(labels) for name, labels in known_metrics().items()}
    for name, expression in recordings().items():
        known[name] = frozenset()  # a rule may ask for its own last value
        known[name] = labels_of(expression, known)
    return known


def label_values(metric: str) -> dict[str, tuple[str, ...]]:
    """Tell the values that labels of a metric can have, where they are known; a recorded one has those of its origin."""
    known = known_metrics()
    if metric in known:
        return known[metric]
    origin = metric.removeprefix("azure_marketplace:").rpartition(":")[0].removesuffix("_since_timestamp_seconds")
    return known.get("azure_marketplace_" + origin, {})


@cache
def unit_tests() -> list[dict[str, Any]]:
    """Read all promtool tests."""
    return [
        test for path in sorted(RULES.parent.glob("*_test.yaml")) for test in yaml.safe_load(path.read_text())["tests"]
    ]

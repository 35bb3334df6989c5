"""The rules as `promtool tsdb create-blocks-from rules` can evaluate them over the past.

It knows recording rules only, and each run sees what the runs before it have written. So an alert becomes a rule that records
`ALERTS`, and the rules come in as many files as it takes for each to find what it reads. `for` is counted in evaluations;
`keep_firing_for` only bridges gaps, of which this past has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from grafana.rule_links import RULES

__all__ = ["passes", "write_rules"]

EVERY = 300
"""Seconds between two evaluations."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Rule = dict[str, Any]


def write_rules(directory: Path) -> None:
    """Write them as `rules-1.yaml` and so on."""
    for number, rules in enumerate(passes(yaml.safe_load(RULES.read_text("utf-8"))), start=1):
        name = f"rules-{number}"
        written = {"record": "past:written", "expr": f"vector({number})", "labels": {"file": name}}
        group = {"name": name, "interval": f"{EVERY}s", "rules": [*rules, written]}
        (directory / f"{name}.yaml").write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")


def passes(content: Rule) -> Iterator[list[Rule]]:
    """Give the rules that can be evaluated together, those first that read nothing of the others."""
    left = [_recording(rule) for group in content["groups"] for rule in group["rules"]]
    known = {rule["record"] for rule in left}
    while left:
        missing = {rule["record"] for rule in left}
        now = [rule for rule in left if not _reads(rule, known) & missing - {rule["record"]}]
        left = [rule for rule in left if rule not in now]
        yield now


def _reads(rule: Rule, known: set[str]) -> set[str]:
    return set(re.findall(r"[a-zA-Z_:]+", rule["expr"])) & known


def _recording(rule: Rule) -> Rule:
    if "record" in rule:
        return {key: rule[key] for key in ("record", "expr", "labels") if key in rule}
    labels = {"alertname": rule["alert"], "alertstate": "firing", **rule["labels"]}
    return {"record": "ALERTS", "labels": labels, "expr": f"1 + 0 * ({_lasting(rule['expr'], rule.get('for', '0s'))})"}


def _lasting(expression: str, duration: str) -> str:
    evaluations = int(duration[:-1]) * _SECONDS[duration[-1]] // EVERY
    if evaluations < 2:  # noqa: PLR2004 - one evaluation is the expression itself
        return expression
    return f"count_over_time(({expression})[{duration}:{EVERY}s]) >= {evaluations}"

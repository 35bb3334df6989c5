"""What expressions ask for, and whether there is such a thing."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import promql_parser as promql

from exporter.exposition.families import documented
from grafana.builder.metrics import FOREIGN
from tests.unit.grafana._rules import recordings

if TYPE_CHECKING:
    from collections.abc import Iterator

Labels = dict[str, tuple[str, ...]]
"""Each label of a metric with its values, empty if they are not known beforehand."""

TARGET: Labels = {"job": (), "instance": ()}
"""What Prometheus adds to every series that it scrapes."""
ALERTS = ("alertname", "alertstate", "severity", "audience", "publisher_id", "offer_id", "step_id")
WINDOWS = {"$__rate_interval": "1m", "$__range": "1h", "$__interval_ms": "60000", "$__interval": "1m"}


@cache
def known() -> dict[str, Labels]:
    """What a rule or a panel may ask for: metrics of the exporter's own table, others, and what the rules record."""
    metrics: dict[str, Labels] = {name: {} for name in (*FOREIGN, "process_start_time_seconds")}
    metrics["ALERTS"] = dict.fromkeys(ALERTS, ())
    for one in documented():
        metrics[one.name] = dict(one.labels)
        if one.kind == "histogram":
            metrics[f"{one.name}_bucket"] = {**one.labels, "le": ()}
    for name, expression in recordings().items():
        metrics[name] = recorded(expression, metrics)
    return {name: labels | TARGET for name, labels in metrics.items()}


def recorded(expression: str, metrics: dict[str, Labels]) -> Labels:
    """The labels of a recording rule: those that it aggregates by, first of all, with the values of what it reads."""
    aggregated = re.match(r"\w+ by \(([\w, ]+)\)", expression)
    assert aggregated, expression
    read = [metrics[name] for name, _ in selectors(expression) if name in metrics]
    return {label: next((one[label] for one in read if one.get(label)), ()) for label in aggregated[1].split(", ")}


def nodes(expression: Any) -> Iterator[Any]:
    """All parts of an expression, from the outside in."""
    yield expression
    for part in ("lhs", "rhs", "expr", "vector_selector", "param"):
        child = getattr(expression, part, None)
        if isinstance(child, promql.Expr):
            yield from nodes(child)
    for argument in getattr(expression, "args", None) or ():
        yield from nodes(argument)


def parse(text: str) -> list[Any]:
    """All parts of an expression, with values in the place of Grafana's variables in ranges."""
    for name, value in WINDOWS.items():
        text = text.replace(name, value)
    return list(nodes(promql.parse(text)))


def selectors(text: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each metric that is asked for, with its matchers as label and value."""
    return [
        (node.name or "", [(one.name, one.value) for one in node.matchers.matchers])
        for node in parse(text)
        if isinstance(node, promql.VectorSelector)
    ]


def increased(text: str) -> set[str]:
    """The metrics whose increase over time is asked for."""
    return {
        argument.vector_selector.name or ""
        for node in parse(text)
        if isinstance(node, promql.Call) and node.func.name in {"increase", "rate"}
        for argument in node.args
        if isinstance(argument, promql.MatrixSelector)
    }


def check(text: str, *names: str) -> None:
    """Assert that each metric, label and value that is asked for exists; `names` are labels that a legend needs.

    A value in capitals stands for one that is put in later, like a variable of Grafana.
    """
    asked = selectors(text)
    for metric, matchers in asked:
        assert metric in known(), metric
        for label, value in matchers:
            assert label in known()[metric], f"{metric} has no label {label}"
            values = known()[metric][label]
            is_open = not values or "$" in value or value.isupper()
            assert is_open or set(value.split("|")) <= set(values), f"{metric} has no {label}={value}"
    used = set(names)
    for some in re.findall(r"\b(?:by|on|without|ignoring|group_left) \(([^)]*)\)", text):
        used |= {label.strip() for label in some.split(",") if label}
    made = {name for name in ("stands", "alert", "shard") if f'"{name}", ' in text}
    assert used <= made.union(*(known()[metric] for metric, _ in asked)), text

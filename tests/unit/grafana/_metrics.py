"""Which metrics the exporter has, with their labels: what alerts and dashboards may ask for."""

from __future__ import annotations

from exporter.exposition.families import documented

__all__ = ["Labels", "known_metrics"]

Labels = dict[str, tuple[str, ...]]
"""Each label of a metric with its values, empty if they are not known beforehand."""

# TO BE REPLACED: what the table does not have yet. A metric leaves this list when it is in the table; the test in
# test_rules.py sees to that.
PLANNED: dict[str, Labels] = {}

OTHERS: dict[str, Labels] = {"up": {}, "process_start_time_seconds": {}, "process_resident_memory_bytes": {}}
"""What Prometheus itself and every program with a Prometheus client has."""

TARGET: Labels = {"job": (), "instance": ()}
"""What Prometheus adds to every series that it scrapes."""


def in_table() -> dict[str, Labels]:
    """List the metrics of the exporter's own table."""
    return {one.name: dict(one.labels) for one in documented()}


def known_metrics() -> dict[str, Labels]:
    """List all metrics that a rule or a panel may use, with the labels that they have in Prometheus."""
    return {name: labels | TARGET for name, labels in (OTHERS | PLANNED | in_table()).items()}

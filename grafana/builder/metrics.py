"""Selectors of metrics, made from the exporter's own table, so that no panel can ask for a metric that is not there."""

from __future__ import annotations

from functools import cache

from exporter.exposition.families import documented

__all__ = [
    "ALERTS",
    "FOREIGN",
    "compared_series",
    "known_names",
    "offer_series",
    "own_series",
    "process_series",
    "publisher_series",
    "replica_series",
]

FOREIGN: frozenset[str] = frozenset(
    {
        "ALERTS",
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "python_gc_collections_total",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "up",
    }
)
"""Metrics that come from Prometheus itself or from the Python client library."""

_JOB = 'job=~"$job"'
_INSTANCE = 'instance=~"$instance"'
_PUBLISHER = 'publisher_id=~"$publisher_id"'
_OFFER = 'offer_id=~"$offer_id"'
ALERTS = 'alertname=~"AzureMarketplace.*"'


@cache
def known_names() -> frozenset[str]:
    """Give every name that an expression may use; a histogram is read by its buckets."""
    metrics = documented()
    buckets = {f"{one.name}_bucket" for one in metrics if one.kind == "histogram"}
    return FOREIGN | {one.name for one in metrics} | buckets


def offer_series(name: str, *matchers: str) -> str:
    """Select the series of the chosen offers."""
    return _series("azure_marketplace_" + name, _JOB, _PUBLISHER, _OFFER, *matchers)


def compared_series(name: str, *matchers: str) -> str:
    """Select the series of the offers that the chosen one is compared with."""
    return _series("azure_marketplace_" + name, _JOB, 'offer_id=~"$compare"', *matchers)


def publisher_series(name: str, *matchers: str) -> str:
    """Select the series of the chosen publishers."""
    return _series("azure_marketplace_" + name, _JOB, _PUBLISHER, *matchers)


def replica_series(name: str, *matchers: str) -> str:
    """Select the series that each of the chosen instances has of the chosen publishers."""
    return publisher_series(name, _INSTANCE, *matchers)


def own_series(name: str, *matchers: str) -> str:
    """Select the exporter's own series of the chosen instances."""
    return _series("azure_marketplace_exporter_" + name, _JOB, _INSTANCE, *matchers)


def process_series(name: str, *matchers: str) -> str:
    """Select series about the process or the scrape."""
    return _series(name, _JOB, _INSTANCE, *matchers)


def _series(name: str, *matchers: str) -> str:
    if name not in known_names():
        raise KeyError(name)
    return f"{name}{{{', '.join(matchers)}}}"

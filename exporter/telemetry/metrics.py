"""The exporter's own metrics. The ground floor: every room may count here, this one imports none of them."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.metrics import MetricWrapperBase

from exporter.domain.errors import REASONS

__all__ = ["OWN_METRICS", "PREFIX", "OwnMetric", "Telemetry", "package_version"]

PREFIX = "azure_marketplace_exporter_"

SOURCES = ("cloud_partner", "partner_center", "product_ingestion")

UNKNOWN_FIELDS = (
    "offer_status",
    "step_status",
    "message_level",
    "timestamp",
    "number",
    "offer_id",
    "step_id",
    "target",
)


def package_version() -> str:
    """Tell the version of the installed package."""
    return version("azure-marketplace-exporter")


@dataclass(frozen=True, slots=True)
class OwnMetric:
    """The definition of one of the exporter's own metrics; `labels` maps each label to its values, if they are known."""

    name: str
    kind: type[MetricWrapperBase]
    help: str
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    def build(self, registry: CollectorRegistry) -> MetricWrapperBase:
        """Make the metric, with its known series at 0."""
        options: dict[str, Any] = {"buckets": self.buckets} if self.buckets else {}
        metric = self.kind(self.name, self.help, tuple(self.labels), registry=registry, **options)
        if len(self.labels) == 1:
            for value in next(iter(self.labels.values())):
                metric.labels(value)
        return metric


OWN_METRICS: dict[str, OwnMetric] = {
    metric.name.removeprefix(PREFIX): metric
    for metric in (
        OwnMetric(
            PREFIX + "build_info",
            Gauge,
            "Version of the exporter and of the Python that runs it; always 1.",
            {"version": (), "python_version": ()},
        ),
        OwnMetric(PREFIX + "refreshes_total", Counter, "Refreshes of a publisher that ended, well or not."),
        OwnMetric(
            PREFIX + "refresh_failures_total",
            Counter,
            "Calls of a source that failed for good during a refresh, by the reason of the failure.",
            {"reason": REASONS},
        ),
        OwnMetric(
            PREFIX + "api_requests_total",
            Counter,
            "HTTP requests to the upstream API, by operation and status code; code is none if no answer came.",
            {"operation": (), "code": ()},
        ),
        OwnMetric(
            PREFIX + "api_request_duration_seconds",
            Histogram,
            "Time from the start of an upstream HTTP request to the end of its answer.",
            {"operation": ()},
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60),
        ),
        OwnMetric(PREFIX + "api_retries_total", Counter, "Upstream requests that were made again."),
        OwnMetric(PREFIX + "api_throttled_total", Counter, "Upstream requests that were answered with 429."),
        OwnMetric(
            PREFIX + "api_paused_until_timestamp_seconds",
            Gauge,
            "Until when a source is not asked because it wants a pause; absent if it never wanted one.",
            {"source": ()},
        ),
        OwnMetric(
            PREFIX + "token_expiry_timestamp_seconds",
            Gauge,
            "When the access token of a source expires; absent for tokens that are given and not fetched.",
            {"source": ()},
        ),
        OwnMetric(
            PREFIX + "token_refreshes_total", Counter, "Access tokens fetched for a source.", {"source": SOURCES}
        ),
        OwnMetric(
            PREFIX + "token_refresh_failures_total",
            Counter,
            "Access tokens that could not be fetched for a source.",
            {"source": SOURCES},
        ),
        OwnMetric(
            PREFIX + "credential_expiry_timestamp_seconds",
            Gauge,
            "When the credential itself expires: notAfter of the certificate, or the configured day; absent if unknown.",
            {"credential": ()},
        ),
        OwnMetric(PREFIX + "shard_ordinal", Gauge, "Which shard this exporter collects, counted from 0."),
        OwnMetric(PREFIX + "shards", Gauge, "How many shards the offers are split into."),
        OwnMetric(PREFIX + "config_last_reload_successful", Gauge, "1 if the last reload of the configuration worked."),
        OwnMetric(
            PREFIX + "config_last_reload_success_timestamp_seconds",
            Gauge,
            "When the configuration was last loaded or reloaded well.",
        ),
        OwnMetric(
            PREFIX + "unknown_values_total",
            Counter,
            "Values in upstream answers that could not be used as they were, by field: unknown states, unreadable "
            "timestamps and numbers, missing or repeated ids. The log names each value once.",
            {"field": UNKNOWN_FIELDS},
        ),
    )
}


class Telemetry:
    """All own metrics of one exporter, in a registry of their own."""

    def __init__(self) -> None:
        # Without this every counter has a second series that tells nothing here; design.md forbids them.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=False)
        self._metrics = {name: metric.build(self.registry) for name, metric in OWN_METRICS.items()}
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.gauge("build_info").labels(package_version(), platform.python_version()).set(1)

    def counter(self, name: str) -> Counter:
        """Get a counter by its name without the prefix; KeyError if the table does not have it."""
        metric = self._metrics[name]
        assert isinstance(metric, Counter)  # noqa: S101 - the table says so, this tells the type checker
        return metric

    def gauge(self, name: str) -> Gauge:
        """Get a gauge by its name without the prefix; KeyError if the table does not have it."""
        metric = self._metrics[name]
        assert isinstance(metric, Gauge)  # noqa: S101 - as above
        return metric

    def histogram(self, name: str) -> Histogram:
        """Get a histogram by its name without the prefix; KeyError if the table does not have it."""
        metric = self._metrics[name]
        assert isinstance(metric, Histogram)  # noqa: S101 - as above
        return metric

    def failed(self, reason: str) -> None:
        """Count a failure for good."""
        self.counter("refresh_failures_total").labels(reason).inc()

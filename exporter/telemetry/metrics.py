"""The exporter's own metrics. Every room may count here; this one imports none of them."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version

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

from exporter.domain.errors import REASONS

__all__ = ["PREFIX", "Documented", "Telemetry", "package_version"]

PREFIX = "azure_marketplace_exporter_"

UNKNOWN_FIELDS = (
    "offer_status",
    "step_status",
    "message_level",
    "timestamp",
    "number",
    "offer_id",
    "step_id",
    "target",
    "lifecycle",
    "entry",
)


def package_version() -> str:
    """The version of the installed package."""
    return version("azure-marketplace-exporter")


@dataclass(frozen=True, slots=True)
class Documented:
    """One line of the metric reference; `labels` maps each label to its values, if they are known."""

    name: str
    kind: str
    help: str
    labels: dict[str, tuple[str, ...]]


class Telemetry:
    """All own metrics of one exporter, in a registry of their own; `sources` are the values of the label `source`.

    Where all values of a metric's one label are known, its series start at 0.
    """

    def __init__(self, sources: Iterable[str] = ()) -> None:
        # Without this every counter has a second series that tells nothing here; design.md forbids them.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types here
        self.registry = CollectorRegistry(auto_describe=False)
        self.documented: list[Documented] = []
        by_source = tuple(sources)

        self.build_info = self._gauge(
            "build_info",
            "Version of the exporter and of the Python that runs it; always 1.",
            version=(),
            python_version=(),
        )
        self.build_info.labels(package_version(), platform.python_version()).set(1)
        self.web_info = self._gauge(
            "web_info",
            "Where the pages are, as web.external_url says, so that alerts can link them; absent if it is not set.",
            external_url=(),
        )
        self.refreshes_total = self._counter("refreshes_total", "Refreshes of a publisher that ended, well or not.")
        self.refresh_failures_total = self._counter(
            "refresh_failures_total",
            "Calls of a source that failed for good during a refresh, by the reason of the failure.",
            reason=REASONS,
        )
        self.api_requests_total = self._counter(
            "api_requests_total",
            "HTTP requests to the upstream API, by operation and status code; code is none if no answer came.",
            operation=(),
            code=(),
        )
        self.api_request_duration_seconds = self._histogram(
            "api_request_duration_seconds",
            "Time from the start of an upstream HTTP request to the end of its answer.",
            (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60),
            operation=(),
        )
        self.api_retries_total = self._counter("api_retries_total", "Upstream requests that were made again.")
        self.api_throttled_total = self._counter(
            "api_throttled_total", "Upstream requests that were answered with 429."
        )
        self.api_paused_until_timestamp_seconds = self._gauge(
            "api_paused_until_timestamp_seconds",
            "Until when a source is not asked because it wants a pause; absent if it never wanted one.",
            credential=(),
            source=(),
        )
        self.token_expiry_timestamp_seconds = self._gauge(
            "token_expiry_timestamp_seconds",
            "When the access token of a source expires; absent for tokens that are given and not fetched.",
            credential=(),
            source=(),
        )
        self.token_refreshes_total = self._counter(
            "token_refreshes_total", "Access tokens fetched for a source.", credential=(), source=by_source
        )
        self.token_refresh_failures_total = self._counter(
            "token_refresh_failures_total",
            "Access tokens that could not be fetched for a source.",
            credential=(),
            source=by_source,
        )
        self.credential_expiry_timestamp_seconds = self._gauge(
            "credential_expiry_timestamp_seconds",
            "When the credential itself expires: notAfter of the certificate, or the configured day; absent if unknown.",
            credential=(),
        )
        self.shard_ordinal = self._gauge("shard_ordinal", "Which shard this exporter collects, counted from 0.")
        self.shards = self._gauge("shards", "How many shards the offers are split into.")
        self.config_last_reload_successful = self._gauge(
            "config_last_reload_successful", "1 if the last reload of the configuration worked."
        )
        self.config_last_reload_success_timestamp_seconds = self._gauge(
            "config_last_reload_success_timestamp_seconds", "When the configuration was last loaded or reloaded well."
        )
        self.unknown_values_total = self._counter(
            "unknown_values_total",
            "Values in upstream answers that could not be used as they were, by field: unknown states, unreadable "
            "timestamps and numbers, missing or repeated ids, entries that are no objects. The log names each value once.",
            field=UNKNOWN_FIELDS,
        )
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def failed(self, reason: str) -> None:
        """Count a failure for good."""
        self.refresh_failures_total.labels(reason).inc()

    def _counter(self, name: str, text: str, **labels: tuple[str, ...]) -> Counter:
        self._document(name, "counter", text, labels)
        metric = Counter(PREFIX + name, text, tuple(labels), registry=self.registry)
        if len(labels) == 1:
            for value in next(iter(labels.values())):
                metric.labels(value)
        return metric

    def _gauge(self, name: str, text: str, **labels: tuple[str, ...]) -> Gauge:
        self._document(name, "gauge", text, labels)
        return Gauge(PREFIX + name, text, tuple(labels), registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], **labels: tuple[str, ...]) -> Histogram:
        self._document(name, "histogram", text, labels)
        return Histogram(PREFIX + name, text, tuple(labels), registry=self.registry, buckets=buckets)

    def _document(self, name: str, kind: str, text: str, labels: dict[str, tuple[str, ...]]) -> None:
        self.documented.append(Documented(PREFIX + name, kind, text, labels))

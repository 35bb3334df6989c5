"""Panels of the dashboard Exporter that show rates, durations and resources over time."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import timeseries

from grafana.builder.metrics import own_series, process_series, replica_series
from grafana.builder.panels import Query, Sizes, lines
from grafana.builder.promql import DAY

__all__ = ["credentials_panels", "process_panels", "refresh_panels", "upstream_panels"]

_HALF = Sizes(12, 8)
_THIRD = Sizes(8, 8)


_PER_MINUTE = "suffix:/min"
# The exporter asks all at once, by default every five minutes: over less, a rate would be nothing and then a peak.
_REFRESH = "5m"


def _rate(name: str, *matchers: str, by: str = "") -> str:
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (rate({own_series(name, *matchers)}[$__rate_interval]))"


def _per_minute(name: str, by: str = "") -> str:
    """Count per minute, because per second these are fractions; what does not happen is left out."""
    return f"60 * {_rate(name, by=by)} > 0"


def _counted(
    title: str, description: str, queries: Sequence[Query], *, empty: str, sizes: Sizes = _THIRD
) -> timeseries.Panel:
    return lines(title, description, queries, unit=_PER_MINUTE, interval=_REFRESH, soft_max=1, sizes=sizes, empty=empty)


def upstream_panels() -> tuple[timeseries.Panel, ...]:
    """Requests, errors, durations, throttling."""
    everything = _rate("api_requests_total")
    good = _rate("api_requests_total", 'code=~"2.."')
    buckets = _rate("api_request_duration_seconds_bucket", by="operation, le")
    throttled = [
        Query(_per_minute("api_throttled_total"), "throttled (429)"),
        Query(_per_minute("api_retries_total"), "tried again"),
    ]
    pause = f"max by (instance, source) ({own_series('api_paused_until_timestamp_seconds')}) - time() > 0"
    return (
        _counted(
            "Requests",
            "Requests to Microsoft's API, by operation and status code; none means that no answer came.",
            [Query(_per_minute("api_requests_total", by="operation, code"), "{{operation}} {{code}}")],
            sizes=_HALF,
            empty="Nothing was asked",
        ),
        lines(
            "Errors",
            "Share of the requests that were not answered with a 2xx.",
            [Query(f"({everything} - ({good} or 0 * {everything})) / {everything}", "errors")],
            unit="percentunit",
            sizes=_HALF,
            soft_max=0.1,
            interval=_REFRESH,
            empty="Nothing was asked",
        ),
        lines(
            "Duration of requests",
            "How long 90 % of the requests of each operation took at most.",
            [Query(f"histogram_quantile(0.9, {buckets})", "{{operation}}")],
            unit="s",
            interval=_REFRESH,
            sizes=_THIRD,
            soft_max=1,
            empty="Nothing was asked",
        ),
        _counted(
            "Throttling",
            "Answers by which Microsoft asks to slow down, and requests that were tried again for any reason.",
            throttled,
            empty="Nothing was throttled or tried again",
        ),
        lines(
            "Pause",
            "How long the exporter still holds requests to a source back because Microsoft asked for it.",
            [Query(pause, "{{source}} {{instance}}")],
            unit="s",
            sizes=_THIRD,
            soft_max=60,
            empty="Microsoft asked for no pause",
        ),
    )


def refresh_panels() -> tuple[timeseries.Panel, ...]:
    """Durations, failures, age."""
    took = replica_series("publisher_refresh_duration_seconds")
    interval = replica_series("publisher_refresh_interval_seconds")
    success = replica_series("publisher_last_success_timestamp_seconds")
    return (
        lines(
            "Data age",
            "Time since the last refresh that got everything.",
            [Query(f"time() - max by (publisher_id, instance) ({success})", "{{publisher_id}} {{instance}}")],
            unit="s",
            sizes=_HALF,
            soft_max=900,
            empty="Nothing was ever read completely",
        ),
        lines(
            "Refreshes against the interval",
            "Share of the refresh interval that a refresh takes; beyond 100 % the refreshes come late.",
            [
                Query(
                    f"max by (publisher_id, instance) ({took}) / max by (publisher_id, instance) ({interval})",
                    "{{publisher_id}} {{instance}}",
                )
            ],
            unit="percentunit",
            sizes=_HALF,
            soft_max=1,
            empty="Nothing was refreshed",
        ),
        _counted(
            "Refreshes",
            "Refreshes of a publisher that ended, well or not.",
            [Query(_per_minute("refreshes_total", by="instance"), "{{instance}}")],
            empty="Nothing was refreshed",
        ),
        _counted(
            "Failures",
            "Calls that failed for good during a refresh, by reason.",
            [Query(_per_minute("refresh_failures_total", by="reason"), "{{reason}}")],
            empty="Nothing failed",
        ),
        _counted(
            "Unknown values",
            "Values in answers that the exporter could not use as they were, by field; the log names each value once.",
            [Query(_per_minute("unknown_values_total", by="field"), "{{field}}")],
            empty="Every value was understood",
        ),
    )


def credentials_panels() -> tuple[timeseries.Panel, ...]:
    """Tokens and secrets."""
    token = own_series("token_expiry_timestamp_seconds")
    secret = own_series("credential_expiry_timestamp_seconds")
    return (
        lines(
            "Token valid for",
            "Time until the access token of a source ends; the exporter gets a new one before that.",
            [Query(f"min by (instance, source) ({token}) - time()", "{{source}} {{instance}}")],
            unit="s",
            sizes=_THIRD,
            soft_max=3600,
            empty="No token was fetched: it is given",
        ),
        _counted(
            "Tokens",
            "Access tokens that were fetched for a source, and attempts that failed.",
            [
                Query(_per_minute("token_refreshes_total", by="source"), "{{source}} fetched"),
                Query(_per_minute("token_refresh_failures_total", by="source"), "{{source}} failed"),
            ],
            empty="No token was fetched",
        ),
        lines(
            "Secret or certificate valid for",
            "Time until the client secret or the certificate ends, where that is known: from the certificate, or from the setting. Renew it before.",
            [Query(f"(min by (credential) ({secret}) - time()) / {DAY}", "{{credential}}")],
            unit="suffix:d",
            sizes=_THIRD,
            soft_max=30,
            empty="It is not known when a secret or certificate ends",
        ),
    )


def process_panels() -> tuple[timeseries.Panel, ...]:
    """What the process takes, and what a scrape costs."""
    cpu = f"sum by (instance) (rate({process_series('process_cpu_seconds_total')}[$__rate_interval]))"
    files = f"{process_series('process_open_fds')} / {process_series('process_max_fds')}"
    collections = f"60 * sum by (instance) (rate({process_series('python_gc_collections_total')}[$__rate_interval]))"
    return (
        _by_instance("Processor", "Processor time per second; 100 % is one core.", cpu, "percentunit", 0.1),
        _by_instance("Memory", "Resident memory.", _largest("process_resident_memory_bytes"), "bytes", 100 * 1024**2),
        _by_instance(
            "Open files",
            "Open file descriptors, as share of what the system allows.",
            f"max by (instance) ({files})",
            "percentunit",
            0.1,
        ),
        _by_instance("Garbage collections", "Collections of Python's garbage collector.", collections, _PER_MINUTE, 1),
        _by_instance(
            "Scrape duration",
            "How long a scrape takes, as Prometheus measures it.",
            _largest("scrape_duration_seconds"),
            "s",
            0.1,
        ),
        _by_instance("Samples", "Samples per scrape.", _largest("scrape_samples_scraped"), "short", 1000),
    )


def _largest(name: str) -> str:
    return f"max by (instance) ({process_series(name)})"


def _by_instance(title: str, description: str, expr: str, unit: str, soft_max: float) -> timeseries.Panel:
    query = Query(expr, "{{instance}}")
    return lines(title, description, [query], unit=unit, sizes=_THIRD, soft_max=soft_max, empty="No replica answers")

from __future__ import annotations

import platform
from importlib.metadata import version

import pytest
from prometheus_client.exposition import generate_latest

from exporter.domain.errors import REASONS
from exporter.telemetry.metrics import PREFIX, UNKNOWN_FIELDS, Telemetry, package_version


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def test_version() -> None:
    assert package_version() == version("azure-marketplace-exporter")


def test_build_info(telemetry: Telemetry) -> None:
    labels = {"version": package_version(), "python_version": platform.python_version()}
    assert telemetry.registry.get_sample_value(PREFIX + "build_info", labels) == 1


@pytest.mark.parametrize(
    ("name", "label", "values"),
    [("refresh_failures_total", "reason", REASONS), ("unknown_values_total", "field", UNKNOWN_FIELDS)],
)
def test_known_series_start_at_zero(telemetry: Telemetry, name: str, label: str, values: tuple[str, ...]) -> None:
    for value in values:
        assert telemetry.registry.get_sample_value(PREFIX + name, {label: value}) == 0
    assert telemetry.registry.get_sample_value(PREFIX + name, {label: "no such"}) is None


def test_all_of_its_metrics_are_in_the_reference(telemetry: Telemetry) -> None:
    kept = {one.name for one in telemetry.registry.collect() if one.name.startswith(PREFIX)}
    assert {one.name.removesuffix("_total") for one in telemetry.documented} == kept


def test_failures_are_counted_by_reason(telemetry: Telemetry) -> None:
    telemetry.failed("decode")
    telemetry.failed("decode")
    assert telemetry.registry.get_sample_value(PREFIX + "refresh_failures_total", {"reason": "decode"}) == 2


def test_no_created_series(telemetry: Telemetry) -> None:
    telemetry.api_request_duration_seconds.labels("list_offers").observe(1)
    assert b"_created" not in generate_latest(telemetry.registry)


@pytest.mark.parametrize("name", ["process_start_time_seconds", "python_info", "python_gc_objects_collected_total"])
def test_process_and_interpreter(telemetry: Telemetry, name: str) -> None:
    assert f"\n{name}" in generate_latest(telemetry.registry).decode()


def test_two_exporters_in_one_process_count_apart() -> None:
    first, second = Telemetry(), Telemetry()
    first.refreshes_total.inc()
    assert second.registry.get_sample_value(PREFIX + "refreshes_total") == 0


def test_slow_answers_fit_into_the_histogram(telemetry: Telemetry) -> None:
    """The API is known to take tens of seconds."""
    labels = {"operation": "x", "le": "60.0"}
    telemetry.api_request_duration_seconds.labels("x").observe(59)
    name = PREFIX + "api_request_duration_seconds_bucket"
    assert telemetry.registry.get_sample_value(name, labels) == 1

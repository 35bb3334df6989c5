from __future__ import annotations

import platform
from importlib.metadata import version

import pytest
from prometheus_client.exposition import generate_latest

from exporter.telemetry.metrics import PREFIX, Telemetry


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def test_build_info(telemetry: Telemetry) -> None:
    labels = {"version": version("azure-marketplace-exporter"), "python_version": platform.python_version()}
    assert telemetry.registry.get_sample_value(PREFIX + "build_info", labels) == 1


def test_all_of_its_metrics_are_in_the_reference(telemetry: Telemetry) -> None:
    kept = {one.name for one in telemetry.registry.collect() if one.name.startswith(PREFIX)}
    assert {one.name.removesuffix("_total") for one in telemetry.documented} == kept


def test_it_has_the_usual_metrics_of_a_process_and_no_created_series(telemetry: Telemetry) -> None:
    telemetry.api_request_duration_seconds.labels("list_offers").observe(1)
    text = generate_latest(telemetry.registry).decode()
    for name in ("process_start_time_seconds", "python_info", "python_gc_objects_collected_total"):
        assert f"\n{name}" in text
    assert "_created" not in text

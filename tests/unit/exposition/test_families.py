"""The rules for names that Prometheus and OpenMetrics set, held against the table."""

from __future__ import annotations

import re

import pytest

from exporter.exposition.families import Documented, documented

ALL = documented()
# Words that are no base unit, and the unit to use instead.
NO_UNITS = {"milliseconds", "ms", "minutes", "hours", "days", "percent", "percentage", "bytes_total", "kilobytes"}
# Gauges of a distribution, not summaries: they have no sum and no count.
QUANTILES = {f"azure_marketplace_offer_{one}_seconds" for one in ("expected_live_timestamp", "step_usual_duration")}


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_names(one: Documented) -> None:
    assert re.fullmatch(r"azure_marketplace_[a-z][a-z0-9]*(_[a-z0-9]+)*", one.name)
    words = one.name.split("_")
    assert not NO_UNITS & set(words)
    assert one.kind not in words
    assert not {"count", "sum", "bucket", "created"} & {words[-1]}
    assert one.name.endswith("_total") is (one.kind == "counter")
    if "timestamp" in words or "duration" in words or "interval" in words or "age" in words:
        assert words[-1] == "seconds"
    if "progress" in words:
        assert words[-1] == "ratio"


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_help(one: Documented) -> None:
    """Both formats escape help texts, each in its own way; without such characters they agree."""
    assert not set('"\\\n') & set(one.help)
    assert one.help == one.help.strip()
    assert one.help.endswith(".")
    assert one.help[0].isupper() or one.help[0].isdigit()


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_labels(one: Documented) -> None:
    for label, values in one.labels.items():
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", label)
        assert label not in {"le", "job", "instance", "__name__"}
        assert label != "quantile" or one.name in QUANTILES
        assert len(set(values)) == len(values)


def test_no_name_is_another_or_that_with_a_suffix_of_the_formats() -> None:
    names = {one.name for one in ALL}
    assert len(names) == len(ALL)
    suffixes = ("_total", "_info", "_count", "_sum", "_bucket", "_created")
    assert not {one + suffix for one in names for suffix in suffixes} & names

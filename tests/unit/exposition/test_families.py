"""The rules for names that Prometheus and OpenMetrics set, held against the table."""

from __future__ import annotations

import re
from typing import Any

import pytest

from exporter.collection.snapshot import OfferRecord, PublisherRecord, SourceRecord
from exporter.exposition.families import FAMILIES, Documented, documented
from exporter.exposition.kinds import Family, OfferRow, StepRow

ALL = documented()
OWN = [one for one in ALL if one.name.startswith("azure_marketplace_exporter_")]
# Words that are no base unit, and the unit to use instead.
NO_UNITS = {"milliseconds", "ms", "minutes", "hours", "days", "percent", "percentage", "bytes_total", "kilobytes"}


# Gauges of a distribution, not summaries: they have no sum and no count.
QUANTILES = {f"azure_marketplace_offer_{one}_seconds" for one in ("expected_live_timestamp", "step_usual_duration")}


def name_of(one: Documented | Family[Any]) -> str:
    return one.name


@pytest.mark.parametrize("one", ALL, ids=name_of)
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


@pytest.mark.parametrize("one", ALL, ids=name_of)
def test_help(one: Documented) -> None:
    """Both formats escape help texts, each in its own way; without such characters they agree."""
    assert not set('"\\\n') & set(one.help)
    assert one.help == one.help.strip()
    assert one.help.endswith(".")
    assert one.help[0].isupper() or one.help[0].isdigit()


@pytest.mark.parametrize("one", ALL, ids=name_of)
def test_labels(one: Documented) -> None:
    for label, values in one.labels.items():
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", label)
        assert label not in {"le", "job", "instance", "__name__"}
        assert label != "quantile" or one.name in QUANTILES
        assert len(set(values)) == len(values)


def test_no_name_comes_twice() -> None:
    names = [one.name for one in ALL]
    assert len(names) == len(set(names))


def test_no_name_is_another_with_a_suffix_of_the_formats() -> None:
    names = {one.name for one in ALL}
    suffixes = ("_total", "_info", "_count", "_sum", "_bucket", "_created")
    assert not {one + suffix for one in names for suffix in suffixes} & names


DESIGNED = [
    "offer_info",
    "offer_status",
    "offer_status_since_timestamp_seconds",
    "offer_waiting_on",
    "offer_waiting_on_since_timestamp_seconds",
    "offer_changed_timestamp_seconds",
    "offer_version",
    "offer_messages",
    "offer_step_info",
    "offer_step_status",
    "offer_step_status_since_timestamp_seconds",
    "offer_step_progress_ratio",
    "offer_step_estimated_duration_seconds",
    "offer_step_messages",
    "offer_step_last_message_timestamp_seconds",
    "offer_expected_live_timestamp_seconds",
    "offer_step_usual_duration_seconds",
    "offer_publications_total",
    "offer_last_publication_duration_seconds",
    "offer_up",
    "offer_last_success_timestamp_seconds",
    "publisher_up",
    "publisher_offers",
    "publisher_last_refresh_timestamp_seconds",
    "publisher_last_success_timestamp_seconds",
    "publisher_refresh_duration_seconds",
    "publisher_refresh_interval_seconds",
]


def test_all_designed_metrics_are_there() -> None:
    assert {f"azure_marketplace_{name}" for name in DESIGNED} <= {one.name for one in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES, ids=name_of)
def test_ids_come_with_the_row(family: Family[Any]) -> None:
    ids = {
        PublisherRecord: ("publisher_id",),
        SourceRecord: ("publisher_id", "source"),
        OfferRecord: ("publisher_id", "offer_id"),
        OfferRow: ("publisher_id", "offer_id"),
        StepRow: ("publisher_id", "offer_id", "step_id"),
    }
    assert family.labels == ids[family.row] + family.extra
    assert len(set(family.labels)) == len(family.labels)


def test_a_family_says_itself_what_its_samples_are() -> None:
    with pytest.raises(NotImplementedError):
        Family(PublisherRecord, "x", "X.").samples(PublisherRecord("a", 1.0))

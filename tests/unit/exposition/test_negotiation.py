from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.exposition.negotiation import accepts_gzip, wants_openmetrics

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;"
    "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_TEXT = "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.2"
PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        (PROTOBUF, True),
        (PROMETHEUS_3_TEXT, False),
        (BROWSER, False),
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("text/*", False),
        ("application/json", False),
        ("application/openmetrics-text", True),
        ("APPLICATION/OpenMetrics-Text; Version=1.0.0", True),
        ('application/openmetrics-text; version="1.0.0"', True),
        ("application/openmetrics-text;version=2.0.0", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=0.0, text/plain", False),
        ("application/openmetrics-text;q=0.4, text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0.5, text/plain;q=0.5", True),
        ("text/plain;q=0.5, application/openmetrics-text;q=0.501", True),
        ("text/plain;version=0.0.4;q=0.5, application/openmetrics-text;q=1", True),
        ("text/plain;version=1.0.0, application/openmetrics-text;q=0.1", True),
        ("application/openmetrics-text;version=0.0.1", True),
        ("application/openmetrics-text; version = 2.0.0 ", False),
        ("application/openmetrics-text;q=0.5, text/*;q=0.6", False),
        ("application/openmetrics-text;q=0.5, */*;q=0.6", False),
        ("application/openmetrics-text;q=2", False),
        ("application/openmetrics-text;q=high", False),
        ("application/openmetrics-text;q=0.12345", False),
        ("application/openmetrics-text;q=-1", False),
        (",,;;=,application/openmetrics-text", True),
        (" application/openmetrics-text ; q = 0.5 ", True),
    ],
)
def test_openmetrics_is_for_who_prefers_it(accept: str, *, expected: bool) -> None:
    assert wants_openmetrics(accept) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", False),
        ("gzip", True),
        ("GZip", True),
        ("x-gzip", True),
        ("gzip, deflate, br", True),
        ("deflate, br", False),
        ("identity", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=0.000", False),
        ("gzip;q=0.001", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("gzipped", False),
    ],
)
def test_gzip(header: str, *, expected: bool) -> None:
    assert accepts_gzip(header) is expected


@given(st.text(max_size=200))
def test_any_header_is_an_answer(header: str) -> None:
    assert wants_openmetrics(header) in {True, False}
    assert accepts_gzip(header) in {True, False}


def test_endless_headers_are_not_read_to_their_end() -> None:
    assert not wants_openmetrics("," * 1_000_000 + "application/openmetrics-text")

"""Retry-After in all its forms, and what a retry waits for."""

from __future__ import annotations

import math
import time
from email.utils import formatdate
from typing import Any

import pytest

from exporter.domain.errors import ThrottledError, TransportError, UpstreamError
from exporter.sources.rate_limit import MAX_PAUSE
from exporter.sources.retries import retry_after
from tests.unit.make import NOW

from .canned import Bench, Canned, raw


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 7 ", 7),
        ("900", 900),
        ("901", MAX_PAUSE),
        ("9" * 30, MAX_PAUSE),
        ("9" * 5000, None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_PAUSE),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds


def test_retry_after_as_a_date() -> None:
    assert 0 < (retry_after(formatdate(time.time() + 600, usegmt=True)) or 0) <= 600


def spread(seconds: list[float]) -> list[float]:
    """Without what keeps clients apart, which is less than half a second."""
    return [math.floor(one * 2) / 2 if one < 10 else math.floor(one) for one in seconds]


def paused_until(bench: Bench) -> float:
    return bench.counted("api_paused_until_timestamp_seconds", credential="default", source="cloud_partner")


@pytest.mark.parametrize(
    ("status", "named", "waits"),
    [
        (429, {"Retry_After": "20"}, [20, 20]),
        (429, {}, [0.5, 1]),
        (429, {"Retry_After": "0"}, [0.5, 1]),
        (503, {"Retry_After": "20"}, [20, 20]),
        (503, {"Retry_After": "x"}, [0.5, 1]),
        (503, {"Retry_After": "Thu, 01 Jan 1970 00:00:00 GMT"}, [0.5, 1]),
    ],
)
def test_waits_as_long_as_it_is_told(server: Canned, status: int, named: dict[str, Any], waits: list[float]) -> None:
    """And never less than the back-off, or all attempts were gone at once; a 429 pauses all who ask this API."""
    server.statuses(status, status, 200, **named)
    bench = Bench(server, max_retries=2)
    bench.get()
    assert spread(bench.clock.waited) == waits
    assert bench.counted("api_throttled_total") == (2 if status == 429 else 0)
    assert bool(paused_until(bench)) is (status == 429)


def test_backoff(server: Canned) -> None:
    server.statuses(*[500] * 8, 200)
    bench = Bench(server, max_retries=8)
    bench.get(seconds=1000)
    assert spread(bench.clock.waited) == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_throttled_to_the_end(server: Canned) -> None:
    """The last 429 pauses all others as well; what is not made is not counted as a retry."""
    server.statuses(429, Retry_After="20")
    bench = Bench(server, max_retries=2)
    with pytest.raises(ThrottledError, match=r"answered with 429$"):
        bench.get(seconds=100)
    assert bench.clock.waited == [20, 20]
    assert paused_until(bench) == pytest.approx(NOW + 60)
    with pytest.raises(ThrottledError, match="not asked: the API wants no request for another 20 s"):
        bench.get(seconds=10)
    assert (len(server.asked), bench.counted("api_retries_total")) == (3, 2)


def test_throttled_beyond_the_deadline(server: Canned) -> None:
    server.statuses(429, Retry_After="20")
    bench = Bench(server, max_retries=2)
    with pytest.raises(ThrottledError, match="not asked: the API wants no request for another 20 s"):
        bench.get(seconds=10)
    assert (bench.clock.waited, bench.counted("api_retries_total"), bench.requests("429")) == ([], 0, 1)


def test_unavailable_for_longer_than_there_is_time(server: Canned) -> None:
    server.statuses(503, Retry_After="4000")
    bench = Bench(server, max_retries=2)
    with pytest.raises(UpstreamError, match=r"^answered with 503, and 900 s to wait are more than are left$"):
        bench.get()
    assert bench.counted("api_retries_total") == 0


def test_lost_beyond_the_deadline(server: Canned) -> None:
    """What is told is what was lost, not that there was no time to try again."""
    server.put("*", raw(b""))
    bench = Bench(server, max_retries=5)
    with pytest.raises(TransportError, match=r"^no answer to list_offers: "):
        bench.get(seconds=3)
    assert sum(bench.clock.waited) < 3
    assert len(server.asked) == 3

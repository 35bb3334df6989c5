"""Retry-After in all its forms, and what a retry waits for."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest

from exporter.domain.errors import ThrottledError, TransportError, UpstreamError
from exporter.sources.rate_limit import MAX_PAUSE
from exporter.sources.retries import retry_after
from tests.unit.make import NOW

from .stub import Api, Stub, stub


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("900", 900),
        ("901", MAX_PAUSE),
        ("9" * 30, MAX_PAUSE),
        ("9" * 5000, None),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
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
    seconds = retry_after(formatdate(time.time() + 60, usegmt=True))
    assert seconds is not None
    assert 55 < seconds <= 60


PAUSED_UNTIL = "api_paused_until_timestamp_seconds"


@pytest.fixture
def server() -> Iterator[Stub]:
    with stub() as running:
        yield running


@pytest.mark.parametrize(
    ("value", "pauses"),
    [
        ({"Retry_After": "20"}, [20, 20]),
        ({}, [0.5, 1]),
        ({"Retry_After": "0"}, [0.5, 1]),
        ({"Retry_After": "x"}, [0.5, 1]),
    ],
    ids=["20", "none", "0", "x"],
)
def test_throttled(server: Stub, value: dict[str, Any], pauses: list[float]) -> None:
    """A 429 pauses all requests, for as long as it says and never less than the back-off."""
    server.statuses(429, 429, 200, body=b"[]", **value)
    api = Api(server, max_retries=2)
    assert api.get() == b"[]"
    assert [spread(one) for one in api.waits] == pauses
    assert api.total("api_throttled_total") == api.total("api_retries_total") == 2


def test_throttled_to_the_end(server: Stub) -> None:
    """The last 429 pauses all others as well."""
    server.statuses(429, body=b"", Retry_After="20")
    api = Api(server, max_retries=2)
    with pytest.raises(ThrottledError, match=r"answered with 429$"):
        api.get(seconds=100)
    assert api.waits == [20, 20]
    with pytest.raises(ThrottledError, match="another 20 s"):
        api.get(seconds=10)
    assert len(server.requests) == 3
    assert api.total(PAUSED_UNTIL, credential="default", source="cloud_partner") == pytest.approx(NOW + 60)


def test_throttled_beyond_the_deadline(server: Stub) -> None:
    """A retry that is not made is not counted."""
    server.statuses(429, Retry_After="20")
    api = Api(server, max_retries=2)
    with pytest.raises(ThrottledError, match="not asked: the API wants no request for another 20 s"):
        api.get(seconds=10)
    assert api.waits == []
    assert (api.total("api_retries_total"), api.count("429"), api.observed()) == (0, 1, 1)


@pytest.mark.parametrize("past", ["0", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_unavailable_without_a_wait(server: Stub, past: str) -> None:
    """All attempts must not be gone at once, just when the API has asked for mercy."""
    server.statuses(503, Retry_After=past)
    api = Api(server, max_retries=3)
    with pytest.raises(UpstreamError):
        api.get()
    assert [spread(one) for one in api.waits] == [0.5, 1, 2]


def test_unavailable_with_a_wait(server: Stub) -> None:
    """Only a 429 speaks to all who ask; others wait alone."""
    server.statuses(503, 200, body=b"[]", Retry_After="20")
    api = Api(server, max_retries=2)
    assert api.get() == b"[]"
    assert api.waits == [20]
    assert api.total(PAUSED_UNTIL, credential="default", source="cloud_partner") is None


def test_unavailable_for_longer_than_there_is_time(server: Stub) -> None:
    server.statuses(503, Retry_After="4000")
    api = Api(server, max_retries=2)
    with pytest.raises(UpstreamError, match=r"^answered with 503, and 900 s to wait are more than are left$"):
        api.get()
    assert api.total("api_retries_total") == 0


def test_backoff(server: Stub) -> None:
    server.statuses(*[500] * 8, 200, body=b"[]")
    api = Api(server, max_retries=8)
    assert api.get(seconds=1000) == b"[]"
    assert [spread(one) for one in api.waits] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_lost_beyond_the_deadline(server: Stub) -> None:
    """What is told is what was lost, not that there was no time to try again."""
    server.raw(b"")
    api = Api(server, max_retries=5)
    with pytest.raises(TransportError, match=r"^no answer to list_offers: "):
        api.get(seconds=3)
    assert sum(api.waits) < 3
    assert len(server.requests) == 3


def spread(seconds: float) -> float:
    """Without what keeps clients apart, which is less than half a second."""
    return math.floor(seconds * 2) / 2 if seconds < 10 else math.floor(seconds)

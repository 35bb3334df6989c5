"""Retry-After in all its forms, and what a retry waits for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from urllib3 import HTTPResponse

from exporter.domain.errors import ThrottledError, UpstreamError
from exporter.sources.rate_limit import MAX_PAUSE
from exporter.sources.retries import PoliteRetry
from tests.unit.make import NOW

from .stub import Api, Stub, stub


def retry_after(value: str | None) -> float | None:
    headers = {} if value is None else {"Retry-After": value}
    return PoliteRetry(3).get_retry_after(HTTPResponse(headers=headers))


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
    [({"Retry_After": "20"}, [20, 20]), ({}, [1, 2]), ({"Retry_After": "0"}, [1, 2]), ({"Retry_After": "x"}, [1, 2])],
    ids=["20", "none", "0", "x"],
)
def test_throttled(server: Stub, value: dict[str, Any], pauses: list[float]) -> None:
    """A 429 pauses the gate, for as long as it says or for longer each time."""
    server.statuses(429, 429, 200, body=b"[]", **value)
    api = Api(server, max_retries=2)
    assert api.get() == b"[]"
    assert api.waits == pauses
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
    assert api.total(PAUSED_UNTIL, source="cloud_partner") == pytest.approx(NOW + 60)


def test_throttled_beyond_the_deadline(server: Stub) -> None:
    """A retry that is not made is not counted."""
    server.statuses(429, Retry_After="20")
    api = Api(server, max_retries=2)
    with pytest.raises(ThrottledError, match="not asked: the API wants no request for another 20 s"):
        api.get(seconds=10)
    assert api.waits == []
    assert (api.total("api_retries_total"), api.count("429"), api.observed()) == (0, 1, 1)


def test_unavailable_with_a_wait(server: Stub) -> None:
    """Only a 429 speaks of the credential; others wait alone."""
    server.statuses(503, 200, body=b"[]", Retry_After="20")
    api = Api(server, max_retries=2)
    assert api.get() == b"[]"
    assert api.waits == [20]
    assert api.total(PAUSED_UNTIL, source="cloud_partner") is None


def test_unavailable_for_longer_than_there_is_time(server: Stub) -> None:
    server.statuses(503, Retry_After="4000")
    api = Api(server, max_retries=2)
    with pytest.raises(UpstreamError, match=r"^answered with 503, and 900 s to wait are more than are left$"):
        api.get()
    assert api.total("api_retries_total") == 0


def test_backoff(server: Stub) -> None:
    """The first retry follows at once, the next ones wait longer and longer."""
    server.statuses(500, 500, 500, 500, 500, 200, body=b"[]")
    api = Api(server, max_retries=5)
    assert api.get(seconds=1000) == b"[]"
    assert [round(one - one % 0.5) for one in api.waits] == [1, 2, 4, 8]


def test_backoff_past_the_deadline(server: Stub) -> None:
    server.statuses(500)
    api = Api(server, max_retries=5)
    with pytest.raises(UpstreamError, match=r"^answered with 500, and 2 s to wait are more than are left$"):
        api.get(seconds=3)
    assert sum(api.waits) < 3
    assert len(server.requests) == 3

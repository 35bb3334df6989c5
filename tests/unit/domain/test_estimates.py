from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.estimates import upper_bound_seconds

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("< 15 min", 15 * MINUTE),
        ("~2-3 days", 3 * DAY),
        ("< 5 day", 5 * DAY),
        ("< 1 day", DAY),
        ("< 1 hour", HOUR),
        ("~2-5 days", 5 * DAY),
        ("2 weeks", 2 * WEEK),
        ("~1-2 weeks", 2 * WEEK),
        ("1 week", WEEK),
        ("30 minutes", 30 * MINUTE),
        ("1 minute", MINUTE),
        ("10 mins", 10 * MINUTE),
        ("10 min.", 10 * MINUTE),
        ("2 Hours", 2 * HOUR),
        ("~2\u20133 days", 3 * DAY),
        ("2 to 3 days", 3 * DAY),
        ("3 - 2 days", 3 * DAY),
        ("1.5 hours", 1.5 * HOUR),
        ("\u2264 4 days", 4 * DAY),
        ("<15min", 15 * MINUTE),
        ("  ~ 4 days  ", 4 * DAY),
    ],
)
def test_upper_bound(text: str, seconds: float) -> None:
    assert upper_bound_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "> 30 min",
        "days",
        "3",
        "3 months",
        "0 days",
        "< 0 min",
        "2-3-4 days",
        "2 days or 3 days",
        "-2 days",
        "1e3 days",
        "99999 days",
        "2 business days",
        "~2-3 days!",
    ],
)
def test_what_cannot_be_read_gives_no_estimate(text: str) -> None:
    assert upper_bound_seconds(text) is None


@given(st.text())
def test_any_text_gives_a_positive_number_or_none(text: str) -> None:
    seconds = upper_bound_seconds(text)
    assert seconds is None or seconds > 0

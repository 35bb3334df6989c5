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
        ("", None),
        ("soon", None),
        ("> 30 min", None),
        ("days", None),
        ("3", None),
        ("3 months", None),
        ("0 days", None),
        ("< 0 min", None),
        ("2-3-4 days", None),
        ("2 days or 3 days", None),
        ("-2 days", None),
        ("1e3 days", None),
        ("99999 days", None),
        ("2 business days", None),
        ("~2-3 days!", None),
    ],
)
def test_upper_bound(text: str, seconds: float | None) -> None:
    """What cannot be read gives no estimate."""
    assert upper_bound_seconds(text) == seconds


@given(st.text())
def test_any_text_gives_a_positive_number_or_none(text: str) -> None:
    seconds = upper_bound_seconds(text)
    assert seconds is None or seconds > 0

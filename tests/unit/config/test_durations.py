from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("1h30m", 5400),
        ("250ms", 0.25),
        ("90m", 5400),
        ("0s", 0),
        ("1y2w3d4h5m6s7ms", 31536000 + 2 * 604800 + 3 * 86400 + 4 * 3600 + 5 * 60 + 6.007),
    ],
)
def test_parse(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


NONE: list[Any] = ["", " ", "5", "5 m", "m", "1.5h", "-5m", "30m1h", "1h1h", "5M", "1h30", "\uff15m", 5, True, None, []]


@pytest.mark.parametrize("value", NONE)
def test_what_is_no_duration(value: Any) -> None:
    with pytest.raises(ValueError, match="is no duration; write a number and a unit, such as 30s, 5m or 1h30m"):
        parse_duration(value)


@pytest.mark.parametrize("value", ["999999999y", "101y", "100y1ms"])
def test_longer_than_any_clock_can_wait(value: Any) -> None:
    with pytest.raises(ValueError, match="is no duration; the longest is 100y"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.25, "250ms"), (30, "30s"), (300, "5m"), (5400, "1h30m"), (1209600, "2w")]
)
def test_format(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(min_value=1, max_value=10**12))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)

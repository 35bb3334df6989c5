from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator.clock import stamp


@pytest.mark.parametrize(
    ("instant", "digits", "text"),
    [
        (0.0, 7, "1970-01-01T00:00:00.0000000Z"),
        (1_790_000_000.5, 7, "2026-09-21T14:13:20.5000000Z"),
        (1_790_000_000.999, 0, "2026-09-21T14:13:20Z"),
        (1_790_000_000.75, 3, "2026-09-21T14:13:20.750Z"),
    ],
)
def test_stamps_are_rfc3339_in_utc(instant: float, digits: int, text: str) -> None:
    assert stamp(instant, digits) == text


@given(st.floats(min_value=0, max_value=4e9))
def test_a_stamp_is_never_later_than_its_instant(instant: float) -> None:
    text = stamp(instant)
    read = datetime.fromisoformat(text[:26] + "+00:00").timestamp()
    assert read <= instant
    assert instant - read < 2e-6

from __future__ import annotations

import pytest

from exporter.domain.errors import DeadlineError
from exporter.sources.deadline import Deadline
from tests.unit.make import Clock


def test_deadline_counts_down_and_never_below_zero() -> None:
    clock = Clock(100)
    deadline = Deadline(10, clock)
    assert deadline.remaining() == 10
    clock.now = 109
    assert deadline.remaining() == 1
    deadline.check()
    clock.now = 200
    assert deadline.remaining() == 0


def test_deadline_is_over_at_its_very_moment() -> None:
    clock = Clock(100)
    deadline = Deadline(10, clock)
    clock.now = 110
    with pytest.raises(DeadlineError):
        deadline.check()


def test_deadline_that_is_ended_early() -> None:
    """Stopping the exporter ends all waiting."""
    clock = Clock(100)
    deadline = Deadline(10, clock)
    assert deadline.now() == 100
    deadline.end()
    assert deadline.remaining() == 0
    with pytest.raises(DeadlineError):
        deadline.check()

from __future__ import annotations

import pytest

from exporter.domain.errors import DeadlineError
from exporter.sources.deadline import Deadline
from tests.unit.make import Clock


def test_deadline_counts_down_and_is_over_at_its_very_moment() -> None:
    clock = Clock(100)
    deadline = Deadline(10, clock)
    clock.now = 109
    assert deadline.remaining() == 1
    deadline.check()
    for clock.now in (110, 200):
        assert deadline.remaining() == 0
        with pytest.raises(DeadlineError, match="the time for this refresh is over"):
            deadline.check()


def test_shorter_deadlines() -> None:
    deadline = Deadline(10, Clock(100))
    shorter = [deadline.within(4), deadline.within(40), deadline.part(0.3)]
    assert [one.remaining() for one in shorter] == [4, 10, 3]


def test_deadline_that_is_ended_early() -> None:
    """Stopping the exporter ends all waiting."""
    deadline = Deadline(10, Clock(100))
    deadline.end()
    assert deadline.remaining() == 0

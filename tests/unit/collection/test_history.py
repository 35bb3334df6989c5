from __future__ import annotations

import pytest

from exporter.collection.history import not_later, trace
from exporter.collection.snapshot import OfferRecord, PublisherRecord, Since
from exporter.domain.offers import Offer, OfferStatus, StepStatus
from tests.unit.make import failure, offer, record, step

SINCE = Since(10.0, 20.0, {"a": 30.0, "b": 40.0})
A, B = step("a"), step("b")
BEFORE = record(offer(steps=(A, B)), since=SINCE)
NOW = 99.0


@pytest.mark.parametrize(
    ("before", "shown", "since"),
    [
        (OfferRecord("contoso", "vm", failure=failure()), offer(steps=(A,)), Since(NOW, NOW, {"a": NOW})),
        (BEFORE, offer(steps=(step("a", progress=0.5), step("b", name="B"))), SINCE),
        (record(BEFORE.offer, since=SINCE, failure=failure()), offer(steps=(A, B)), SINCE),
        # From running to unknown: Microsoft still has to act.
        (BEFORE, offer(status=OfferStatus.UNKNOWN, steps=(A, B)), Since(NOW, 20.0, {"a": 30.0, "b": 40.0})),
        (BEFORE, offer(steps=(A, step("b", StepStatus.BLOCKED))), Since(10.0, NOW, {"a": 30.0, "b": NOW})),
        (BEFORE, offer(steps=(B, step("c"))), Since(10.0, 20.0, {"b": 40.0, "c": NOW})),
    ],
    ids=["new offer", "same", "failure between", "status changed", "who has to act changed", "steps come and go"],
)
def test_since_when_all_holds(before: OfferRecord, shown: Offer, since: Since) -> None:
    assert trace(shown, before, NOW) == since


def test_no_time_is_later_than_now() -> None:
    ahead = record(BEFORE.offer, success=200.0, asked=201.0, tried=202.0, since=Since(10.0, 203.0, {"a": 204.0}))
    seen = not_later(PublisherRecord("contoso", 300.0, (ahead,), departed=(ahead,)), NOW)
    there = record(BEFORE.offer, success=NOW, asked=NOW, tried=NOW, since=Since(10.0, NOW, {"a": NOW}))
    assert (seen.offers, seen.departed) == ((there,), (there,))

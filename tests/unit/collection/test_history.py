from __future__ import annotations

from exporter.collection.history import trace
from exporter.collection.snapshot import OfferRecord, Since
from exporter.domain.offers import OfferStatus, StepStatus
from tests.unit.make import failure, offer, record, step

SINCE = Since(10.0, 20.0, {"a": 30.0, "b": 40.0})
BEFORE = record(offer(steps=(step("a"), step("b"))), since=SINCE)
NOW = 99.0


def test_new_offer() -> None:
    shown = offer(steps=(step("a"),))
    assert trace(shown, OfferRecord("contoso", "vm", failure=failure()), NOW) == Since(NOW, NOW, {"a": NOW})


def test_nothing_has_changed() -> None:
    assert trace(offer(steps=(step("a", progress=0.5), step("b", name="B"))), BEFORE, NOW) == SINCE


def test_status_has_changed() -> None:
    """From running to unknown: Microsoft still has to act."""
    shown = offer(status=OfferStatus.UNKNOWN, steps=(step("a"), step("b")))
    assert trace(shown, BEFORE, NOW) == Since(NOW, 20.0, {"a": 30.0, "b": 40.0})


def test_only_who_has_to_act_has_changed() -> None:
    shown = offer(steps=(step("a"), step("b", StepStatus.BLOCKED)))
    assert trace(shown, BEFORE, NOW) == Since(10.0, NOW, {"a": 30.0, "b": NOW})


def test_steps_come_and_go() -> None:
    assert trace(offer(steps=(step("b"), step("c"))), BEFORE, NOW) == Since(10.0, 20.0, {"b": 40.0, "c": NOW})


def test_a_failure_in_between_changes_nothing() -> None:
    failed = record(BEFORE.offer, since=SINCE, failure=failure())
    assert trace(offer(steps=(step("a"), step("b"))), failed, NOW) == SINCE

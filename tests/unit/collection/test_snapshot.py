from __future__ import annotations

import math

import pytest

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Snapshot
from tests.unit.make import NOW, failure, offer, record, snapshot


@pytest.mark.parametrize(
    ("age", "fresh"), [(0, True), (3599, True), (3600, False), (1e9, False), (-50, True)], ids="{}".format
)
def test_fresh_until_stale_after(age: float, *, fresh: bool) -> None:
    """A success in the future is one before the clock was set back."""
    assert record(success=NOW - age).is_fresh(NOW, 3600) is fresh


def test_without_data_nothing_is_fresh() -> None:
    assert not OfferRecord("contoso", "vm").is_fresh(NOW, 3600)
    assert not record(success=None).is_fresh(NOW, 3600)
    assert not OfferRecord("contoso", "vm", last_success=NOW).is_fresh(NOW, 3600)


@pytest.mark.parametrize(
    ("fields", "up"),
    [
        ({}, None),
        ({"last_success": NOW}, None),
        ({"last_refresh": NOW, "last_success": NOW}, True),
        ({"last_refresh": NOW, "last_success": NOW - 300, "failure": failure()}, False),
        ({"last_refresh": NOW, "failure": failure()}, False),
        ({"last_refresh": NOW, "last_success": NOW, "failure": failure()}, False),
    ],
)
def test_up(fields: dict[str, float], up: bool | None) -> None:
    """Also when the clock stands still, or was set back to the very moment of the last success."""
    assert PublisherRecord("contoso", 300.0, **fields).up is up  # type: ignore[arg-type]


def test_complete_once_every_publisher_had_its_turn() -> None:
    waiting = PublisherRecord("b", 300.0)
    done = PublisherRecord("a", 300.0, last_refresh=NOW, failure=failure())
    assert not Snapshot((done, waiting)).is_complete
    assert Snapshot((done,)).is_complete


def test_publisher_by_its_id() -> None:
    first, second = PublisherRecord("a", 300.0), PublisherRecord("b", 300.0)
    both = Snapshot((first, second))
    assert both.publisher("b") is second
    with pytest.raises(KeyError):
        both.publisher("c")
    fresh = PublisherRecord("a", 300.0, last_refresh=NOW)
    assert both.with_publisher(fresh).publishers == (fresh, second)
    assert both.publishers == (first, second)
    assert both.with_publisher(PublisherRecord("c", 300.0)) == both


def test_offer_by_its_ids() -> None:
    known = record(offer("vm"))
    assert snapshot(known).offer("contoso", "vm") is known
    assert snapshot(known).offer("contoso", "other") is None
    assert snapshot(known).offer("fabrikam", "vm") is None


def test_expires_with_the_first_offer_that_is_fresh_now() -> None:
    stale, old, new = (record(offer(name), success=NOW - age) for name, age in (("a", 4000), ("b", 100), ("c", 5)))
    assert snapshot(stale, new, old).expires(NOW, 3600) == NOW - 100 + 3600
    assert snapshot(stale).expires(NOW, 3600) == math.inf
    assert snapshot(OfferRecord("contoso", "vm", failure=failure())).expires(NOW, 3600) == math.inf
    assert Snapshot().expires(NOW, 3600) == math.inf

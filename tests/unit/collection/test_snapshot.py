from __future__ import annotations

import math

import pytest

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Snapshot
from tests.unit.make import NOW, failure, offer, record, snapshot


@pytest.mark.parametrize(
    ("known", "fresh"),
    [
        (record(success=NOW), True),
        (record(success=NOW - 3599), True),
        (record(success=NOW - 3600), False),
        (record(success=NOW + 50), True),  # before the clock was set back
        (record(success=None), False),
        (OfferRecord("contoso", "vm", last_success=NOW), False),
    ],
)
def test_an_offer_with_data_is_fresh_until_stale_after(known: OfferRecord, fresh: bool) -> None:
    assert known.is_fresh(NOW, 3600) is fresh


def test_up_and_complete_once_every_publisher_had_its_turn() -> None:
    waiting = PublisherRecord("b", 300.0, last_success=NOW)
    failed = PublisherRecord("a", 300.0, last_refresh=NOW, last_success=NOW, failure=failure())
    well = PublisherRecord("a", 300.0, last_refresh=NOW)
    assert [one.up for one in (waiting, failed, well)] == [None, False, True]
    assert [Snapshot(some).is_complete for some in ((failed, waiting), (failed, well))] == [False, True]


def test_one_publisher_and_one_offer_by_their_ids() -> None:
    known = record(offer("vm"))
    first, second = PublisherRecord("a", 300.0, (known,)), PublisherRecord("b", 300.0)
    both = Snapshot((first, second))
    assert both.publisher("b") is second
    with pytest.raises(KeyError):
        both.publisher("c")
    assert [both.offer(*ids) for ids in (("a", "vm"), ("a", "other"), ("b", "vm"), ("c", "vm"))] == [known, *[None] * 3]
    fresh = PublisherRecord("a", 300.0, last_refresh=NOW)
    assert both.with_publisher(fresh) == Snapshot((fresh, second))


def test_expires_with_the_first_offer_that_is_fresh_now() -> None:
    stale, old, new = (record(offer(name), success=NOW - age) for name, age in (("a", 4000), ("b", 100), ("c", 5)))
    assert snapshot(stale, new, old).expires(NOW, 3600) == NOW - 100 + 3600
    assert snapshot(stale).expires(NOW, 3600) == math.inf

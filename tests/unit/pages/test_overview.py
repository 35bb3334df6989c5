from typing import Any
from urllib.parse import parse_qsl

import pytest

from exporter.collection.snapshot import Failure, OfferRecord, Snapshot
from exporter.domain.offers import OfferStatus
from exporter.pages.filters import NO_DATA, Filters
from exporter.pages.overview import PAGE_SIZE, Overview, Urgency

from .samples import AT_SIGNOFF, LENS, STALE_AFTER, STEPS, ids, listed_only, overview, publisher, record

DAY = 86400.0
ALL = (
    record("rests", OfferStatus.SUCCEEDED),
    record("runs", since=100),
    record("runs-longer", since=200),
    record("overdue", steps=STEPS, since=4 * DAY),
    record("stale", fetched=STALE_AFTER),
    OfferRecord("contoso", "new"),
    record("signoff", OfferStatus.RUNNING, AT_SIGNOFF, since=10),
    record("failed", OfferStatus.FAILED, since=50),
)


def test_who_waits_for_the_publisher_comes_first_and_then_who_waits_longest() -> None:
    assert ids(overview(*ALL)) == ["failed", "signoff", "new", "stale", "overdue", "runs-longer", "runs", "rests"]


@pytest.mark.parametrize("chosen", [{}, {"waiting_on": "nobody"}, {"status": NO_DATA}, {"page": 7}])
def test_offers_are_counted_by_urgency_whoever_has_to_act(chosen: dict[str, Any]) -> None:
    assert overview(*ALL, **chosen).counts == {
        Urgency.PUBLISHER: 2,
        Urgency.NO_DATA: 2,
        Urgency.OVERDUE: 1,
        Urgency.MICROSOFT: 2,
        Urgency.NOBODY: 1,
    }


@pytest.mark.parametrize("chosen", [{}, {"waiting_on": "microsoft"}, {"status": NO_DATA}])
@pytest.mark.parametrize("beside", [{}, {"q": "e"}, {"q": "runs"}, {"publisher": "none"}, {"status": "running"}])
def test_each_card_counts_what_its_link_lists_and_keeps_the_other_filters(
    chosen: dict[str, Any], beside: dict[str, Any]
) -> None:
    for card in overview(*ALL, **(beside | chosen)).cards:
        link = dict(parse_qsl(card.link.removeprefix("?")))
        assert overview(*ALL, **link).found == card.count
        assert {name: link[name] for name in beside if name != "status"} == {
            name: value for name, value in beside.items() if name != "status"
        }


def test_the_card_of_what_is_asked_for_is_the_active_one() -> None:
    def active(**filters: Any) -> list[bool]:
        return [card.is_active for card in overview(record("runs"), **filters).cards]

    assert active() == active(q="x", status="running") == [False, False, False]
    assert active(waiting_on="microsoft") == [False, True, False]
    assert active(status=NO_DATA) == [False, False, False, True]


def test_the_total_and_what_was_found_are_told_apart() -> None:
    shown = overview(*ALL, q="failed")
    assert (shown.total, shown.found, ids(shown)) == (8, 1, ["failed"])


def test_the_order_is_told_only_where_it_shows() -> None:
    assert overview(*ALL).is_mixed
    assert not overview(*ALL, waiting_on="publisher").is_mixed
    assert not overview(*ALL, q="runs").is_mixed
    assert not overview().is_mixed


def test_a_publisher_that_is_not_watched_is_told_from_those_that_are() -> None:
    assert [overview(*ALL, publisher=one).is_unknown_publisher for one in ("", "contoso", "other")] == [
        False,
        False,
        True,
    ]


def test_an_offer_that_is_only_listed_counts_as_one_without_data() -> None:
    """It comes last all the same: there may be many, and they stay as they are."""
    shown = overview(listed_only(), record("unknown", OfferStatus.UNKNOWN), record("done", OfferStatus.SUCCEEDED))
    assert shown.counts == {Urgency.NO_DATA: 1, Urgency.MICROSOFT: 1, Urgency.NOBODY: 1}
    assert ids(shown) == ["unknown", "done", "listed"]


def test_a_long_list_comes_in_pages() -> None:
    many = tuple(record(f"offer-{number:04d}") for number in range(2 * PAGE_SIZE + 1))
    first, last, beyond = overview(*many), overview(*many, page=3), overview(*many, page=99)
    assert (first.pages, first.page, first.first, len(first.rows)) == (3, 1, 1, PAGE_SIZE)
    assert (last.page, last.first, ids(last)) == (3, 2 * PAGE_SIZE + 1, [f"offer-{2 * PAGE_SIZE:04d}"])
    assert (beyond.page, ids(beyond)) == (3, ids(last))
    assert ids(first)[0] == "offer-0000"


def test_nothing_fills_one_empty_page() -> None:
    shown = overview()
    assert (shown.pages, shown.page, shown.first, shown.rows, shown.total) == (1, 1, 0, (), 0)


def test_publishers_are_told_with_their_health() -> None:
    good = publisher(record())
    new = publisher(publisher_id="fabrikam", last_refresh=None, last_success=None)
    shown = Overview(Snapshot((good, new)), Filters(), LENS).publishers
    assert [(one.record.publisher_id, one.number, one.offers, one.record.up) for one in shown] == [
        ("contoso", 1, 1, True),
        ("fabrikam", 2, 0, None),
    ]
    assert shown[0].refreshed is not None
    assert shown[0].refreshed.ago == "30s"
    assert (shown[1].refreshed, shown[1].succeeded) == (None, None)


def test_each_publisher_is_told_how_many_offers_wait_for_it_whatever_the_filter() -> None:
    failed = record("other", OfferStatus.FAILED, publisher_id="fabrikam")
    many = Snapshot((publisher(*ALL), publisher(failed, publisher_id="fabrikam"), publisher(publisher_id="a&b")))
    shown = Overview(many, Filters(q="runs"), LENS).publishers
    assert [(one.waiting, one.waiting_link) for one in shown] == [
        (2, "?publisher=contoso&waiting_on=publisher"),
        (1, "?publisher=fabrikam&waiting_on=publisher"),
        (0, "?publisher=a%26b&waiting_on=publisher"),
    ]
    listed = Filters(publisher="contoso", waiting_on="publisher")
    assert Overview(many, listed, LENS).found == shown[0].waiting


def test_failing_publishers_and_those_in_their_first_refresh_are_told_apart() -> None:
    failing = publisher(publisher_id="b", failure=Failure("forbidden", "no access"))
    new = publisher(publisher_id="c", last_refresh=None, last_success=None)
    shown = Overview(Snapshot((publisher(record()), failing, new)), Filters(), LENS)
    assert [one.record.publisher_id for one in shown.failing] == ["b"]
    assert shown.starting == 1

from exporter.collection.snapshot import Failure, OfferRecord, Snapshot
from exporter.offers import OfferStatus
from exporter.web.filters import Filters
from exporter.web.overview import PAGE_SIZE, Overview, Urgency

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


def test_offers_are_counted_by_urgency_whatever_the_filter() -> None:
    shown = overview(*ALL, q="failed")
    assert shown.counts == {
        Urgency.PUBLISHER: 2,
        Urgency.NO_DATA: 2,
        Urgency.OVERDUE: 1,
        Urgency.MICROSOFT: 2,
        Urgency.NOBODY: 1,
    }
    assert (shown.total, shown.found, ids(shown)) == (8, 1, ["failed"])


def test_an_offer_that_is_only_listed_counts_as_one_without_data() -> None:
    shown = overview(listed_only(), record("unknown", OfferStatus.UNKNOWN))
    assert shown.counts == {Urgency.NO_DATA: 1, Urgency.MICROSOFT: 1}
    assert ids(shown) == ["listed", "unknown"]


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

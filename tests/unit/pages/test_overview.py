from typing import Any
from urllib.parse import parse_qsl

import pytest

from exporter.collection.snapshot import OfferRecord
from exporter.domain.offers import OfferStatus
from exporter.pages.filters import NO_DATA

from .samples import AT_SIGNOFF, DAY, STALE_AFTER, STEPS, ids, listed_only, overview, record

ALL = (
    listed_only(),
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
    """What is only listed comes last: there may be many, and they stay as they are."""
    shown = ids(overview(*ALL))
    assert shown == ["failed", "signoff", "new", "stale", "overdue", "runs-longer", "runs", "rests", "listed"]


@pytest.mark.parametrize("chosen", [{}, {"waiting_on": "nobody"}, {"status": NO_DATA}, {"page": 7}])
def test_offers_are_counted_by_who_has_to_act_whichever_are_shown(chosen: dict[str, Any]) -> None:
    counts = [(card.count, card.overdue) for card in overview(*ALL, **chosen).cards]
    assert counts == [(2, 0), (3, 1), (1, 0), (3, 0)]


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


def test_the_order_is_told_only_where_it_shows() -> None:
    shown = overview(*ALL), overview(*ALL, waiting_on="publisher"), overview(*ALL, q="runs"), overview()
    assert [one.is_mixed for one in shown] == [True, False, False, False]

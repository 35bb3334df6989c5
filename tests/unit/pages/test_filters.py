import pytest

from exporter.domain.offers import OfferStatus, Party
from exporter.pages.filters import NO_DATA, BadQueryError, Filters

from .samples import AT_SIGNOFF, STALE_AFTER, listed_only, record, view


def test_no_parameters_ask_for_everything() -> None:
    assert Filters.parse({}) == Filters()
    assert Filters.parse({"q": " ", "status": "", "page": "", "unknown": "x"}).is_empty


def test_parameters_are_read() -> None:
    query = {"q": "my vm", "publisher": "contoso", "status": "running", "waiting_on": "microsoft", "page": "12"}
    assert Filters.parse(query) == Filters("my vm", "contoso", "running", "microsoft", 12)


@pytest.mark.parametrize("name", ["status", "waiting_on"])
@pytest.mark.parametrize("state", ["", *OfferStatus, NO_DATA, *Party])
def test_every_state_can_be_asked_for_where_it_belongs(name: str, state: str) -> None:
    known = {"status": ["", *OfferStatus, NO_DATA], "waiting_on": ["", *Party]}[name]
    if state in known:
        assert getattr(Filters.parse({name: state}), name) == state
    else:
        with pytest.raises(BadQueryError, match=f"{name}: '{state}' is none of"):
            Filters.parse({name: state})


@pytest.mark.parametrize("page", ["0", "-1", "x", "1.5", "²", "1234567", "٣"])
def test_what_is_no_page_number_is_refused(page: str) -> None:
    with pytest.raises(BadQueryError, match="page: "):
        Filters.parse({"page": page})


def test_too_long_a_text_is_refused() -> None:
    assert len(Filters.parse({"q": "x" * 200}).q) == 200
    with pytest.raises(BadQueryError, match="q: longer than 200"):
        Filters.parse({"q": "x" * 201})


@pytest.mark.parametrize(
    ("filters", "is_kept"),
    [
        (Filters(), True),
        (Filters(publisher="contoso"), True),
        (Filters(publisher="cont"), False),
        (Filters(status="waiting_for_publisher_review"), True),
        (Filters(status="running"), False),
        (Filters(status=NO_DATA), False),
        (Filters(waiting_on="publisher"), True),
        (Filters(waiting_on="microsoft"), False),
        (Filters(q="STRASSE"), True),
        (Filters(q="gate contoso/"), True),
        (Filters(q="gate missing"), False),
    ],
)
def test_offers_are_kept_or_not(filters: Filters, is_kept: bool) -> None:
    offer = record("gateway", OfferStatus.WAITING_FOR_PUBLISHER_REVIEW, AT_SIGNOFF, display_name="Straße 1")
    assert filters.keeps(view(offer)) is is_kept


def test_an_offer_without_fresh_data_has_no_state_but_its_name() -> None:
    stale = view(record(fetched=STALE_AFTER, display_name="Old One"))
    assert Filters(status=NO_DATA).keeps(stale)
    assert Filters(q="old one").keeps(stale)
    assert not Filters(status="running").keeps(stale)
    assert not Filters(waiting_on="microsoft").keeps(stale)


def test_an_offer_that_is_only_listed_is_found_among_those_without_data() -> None:
    listed = view(listed_only())
    assert Filters(status=NO_DATA).keeps(listed)
    assert not any(Filters(status=status).keeps(listed) for status in OfferStatus)
    assert not any(Filters(waiting_on=party).keeps(listed) for party in Party)


def test_links_carry_only_what_is_asked_for() -> None:
    assert Filters().link() == "?"
    assert Filters(q="a&b /é", page=3).link(status="running", page=1) == "?q=a%26b+%2F%C3%A9&status=running"

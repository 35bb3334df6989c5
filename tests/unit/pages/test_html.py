import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from urllib.parse import urljoin

import pytest

from exporter.collection.snapshot import Failure, OfferRecord, PublisherRecord, Since, Snapshot, SourceRecord
from exporter.domain.errors import REASONS
from exporter.domain.offers import Level, OfferStatus, Party, StepStatus
from exporter.exposition.families import documented
from exporter.pages.filters import Filters
from exporter.pages.headers import page_headers
from exporter.pages.html import HtmlPages
from exporter.pages.portal import PARTNER_CENTER

from .samples import (
    AT_SIGNOFF,
    CERTIFY,
    DONE,
    LENS,
    NOW,
    SIGNOFF,
    STALE_AFTER,
    listed_only,
    message,
    publisher,
    record,
    snapshot,
)

HOSTILE = "\"><script>alert(1)</script><b onx='1'>&\u202e"
INLINE = {"a", "b", "bdi", "code", "span", "strong", "time"}
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Document(HTMLParser):
    """A page as a list of elements with their attributes, its text, and whether its tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        self.texts.append("" if tag in INLINE else " ")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def links(self) -> list[str]:
        return [one["href"] or "" for one in self.all("a")]


@pytest.fixture
def pages() -> HtmlPages:
    return HtmlPages(telemetry_path="/some/metrics")


def index(pages: HtmlPages, *records: OfferRecord, **filters: Any) -> Document:
    return Document(pages.index(snapshot(*records), Filters(**filters), LENS))


def offer(pages: HtmlPages, one: OfferRecord) -> Document:
    return Document(pages.offer(one, LENS))


def every_page(pages: HtmlPages) -> list[Document]:
    hostile_step = replace(CERTIFY, step_id=HOSTILE, name=HOSTILE, description=HOSTILE, messages=(message(HOSTILE),))
    hostile = record(HOSTILE, steps=(hostile_step,), since=9e5, display_name=HOSTILE, messages=(message(HOSTILE),) * 30)
    failed = replace(hostile, failure=Failure("timeout", HOSTILE))
    stale = replace(failed, last_success=NOW - STALE_AFTER)
    records = (
        hostile,
        failed,
        stale,
        OfferRecord(HOSTILE, HOSTILE),
        record("signoff", steps=AT_SIGNOFF),
        listed_only(),
    )
    all_states = Snapshot(
        (
            publisher(*records, publisher_id=HOSTILE, failure=Failure("upstream", HOSTILE), last_success=None),
            publisher(publisher_id="new", last_refresh=None, last_success=None),
        )
    )
    filters = Filters(q=HOSTILE), Filters(q=HOSTILE, publisher=HOSTILE, status="running"), Filters()
    return [
        *(Document(pages.index(all_states, one, LENS)) for one in filters),
        *(offer(pages, one) for one in records),
        Document(pages.index(Snapshot(), Filters(), LENS)),
        Document(pages.docs(LENS)),
        Document(pages.message(HOSTILE, HOSTILE, LENS, root="../")),
    ]


def test_every_page_is_sound(pages: HtmlPages) -> None:
    for page in every_page(pages):
        tags = [tag for tag, _ in page.elements]
        assert tags.count("h1") == tags.count("main") == tags.count("title") == 1
        assert page.all("html") == [{"lang": "en"}]
        assert page.links[0] == "#main"
        assert page.all("main")[0]["id"] == "main"
        headings = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
        assert headings[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(headings))
        ids = [one["id"] for _, one in page.elements if "id" in one]
        assert len(ids) == len(set(ids))
        for _, one in page.elements:
            assert one.get("aria-labelledby", ids[0]) in ids
        assert tags.count("caption") == tags.count("table")
        assert all(one.get("scope") in {"col", "row"} for one in page.all("th"))
        assert all(one["aria-label"] for one in page.all("progress"))
        assert all(one["aria-label"] for one in page.all("nav"))
        # Safari takes a list without markers for no list at all.
        assert all(one["role"] == "list" for one in page.all("ul") + page.all("ol"))
        assert tags.count("label") == tags.count("select") + tags.count("input")


def test_nothing_on_a_page_runs_or_comes_from_outside(pages: HtmlPages) -> None:
    for page in every_page(pages):
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"script", "img", "iframe", "object", "embed", "svg", "base", "video", "audio"}
        names = {name for _, one in page.elements for name in one}
        assert not any(name.startswith("on") or name == "style" for name in names)
        assert [one["href"][:19] for one in page.all("link")] == ["data:image/svg+xml,"]  # type: ignore[index]
        assert [one["action"] for one in page.all("form")] in ([], ["./#offers"])
        for link in page.links:
            assert link.startswith(("#", "./", "../", "offers/")) or link == PARTNER_CENTER


def test_hostile_text_is_shown_as_it_is(pages: HtmlPages) -> None:
    for page in every_page(pages)[:4]:
        assert '"><script>alert(1)</script>' in page.text


def test_the_policy_knows_the_style_sheet_that_the_page_has(pages: HtmlPages) -> None:
    html = pages.docs(LENS)
    found = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert found is not None
    assert pages.headers == page_headers(found[1])


def test_links_lead_where_they_should_under_any_prefix(pages: HtmlPages) -> None:
    below = ["some/metrics", "api/v1/offers", "-/healthy", "-/ready", "docs"]
    for page, root in ((index(pages, record()), "./"), (offer(pages, record()), "../../")):
        assert page.links[1:7] == [root, *(root + one for one in below)]
    offers = index(pages, record(), record("other", steps=AT_SIGNOFF)), offer(pages, record())
    for page, path in zip(offers, ("/prefix/", "/prefix/offers/contoso/vm"), strict=True):
        targets = {urljoin(f"https://example.com{path}", link) for link in page.links}
        assert all(one.startswith("https://example.com/prefix/") for one in targets - {PARTNER_CENTER})


def test_the_landing_page_tells_who_has_to_act(pages: HtmlPages) -> None:
    page = index(
        pages,
        record("calm", OfferStatus.SUCCEEDED, (DONE,)),
        record("late", since=3 * 86400 + 3700, display_name="Late one"),
        record("signoff", steps=AT_SIGNOFF),
    )
    assert "1 waiting for the publisher 1 with Microsoft, 1 overdue 1 where nobody has to act" in page.text
    assert (
        "signoff contoso/signoff Running 2h Publisher for at least 2h Sign off (another site) Publisher signoff 3 of 3 "
        "· waiting for publisher review \u2013 1m "
        "Late one contoso/late Running 3d 1h Microsoft for at least 3d 1h Certification 2 of 3 · in progress Overdue by 1h 1m "
        "40 % 40 % 1m "
        "calm contoso/calm Succeeded 2h Nobody for at least 2h 1 of 1 complete \u2013 1m"
    ) in page.text
    assert page.all("progress") == [{"max": "100", "value": "40", "aria-label": "Progress of Certification"}]
    assert "offers/contoso/late" in page.links


def test_the_list_tells_since_when_the_party_has_to_act_and_not_only_since_when_the_offer_runs(
    pages: HtmlPages,
) -> None:
    old = record("blocked", steps=(replace(CERTIFY, status=StepStatus.BLOCKED),), since=30 * 86400)
    page = index(pages, replace(old, since=Since(NOW - 30 * 86400, NOW - 7200)))
    assert "Offer State Seen in this state Who has to act Current step" in page.text
    assert "Running 30d Publisher for at least 2h Certification" in page.text


def test_offers_without_current_data_tell_why(pages: HtmlPages) -> None:
    failure = Failure("throttled", "asked too often")
    page = index(
        pages,
        record("failing", failure=failure),
        record("stale", fetched=STALE_AFTER, failure=failure),
        OfferRecord("contoso", "new"),
    )
    assert "2 without current data" in page.text
    assert "new contoso/new No current data not fetched yet never fetched" in page.text
    assert "stale contoso/stale No current data throttled asked too often 1h" in page.text
    assert "1m Fetch failed: throttled" in page.text


def test_an_offer_that_is_only_listed_says_so_and_nothing_that_no_source_tells(pages: HtmlPages) -> None:
    page = index(pages, listed_only(display_name="Listed"))
    assert "0 where nobody has to act 1 without current data" in page.text
    assert "Listed contoso/listed Listed only no source tells its status 1m " in page.text
    assert [one["class"] for one in page.all("tr") if "class" in one] == ["c-grey"]
    one = offer(pages, listed_only(display_name="Listed", since=9 * 86400, offer_type="vm"))
    assert "State State Listed only Data age 1m " in one.text
    assert "Listed only: no source tells its status. Open Partner Center (another site) About the offer" in one.text
    assert not any(words in one.text for words in ("Unknown", "Nobody", "Since", "Steps"))


@pytest.mark.parametrize("status", OfferStatus)
def test_no_notice_is_empty(pages: HtmlPages, status: OfferStatus) -> None:
    assert '<div class="notice c-' in pages.offer(record(status=status), LENS)
    assert '"><p></p></div>' not in pages.offer(record(status=status), LENS)


def test_publishers_show_their_health(pages: HtmlPages) -> None:
    failing = publisher(publisher_id="b", failure=Failure("forbidden", "no access"), last_success=NOW - 7200)
    new = publisher(publisher_id="c", last_refresh=None, last_success=None)
    shown = Document(pages.index(Snapshot((publisher(publisher_id="a"), failing, new)), Filters(), LENS))
    assert "a Up 0 0 30s ago 30s ago none " in shown.text
    assert "b Failing unknown unknown 30s ago 2h ago forbidden no access " in shown.text
    assert "c First refresh under way unknown unknown none yet none yet none " in shown.text


def test_the_offers_come_before_the_publishers_and_failing_ones_are_named_above(pages: HtmlPages) -> None:
    def shown(*publishers: PublisherRecord) -> Document:
        return Document(pages.index(Snapshot(publishers), Filters(), LENS))

    bad = [publisher(publisher_id=f"bad-{number}", failure=Failure("timeout", "x")) for number in range(12)]
    well = publisher(record("signoff", steps=AT_SIGNOFF))
    page = shown(well, *bad[:2])
    headings = [one["id"] for one in page.all("h2")]
    assert headings.index("offers") < headings.index("publishers")
    assert page.text.index("2 of 3 publishers failing: bad-0, bad-1 1 offer") < page.text.index("contoso/signoff")
    rows = [one["id"] for one in page.all("tr") if "id" in one]
    assert rows == ["publisher-1", "publisher-2", "publisher-3"]
    assert [link for link in page.links if link.startswith("#p")] == ["#publisher-2", "#publisher-3"]
    assert "bad-8, bad-9 and 2 more 1 offer" in shown(well, *bad).text
    assert "1 publisher, all up 1 offer" in shown(well).text
    new = publisher(publisher_id="new", last_refresh=None, last_success=None)
    assert "2 publishers, 1 in the first refresh 1 offer" in shown(well, new).text
    assert "#publishers" in shown(well).links


def test_a_publisher_leads_to_the_offers_that_wait_for_it(pages: HtmlPages) -> None:
    page = index(pages, record("a", steps=AT_SIGNOFF), record("b", OfferStatus.FAILED), record("c"), q="c")
    assert "contoso Up 3 2 waiting for contoso 30s ago" in page.text
    assert "./?publisher=contoso&waiting_on=publisher#offers" in page.links


def test_a_publisher_with_several_sources_shows_which_are_down(pages: HtmlPages) -> None:
    failure = Failure("forbidden", "no access")
    good, bad = (
        SourceRecord("cloud_partner", ("a", "b", "c"), NOW - 30),
        SourceRecord("partner_center", failure=failure),
    )
    several = publisher(publisher_id="several", failure=failure, sources=(good, bad))
    only = publisher(publisher_id="only", failure=failure, sources=(bad,))
    well = publisher(publisher_id="well", sources=(good, good))
    page = Document(pages.index(Snapshot((several, only, well)), Filters(), LENS))
    assert "several Failing partner_center: forbidden unknown unknown 30s ago" in page.text
    assert "only Failing unknown unknown 30s ago" in page.text
    assert "well Up 0 0 30s ago" in page.text


def test_what_is_not_known_is_not_counted_as_none(pages: HtmlPages) -> None:
    failure = Failure("credential", "no token")
    failing = publisher(failure=failure, last_success=None)
    stale = publisher(record(fetched=STALE_AFTER), failure=failure)
    new = publisher(last_refresh=None, last_success=None)
    cards = "unknown waiting for the publisher unknown with Microsoft unknown where nobody has to act"
    for one, more in (
        (failing, "Offers unknown"),
        (failing, "No offers are known: the publishers tell what could not be read, and why."),
        (failing, "contoso Failing unknown unknown"),
        (stale, "1 without current data"),
        (stale, "contoso Failing 1 unknown"),
        (new, "No offers have been seen yet."),
    ):
        page = Document(pages.index(Snapshot((one,)), Filters(), LENS))
        assert cards in page.text
        assert more in page.text
    for known in (publisher(), publisher(record(), failure=failure)):
        assert "unknown" not in Document(pages.index(Snapshot((known,)), Filters(), LENS)).text


def test_an_empty_list_tells_who_was_asked_and_what_to_check(pages: HtmlPages) -> None:
    sources = SourceRecord("partner_center", (), NOW), SourceRecord("cloud_partner", (), NOW)
    page = Document(pages.index(Snapshot((publisher(sources=sources),)), Filters(), LENS))
    words = "no offers in the list of: Cloud Partner Portal API, Partner Center submission API. Check the id of the publisher"
    assert words in page.text


def test_the_form_keeps_what_was_asked_for(pages: HtmlPages) -> None:
    page = index(pages, record(), q='a "b"', publisher="contoso", status="no_data", waiting_on="publisher")
    assert "No offer matches the filter." in page.text
    assert [one["value"] for one in page.all("input")] == ['a "b"']
    chosen = [one.get("value", "contoso") for one in page.all("option") if "selected" in one]
    assert chosen == ["contoso", "no_data", "publisher"]
    assert "Show all" in page.text


def test_pages_of_the_list_keep_the_filter(pages: HtmlPages) -> None:
    many = [record(f"offer-{number:04d}") for number in range(250)]
    page = index(pages, *many, q="offer", page=2)
    assert "Offers 101 to 200 of 250 that match" in page.text
    assert "First Previous Page 2 of 3 Next Last" in page.text
    assert [one for one in page.links if one.startswith("./?q=offer")] == [
        *(f"./?q=offer&waiting_on={party}#offers" for party in Party),
        "./?q=offer#offers",
        "./?q=offer#offers",
        "./?q=offer&page=3#offers",
        "./?q=offer&page=3#offers",
        "./?q=offer&publisher=contoso#offers",
    ]
    assert "1m Page 1 of 3 Next Last" in index(pages, *many).text
    assert "1m First Previous Page 3 of 3 Publishers" in index(pages, *many, page=3).text


def test_a_filtered_list_says_so_in_heading_and_title(pages: HtmlPages) -> None:
    shown = [record("a", steps=AT_SIGNOFF), record("b"), record("c")]
    page = index(pages, *shown, waiting_on="publisher")
    assert page.text.startswith("1 of 3 offers \u2013 Azure Marketplace Exporter Skip")
    assert "1 publisher, all up 1 of 3 offers Text" in page.text
    assert [one["href"] for one in page.all("a") if "aria-current" in one] == ["./?waiting_on=publisher#offers"]
    everything = index(pages, *shown)
    assert everything.text.startswith("Azure Marketplace Exporter Skip")
    assert "all up 3 offers Text" in everything.text
    assert not any("aria-current" in one for one in everything.all("a"))


def test_the_caption_tells_the_order_only_where_it_shows(pages: HtmlPages) -> None:
    shown = [record("a", steps=AT_SIGNOFF), record("b")]
    assert "All offers, those that wait for the publisher first Offer" in index(pages, *shown).text
    assert "All offers Offer" in index(pages, shown[1]).text
    assert "Offers 1 to 1 of 1 that match Offer" in index(pages, *shown, waiting_on="publisher").text


def test_a_publisher_that_is_not_watched_stays_in_the_form(pages: HtmlPages) -> None:
    html = pages.index(snapshot(record()), Filters(publisher="<gone>"), LENS)
    assert "<option>contoso</option><option selected>&lt;gone&gt;</option></select>" in html
    assert "0 of 1 offer Text" in Document(html).text


def test_the_page_of_an_offer_has_its_steps_in_order_with_their_messages(pages: HtmlPages) -> None:
    texts = message("<ul><li>Too <b>short</b></li></ul>", Level.ERROR), message("")
    steps = DONE, replace(CERTIFY, messages=texts, description="Checks it")
    page = offer(pages, record(steps=steps, since=4 * 86400, display_name="My VM", version=7, changed=NOW - 60))
    assert "My VM contoso/vm State State Running Seen since 4d ago " in page.text
    assert "Who has to act Microsoft for at least 4d Steps 1 of 2 complete Data age 1m" in page.text
    assert (
        "Steps Validation Complete 100 % 100 % Complete for at least 4d "
        "Certification In progress 40 % 40 % Checks it "
        "Estimate ~2-3 days Seen at work for 4d of at most 3d Overdue by 1d "
        "2 messages of Certification "
        "Information 2026-09-21 14:11:50 UTC, 1m 30s ago (no text) "
        "Error 2026-09-21 14:11:50 UTC, 1m 30s ago • Too short"
    ) in page.text
    assert "Version 7 Changed 1m ago 2026-09-21 14:12:20 UTC Source Cloud Partner Portal API cloud_partner" in page.text
    assert [one.get("aria-current") for one in page.all("li") if " s-" in (one["class"] or "")] == [None, "step"]


@pytest.mark.parametrize(
    ("live", "since", "words"),
    [
        (
            True,
            NOW - 90 * 86400,
            "Since 90d ago 2026-06-23 14:13:20 UTC Who has to act Nobody for at least 2h In the marketplace Live since 90d ago 2026-06-23 14:13:20 UTC Steps",
        ),
        (True, None, "In the marketplace Live Steps"),
        (False, None, "In the marketplace Not live Steps"),
        (None, None, "Seen since 2h ago 2026-09-21 12:13:20 UTC Who has to act Nobody for at least 2h Steps"),
    ],
)
def test_an_offer_is_called_live_only_where_that_is_known(
    pages: HtmlPages, live: bool | None, since: float | None, words: str
) -> None:
    page = offer(pages, record(status=OfferStatus.SUCCEEDED, live=live, live_since=since))
    assert words in page.text


def test_steps_show_the_times_that_the_api_tells(pages: HtmlPages) -> None:
    told = (
        replace(DONE, progress=None, started=NOW - 9000, completed=NOW - 3600),
        replace(CERTIFY, progress=None, estimated_time_frame="", started=NOW - 3600),
        SIGNOFF,
    )
    page = offer(pages, record(steps=told, source="partner_center"))
    assert (
        "Validation Complete Took 1h 30m Ended 1h ago "
        "Certification In progress Elapsed 1h Began 2026-09-21 13:13:20 UTC "
        "Publisher signoff Not started The API tells when each step began and ended. "
    ) in page.text
    assert "business days" not in page.text
    assert "Source Partner Center submission API partner_center" in page.text
    half = offer(pages, record(steps=(replace(DONE, completed=NOW - 60), replace(DONE, started=NOW - 60))))
    assert (
        "Validation Complete 100 % 100 % Ended 1m ago "
        "Validation Complete 100 % 100 % Complete for at least 2h Began 2026-09-21 14:12:20 UTC"
    ) in half.text
    assert "Times count from when the exporter first saw a status" in offer(pages, record()).text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (StepStatus.REJECTED, "Certification Rejected 40 % 40 % Rejected for at least 6d Began"),
        (StepStatus.BLOCKED, "Certification Blocked 40 % 40 % Blocked for at least 6d Began"),
        (StepStatus.COMPLETE, "Certification Complete 40 % 40 % Complete for at least 6d Began"),
        (
            StepStatus.IN_PROGRESS,
            "Certification In progress 40 % 40 % Estimate ~2-3 days Elapsed 9d of at most 3d Overdue by 6d",
        ),
    ],
)
def test_the_estimate_is_compared_only_while_microsoft_is_at_work(
    pages: HtmlPages, status: StepStatus, words: str
) -> None:
    step = replace(CERTIFY, status=status, started=NOW - 9 * 86400)
    text = offer(pages, record(steps=(step,), since=6 * 86400)).text
    assert words in text
    assert ("business days" in text) is ("Estimate" in words)


def test_many_messages_are_bounded(pages: HtmlPages) -> None:
    page = offer(pages, record(messages=tuple(message(f"m{number}") for number in range(30))))
    assert "10 older ones are left out." in page.text
    assert page.text.count(" ago m") == 20


def test_an_offer_that_waits_for_the_publisher_leads_to_partner_center(pages: HtmlPages) -> None:
    assert PARTNER_CENTER in offer(pages, record(steps=AT_SIGNOFF)).links[:-1]
    assert PARTNER_CENTER not in offer(pages, record()).links[:-1]
    assert PARTNER_CENTER in offer(pages, record(status=OfferStatus.UNKNOWN)).links[:-1]


GUID = "8f1c2b3a-0d4e-4f5a-9b6c-7d8e9f0a1b2c"


@pytest.mark.parametrize("product_id", [GUID, "", "1/../evil", f"{GUID}?x"])
def test_it_leads_to_the_offer_itself_where_the_product_is_known(pages: HtmlPages, product_id: str) -> None:
    waits = record(steps=AT_SIGNOFF, product_id=product_id)
    own = f"https://partner.microsoft.com/dashboard/commercial-marketplace/offers/{GUID}/overview"
    expected = own if product_id == GUID else PARTNER_CENTER
    for page in index(pages, waits), offer(pages, waits), offer(pages, listed_only(product_id=product_id)):
        assert [one for one in page.links if one.startswith("https:")] == [expected, PARTNER_CENTER]


def test_stale_data_is_shown_as_such_on_the_page_of_the_offer(pages: HtmlPages) -> None:
    stale = offer(pages, record(fetched=STALE_AFTER, failure=Failure("timeout", "no answer")))
    assert "No current data. What follows was last fetched 1h ago" in stale.text
    assert "The last fetch failed: timeout no answer" in stale.text
    assert "No current data." not in offer(pages, record()).text
    late = offer(pages, record(fetched=STALE_AFTER, since=9 * 86400))
    assert not any(words in late.text for words in ("Microsoft is at work", "Overdue"))
    assert [one["class"] for one in late.all("div") if "notice" in (one.get("class") or "")] == ["notice c-red"]
    never = offer(pages, OfferRecord("contoso", "vm"))
    assert "Nothing has been fetched of this offer yet." in never.text
    assert "Certification" not in never.text


def test_a_page_tells_when_it_was_made(pages: HtmlPages) -> None:
    for page in every_page(pages):
        assert "as of 2026-09-21 14:13:20 UTC; it does not refresh by itself" in page.text


def test_an_offer_without_steps_says_so(pages: HtmlPages) -> None:
    assert "There are no steps" in offer(pages, record(status=OfferStatus.NEVER_PUBLISHED, steps=())).text


def test_the_reference_lists_every_metric(pages: HtmlPages) -> None:
    text = pages.docs(LENS).replace("\u200b", "")
    assert all(f"<code>{one.name}</code>" in text for one in documented())


def test_each_reason_that_is_shown_leads_to_its_explanation(pages: HtmlPages) -> None:
    explained = {f"docs#{one['id']}" for one in Document(pages.docs(LENS)).all("div") if "id" in one}
    assert explained == {f"docs#reason-{one}" for one in REASONS}
    failing = record("failing", failure=Failure("timeout", "x"))
    stale = record("stale", fetched=STALE_AFTER, failure=Failure("throttled", "x"))
    sources = (
        SourceRecord("cloud_partner", ("a", "b", "c"), NOW - 30),
        SourceRecord("b", failure=Failure("decode", "x")),
    )
    down = publisher(failing, stale, failure=Failure("forbidden", "x"), sources=sources)
    links = Document(pages.index(Snapshot((down,)), Filters(), LENS)).links
    shown = [link for link in links if "#reason" in link]
    assert shown == [f"./docs#reason-{one}" for one in ("throttled", "timeout", "decode", "forbidden")]
    assert "../../docs#reason-timeout" in offer(pages, failing).links


def test_a_reason_of_another_version_breaks_no_link(pages: HtmlPages) -> None:
    assert "../../docs#reason-a%20%22b" in offer(pages, record(failure=Failure('a "b', "x"))).links

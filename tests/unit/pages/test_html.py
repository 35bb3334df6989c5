import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import pytest

from exporter.collection.snapshot import Failure, OfferRecord, PublisherRecord, Since, Snapshot, SourceRecord
from exporter.domain.errors import REASONS
from exporter.domain.offers import Level, OfferStatus, Party, StepStatus
from exporter.exposition.families import documented
from exporter.pages.filters import Filters
from exporter.pages.html import HtmlPages
from exporter.pages.portal import PARTNER_CENTER

from .samples import (
    AT_SIGNOFF,
    CERTIFY,
    DAY,
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
VOID = {"meta", "link", "input"}
PAGES = HtmlPages(telemetry_path="/some/metrics")


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


def index(*shown: OfferRecord | PublisherRecord, **filters: Any) -> Document:
    """The landing page of these publishers, or of one with these offers."""
    publishers = tuple(one for one in shown if isinstance(one, PublisherRecord))
    offers = tuple(one for one in shown if isinstance(one, OfferRecord))
    return Document(PAGES.index(Snapshot(publishers or (publisher(*offers),)), Filters(**filters), LENS))


def offer(one: OfferRecord) -> Document:
    return Document(PAGES.offer(one, LENS))


def hostile_pages() -> list[Document]:
    step = replace(CERTIFY, step_id=HOSTILE, name=HOSTILE, description=HOSTILE, messages=(message(HOSTILE),))
    one = record(HOSTILE, steps=(step,), since=9e5, display_name=HOSTILE, messages=(message(HOSTILE),) * 30)
    failed = replace(one, failure=Failure("timeout", HOSTILE))
    known = publisher(one, failed, OfferRecord(HOSTILE, HOSTILE), publisher_id=HOSTILE, failure=Failure("x", HOSTILE))
    return [
        index(known, q=HOSTILE, publisher=HOSTILE, status="running"),
        offer(failed),
        offer(OfferRecord(HOSTILE, HOSTILE)),
        Document(PAGES.message(HOSTILE, HOSTILE, LENS, root="../")),
    ]


def test_hostile_text_is_shown_as_it_is_and_nothing_on_a_page_runs_or_comes_from_outside() -> None:
    for page in (*hostile_pages(), Document(PAGES.docs(LENS))):
        assert '"><script>alert(1)</script>' in page.text or "Reference" in page.text
        assert not {tag for tag, _ in page.elements} & {"script", "img", "iframe", "object", "embed", "svg", "base"}
        assert not any(name.startswith("on") or name == "style" for _, one in page.elements for name in one)
        assert [(one["href"] or "")[:19] for one in page.all("link")] == ["data:image/svg+xml,"]
        assert [one["action"] for one in page.all("form")] in ([], ["./#offers"])
        assert all(one.startswith(("#", "./", "../", "offers/")) or one == PARTNER_CENTER for one in page.links)
        # Safari takes a list without markers for no list at all.
        assert all(one["role"] == "list" for one in page.all("ul") + page.all("ol"))
        assert "as of 2026-09-21 14:13:20 UTC; it does not refresh by itself" in page.text


def test_the_policy_knows_the_style_sheet_that_the_page_has() -> None:
    found = re.search(r"<style>(.*?)</style>", PAGES.docs(LENS), re.DOTALL)
    assert found is not None
    digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in PAGES.policy


def test_links_lead_where_they_should_under_any_prefix() -> None:
    below = ["some/metrics", "api/v1/offers", "-/healthy", "-/ready", "docs"]
    shown = {"": index(record(), record("other", steps=AT_SIGNOFF)), "offers/contoso/vm": offer(record())}
    for path, page in shown.items():
        targets = [urljoin(f"https://example.com/prefix/{path}", link) for link in page.links]
        assert targets[1:7] == [f"https://example.com/prefix/{one}" for one in ("", *below)]
        assert all(one.startswith("https://example.com/prefix/") or one == PARTNER_CENTER for one in targets)


DENIED = Failure("forbidden", "no access")
READ = SourceRecord("cloud_partner", ("a",), NOW - 30)
DOWN = SourceRecord("partner_center", failure=DENIED)
AWAY = SourceRecord("product_ingestion", failure=DENIED, is_expected=False)
FAILING = publisher(failure=DENIED, last_success=None)
NEW = publisher(publisher_id="new", last_refresh=None, last_success=None)
BAD = [publisher(publisher_id=f"bad-{number}", failure=Failure("timeout", "x")) for number in range(12)]
BLOCKED = record("blocked", steps=(replace(CERTIFY, status=StepStatus.BLOCKED),))
UNKNOWN = "unknown waiting for the publisher unknown with Microsoft unknown where nobody has to act"


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (
            [
                record("calm", OfferStatus.SUCCEEDED, (DONE,)),
                record("late", since=3 * DAY + 3700, display_name="Late one"),
                record("signoff", steps=AT_SIGNOFF),
            ],
            [
                "1 waiting for the publisher 1 with Microsoft, 1 overdue 1 where nobody has to act",
                (
                    "Offer State Seen in this state Who has to act Current step Progress Data age "
                    "signoff contoso/signoff Running 2h Publisher for at least 2h Sign off (another site) Publisher signoff 3 of 3 "
                    "· waiting for publisher review \u2013 1m "
                    "Late one contoso/late Running 3d 1h Microsoft for at least 3d 1h Certification 2 of 3 · in progress "
                    "Overdue by 1h 1m 40 % 40 % 1m "
                    "calm contoso/calm Succeeded 2h Nobody for at least 2h 1 of 1 complete \u2013 1m"
                ),
            ],
        ),
        (
            [replace(BLOCKED, since=Since(NOW - 30 * DAY, NOW - 7200))],
            ["blocked contoso/blocked Running 30d Publisher for at least 2h Certification"],
        ),
        (
            [
                record("failing", failure=Failure("throttled", "asked too often")),
                record("stale", fetched=STALE_AFTER, failure=Failure("throttled", "asked too often")),
                OfferRecord("contoso", "new"),
            ],
            [
                "2 without current data",
                "new contoso/new No current data not fetched yet never fetched",
                "stale contoso/stale No current data throttled asked too often 1h",
                "1m Fetch failed: throttled",
            ],
        ),
        (
            [listed_only(display_name="Listed")],
            [
                "0 where nobody has to act 1 without current data",
                "Listed contoso/listed Listed only no source tells its status 1m ",
            ],
        ),
        (
            [publisher(publisher_id="a"), publisher(publisher_id="b", failure=DENIED, last_success=NOW - 7200), NEW],
            [
                "a Up 0 0 30s ago 30s ago none ",
                "b Failing unknown unknown 30s ago 2h ago forbidden no access ",
                "new First refresh under way unknown unknown none yet none yet none ",
            ],
        ),
        ([publisher(record()), *BAD[:2]], ["2 of 3 publishers failing: bad-0, bad-1 1 offer"]),
        ([publisher(record()), *BAD], ["bad-8, bad-9 and 2 more 1 offer"]),
        ([publisher(record())], ["1 publisher, all up 1 offer"]),
        ([publisher(record()), NEW], ["2 publishers, 1 in the first refresh 1 offer"]),
        (
            [publisher(failure=DENIED, sources=(READ, DOWN, AWAY))],
            ["contoso Failing partner_center: forbidden Not available here: product_ingestion unknown unknown 30s ago"],
        ),
        ([publisher(failure=DENIED, sources=(DOWN,))], ["contoso Failing unknown unknown 30s ago"]),
        ([publisher(sources=(READ, AWAY))], ["contoso Up Not available here: product_ingestion 0 0 30s ago"]),
        (
            [FAILING],
            [
                UNKNOWN,
                "Offers unknown",
                "No offers are known: the publishers tell what could not be read, and why.",
                "contoso Failing unknown unknown",
            ],
        ),
        (
            [publisher(record(fetched=STALE_AFTER), failure=DENIED)],
            [UNKNOWN, "1 without current data", "contoso Failing 1 unknown"],
        ),
        ([NEW], [UNKNOWN, "No offers have been seen yet."]),
        ([publisher()], ["0 waiting for the publisher 0 with Microsoft 0 where nobody has to act"]),
        (
            [publisher(record(), failure=DENIED)],
            ["0 waiting for the publisher 1 with Microsoft", "contoso Failing 1 0"],
        ),
        (
            [publisher(sources=(SourceRecord("partner_center", (), NOW), SourceRecord("cloud_partner", (), NOW)))],
            [
                "no offers in the list of: Cloud Partner Portal API, Partner Center submission API. Check the id of the pub"
            ],
        ),
        (
            [record("a", steps=AT_SIGNOFF), record("b")],
            ["All offers, those that wait for the publisher first Offer", "contoso Up 2 1 waiting for contoso 30s ago"],
        ),
        ([record()], ["All offers Offer"]),
        ([], ["No offers have been seen yet."]),
    ],
)
def test_the_landing_page_says(shown: list[OfferRecord | PublisherRecord], words: list[str]) -> None:
    text = index(*shown).text
    for one in words:
        assert one in text


def test_the_offers_come_before_the_publishers_and_failing_ones_are_linked_above() -> None:
    page = index(publisher(record("signoff", steps=AT_SIGNOFF)), *BAD[:2])
    headings = [one["id"] for one in page.all("h2")]
    assert headings.index("offers") < headings.index("publishers")
    assert page.text.index("failing: bad-0") < page.text.index("contoso/signoff")
    assert [one["id"] for one in page.all("tr") if "id" in one] == ["publisher-1", "publisher-2", "publisher-3"]
    assert [link for link in page.links if link.startswith("#p")] == ["#publisher-2", "#publisher-3"]
    assert "./?publisher=contoso&waiting_on=publisher#offers" in page.links


def test_the_form_keeps_what_was_asked_for() -> None:
    page = index(record(), q='a "b"', publisher="contoso", status="no_data", waiting_on="publisher")
    assert "No offer matches the filter." in page.text
    assert [one["value"] for one in page.all("input")] == ['a "b"']
    chosen = [one.get("value", "contoso") for one in page.all("option") if "selected" in one]
    assert chosen == ["contoso", "no_data", "publisher"]
    assert "Show all" in page.text
    html = PAGES.index(snapshot(record()), Filters(publisher="<gone>"), LENS)
    assert "<option>contoso</option><option selected>&lt;gone&gt;</option></select>" in html


def test_pages_of_the_list_keep_the_filter() -> None:
    many = [record(f"offer-{number:04d}") for number in range(250)]
    page = index(*many, q="offer", page=2)
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
    assert "1m Page 1 of 3 Next Last" in index(*many).text
    for last in (3, 99):
        assert "1m First Previous Page 3 of 3 Publishers" in index(*many, page=last).text


def test_a_filtered_list_says_so_in_heading_and_title() -> None:
    shown = [record("a", steps=AT_SIGNOFF), record("b"), record("c")]
    page = index(*shown, waiting_on="publisher")
    assert page.text.startswith("1 of 3 offers \u2013 Azure Marketplace Exporter Skip")
    assert "1 publisher, all up 1 of 3 offers Text" in page.text
    assert [one["href"] for one in page.all("a") if "aria-current" in one] == ["./?waiting_on=publisher#offers"]
    everything = index(*shown)
    assert everything.text.startswith("Azure Marketplace Exporter Skip")
    assert not any("aria-current" in one for one in everything.all("a"))


LIVE = record(status=OfferStatus.SUCCEEDED, live=True, live_since=NOW - 90 * DAY)
TOLD = (
    replace(DONE, progress=None, started=NOW - 9000, completed=NOW - 3600),
    replace(CERTIFY, progress=None, estimated_time_frame="", started=NOW - 3600),
    SIGNOFF,
)
TEXTS = message("<ul><li>Too <b>short</b></li></ul>", Level.ERROR), message("", ago=None)
SAYING = DONE, replace(CERTIFY, name="", messages=TEXTS, description="Checks it")


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (
            record(steps=SAYING, since=4 * DAY, display_name="My VM", version=7, changed=NOW - 60),
            [
                "My VM contoso/vm State State Running Seen since 4d ago ",
                "Who has to act Microsoft for at least 4d Steps 1 of 2 complete Data age 1m",
                (
                    "Steps Validation Complete 100 % 100 % Complete for at least 4d "
                    "certify In progress 40 % 40 % Checks it "
                    "Estimate ~2-3 days Seen at work for 4d of at most 3d Overdue by 1d "
                    "2 messages of certify Information without a time (no text) "
                    "Error 2026-09-21 14:11:50 UTC, 1m 30s ago • Too short"
                ),
                "Times count from when the exporter first saw a status, so they may be longer. Microsoft's estimates count",
                "Version 7 Changed 1m ago 2026-09-21 14:12:20 UTC Source Cloud Partner Portal API cloud_partner",
            ],
        ),
        (
            record(steps=TOLD, source="partner_center"),
            [
                (
                    "Validation Complete Took 1h 30m Ended 1h ago "
                    "Certification In progress Elapsed 1h Began 2026-09-21 13:13:20 UTC "
                    "Publisher signoff Not started The API tells when each step began and ended. About"
                ),
                "Source Partner Center submission API partner_center",
            ],
        ),
        (
            record(steps=(replace(DONE, completed=NOW - 60), replace(DONE, started=NOW - 60))),
            [
                (
                    "Validation Complete 100 % 100 % Ended 1m ago "
                    "Validation Complete 100 % 100 % Complete for at least 2h Began 2026-09-21 14:12:20 UTC"
                )
            ],
        ),
        (
            LIVE,
            [
                (
                    "Since 90d ago 2026-06-23 14:13:20 UTC Who has to act Nobody for at least 2h "
                    "In the marketplace Live since 90d ago 2026-06-23 14:13:20 UTC Steps"
                )
            ],
        ),
        (record(live=True), ["In the marketplace Live Steps"]),
        (record(live=False, live_since=NOW), ["In the marketplace Not live Steps"]),
        (record(), ["Seen since 2h ago 2026-09-21 12:13:20 UTC Who has to act Microsoft for at least 2h Steps"]),
        (record(status=OfferStatus.NEVER_PUBLISHED, steps=()), ["There are no steps"]),
        (
            listed_only(display_name="Listed", since=9 * DAY, offer_type="vm"),
            [
                "State State Listed only Data age 1m ",
                "Listed only: no source tells its status. Open Partner Center (another site) About the offer",
            ],
        ),
        (
            record(fetched=STALE_AFTER, failure=Failure("timeout", "no answer")),
            [
                "No current data. What follows was last fetched 1h ago",
                "The last fetch failed: timeout no answer",
            ],
        ),
        (OfferRecord("contoso", "vm"), ["Nothing has been fetched of this offer yet."]),
        (record(messages=tuple(message(f"m{number}") for number in range(30))), ["10 older ones are left out."]),
    ],
)
def test_the_page_of_an_offer_says(one: OfferRecord, words: list[str]) -> None:
    text = offer(one).text
    for each in words:
        assert each in text


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (listed_only(since=9 * DAY), ("Unknown", "Nobody", "Since", "Steps")),
        (record(fetched=STALE_AFTER, since=9 * DAY), ("Microsoft is at work", "Overdue")),
        (record(), ("No current data", "In the marketplace", "Expected live", "Usually", "Past publications")),
        (OfferRecord("contoso", "vm"), ("Certification", "Steps")),
        (record(messages=tuple(message(f"m{number}") for number in range(30))), ("ago m9", "m0")),
    ],
)
def test_the_page_of_an_offer_does_not_say(one: OfferRecord, words: tuple[str, ...]) -> None:
    text = offer(one).text
    assert [each for each in words if each in text] == []


@pytest.mark.parametrize("status", OfferStatus)
def test_no_notice_is_empty(status: OfferStatus) -> None:
    html = PAGES.offer(record(status=status), LENS)
    assert '<div class="notice c-' in html
    assert '"><p></p></div>' not in html


def test_the_present_step_is_marked() -> None:
    steps = [one for one in offer(record()).all("li") if " s-" in (one["class"] or "")]
    assert [one.get("aria-current") for one in steps] == [None, "step", None]


@pytest.mark.parametrize(
    ("one", "leads"),
    [
        (record(steps=AT_SIGNOFF), True),
        (record(status=OfferStatus.UNKNOWN), True),
        (listed_only(), True),
        (record(), False),
    ],
)
def test_what_needs_a_look_there_leads_to_partner_center(one: OfferRecord, leads: bool) -> None:
    assert (PARTNER_CENTER in offer(one).links[:-1]) is leads


GUID = "8f1c2b3a-0d4e-4f5a-9b6c-7d8e9f0a1b2c"


@pytest.mark.parametrize("product_id", [GUID, "", "1/../evil", f"{GUID}?x"])
def test_it_leads_to_the_offer_itself_where_the_product_is_known(product_id: str) -> None:
    waits = record(steps=AT_SIGNOFF, product_id=product_id)
    listed = replace(record(steps=AT_SIGNOFF), listed=waits.offer)
    own = f"https://partner.microsoft.com/dashboard/commercial-marketplace/offers/{GUID}/overview"
    expected = own if product_id == GUID else PARTNER_CENTER
    for page in index(waits), offer(waits), offer(listed):
        assert [one for one in page.links if one.startswith("https:")] == [expected, PARTNER_CENTER]


def test_the_reference_explains_every_metric_and_every_reason() -> None:
    html = PAGES.docs(LENS).replace("\u200b", "")
    assert all(f"<code>{one.name}</code>" in html for one in documented())
    assert [one["id"] for one in Document(html).all("div") if "id" in one] == [f"reason-{one}" for one in REASONS]


def test_each_reason_that_is_shown_leads_to_its_explanation() -> None:
    failing = record("failing", failure=Failure("timeout", "x"))
    stale = record("stale", fetched=STALE_AFTER, failure=Failure('a "b', "of another version"))
    down = publisher(failing, stale, failure=Failure("decode", "x"), sources=(READ, DOWN))
    links = [link for link in index(down).links if "#reason" in link]
    assert links == [f"./docs#reason-{one}" for one in ("a%20%22b", "timeout", "forbidden", "decode")]
    assert "../../docs#reason-timeout" in offer(failing).links

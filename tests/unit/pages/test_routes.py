"""The addresses for people and scripts."""

from __future__ import annotations

import asyncio
import re
import threading
from unittest.mock import Mock
from urllib.parse import unquote

import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from exporter.collection.snapshot import Snapshot
from exporter.exposition.publication import Publication
from exporter.pages.html import HtmlPages
from exporter.pages.routes import MAX_WAITING, PageRoutes
from exporter.pages.wording import Lens
from exporter.web.access import DEFAULT_HEADERS, AccessMiddleware
from exporter.web.web_config import WebConfig
from tests.unit.client import Client

from .samples import NOW, STALE_AFTER, record, snapshot

ODD = ("a/b c", "résumé", "100%", "..", "?q#f", "a/b", "%2F")
HTML, PLAIN = "text/html; charset=utf-8", "text/plain; charset=utf-8"


def published(shown: Snapshot) -> Publication:
    return Publication(shown, registry=CollectorRegistry(), stale_after=STALE_AFTER, clock=lambda: NOW)


def page_routes(publication: Publication) -> PageRoutes:
    return PageRoutes(publication, HtmlPages(telemetry_path="/metrics"), lambda: NOW)


def asking(pages: PageRoutes) -> Client:
    app = Starlette(routes=pages.routes(), exception_handlers={404: pages.missing})
    app.router.redirect_slashes = False
    return Client(AccessMiddleware(app, WebConfig))


@pytest.fixture
def client() -> Client:
    odd = (record(one, display_name=f"Odd {number}") for number, one in enumerate(ODD))
    return asking(page_routes(published(snapshot(record("vm", display_name="My VM"), *odd))))


@pytest.mark.parametrize(
    ("path", "code", "kind", "words"),
    [
        ("/", 200, HTML, "My VM"),
        ("/?q=my", 200, HTML, "1 of 8 offers"),
        ("/?status=<script>", 400, HTML, "status: &#39;&lt;script&gt;&#39; is none of never_published"),
        ("/docs", 200, HTML, "<title>Reference"),
        ("/offers/contoso/vm?x=1", 200, HTML, "<title>My VM "),
        ("/offers/contoso/a%2Fb%20c", 200, HTML, "<title>Odd 0 "),
        ("/offers/contoso/r%C3%A9sum%C3%A9", 200, HTML, "<title>Odd 1 "),
        ("/offers/contoso/a/b", 200, HTML, "<title>Odd 5 "),
        ("/offers/contoso/%252F", 200, HTML, "<title>Odd 6 "),
        ("/offers/contoso/missing", 404, HTML, '<a href="../../">All offers</a>'),
        ("/offers/fabrikam/vm", 404, HTML, "There is no such offer"),
        ("/offers/contoso", 404, HTML, '<a href="../">All offers</a>'),
        ("/offers/", 404, HTML, '<a href="../">All offers</a>'),
        ("/offers/contoso/a/b/c", 404, HTML, '<a href="../../../../">All offers</a>'),
        ("/offers/contoso/%00%ff", 404, HTML, '<a href="../../">All offers</a>'),
        ("/offers/contoso/vm/", 404, HTML, '<a href="../../../">All offers</a>'),
        ("/offers", 404, PLAIN, "Not Found"),
        ("/docs/", 404, PLAIN, "Not Found"),
        ("/favicon.ico", 404, PLAIN, "Not Found"),
        ("/api/v1/offers", 200, "application/json", '"offer_id":"vm"'),
        ("/api/v1/offers/", 404, PLAIN, "Not Found"),
        ("/api/v1/offers/contoso/a%2Fb%20c/history", 200, "application/json", '"offer_id":"a/b c"'),
        ("/api/v1/offers/contoso/a/b/history", 200, "application/json", '"offer_id":"a/b"'),
        ("/api/v1/offers/contoso/%252F/history", 200, "application/json", '"offer_id":"%2F"'),
        ("/api/v1/offers/contoso/vm/history?format=csv", 200, "text/csv; charset=utf-8", "kind,source,step_id"),
        ("/api/v1/offers/contoso/none/history", 404, PLAIN, "Not Found"),
        ("/sd", 200, "application/json", '"contoso/vm"'),
    ],
)
def test_every_address_answers_with_headers_that_keep_it_harmless(
    client: Client, path: str, code: int, kind: str, words: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (code, kind)
    assert words in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") is (kind == HTML)
    expected = DEFAULT_HEADERS | {"Content-Security-Policy": policy}
    assert {name: answer.headers[name] for name in expected} == expected
    assert answer.headers["content-length"] == str(len(answer.content))


def test_every_link_of_the_list_leads_to_its_offer(client: Client) -> None:
    links = re.findall(r'href="(offers/contoso/[^"]*)"', client.get("/").text)
    assert {unquote(one.rpartition("/")[2]) for one in links} == {"vm", *ODD}
    for link in links:
        if not link.endswith("/.."):  # a client of HTTP takes that for another path
            assert client.get(f"/{link}").status_code == 200


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/docs/", "../"),
        ("/offres", "./"),
        ("/api/v1/offers/", "../../../"),
        ("/a%2Fb/c?d=/", "../"),
        ("/%ff%00", "./"),
    ],
)
def test_a_browser_at_an_address_that_does_not_exist_gets_a_page_that_leads_back(
    client: Client, path: str, root: str
) -> None:
    answer = client.get(path, accept="text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    assert (answer.status_code, answer.headers["content-type"]) == (404, HTML)
    assert f'<a href="{root}">All offers</a>' in answer.text
    assert "style-src 'sha256-" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/offers/contoso/vm", "/docs", "/api/v1/offers", "/sd"])
def test_only_reading_is_possible(client: Client, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.request(method, path).status_code == 405
    head, get = client.request("HEAD", path), client.get(path)
    assert head.status_code == 200
    assert head.headers == get.headers


def test_a_changed_limit_of_staleness_counts_for_pages_and_json() -> None:
    publication = published(snapshot(record("vm")))
    client = asking(page_routes(publication))
    for stale_after, is_fresh in ((STALE_AFTER, True), (30.0, False)):
        publication.stale_after = stale_after
        publication.publish(publication.snapshot)
        assert ("No current data." in client.get("/offers/contoso/vm").text) is not is_fresh
        assert ("without current data" in client.get("/").text) is not is_fresh
        assert client.get("/api/v1/offers").json()["publishers"][0]["offers"][0]["fresh"] is is_fresh


def test_a_document_is_written_once_for_each_snapshot_that_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    publication, write = published(snapshot(record("vm"))), Mock(return_value=["{}"])
    monkeypatch.setattr("exporter.pages.routes.write_offers", write)
    client = asking(page_routes(publication))
    for times in (1, 2):
        assert [client.get("/api/v1/offers").text for _ in range(2)] == ["{}", "{}"]
        assert write.call_count == times
        publication.publish(publication.snapshot)


def test_all_is_written_one_after_the_other_in_a_thread_and_not_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work = threading.Lock()

    def docs(_: object, lens: Lens) -> str:
        assert threading.current_thread() is not threading.main_thread()
        assert at_work.acquire(blocking=False)
        at_work.release()
        return "written"

    monkeypatch.setattr(HtmlPages, "docs", docs)
    pages = page_routes(published(snapshot(record("vm"))))

    async def run() -> list[Response]:
        request = Request({"type": "http"})
        return [
            *await asyncio.gather(*(pages.docs(request) for _ in range(MAX_WAITING + 3))),
            await pages.docs(request),
        ]

    answers = asyncio.run(run())
    assert [one.status_code for one in answers] == [200] * (MAX_WAITING + 1) + [503] * 2 + [200]
    assert answers[-2].headers["retry-after"] == "1"


def test_all_of_it_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> Response:
        return PlainTextResponse("not now", 503)

    monkeypatch.setattr(PageRoutes, "_in_turn", refuse)
    client = asking(page_routes(published(snapshot(record("vm")))))
    for path in ("/", "/?page=x", "/offers/contoso/vm", "/docs", "/api/v1/offers", "/sd"):
        assert client.get(path).text == "not now"

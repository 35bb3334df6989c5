"""The addresses for people and scripts."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response

from exporter.collection.snapshot import Snapshot
from exporter.exposition.publication import Publication
from exporter.pages.headers import security_headers
from exporter.pages.html import HtmlPages
from exporter.pages.routes import PageRoutes
from tests.unit.client import Client

from .samples import NOW, STALE_AFTER, record, snapshot

ODD = ("a/b c", "résumé", "100%", "..", "?q#f", "a/b", "%2F")
HTML, PLAIN = "text/html; charset=utf-8", "text/plain; charset=utf-8"


def page_routes(shown: Snapshot) -> PageRoutes:
    publication = Publication(shown, registry=CollectorRegistry(), stale_after=STALE_AFTER, clock=lambda: NOW)
    return PageRoutes(publication, HtmlPages(telemetry_path="/metrics"), lambda: NOW)


def asking(pages: PageRoutes) -> Client:
    app = Starlette(routes=pages.routes(), exception_handlers={404: pages.missing})
    app.router.redirect_slashes = False
    return Client(app)


@pytest.fixture
def client() -> Client:
    odd = (record(one, display_name=f"Odd {number}") for number, one in enumerate(ODD))
    return asking(page_routes(snapshot(record("vm", display_name="My VM"), *odd)))


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
    assert {name: answer.headers[name] for name in security_headers()} == security_headers(policy)
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
    pages = page_routes(snapshot(record("vm")))
    client = asking(pages)
    for stale_after, is_fresh in ((STALE_AFTER, True), (30.0, False)):
        pages.publication.stale_after = stale_after
        assert ("No current data." in client.get("/offers/contoso/vm").text) is not is_fresh
        assert ("without current data" in client.get("/").text) is not is_fresh
        assert client.get("/api/v1/offers").json()["publishers"][0]["offers"][0]["fresh"] is is_fresh


def test_all_of_it_is_rendered_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> Response:
        return PlainTextResponse("not now", 503)

    monkeypatch.setattr("exporter.pages.render_limiter.RenderLimiter.respond", refuse)
    client = asking(page_routes(snapshot(record("vm"))))
    for path in ("/", "/?page=x", "/offers/contoso/vm", "/docs", "/api/v1/offers", "/sd"):
        assert client.get(path).text == "not now"

"""The addresses for people and scripts."""

from __future__ import annotations

import json
import re
from typing import Any
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


def page_routes(shown: Snapshot, **fields: Any) -> PageRoutes:
    publication = Publication(shown, registry=CollectorRegistry(), stale_after=STALE_AFTER, clock=lambda: NOW)
    return PageRoutes(publication, HtmlPages(telemetry_path="/metrics"), lambda: NOW, **fields)


def asking(pages: PageRoutes) -> Client:
    app = Starlette(routes=pages.routes(), exception_handlers={404: pages.missing})
    app.router.redirect_slashes = False
    return Client(app)


@pytest.fixture
def client() -> Client:
    odd = (record(one, display_name=f"Odd {number}") for number, one in enumerate(ODD))
    return asking(page_routes(snapshot(record("vm", display_name="My VM"), *odd)))


@pytest.mark.parametrize(
    "path", ["/", "/?q=vm&status=running&waiting_on=microsoft&page=1", "/offers/contoso/vm", "/docs"]
)
def test_pages_carry_the_headers_that_keep_them_harmless(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert {name: answer.headers[name] for name in security_headers()} == security_headers(policy)


def test_a_filter_is_applied(client: Client) -> None:
    assert "My VM" in client.get("/?q=my").text
    assert "My VM" not in client.get("/?q=your").text


def test_a_filter_that_cannot_be_used_is_refused_with_a_page(client: Client) -> None:
    answer = client.get("/?status=<script>")
    assert answer.status_code == 400
    assert "status: &#39;&lt;script&gt;&#39; is none of never_published" in answer.text
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/offers/contoso/vm", "My VM"),
        ("/offers/contoso/vm?x=1", "My VM"),
        ("/offers/contoso/a%2Fb%20c", "Odd 0"),
        ("/offers/contoso/r%C3%A9sum%C3%A9", "Odd 1"),
        ("/offers/contoso/100%25", "Odd 2"),
        ("/offers/contoso/%3Fq%23f", "Odd 4"),
        ("/offers/contoso/a/b", "Odd 5"),
        ("/offers/contoso/%252F", "Odd 6"),
    ],
)
def test_offers_are_found_whatever_their_ids_hold(client: Client, path: str, title: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, f"<title>{title} " in answer.text) == (200, True)


def test_every_link_of_the_list_leads_to_its_offer(client: Client) -> None:
    links = re.findall(r'href="(offers/contoso/[^"]*)"', client.get("/").text)
    assert {unquote(one.rpartition("/")[2]) for one in links} == {"vm", *ODD}
    for link in links:
        if not link.endswith("/.."):  # a client of HTTP takes that for another path
            assert client.get(f"/{link}").status_code == 200


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/offers/contoso/missing", "../../"),
        ("/offers/fabrikam/vm", "../../"),
        ("/offers/contoso", "../"),
        ("/offers/", "../"),
        ("/offers/contoso/a/b/c", "../../../../"),
        ("/offers/contoso/%00%ff", "../../"),
        ("/offers/contoso/vm/", "../../../"),
    ],
)
def test_an_unknown_offer_is_a_page_that_leads_back(client: Client, path: str, root: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no such offer" in answer.text
    assert f'<a href="{root}">All offers</a>' in answer.text
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("path", ["/offers", "/metrics/", "/docs/", "/favicon.ico", "/api/v1/offers/", "/static/x"])
def test_no_other_path_exists_and_none_redirects(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/docs/", "../"),
        ("/offers", "./"),
        ("/offres", "./"),
        ("/api/v1/offers/", "../../../"),
        ("/a%2Fb/c?d=/", "../"),
        ("/%ff%00", "./"),
    ],
)
def test_a_visitor_of_an_address_that_does_not_exist_gets_a_page_that_leads_back(
    client: Client, path: str, root: str
) -> None:
    answer = client.get(path, accept=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is nothing here" in answer.text
    assert f'<a href="{root}">All offers</a>' in answer.text
    policy = answer.headers["content-security-policy"]
    assert "style-src 'sha256-" in policy
    assert {name: answer.headers[name] for name in security_headers()} == security_headers(policy)


@pytest.mark.parametrize("headers", [{}, {"accept": "*/*"}, {"accept": "application/json"}])
def test_a_program_gets_one_line_instead(client: Client, headers: dict[str, str]) -> None:
    answer = client.get("/docs/", **headers)
    assert (answer.status_code, answer.text) == (404, "Not Found")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert {name: answer.headers[name] for name in security_headers()} == security_headers()


@pytest.mark.parametrize("path", ["/", "/offers/contoso/vm", "/docs", "/api/v1/offers", "/sd"])
def test_only_reading_is_possible(client: Client, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.request(method, path).status_code == 405
    head, get = client.request("HEAD", path), client.get(path)
    assert head.status_code == 200
    assert head.headers == get.headers


def test_the_snapshot_is_there_as_json(client: Client) -> None:
    answer = client.get("/api/v1/offers")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [one["offer_id"] for one in json.loads(answer.content)["publishers"][0]["offers"]] == ["vm", *ODD]


def test_a_changed_limit_of_staleness_counts_for_pages_and_json() -> None:
    pages = page_routes(snapshot(record("vm")))
    client = asking(pages)
    assert "No current data." not in client.get("/offers/contoso/vm").text
    assert client.get("/api/v1/offers").json()["publishers"][0]["offers"][0]["fresh"] is True
    pages.publication.stale_after = 30.0
    assert "No current data." in client.get("/offers/contoso/vm").text
    assert "1</b> <span>without current data" in client.get("/").text
    assert client.get("/api/v1/offers").json()["publishers"][0]["offers"][0]["fresh"] is False


def test_all_of_it_is_rendered_one_after_the_other() -> None:
    class Refusing:
        async def respond(self, render: object) -> Response:
            return PlainTextResponse("not now", 503)

    client = asking(page_routes(snapshot(record("vm")), limiter=Refusing()))
    for path in ("/", "/?page=x", "/offers/contoso/vm", "/docs", "/api/v1/offers", "/sd"):
        assert client.get(path).text == "not now"


@pytest.mark.parametrize("ids", ["contoso/vm", "contoso/a%2Fb%20c", "contoso/a/b", "contoso/%252F"])
def test_the_past_of_an_offer(client: Client, ids: str) -> None:
    told = client.get(f"/api/v1/offers/{ids}/history")
    assert (told.status_code, told.headers["content-type"]) == (200, "application/json")
    assert f"{told.json()['publisher_id']}/{told.json()['offer_id']}" == unquote(ids)
    table = client.get(f"/api/v1/offers/{ids}/history?format=csv")
    assert (table.status_code, table.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert table.headers["x-content-type-options"] == "nosniff"
    assert client.get("/api/v1/offers/contoso/none/history").status_code == 404

"""The routes for people and the JSON, through the whole application."""

import asyncio
import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.domain.errors import ConfigError
from exporter.exposition.publication import Publication
from exporter.pages.page_routes import PageRoutes, find
from exporter.pages.pages import Pages
from exporter.web.app import WebApp
from exporter.web.guard import BusyError, security_headers
from tests.unit.pages.samples import NOW, STALE_AFTER, publisher, record, snapshot

ODD = ("a/b c", "résumé", "100%", "..", "?q#f", "a/b", "%2F")


class Client:
    """Asks an application without a network between."""

    def __init__(self, app: Starlette) -> None:
        self._transport = httpx.ASGITransport(app)

    def request(self, method: str, path: str, **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://exporter") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(ask())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.request("GET", path, **headers)


def application(shown: Snapshot, **fields: Any) -> WebApp:
    def probe(target: str, source: str | None, seconds: float) -> Future[OfferRecord]:
        raise NotImplementedError

    usual: dict[str, Any] = {
        "publication": Publication(shown, registry=CollectorRegistry(), stale_after=STALE_AFTER, clock=lambda: NOW),
        "pages": Pages(telemetry_path="/metrics", clock=lambda: NOW),
        "telemetry_path": "/metrics",
        "is_alive": lambda: True,
        "flight": lambda: None,
        "reload": None,
        "probe": probe,
    }
    return WebApp(**(usual | fields))


@pytest.fixture
def client() -> Client:
    odd = (record(one, display_name=f"Odd {number}") for number, one in enumerate(ODD))
    return Client(application(snapshot(record("vm", display_name="My VM"), *odd)).build())


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
    links = re.findall(r'href="offers/([^"]*)"', client.get("/").text)
    found = [find(snapshot(*(record(one) for one in ("vm", *ODD))), link) for link in links]
    assert {one.offer_id for one in found if one} == {"vm", *ODD}


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


@pytest.mark.parametrize("path", ["/", "/offers/contoso/vm", "/docs", "/api/v1/offers"])
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
    web = application(snapshot(record("vm")))
    client = Client(web.build())
    assert "No current data." not in client.get("/offers/contoso/vm").text
    web.publication.stale_after = 30.0
    assert "No current data." in client.get("/offers/contoso/vm").text
    assert "1</b> <span>without current data" in client.get("/").text
    assert client.get("/api/v1/offers").json()["publishers"][0]["offers"][0]["fresh"] is False


class Crowd:
    """A turnstile before which too many wait."""

    async def run(self, work: Callable[[], object]) -> object:
        raise BusyError


def test_too_many_visitors_are_asked_to_come_again() -> None:
    web = application(snapshot())
    routes = PageRoutes(web.publication, web.pages, turnstile=Crowd())  # type: ignore[arg-type]
    client = Client(Starlette(routes=routes.routes()))
    for path in ("/", "/?page=x", "/offers/a/b", "/docs", "/api/v1/offers"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("text/plain", "text/plain; version=0.0.4"), ("application/openmetrics-text", "application/openmetrics-text;")],
)
def test_metrics_come_in_the_format_and_encoding_asked_for(client: Client, accept: str, kind: str) -> None:
    plain = client.get("/metrics", **{"accept": accept, "accept-encoding": "identity"})
    packed = client.get("/metrics", **{"accept": accept, "accept-encoding": "gzip"})
    head = client.request("HEAD", "/metrics", **{"accept": accept, "accept-encoding": "gzip"})
    assert plain.headers["content-type"].startswith(kind)
    assert plain.headers["content-length"] == str(len(plain.content))
    assert 'azure_marketplace_publisher_up{publisher_id="contoso"} 1' in plain.text
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content  # httpx has unpacked it
    assert (head.content, head.headers) == (b"", packed.headers)


def test_health_is_that_of_the_process_and_readiness_that_of_the_first_refresh() -> None:
    new = Snapshot((publisher(last_refresh=None),))
    begun, done = Client(application(new).build()), Client(application(snapshot()).build())
    dead = Client(application(snapshot(), is_alive=lambda: False).build())
    assert [one.get("/-/healthy").status_code for one in (begun, done, dead)] == [200, 200, 503]
    assert [one.get("/-/ready").status_code for one in (begun, done, dead)] == [503, 200, 200]


def test_a_scrape_waits_for_the_refresh_that_it_asks_for_but_not_for_ever() -> None:
    done: Future[None] = Future()
    done.set_result(None)
    flights = [done, Future[None]()]
    client = Client(application(snapshot(), flight=lambda: flights.pop(0)).build())
    for _ in range(2):
        assert client.get("/metrics", **{"x-prometheus-scrape-timeout-seconds": "0.6"}).status_code == 200
    assert flights == []


def test_settings_are_reloaded_only_where_that_is_enabled() -> None:
    calls: list[str] = []

    def broken() -> None:
        raise ConfigError([("publishers", "none")])

    answers = [
        Client(application(snapshot(), reload=reload).build()).request("POST", "/-/reload")
        for reload in (None, lambda: calls.append("reload"), broken)
    ]
    assert [one.status_code for one in answers] == [403, 200, 500]
    assert calls == ["reload"]
    assert "publishers: none" in answers[2].text
    assert Client(application(snapshot()).build()).get("/-/reload").status_code == 405


def test_several_fields_of_a_header_are_one_list() -> None:
    """RFC 9110, 5.3."""
    transport = httpx.ASGITransport(application(snapshot(record("vm"))).build())

    async def ask(*headers: tuple[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            client.headers.clear()
            return await client.get("/metrics", headers=list(headers))

    openmetrics = asyncio.run(ask(("Accept", "text/html"), ("Accept", "application/openmetrics-text")))
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    packed = asyncio.run(ask(("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")))
    assert packed.headers["content-encoding"] == "gzip"


def test_what_has_become_stale_is_rendered_once_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many scrape at that moment."""
    now, threads = NOW, []
    publication = Publication(
        snapshot(record("vm")), registry=CollectorRegistry(), stale_after=STALE_AFTER, clock=lambda: now
    )
    renew = publication.renew

    def noting() -> None:
        threads.append(threading.current_thread())
        renew()

    monkeypatch.setattr(publication, "renew", noting)
    transport = httpx.ASGITransport(application(Snapshot(), publication=publication).build())

    async def ask() -> set[int]:
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            answers = await asyncio.gather(*(client.get("/metrics") for _ in range(5)))
            return {len(answer.text.partition("offer_status{")[2]) for answer in answers}

    assert 0 not in asyncio.run(ask())
    assert threads == []
    now = NOW + 2 * STALE_AFTER
    assert asyncio.run(ask()) == {0}
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()

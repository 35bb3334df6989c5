"""Metrics, probes, health and reload, through the whole application."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from threading import Timer
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from exporter.collection.prober import TargetError, UnknownOfferError
from exporter.collection.snapshot import Failure, OfferRecord, Snapshot
from exporter.domain.errors import ConfigError
from exporter.exposition.publication import Publication
from exporter.pages.html import HtmlPages
from exporter.pages.routes import PageRoutes
from exporter.web.app import WebApp
from tests.unit.client import Client
from tests.unit.pages.samples import NOW, STALE_AFTER, publisher, record, snapshot


def application(shown: Snapshot, **fields: Any) -> Starlette:
    def probe(target: str, source: str | None, seconds: float) -> Future[OfferRecord]:
        raise NotImplementedError

    publication = Publication(shown, registry=CollectorRegistry(), stale_after=STALE_AFTER, clock=lambda: NOW)
    publication.publish(shown)
    usual: dict[str, Any] = {
        "publication": publication,
        "pages": PageRoutes(publication, HtmlPages(telemetry_path="/metrics"), lambda: NOW),
        "telemetry_path": "/metrics",
        "is_alive": lambda: True,
        "flight": lambda: None,
        "reload": None,
        "probe": probe,
    }
    return WebApp(**(usual | fields)).build()


@pytest.fixture
def client() -> Client:
    return Client(application(snapshot(record("vm"))))


def test_the_pages_are_there(client: Client) -> None:
    for path in ("/", "/docs", "/offers/contoso/vm", "/api/v1/offers", "/sd"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/metrics/", "/docs/", "/probe/", "/favicon.ico"])
def test_no_other_path_exists_and_none_redirects(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


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
    begun, dead = Client(application(new)), Client(application(snapshot(), is_alive=lambda: False))
    done = Client(application(snapshot()))
    assert [one.get("/-/healthy").status_code for one in (begun, done, dead)] == [200, 200, 503]
    assert [one.get("/-/ready").status_code for one in (begun, done, dead)] == [503, 200, 200]


def test_a_scrape_waits_for_the_refresh_that_it_asks_for_but_not_for_ever() -> None:
    under_way, stuck = Future[None](), Future[None]()
    flights = [under_way, stuck]
    client = Client(application(snapshot(), flight=lambda: flights.pop(0)))
    Timer(0.1, under_way.set_result, (None,)).start()
    assert client.get("/metrics").status_code == 200
    assert under_way.done()
    assert client.get("/metrics", **{"x-prometheus-scrape-timeout-seconds": "0.6"}).status_code == 200


def test_settings_are_reloaded_only_where_that_is_enabled() -> None:
    calls: list[str] = []

    def broken() -> None:
        raise ConfigError([("publishers", "none")])

    answers = [
        Client(application(snapshot(), reload=reload)).request("POST", "/-/reload")
        for reload in (None, lambda: calls.append("reload"), broken)
    ]
    assert [one.status_code for one in answers] == [403, 200, 500]
    assert calls == ["reload"]
    assert "publishers: none" in answers[2].text
    assert Client(application(snapshot())).get("/-/reload").status_code == 405


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://exporter", "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "http://exporter:8080"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://exporter", "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_pages_of_other_sites_cannot_reload(headers: dict[str, str], status: int) -> None:
    calls: list[str] = []
    client = Client(application(snapshot(), reload=lambda: calls.append("reload")))
    assert client.request("POST", "/-/reload", **headers).status_code == status
    assert calls == ["reload"] * (status == 200)


def done(found: OfferRecord) -> Future[OfferRecord]:
    future: Future[OfferRecord] = Future()
    future.set_result(found)
    return future


LEAST, MOST, DEFAULT = 0.1, 60.0, 9.5


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("3", 2.5),
        *[(said, LEAST) for said in ("0.3", "-1")],
        *[(said, MOST) for said in ("60.6", "1e9")],
        *[(said, DEFAULT) for said in (None, "inf", "nan", "soon")],
    ],
)
def test_a_probe_gets_the_time_of_its_scrape(said: str | None, seconds: float) -> None:
    asked: list[tuple[str, str | None, float]] = []

    def probe(*about: Any) -> Future[OfferRecord]:
        asked.append(about)
        return done(record("vm"))

    client = Client(application(snapshot(), probe=probe))
    headers = {} if said is None else {"x-prometheus-scrape-timeout-seconds": said}
    assert "probe_success 1.0\n" in client.get("/probe?target=contoso/vm&source=partner_center", **headers).text
    assert asked == [("contoso/vm", "partner_center", seconds)]


def test_a_probe_that_takes_too_long_has_failed() -> None:
    client = Client(application(snapshot(), probe=lambda *_: Future[OfferRecord]()))
    answer = client.get("/probe?target=contoso/vm", **{"x-prometheus-scrape-timeout-seconds": "0.6"})
    assert (answer.status_code, "probe_success 0.0\n" in answer.text) == (200, True)


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
def test_a_probe_that_failed_is_told_as_such_in_the_format_asked_for(accept: str) -> None:
    failed = OfferRecord("contoso", "vm", failure=Failure("timeout", "no answer"))
    client = Client(application(snapshot(), probe=lambda *_: done(failed)))
    answer = client.get("/probe?target=contoso/vm", accept=accept)
    assert (answer.status_code, "probe_success 0.0\n" in answer.text) == (200, True)
    assert answer.headers["content-type"].startswith(f"{accept};")
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    ("error", "status"), [(TargetError("not in the settings"), 400), (UnknownOfferError("no such offer"), 404)]
)
def test_a_probe_that_does_not_start(error: Exception, status: int) -> None:
    def probe(*_: object) -> Future[OfferRecord]:
        raise error

    answer = Client(application(snapshot(), probe=probe)).get("/probe?target=contoso/vm")
    assert (answer.status_code, answer.text) == (status, f"{error}\n")


def test_several_fields_of_a_header_are_one_list() -> None:
    """RFC 9110, 5.3."""
    transport = httpx.ASGITransport(application(snapshot(record("vm"))))

    async def ask(*headers: tuple[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            client.headers.clear()
            return await client.get("/metrics", headers=list(headers))

    openmetrics = asyncio.run(ask(("Accept", "text/html"), ("Accept", "application/openmetrics-text")))
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    packed = asyncio.run(ask(("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")))
    assert packed.headers["content-encoding"] == "gzip"

"""`/probe` and `/sd`, through the whole application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from exporter.collection.prober import BusyError, TargetError, UnknownOfferError
from exporter.collection.prober import Prober as RealProber
from exporter.collection.snapshot import Failure, OfferRecord, Snapshot, SourceRecord
from exporter.config.selection import Selection
from exporter.config.settings import PublisherSettings
from exporter.config.shards import WHOLE
from exporter.domain.offers import Offer, OfferStatus
from exporter.pages.discovery import Discovery
from exporter.pages.documents import PIECE
from exporter.sources.deadline import Deadline
from exporter.web import probe as module
from exporter.web.guard import BusyError as BusyAnswersError
from exporter.web.guard import security_headers
from exporter.web.probe import ProbeRoutes
from tests.unit.pages.samples import NOW, publisher, record, snapshot

from .test_app import Client, application


@dataclass
class Prober:
    """Gives the flights that a test prepares, and remembers what it was asked."""

    flight: Future[OfferRecord] = field(default_factory=Future)
    asked: list[tuple[str, str | None, float]] = field(default_factory=list)

    def __call__(self, target: str, source: str | None, seconds: float) -> Future[OfferRecord]:
        self.asked.append((target, source, seconds))
        return self.flight

    def ends_with(self, found: OfferRecord) -> None:
        self.flight.set_result(found)


@pytest.fixture
def prober() -> Prober:
    return Prober()


@pytest.fixture
def client(prober: Prober) -> Client:
    return Client(application(snapshot(record("vm")), probe=prober).build())


def test_the_fetch_gets_the_time_of_its_scrape(client: Client, prober: Prober) -> None:
    prober.ends_with(record("vm"))
    assert client.get("/probe?target=contoso/vm").status_code == 200
    client.get("/probe?target=contoso/vm&source=partner_center", **{"x-prometheus-scrape-timeout-seconds": "3"})
    assert prober.asked == [("contoso/vm", None, 9.5), ("contoso/vm", "partner_center", 2.5)]


def test_a_fetch_that_failed_for_want_of_time_is_told_as_such(client: Client, prober: Prober) -> None:
    prober.ends_with(OfferRecord("contoso", "vm", failure=Failure("timeout", "no answer")))
    answer = client.get("/probe?target=contoso/vm", **{"x-prometheus-scrape-timeout-seconds": "0.6"})
    assert (answer.status_code, "probe_success 0.0\n" in answer.text) == (200, True)


def test_a_fetch_that_does_not_keep_its_time_is_not_waited_for(
    client: Client, prober: Prober, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.0)
    answer = client.get("/probe?target=contoso/vm", **{"x-prometheus-scrape-timeout-seconds": "0.1"})
    assert (answer.status_code, answer.text) == (504, "the offer was not fetched within the scrape timeout\n")
    assert not prober.flight.cancelled(), "others may wait for it"


def test_the_format_is_the_one_asked_for(client: Client, prober: Prober) -> None:
    prober.ends_with(record("vm"))
    for accept, kind in (
        ("text/plain", "text/plain;"),
        ("application/openmetrics-text", "application/openmetrics-text;"),
    ):
        answer = client.get("/probe?target=contoso/vm", accept=accept)
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["vary"] == "Accept"


def test_several_accept_fields_count_together(prober: Prober) -> None:
    prober.ends_with(record("vm"))
    headers = [("accept", "text/plain;q=0.5"), ("accept", "application/openmetrics-text")]

    async def ask() -> httpx.Response:
        app = application(snapshot(), probe=prober).build()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://exporter") as client:
            return await client.get("/probe?target=contoso/vm", headers=headers)

    assert asyncio.run(ask()).headers["content-type"].startswith("application/openmetrics-text;")


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (TargetError("not in the settings"), 400, "not in the settings\n"),
        (UnknownOfferError("no such offer"), 404, "no such offer\n"),
        (BusyError("try again"), 503, "try again\n"),
    ],
)
def test_a_probe_that_does_not_start(error: Exception, status: int, text: str) -> None:
    def probe(target: str, source: str | None, seconds: float) -> Future[OfferRecord]:
        raise error

    answer = Client(application(snapshot(), probe=probe).build()).get("/probe?target=contoso/vm")
    assert (answer.status_code, answer.text) == (status, text)
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)


def discovered(shown: Snapshot) -> list[str]:
    answer = Client(application(shown).build()).get("/sd")
    assert answer.status_code == 200
    return [target for group in answer.json() for target in group["targets"]]


def test_a_list_that_is_missing_is_named() -> None:
    """Nothing is better than a part: Prometheus keeps its targets over a 503, and drops what a 200 leaves out."""
    told = SourceRecord("cloud_partner", 1, is_complete=True)
    both = Selection(sources=("cloud_partner", "partner_center", "product_ingestion"))
    some = publisher(record("vm"), sources=(told, SourceRecord("partner_center")), selection=both)
    none = publisher(publisher_id="fabrikam", selection=Selection(sources=("cloud_partner",)))
    full = publisher(publisher_id="northwind", sources=(told,), selection=Selection(sources=("cloud_partner",)))
    answer = Client(application(Snapshot((some, none, full))).build()).get("/sd")
    assert (answer.status_code, answer.text) == (
        503,
        "no list of offers yet of contoso from partner_center, product_ingestion; of fabrikam from cloud_partner\n",
    )
    assert discovered(Snapshot((full,))) == []


def test_offers_that_the_settings_name_are_there_before_the_first_refresh() -> None:
    named = Selection(("vm", "app"), ("cloud_partner",))
    assert discovered(Snapshot((publisher(record("app"), selection=named),))) == ["contoso/vm", "contoso/app"]


class Answering:
    """Knows every offer."""

    name = "cloud_partner"

    def list_offers(self, publisher_id: str, deadline: Deadline) -> tuple[Offer, ...]:
        raise NotImplementedError

    def fetch_offer(self, publisher_id: str, offer_id: str, listed: Offer | None, deadline: Deadline) -> Offer:
        return Offer(publisher_id, offer_id, OfferStatus.RUNNING)


GOOD = ("vm", "My_offer-1.2~x", "a/b c", "résumé", "100%", "?q#f", "%2F", "...", ".vm", "a+b&c=d", "日本", "x" * 128)
BAD = (
    "",
    ".",
    "..",
    "a/../b",
    "../vm",
    "a//b",
    "/vm",
    "vm/",
    "a\\..",
    "a\nb",
    "a\x00",
    "a\u2028b",
    "x" * 129,
)


@pytest.mark.parametrize("named", [(), GOOD + BAD])
def test_what_is_listed_is_accepted_and_nothing_else(named: tuple[str, ...]) -> None:
    """Whatever ids there are, by a list or in the settings; the other ones are left out rather than refused later."""
    told = SourceRecord("cloud_partner", 1, is_complete=True)
    selection = Selection(named, ("cloud_partner",))
    shown = Snapshot((publisher(*map(record, GOOD + BAD), sources=(told,), selection=selection),))
    assert discovered(shown) == [f"contoso/{one}" for one in GOOD]
    prober = RealProber(
        (PublisherSettings.model_construct(id="contoso", offers=named, sources=("cloud_partner",)),),
        {"cloud_partner": Answering()},
        shard=WHOLE,
        latest=lambda: shown,
        limit=1,
        seconds=60,
        clock=lambda: NOW,
        monotonic=lambda: 0.0,
    )
    for target, offer_id in zip(discovered(shown), GOOD, strict=True):
        assert prober.probe(target).result(10).offer_id == offer_id
    for one in BAD:
        with pytest.raises(TargetError, match=r"^target is no publisher/offer$"):
            prober.probe(f"contoso/{one}")
    prober.close()


def test_targets_are_sent_as_other_documents_are() -> None:
    shown = snapshot(*(record(f"offer-{number}") for number in range(1000)))
    client = Client(application(shown).build())
    head, get = client.request("HEAD", "/sd"), client.get("/sd")
    assert (get.headers["content-type"], len(get.json())) == ("application/json", 1000)
    assert get.headers["content-length"] == str(len(get.content))
    assert {name: get.headers[name] for name in security_headers()} == security_headers()
    assert (head.status_code, head.content, head.headers) == (200, b"", get.headers)
    pieces = Discovery().body(shown)
    assert (b"".join(pieces), len(pieces) > 1) == (get.content, True)
    assert max(map(len, pieces)) <= PIECE


def test_the_same_snapshot_is_written_once() -> None:
    document, shown = Discovery(), Snapshot((publisher(record("vm")),))
    first = document.body(shown)
    assert document.body(Snapshot((publisher(record("vm")),))) is first
    assert document.body(Snapshot((publisher(record("app"), last_refresh=NOW),))) != first


def test_a_reload_shows_at_once() -> None:
    """Though nothing has been asked for since."""
    document = Discovery()
    document.body(Snapshot((publisher(selection=Selection(("vm",), ("cloud_partner",))),)))
    after = document.body(Snapshot((publisher(selection=Selection(("app",), ("cloud_partner",))),)))
    assert b'"contoso/app"' in b"".join(after)


class Crowd:
    """A turnstile before which too many wait."""

    async def run(self, work: Callable[[], object]) -> object:
        raise BusyAnswersError


def test_too_many_who_ask_for_targets_are_told_to_come_again(prober: Prober) -> None:
    web = application(snapshot(record("vm")))
    routes = ProbeRoutes(web.publication, prober, turnstile=Crowd())  # type: ignore[arg-type]
    answer = Client(Starlette(routes=[Route("/sd", routes.answer_discovery)])).get("/sd")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_labels_tell_what_is_known() -> None:
    shown = snapshot(record("vm", offer_type="virtual-machine"), OfferRecord("contoso", "new"))
    meta = "__meta_azure_marketplace_"
    assert Client(application(shown).build()).get("/sd").json() == [
        {
            "targets": ["contoso/vm"],
            "labels": {
                f"{meta}publisher_id": "contoso",
                f"{meta}offer_id": "vm",
                f"{meta}offer_type": "virtual-machine",
                f"{meta}source": "cloud_partner",
            },
        },
        {"targets": ["contoso/new"], "labels": {f"{meta}publisher_id": "contoso", f"{meta}offer_id": "new"}},
    ]

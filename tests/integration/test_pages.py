"""The pages in a real browser: what they do with hostile text, how they look, and whether everybody can use them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from exporter.collection.snapshot import Failure, OfferRecord, Snapshot, SourceRecord
from exporter.domain.offers import Level, OfferStatus, StepStatus
from exporter.exposition.publication import Publication
from exporter.pages.html import HtmlPages
from exporter.pages.routes import PageRoutes
from exporter.simulator import serve_in_thread
from tests.unit.pages.samples import (
    AT_SIGNOFF,
    CERTIFY,
    NOW,
    STALE_AFTER,
    listed_only,
    message,
    publisher,
    record,
    snapshot,
    with_past,
)

from .processes import Exporter, Simulator, faulty_simulator
from .webdriver import Page, browser

Tool = Callable[[str], Path]

MARK = "document.documentElement.setAttribute('data-pwned','1');document.title='pwned'"
ODD_ID = "a/b <i>\"'&%20é"
RTL = "\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd"
HOSTILE = (
    f'"><script>{MARK}</script><img src=x onerror="{MARK}"><svg/onload="{MARK}">'
    f'<a href="javascript:{MARK}">click</a><iframe srcdoc="<script>parent.{MARK}</script>"></iframe>'
    f'<meta http-equiv="refresh" content="0;url=https://example.com/"><base href="https://example.com/">'
    f'<style>body{{display:none}}</style><form action="https://example.com/"><button autofocus>x</button></form>{{{{7*191}}}}'
)


@pytest.fixture(scope="module")
def page(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tool("chromedriver"), tool("chromium"), tmp_path_factory.mktemp("profile")) as one:
        yield one


def start_exporter(stack: ExitStack, folder: Path, tool: Tool, upstream: Simulator, *options: str) -> str:
    """Start the exporter and give its URL once its first refresh is done."""
    folder.mkdir()
    token = folder / "token"
    token.write_text("token")
    command: list[str | Path] = [tool("azure-marketplace-exporter"), "--web.listen-address=127.0.0.1:0"]
    command += [f"--api.base-url={upstream.url}", f"--auth.token-file={token}", *options]
    exporter = Exporter(command, folder)
    stack.callback(exporter.kill)
    exporter.wait_until_ready(60)
    return exporter.url


def start_upstream(stack: ExitStack, folder: Path, *options: str) -> Simulator:
    upstream = Simulator(faulty_simulator(*options), folder)
    stack.callback(upstream.kill)
    return upstream


@pytest.fixture
def axe(tools_data: Callable[[str], Path]) -> str:
    """The script that finds what shuts people out of a page."""
    return tools_data("axe/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hostile(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An exporter whose upstream sends script, markup, a megabyte of text and marks that turn text around."""
    folder = tmp_path_factory.mktemp("hostile")
    with ExitStack() as stack:
        upstream = start_upstream(stack, folder / "upstream", "--publisher=contoso")
        for offer, title in ((ODD_ID, HOSTILE), ("huge", "x" * 1_000_000), ("rtl", RTL)):
            put(upstream, offer, title)
        yield start_exporter(stack, folder / "exporter", tool, upstream, "--publishers=contoso")


def put(upstream: Simulator, offer: str, text: str) -> None:
    messages = [{"messageHtml": text, "level": "error", "timestamp": "2026-01-01T00:00:00Z"}]
    step = {
        "id": text[:100],
        "stepName": text,
        "description": text,
        "status": "blocked",
        "estimatedTimeFrame": text,
        "progressPercentage": 30,
        "messages": messages,
    }
    status = {"status": "running", "steps": [step], "messages": messages, "list": {"definition": {"displayText": text}}}
    upstream.put_offer("contoso", quote(offer, safe=""), status)


@contextmanager
def served(html: str, headers: dict[str, str]) -> Iterator[str]:
    """Serve a page that is not the exporter's."""
    app = Starlette(routes=[Route("/", lambda _: HTMLResponse(html, headers=headers))])
    with serve_in_thread(app) as server:
        yield server.url


IS_PWNED = "return 'pwned' in document.documentElement.dataset"
NAMES = """
const all = [...document.querySelectorAll("*")]
return [...new Set([...all.map(one => one.localName), ...all.flatMap(one => one.getAttributeNames())])]
"""
WIDTH = "return document.documentElement.scrollWidth"
CHECK = """
const found = await axe.run(document, {resultTypes: ["violations"]})
return found.violations.flatMap(one => one.nodes.map(node => one.id + ": " + node.html))
"""


def test_the_browser_would_run_what_the_upstream_sends_and_axe_would_find_it(page: Page, axe: str) -> None:
    """Without this the tests below could not fail."""
    with served(f"<!doctype html><title>x</title>{HOSTILE.replace('refresh', 'no-refresh')}", {}) as url:
        page.go(url)
        assert page.script(IS_PWNED)
        page.script(axe)
        assert page.script(CHECK)


@pytest.mark.parametrize("offer", ["", ODD_ID, "huge", "rtl"], ids=["list", "script", "huge", "rtl"])
def test_hostile_text_does_no_harm(page: Page, hostile: str, offer: str) -> None:
    page.console()
    page.resize(400, 600)
    page.go(f"{hostile}/offers/contoso/{quote(offer, safe='')}" if offer else hostile)
    assert page.script("return document.title").endswith("Azure Marketplace Exporter")
    assert not page.script(IS_PWNED)
    assert page.console() == []
    names = set(page.script(NAMES))
    assert not names & {"script", "img", "svg", "iframe", "base", "object", "srcdoc", "autofocus", "http-equiv"}
    assert not any(name.startswith("on") for name in names)
    html = page.script("return document.documentElement.outerHTML")
    assert "1337" not in html
    assert len(html) < 100_000
    assert page.script(WIDTH) <= 400


def test_the_policy_stops_what_would_slip_through(page: Page, hostile: str) -> None:
    """The same page with a script, a handler, an image and a style put into it, under the very same headers."""
    answer = requests.get(hostile, timeout=10)
    put_in = f"<main><script>{MARK}</script><p style='color:red'><img src='/x.png' onerror=\"{MARK}\"></p>"
    headers = {name: answer.headers[name] for name in ("Content-Security-Policy", "X-Content-Type-Options")}
    page.console()
    with served(answer.text.replace("<main", f"{put_in}<main", 1), headers) as url:
        page.go(url)
        wait_for_refusals(page, "Content Security Policy", 3)
        assert not page.script(IS_PWNED)


def test_no_site_can_frame_a_page(page: Page, hostile: str) -> None:
    page.console()
    with served(f"<!doctype html><iframe src='{hostile}/'></iframe>", {}) as url:
        page.go(url)
        wait_for_refusals(page, "frame-ancestors", 1)


def wait_for_refusals(page: Page, words: str, count: int) -> None:
    """Wait until the browser has said so often on its console that it refused something, with these words."""
    lines: list[str] = []
    end = time.monotonic() + 30
    while sum(words in line for line in lines) < count:
        assert time.monotonic() < end, lines
        time.sleep(0.05)
        lines += page.console()


DENIED = Failure("forbidden", "403: Forbidden: no access")
FULL = record(
    "full",
    steps=tuple(
        replace(
            CERTIFY, step_id=one, name=one, status=one, messages=tuple(message("It runs", level) for level in Level)
        )
        for one in StepStatus
    ),
    messages=(message("first"),) * 30,
    live=True,
    live_since=NOW - 9e6,
)
EVERYTHING = snapshot(
    *(record(one, one, display_name=one.title()) for one in OfferStatus),
    record("overdue", since=9e6),
    record("signoff", steps=AT_SIGNOFF),
    record("stale", fetched=STALE_AFTER, failure=DENIED),
    OfferRecord("contoso", "new"),
    listed_only(),
    with_past(),
    FULL,
)
CLOUD = SourceRecord("cloud_partner", ("vm",), NOW)
STATES: dict[str, Snapshot] = {
    "everything": EVERYTHING,
    "nothing": Snapshot(),
    "no-credential-is-good": Snapshot(
        tuple(publisher(publisher_id=one, failure=DENIED, last_success=None) for one in ("contoso", "fabrikam"))
    ),
    "one-source-is-down": Snapshot(
        (
            publisher(record(failure=DENIED), failure=DENIED, sources=(CLOUD, SourceRecord("b", failure=DENIED))),
            publisher(publisher_id="new", last_refresh=None, last_success=None),
        )
    ),
    "one-source-is-not-available": Snapshot(
        (publisher(record(), sources=(CLOUD, SourceRecord("b", failure=DENIED, is_expected=False))),)
    ),
    "empty-list": Snapshot((publisher(sources=(SourceRecord("cloud_partner", (), NOW),)),)),
    "second-page": snapshot(*(record(f"offer-{number}") for number in range(101))),
}
VISITS = [
    *(f"/{state}/" for state in STATES if state != "second-page"),
    "/everything/?waiting_on=publisher",
    "/everything/?q=nothing",
    "/everything/?status=nonsense",
    *(f"/everything/offers/contoso/{one}" for one in ("full", "past", "stale", "new", "listed", "signoff", "none")),
    "/everything/docs",
    "/second-page/?q=offer&page=2",
]


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """All states, each below a path of its own."""
    app = Starlette(routes=[Mount(f"/{name}", routes=routes(shown)) for name, shown in STATES.items()])
    with serve_in_thread(app) as server:
        yield server.url


def routes(shown: Snapshot) -> Any:
    publication = Publication(shown, registry=CollectorRegistry(), stale_after=STALE_AFTER, clock=lambda: NOW)
    return PageRoutes(publication, HtmlPages(telemetry_path="/metrics"), lambda: NOW).routes()


BAR = "return getComputedStyle(document.querySelector('header')).backgroundColor"
SCHEMES = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 27, 34)"}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("path", VISITS)
def test_everybody_can_use_the_page(page: Page, pages: str, axe: str, path: str, scheme: str) -> None:
    """Axe finds nothing, the browser has nothing to complain about, and it is light or dark as the visitor likes."""
    page.console()
    page.resize(1280, 800)
    page.prefer(scheme)
    page.go(pages + path)
    assert [line for line in page.console() if "status of 40" not in line] == []
    assert page.script(BAR) == SCHEMES[scheme]
    page.script(axe)
    assert page.script(CHECK) == []


@pytest.mark.parametrize("path", ["/", "/offers/contoso/full", "/offers/contoso/past", "/docs"])
def test_no_page_is_wider_than_the_window(page: Page, pages: str, path: str) -> None:
    page.go(f"{pages}/everything{path}")
    for width in (320, 400, 768, 961, 1040, 1217, 1280):
        page.resize(width, 600)
        assert page.script(WIDTH) <= width


def test_counts_and_buttons_stay_on_one_line(page: Page, pages: str) -> None:
    page.go(f"{pages}/everything/?status=no_data")
    page.script("document.querySelector('.cards li:nth-child(2) b').textContent = '12345'")
    for width in (320, 375, 1040, 1280):
        page.resize(width, 600)
        heights = "return [...document.querySelectorAll('.cards b, button')].map(one => one.offsetHeight)"
        assert max(page.script(heights)) <= 40


OFFERS = 1000
VISITORS = 8


@pytest.mark.alone
def test_a_thousand_offers_stay_usable_and_no_scrape_waits_for_a_page(
    tool: Tool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        options = ("--scenario=scale", f"--offers={OFFERS}", "--publishers=2")
        upstream = start_upstream(stack, tmp_path / "upstream", *options)
        watched = ("--publishers=publisher-001,publisher-002", "--api.requests-per-second=1000")
        url = start_exporter(stack, tmp_path / "exporter", tool, upstream, *watched)
        page = requests.get(url, timeout=30)
        assert f"Offers 1 to 100 of {OFFERS}" in page.text
        assert "offer-00017" in requests.get(f"{url}/?q=offer-00017", timeout=30).text
        document = requests.get(f"{url}/api/v1/offers", timeout=30)
        assert sum(len(one["offers"]) for one in document.json()["publishers"]) == OFFERS
        pages, scrapes = visit_and_scrape(url)
    with capsys.disabled():
        print(
            f"\n{OFFERS} offers: page {len(page.content) / 1000:.0f} kB in {median(pages) * 1000:.0f} ms with {VISITORS} "
            f"visitors at once, JSON {len(document.content) / 1e6:.1f} MB; meanwhile {len(scrapes)} scrapes, "
            f"median {median(scrapes) * 1000:.0f} ms, longest {max(scrapes) * 1000:.0f} ms"
        )
    assert len(page.content) < 200_000
    assert median(scrapes) < median(pages) / 2  # a visitor waits for the others, a scrape does not


def visit_and_scrape(url: str) -> tuple[list[float], list[float]]:
    """Let visitors load pages without a pause and scrape meanwhile; gives seconds per page and per scrape."""
    scrapes: list[float] = []
    with ThreadPoolExecutor(VISITORS) as pool:
        visits = [pool.submit(timed, f"{url}/?page={number % 10 + 1}") for number in range(10 * VISITORS)]
        while not all(visit.done() for visit in visits):
            scrapes.append(timed(f"{url}/metrics"))
    return [visit.result() for visit in visits], scrapes


def timed(url: str) -> float:
    began = time.monotonic()
    assert requests.get(url, timeout=30).status_code == 200
    return time.monotonic() - began


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]

"""The pages in a real browser, in front of a real exporter and a simulated upstream that sends what it likes."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from .browser import DARK, Browser, corner
from .processes import Exporter, Simulator, faulty_simulator

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


def start_exporter(stack: ExitStack, folder: Path, tool: Tool, *options: str) -> str:
    """Start the exporter and give its URL once its first refresh is done."""
    command: list[str | Path] = [tool("azure-marketplace-exporter"), "--web.listen-address=127.0.0.1:0", *options]
    exporter = Exporter(command, folder)
    stack.callback(exporter.kill)
    exporter.wait_until_ready(60)
    return exporter.url


def start_upstream(stack: ExitStack, folder: Path, *options: str) -> Simulator:
    """Start the simulator."""
    upstream = Simulator(faulty_simulator(*options), folder)
    stack.callback(upstream.kill)
    return upstream


@pytest.fixture(scope="module")
def browser(tool: Tool) -> Browser:
    return Browser(tool("chromium"))


@pytest.fixture(scope="module")
def demo(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The exporter's own demo."""
    with ExitStack() as stack:
        yield start_exporter(stack, tmp_path_factory.mktemp("demo") / "exporter", tool, "--demo")


@pytest.fixture(scope="module")
def hostile(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An exporter whose upstream sends script, markup, a megabyte of text and marks that turn text around."""
    folder = tmp_path_factory.mktemp("hostile")
    token = folder / "token"
    token.write_text("token")
    with ExitStack() as stack:
        upstream = start_upstream(stack, folder / "upstream", "--publisher=contoso")
        for offer, title in ((ODD_ID, HOSTILE), ("huge", "x" * 1_000_000), ("rtl", RTL)):
            put(upstream, offer, title)
        yield start_exporter(
            stack,
            folder / "exporter",
            tool,
            *("--publishers=contoso", f"--api.base-url={upstream.url}", f"--auth.token-file={token}"),
        )


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
def served(pages: dict[str, tuple[str, dict[str, str]]]) -> Iterator[str]:
    """Serve these pages: path to HTML and headers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            html, headers = pages.get(self.path, ("", {}))
            self.send_response(200 if self.path in pages else 404)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *arguments: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)


HOSTILE_PATHS = ["/", *(f"/offers/contoso/{quote(one, safe='')}" for one in (ODD_ID, "huge", "rtl"))]


def test_the_browser_would_run_what_the_upstream_sends(browser: Browser) -> None:
    """Without this the tests below could not fail."""
    stays = HOSTILE.replace("refresh", "no-refresh")
    with served({"/": (f"<!doctype html><title>x</title>{stays}", {})}) as url:
        assert 'data-pwned="1"' in browser.visit(url).dom


@pytest.mark.parametrize("path", HOSTILE_PATHS, ids=["list", "script", "huge", "rtl"])
def test_hostile_text_does_no_harm(browser: Browser, hostile: str, path: str) -> None:
    visit = browser.visit(hostile + path)
    assert "data-pwned" not in Tags(visit.dom).attributes
    assert "Azure Marketplace Exporter</title>" in visit.dom
    assert "<title>pwned" not in visit.dom
    assert visit.complaints == []
    tags = Tags(visit.dom)
    assert not tags.names & {"script", "img", "svg", "iframe", "base", "object"}
    assert not any(name.startswith("on") or name in {"srcdoc", "autofocus"} for name in tags.attributes)
    assert "1337" not in visit.dom
    assert len(visit.dom) < 100_000


def test_hostile_text_can_be_read(hostile: str) -> None:
    html = requests.get(hostile + HOSTILE_PATHS[1], timeout=10).text
    assert "&lt;script&gt;document.documentElement" in html
    assert "<bdi>a/b &lt;i&gt;&#34;&#39;&amp;%20é</bdi>" in html


def test_the_policy_stops_what_would_slip_through(browser: Browser, hostile: str) -> None:
    """The same page with a script, a handler, an image and a style put into it, under the very same headers."""
    answer = requests.get(f"{hostile}/", timeout=10)
    put_in = f"<main><script>{MARK}</script><p style='color:red'><img src='/x.png' onerror=\"{MARK}\"></p>"
    html = re.sub("<main", lambda _: put_in + "<main", answer.text, count=1)
    headers = {name: answer.headers[name] for name in ("Content-Security-Policy", "X-Content-Type-Options")}
    with served({"/": (html, headers)}) as url:
        visit = browser.visit(url)
    assert "data-pwned" not in Tags(visit.dom).attributes
    assert len([line for line in visit.complaints if "Content Security Policy" in line]) >= 3


def test_no_site_can_frame_a_page(browser: Browser, demo: str) -> None:
    with served({"/": (f"<!doctype html><iframe src='{demo}/'></iframe>", {})}) as url:
        visit = browser.visit(url)
    assert any("frame-ancestors" in line for line in visit.complaints)


PATHS = [
    "/",
    "/?waiting_on=publisher",
    "/?status=nonsense",
    "/offers/contoso/gateway-vm",
    "/offers/none/such",
    "/docs",
    "/docs/",
]


@pytest.mark.parametrize("path", PATHS)
def test_the_browser_has_nothing_to_complain_about(browser: Browser, demo: str, path: str) -> None:
    visit = browser.visit(demo + path)
    assert "<h1" in visit.dom
    assert [line for line in visit.complaints if "status of 40" not in line] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/offers/contoso/gateway-vm"])
def test_pages_are_light_or_dark_as_the_visitor_likes(
    browser: Browser, demo: str, tmp_path: Path, path: str, dark: bool
) -> None:
    picture = browser.picture(demo + path, tmp_path / "page.png", (800, 400), *([DARK] if dark else []))
    assert corner(picture) == ("#161b22" if dark else "#ffffff")


MEASURE = """<!doctype html><iframe src="/page" width="{width}" height="600" style="border:0"></iframe>
<script>onload = () => {{ const page = document.querySelector("iframe").contentDocument.documentElement;
document.body.dataset.needs = page.scrollWidth }}</script>"""


@pytest.mark.parametrize("width", [320, 400, 768, 961, 1040, 1217, 1280])
@pytest.mark.parametrize("path", ["/", "/offers/contoso/backup-agent", "/docs"])
def test_no_page_is_wider_than_the_window(browser: Browser, demo: str, path: str, width: int) -> None:
    html = requests.get(demo + path, timeout=10).text
    with served({"/": (MEASURE.format(width=width), {}), "/page": (html, {})}) as url:
        needs = re.search(r'data-needs="(\d+)"', browser.visit(url).dom)
    assert needs is not None
    assert int(needs[1]) <= width


@pytest.mark.parametrize("path", HOSTILE_PATHS, ids=["list", "script", "huge", "rtl"])
def test_hostile_text_does_not_break_the_layout(browser: Browser, hostile: str, path: str) -> None:
    html = requests.get(hostile + path, timeout=10).text
    with served({"/": (MEASURE.format(width=400), {}), "/page": (html, {})}) as url:
        needs = re.search(r'data-needs="(\d+)"', browser.visit(url).dom)
    assert needs is not None
    assert int(needs[1]) <= 400


TALLEST = """<!doctype html><iframe src="/page" width="{width}" height="600" style="border:0"></iframe>
<script>onload = () => {{ const page = document.querySelector("iframe").contentDocument;
document.body.dataset.tallest = Math.max(...[...page.querySelectorAll(".cards b, button")].map(one => one.offsetHeight)) }}</script>"""


@pytest.mark.parametrize("width", [320, 375, 1040, 1280])
def test_counts_and_buttons_stay_on_one_line(browser: Browser, demo: str, width: int) -> None:
    html = requests.get(f"{demo}/?status=no_data", timeout=10).text
    html = re.sub(
        r"<b>\d+</b> <span>with Microsoft", "<b>12345</b> <span>with Microsoft, <strong>99 overdue</strong>", html
    )
    assert "12345" in html
    assert "Show all" in html
    with served({"/": (TALLEST.format(width=width), {}), "/page": (html, {})}) as url:
        tallest = re.search(r'data-tallest="(\d+)"', browser.visit(url).dom)
    assert tallest is not None
    assert int(tallest[1]) <= 40


OFFERS = 1000
VISITORS = 8


@pytest.mark.alone
def test_a_thousand_offers_stay_usable_and_no_scrape_waits_for_a_page(
    browser: Browser, tool: Tool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text("token")
    with ExitStack() as stack:
        upstream = start_upstream(
            stack, tmp_path / "upstream", "--scenario=scale", f"--offers={OFFERS}", "--publishers=2"
        )
        url = start_exporter(
            stack,
            tmp_path / "exporter",
            tool,
            "--publishers=publisher-001,publisher-002",
            *(f"--api.base-url={upstream.url}", f"--auth.token-file={token}", "--api.requests-per-second=1000"),
        )
        page = requests.get(f"{url}/", timeout=30)
        assert f"Offers 1 to 100 of {OFFERS}" in page.text
        assert "offer-00017" in requests.get(f"{url}/?q=offer-00017", timeout=30).text
        assert "Page 10 of 10" in browser.visit(f"{url}/?page=10").dom
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

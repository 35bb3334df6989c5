"""Clients that mean no good: they are cut off, a normal scrape beside them is answered, and the memory comes back.

`pytest tests/integration/test_hostile_clients.py` prints the figures that docs/web.md shows.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import bcrypt
import pytest
import yaml

from tests.benchmarks.measure import process_rss
from tests.certificates import Authority

from .crowd import Crowd, Scraper, cut_off, scrape
from .processes import Exporter, Simulator, faulty_simulator, wait_until

pytestmark = pytest.mark.alone

OFFERS = 2000
MEMORY_LEFT = 100.0
"""MiB that may stay in use after an attack, compared with before it: what a leak leaves behind is several times that."""
ELSEWHERE = "127.0.0.2"
"""Where a crowd comes from that must not be mixed up with the scraper."""
GET = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n"

Address = tuple[str, int]
Tool = Callable[[str], Path]
Tell = Callable[..., None]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(
        faulty_simulator("--scenario=scale", f"--offers={OFFERS}"), tmp_path_factory.mktemp("simulator")
    )
    yield simulator
    simulator.kill()


@contextmanager
def running(tool: Tool, folder: Path, web: dict[str, Any], *arguments: str) -> Iterator[Exporter]:
    """Run an exporter with this web configuration."""
    (folder / "web.yml").write_text(yaml.safe_dump(web), encoding="utf-8")
    where = "--web.listen-address=127.0.0.1:0", f"--web.config.file={folder / 'web.yml'}"
    exporter = Exporter([tool("azure-marketplace-exporter"), *where, *arguments], folder)
    try:
        yield exporter
    finally:
        exporter.kill()


@pytest.fixture(scope="module")
def crowded(tool: Tool, api: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    """An exporter with so many offers that a body fits in no buffer; it refreshes them again and again."""
    folder = tmp_path_factory.mktemp("crowded")
    (folder / "token").write_text("token", encoding="utf-8")
    with running(
        tool,
        folder,
        {},
        "--publishers=publisher-001",
        f"--api.base-url={api.url}",
        "--api.requests-per-second=1000",
        f"--auth.token-file={folder / 'token'}",
        "--collection.interval=8s",
    ) as exporter:
        exporter.wait_until_ready(60)
        yield exporter


@pytest.fixture(scope="module")
def address(crowded: Exporter) -> Address:
    return place(crowded)


def place(exporter: Exporter) -> Address:
    parts = urlsplit(exporter.url)
    return parts.hostname or "", parts.port or 0


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Tell:
    def print_figures(**figures: float) -> None:
        text = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in figures.items())
        with capsys.disabled():
            print(f"\n  {request.node.name}: {text}", end=" ")

    return print_figures


@contextmanager
def scraped(exporter: Exporter, tell: Tell, context: ssl.SSLContext | None = None) -> Iterator[None]:
    """Scrape meanwhile, and judge the scrapes and the memory at the end."""
    scrape(place(exporter), context)
    before = process_rss(exporter.pid)
    with Scraper(place(exporter), exporter.pid, context) as scraper:
        yield
    scrape(place(exporter), context)
    after = process_rss(exporter.pid)
    tell(slowest_scrape_s=max(scraper.seconds), scrapes=len(scraper.seconds))
    tell(MiB_before=before, peak=scraper.peak, after=after)
    assert not scraper.errors
    assert after - before < MEMORY_LEFT
    assert "Traceback" not in exporter.log


@pytest.fixture
def beside(crowded: Exporter, tell: Tell) -> Iterator[None]:
    with scraped(crowded, tell):
        yield


@pytest.mark.usefixtures("beside")
def test_those_who_wait(address: Address, tell: Tell) -> None:
    """Twice as many as there are places: half of them say nothing, half send the start of a request."""
    with Crowd(address, 250) as idle, Crowd(address, 250, GET + b"Accept: text") as half_sent:
        first, *last = cut_off(idle, half_sent)
    tell(first_cut_s=first, idle_cut_s=last[0], half_sent_cut_s=last[1])


@pytest.mark.usefixtures("beside")
def test_the_slow(address: Address, tell: Tell) -> None:
    """Some send one byte every two seconds; some who ask for the large body take nothing of it, or a little now and then."""
    post = b"POST / HTTP/1.1\r\nHost: exporter\r\nContent-Length: 1000\r\n\r\n"
    ask = GET + b"\r\n"
    with (
        Crowd(address, 20, b"G", drip=b"ET /metrics HTTP/1.1") as heads,
        Crowd(address, 20, post, drip=b"a" * 1000) as bodies,
        Crowd(address, 150, ask, read=0, receive_buffer=4096) as still,
        Crowd(address, 50, ask, read=4096, pause=0.5, receive_buffer=4096) as slow,
    ):
        _, *last = cut_off(heads, bodies, still, slow)
    tell(heads_cut_s=last[0], bodies_cut_s=last[1], still_cut_s=last[2], slow_cut_s=last[3])


def test_a_body_is_large(address: Address, tell: Tell) -> None:
    """Larger than all buffers on the way, or the slow readers would prove nothing."""
    size = len(ask(address, GET + b"\r\n")[2])
    tell(body_MiB=size / 2**20)
    assert size > 8 * 2**20


@pytest.mark.usefixtures("beside")
def test_fifty_scrapes_at_once(address: Address, tell: Tell) -> None:
    started = time.monotonic()
    with ThreadPoolExecutor(50) as threads:
        bodies = list(threads.map(scrape, [address] * 50))
    tell(fifty_scrapes_s=time.monotonic() - started)
    assert all(bodies)


def last_refresh(address: Address) -> tuple[float, float]:
    """Tell when the last refresh ended, and whether it got everything."""
    text = gzip.decompress(scrape(address)).decode()
    names = "last_refresh_timestamp_seconds", "up"
    ended, is_up = (re.findall(rf"(?m)^azure_marketplace_publisher_{name}{{.*}} (\S+)$", text) for name in names)
    return float(ended[0]), float(is_up[0])


@pytest.mark.usefixtures("beside")
def test_requests_without_a_pause(address: Address, tell: Tell) -> None:
    """More connections than there are places, none of which ever rests: others are answered, and the collection goes on."""
    before, _ = last_refresh(address)
    until = time.monotonic() + 8

    def flood(_: int) -> int:
        received = 0
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(address, 5, (ELSEWHERE, 0)) as one:
                one.sendall(b"GET /nothing HTTP/1.1\r\nHost: exporter\r\n\r\n" * 20)
                while data := one.recv(65536):
                    received += len(data)
        return received

    with ThreadPoolExecutor(300) as threads:
        received = sum(threads.map(flood, range(300)))
    wait_until(lambda: last_refresh(address)[0] > before, "a refresh", 120)
    after, is_up = last_refresh(address)
    tell(answers_MiB=received / 2**20, refreshed_s_later=after - before)
    assert received
    assert is_up


@pytest.mark.usefixtures("beside")
def test_clients_that_come_again_and_again(address: Address, tell: Tell) -> None:
    """Thirty of them, from the scraper's own address, each request on a new connection."""
    until = time.monotonic() + 4

    def come_again(_: int) -> int:
        answers = 0
        while time.monotonic() < until:
            assert ask(address, b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 30)[0] == 200
            answers += 1
        return answers

    with ThreadPoolExecutor(30) as threads:
        tell(answers=sum(threads.map(come_again, range(30))))


@pytest.mark.usefixtures("beside")
def test_held_requests(address: Address, api: Simulator, tell: Tell) -> None:
    """More than there are places ask for an offer that the upstream API does not answer, and have patience."""
    api.control("POST", "faults", json={"kind": "hold", "path": "*offer-00001*"})
    probe = b"GET /probe?target=publisher-001/offer-00001 HTTP/1.1\r\nHost: exporter\r\nConnection: close\r\n"
    try:
        with Crowd(address, 300, probe + b"X-Prometheus-Scrape-Timeout-Seconds: 5\r\n\r\n", source=ELSEWHERE) as crowd:
            first, last = crowd.wait_until_cut()
    finally:
        api.control("DELETE", "faults")
    tell(first_cut_s=first, last_cut_s=last)


def ask(address: Address, request: bytes, timeout: float = 30.0) -> tuple[int, dict[str, str], bytes]:
    """Send raw bytes, as far as they are taken, and read one answer."""
    with socket.create_connection(address, timeout=timeout) as one:
        with contextlib.suppress(ConnectionError):
            one.sendall(request)
        answer = http.client.HTTPResponse(one, method="HEAD" if request.startswith(b"HEAD") else "GET")
        answer.begin()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@pytest.mark.parametrize(
    "request_",
    [
        GET + b"X: " + b"a" * 2_000_000 + b"\r\n\r\n",
        GET + b"X: a\r\n" * 400_000 + b"\r\n",
        b"GET /" + b"a" * 2_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=["header", "headers", "target"],
)
def test_oversized_requests(address: Address, request_: bytes) -> None:
    """Each is refused long before its end; a client that is still sending may find only a reset."""
    with contextlib.suppress(ConnectionError):
        assert ask(address, request_)[0] == 400
    scrape(address)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"a" * 200_000, 405),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET //etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /metrics%00 HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405),
        (b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"TRACE /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"BREW /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        (b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", 200),
        (b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, 400),
        (b"\r\n" * 100, 400),
        (GET + b"Accept: " + b"a/b;q=0.1," * 1500 + b"\r\n\r\n", 200),
        (GET + b"Accept: ;;;,,,=;q=nan,text/plain;q=1e400\r\nAccept-Encoding: gzip;q=-1,\xff\xfe\r\n\r\n", 200),
        (GET + b"Accept-Encoding: " + b"gzip," * 3000 + b"\r\n\r\n", 200),
    ],
)
def test_odd_requests(address: Address, request_: bytes, status: int) -> None:
    """Each is answered by the right status, and so is a scrape after it."""
    found, headers, body = ask(address, request_)
    scrape(address)
    assert found == status
    assert b"root:" not in body
    if status == 405:
        assert "GET" in headers["allow"]
    if request_.startswith(b"HEAD"):
        assert body == b""
        assert int(headers["content-length"]) > 1_000_000


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def closed(tool: Tool, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    """An exporter that wants client certificates."""
    certificate, key = authority.issue("server")
    tls = {
        "cert_file": str(certificate),
        "key_file": str(key),
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": str(authority.file),
    }
    with running(tool, tmp_path_factory.mktemp("closed"), {"tls_server_config": tls}, "--demo") as exporter:
        yield exporter


def client(authority: Authority, name: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if name:
        context.load_cert_chain(*authority.issue(name))
    return context


def test_mute_tls_clients(closed: Exporter, authority: Authority, tell: Tell) -> None:
    """A thousand connections without a handshake: uvicorn alone would take 350 MiB for them."""
    with scraped(closed, tell, client(authority, "scraper")), Crowd(place(closed), 1000) as crowd:
        first, last = crowd.wait_until_cut()
    tell(first_cut_s=first, last_cut_s=last)


def test_clients_without_certificate(closed: Exporter, authority: Authority, tell: Tell) -> None:
    guest = client(authority)
    with scraped(closed, tell, client(authority, "scraper")):
        for _ in range(50):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                scrape(place(closed), guest)


def test_a_right_password_beside_a_crowd_that_guesses(tool: Tool, tmp_path: Path, tell: Tell) -> None:
    """It is asked for the first time, after thirty clients have begun to guess as fast as they are answered."""
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(10)).decode()
    over = threading.Event()
    with running(tool, tmp_path, {"basic_auth_users": {"alice": hashed}}, "--demo") as exporter:

        def login(password: str) -> int:
            return exporter.get("/-/healthy", auth=("alice", password), timeout=60).status_code

        def guess(client: int) -> set[int]:
            return {login(f"{client}-{number}") for number in takewhile(lambda _: not over.is_set(), count())}

        with ThreadPoolExecutor(30) as threads:
            guesses = [threads.submit(guess, client) for client in range(30)]
            time.sleep(1)
            started = time.monotonic()
            try:
                assert login("right") == 200
            finally:
                over.set()
            tell(right_answer_after_s=time.monotonic() - started)
        assert [one.result() for one in guesses] == [{401}] * 30

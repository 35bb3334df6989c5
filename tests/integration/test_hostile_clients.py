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
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, takewhile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import bcrypt
import pytest
import yaml

from tests.certificates import Authority

from .crowd import Crowd, Scraper, resident_mebibytes, scrape
from .processes import Exporter, Simulator, faulty_simulator, wait_until

pytestmark = pytest.mark.alone

OFFERS = 2000
CUT_WITHIN = 60.0
"""The longest limit is 22 s; on a busy machine a crowd takes long to open as well."""
MEMORY_LEFT = 100.0
"""MiB that may stay in use after an attack, compared with before it: what a leak leaves behind is several times that."""

Tool = Callable[[str], Path]
Tell = Callable[..., None]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(
        faulty_simulator("--scenario=scale", f"--offers={OFFERS}"),
        tmp_path_factory.mktemp("api"),
    )
    yield simulator
    simulator.kill()


@pytest.fixture(scope="module")
def crowded(tool: Tool, api: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    """An exporter with so many offers that a body fits in no buffer; it refreshes them again and again."""
    folder = tmp_path_factory.mktemp("crowded")
    settings = {
        "publishers": ["publisher-001"],
        "collection": {"interval": "30s", "timeout": "30s"},
        "api": {"base_url": api.url, "requests_per_second": 1000},
        "auth": {"token_file": str(folder / "token")},
        "web": {"listen_address": ["127.0.0.1:0"]},
    }
    (folder / "token").write_text("token", encoding="utf-8")
    (folder / "exporter.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    exporter = Exporter(
        [tool("azure-marketplace-exporter"), f"--config.file={folder / 'exporter.yaml'}"], folder / "exporter"
    )
    try:
        exporter.wait_until_ready(60)
        yield exporter
    finally:
        exporter.kill()


@pytest.fixture(scope="module")
def address(crowded: Exporter) -> tuple[str, int]:
    return place(crowded)


def place(exporter: Exporter) -> tuple[str, int]:
    parts = urlsplit(exporter.url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Tell:
    def print_figures(**figures: Any) -> None:
        text = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in figures.items())
        with capsys.disabled():
            print(f"\n  {request.node.name}: {text}", end=" ")

    return print_figures


@pytest.fixture
def beside(crowded: Exporter, address: tuple[str, int], tell: Tell) -> Iterator[Scraper]:
    """Scrape during the test, and judge the scrapes and the memory at its end."""
    scrape(address)
    before = resident_mebibytes(crowded.pid)
    with Scraper(address, crowded.pid) as scraper:
        yield scraper
    scrape(address)
    after = resident_mebibytes(crowded.pid)
    tell(
        slowest_scrape_s=max(scraper.seconds),
        scrapes=len(scraper.seconds),
        MiB_before=before,
        peak=scraper.peak,
        after=after,
    )
    assert not scraper.errors
    assert after - before < MEMORY_LEFT
    assert "Traceback" not in crowded.log


GET = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n"


@pytest.mark.parametrize("start", [b"", GET + b"Accept: text"], ids=["500 idle connections", "500 half-sent requests"])
def test_those_who_wait(address: tuple[str, int], beside: Scraper, tell: Tell, start: bytes) -> None:
    with Crowd(address, 500, start) as crowd:
        first, last = crowd.wait_until_cut(CUT_WITHIN)
    tell(first_cut_s=first, last_cut_s=last)


def test_one_byte_every_two_seconds(address: tuple[str, int], beside: Scraper, tell: Tell) -> None:
    """Fifty do so with the head of a request, fifty with its body."""
    body = b"POST / HTTP/1.1\r\nHost: exporter\r\nContent-Length: 1000\r\n\r\n"
    with Crowd(address, 50, b"G") as heads, Crowd(address, 50, body) as bodies, ThreadPoolExecutor() as threads:
        of_heads = threads.submit(heads.wait_until_cut, CUT_WITHIN, drip=b"ET /metrics HTTP/1.1")
        of_bodies = threads.submit(bodies.wait_until_cut, CUT_WITHIN, drip=b"a" * 1000)
        tell(heads_cut_s=of_heads.result()[1], bodies_cut_s=of_bodies.result()[1])


def test_slow_readers(address: tuple[str, int], beside: Scraper, tell: Tell) -> None:
    """Of those who ask for the large body, 150 take nothing of it and 50 a little, again and again."""
    ask = GET + b"\r\n"
    with (
        Crowd(address, 150, ask, receive_buffer=4096) as still,
        Crowd(address, 50, ask, receive_buffer=4096) as slow,
        ThreadPoolExecutor() as threads,
    ):
        of_still = threads.submit(still.wait_until_cut, CUT_WITHIN, read=None)
        of_slow = threads.submit(slow.wait_until_cut, CUT_WITHIN, read=4096, pause=0.5)
        tell(still_cut_s=of_still.result()[1], slow_cut_s=of_slow.result()[1])


def test_a_body_is_large(address: tuple[str, int], tell: Tell) -> None:
    """Larger than all buffers on the way, or the slow readers would prove nothing."""
    size = len(ask(address, GET + b"\r\n")[2])
    tell(body_MiB=size / 2**20)
    assert size > 8 * 2**20


def test_fifty_scrapes_at_once(address: tuple[str, int], beside: Scraper, tell: Tell) -> None:
    bodies: list[bytes] = []
    threads = [threading.Thread(target=lambda: bodies.append(scrape(address))) for _ in range(50)]
    started = time.monotonic()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    tell(fifty_scrapes_s=time.monotonic() - started)
    assert len(bodies) == 50


ELSEWHERE = "127.0.0.2"
"""Where a crowd comes from that must not be mixed up with the scraper."""


def last_refresh(address: tuple[str, int]) -> tuple[float, float]:
    """Tell when the last refresh ended, and whether it got everything."""
    text = gzip.decompress(scrape(address)).decode()
    found = [
        float(re.search(rf"(?m)^azure_marketplace_publisher_{name}{{.*}} (\S+)$", text)[1])  # type: ignore[index]
        for name in ("last_refresh_timestamp_seconds", "up")
    ]
    return found[0], found[1]


def test_requests_without_a_pause(address: tuple[str, int], beside: Scraper, tell: Tell) -> None:
    """More connections than there are places, none of which ever rests: others are answered, and the collection goes on."""
    before, _ = last_refresh(address)
    program = str(Path(__file__).with_name("flood.py"))
    command = [sys.executable, program, *map(str, address), ELSEWHERE, "300", "30"]
    answers = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
    wait_until(lambda: last_refresh(address)[0] > before, "a refresh", 60)
    after, is_up = last_refresh(address)
    tell(answers_MiB=int(answers.stdout) / 2**20, refreshed_s_later=after - before)
    assert int(answers.stdout) > 2**20
    assert is_up


def test_clients_that_come_again_and_again(address: tuple[str, int], beside: Scraper, tell: Tell) -> None:
    """Thirty of them, from the scraper's own address, each request on a new connection."""

    def come_again() -> int:
        count, until = 0, time.monotonic() + 6
        while time.monotonic() < until:
            assert ask(address, b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 10)[0] == 200
            count += 1
        return count

    with ThreadPoolExecutor(30) as threads:
        counts = [threads.submit(come_again) for _ in range(30)]
    tell(answers=sum(one.result() for one in counts))


def test_held_requests(address: tuple[str, int], api: Simulator, beside: Scraper, tell: Tell) -> None:
    """As many as there are places ask for an offer that the upstream API does not answer; a header asks for patience."""
    api.control("POST", "faults", json={"kind": "hold", "path": "*offer-00001*"})
    request = (
        b"GET /probe?target=publisher-001/offer-00001 HTTP/1.1\r\nHost: exporter\r\n"
        b"X-Prometheus-Scrape-Timeout-Seconds: 20\r\n\r\n"
    )
    try:
        with Crowd(address, 300, request, source=ELSEWHERE) as crowd:
            first, last = crowd.wait_until_cut(CUT_WITHIN + 20)
    finally:
        api.control("DELETE", "faults")
    tell(first_cut_s=first, last_cut_s=last)


def ask(address: tuple[str, int], request: bytes, timeout: float = 5.0) -> tuple[int, dict[str, str], bytes]:
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
def test_oversized_requests(address: tuple[str, int], request_: bytes) -> None:
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
def test_odd_requests(address: tuple[str, int], request_: bytes, status: int) -> None:
    """Each is answered by the right status before any limit in time, and so is a scrape after it."""
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
    folder = tmp_path_factory.mktemp("closed")
    certificate, key = authority.issue("server")
    tls = {
        "cert_file": str(certificate),
        "key_file": str(key),
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": str(authority.file),
    }
    (folder / "web.yml").write_text(yaml.safe_dump({"tls_server_config": tls}), encoding="utf-8")
    exporter = Exporter(
        [
            tool("azure-marketplace-exporter"),
            "--demo",
            "--web.listen-address=127.0.0.1:0",
            f"--web.config.file={folder / 'web.yml'}",
        ],
        folder,
    )
    yield exporter
    exporter.kill()


def client(authority: Authority, name: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if name:
        certificate, key = authority.issue(name)
        context.load_cert_chain(certificate, key)
    return context


def test_mute_tls_clients(closed: Exporter, authority: Authority, tell: Tell) -> None:
    """A thousand connections without a handshake, twice: uvicorn alone would take 350 MiB for them."""
    before = resident_mebibytes(closed.pid)
    left = []
    with Scraper(place(closed), closed.pid, client(authority, "scraper")) as scraper:
        for _ in range(2):
            with Crowd(place(closed), 1000) as crowd:
                first, last = crowd.wait_until_cut(CUT_WITHIN)
            left.append(resident_mebibytes(closed.pid))
    tell(first_cut_s=first, last_cut_s=last, slowest_scrape_s=max(scraper.seconds))
    tell(MiB_before=before, peak=scraper.peak, after_one=left[0], after_two=left[1])
    assert not scraper.errors
    assert max(left) - before < MEMORY_LEFT


def test_clients_without_certificate(closed: Exporter, authority: Authority, tell: Tell) -> None:
    guest = client(authority)
    with Scraper(place(closed), closed.pid, client(authority, "scraper")) as scraper:
        for _ in range(50):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                scrape(place(closed), guest)
    tell(slowest_scrape_s=max(scraper.seconds))
    assert not scraper.errors
    assert "Traceback" not in closed.log


def test_a_right_password_beside_a_crowd_that_guesses(tool: Tool, tmp_path: Path, tell: Tell) -> None:
    """It is asked for the first time, after thirty clients have begun to guess as fast as they are answered."""
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(10)).decode()
    (tmp_path / "web.yml").write_text(yaml.safe_dump({"basic_auth_users": {"alice": hashed}}), encoding="utf-8")
    web = f"--web.config.file={tmp_path / 'web.yml'}"
    command = tool("azure-marketplace-exporter"), "--demo", "--web.listen-address=127.0.0.1:0", web
    exporter = Exporter(command, tmp_path / "exporter")
    over = threading.Event()

    def login(password: str) -> int:
        return exporter.get("/-/healthy", auth=("alice", password), timeout=60).status_code

    def guess(client: int) -> list[int]:
        return [login(f"{client}-{number}") for number in takewhile(lambda _: not over.is_set(), count())]

    try:
        with ThreadPoolExecutor(30) as threads:
            guesses = [threads.submit(guess, client) for client in range(30)]
            time.sleep(1)
            started = time.monotonic()
            try:
                assert login("right") == 200
            finally:
                over.set()
            tell(right_answer_after_s=time.monotonic() - started)
        assert {status for one in guesses for status in one.result()} == {401}
    finally:
        exporter.kill()

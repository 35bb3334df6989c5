"""`make bench`: the figures of docs/performance.md and docs/forecast.md, as ratios measured side by side in one run."""

from __future__ import annotations

import http
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from functools import partial
from itertools import count
from pathlib import Path

from prometheus_client.exposition import generate_latest

# Run as a program, Python looks for modules in this folder only; at the end, so that the installed exporter is taken.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from exporter.collection.snapshot import Snapshot
from exporter.config.settings import ApiSettings
from exporter.exposition.encoder import encode, render
from exporter.exposition.publication import Publication
from exporter.telemetry.metrics import Telemetry
from tests.benchmarks.forecast import forecast
from tests.benchmarks.forecast_cost import forecast_cost
from tests.benchmarks.measure import alternate, percentile, process_cpu, process_rss, table
from tests.benchmarks.playback import playback
from tests.benchmarks.processes import BIN, PATIENCE, connected, exporter, get, simulator
from tests.benchmarks.sample import NOW, STALE, Reference, snapshot
from tests.benchmarks.shards import shards

GZIP = {"Accept-Encoding": "gzip"}
ROUNDS = 5
DEFAULT_PACE = int(ApiSettings().requests_per_second)


def rendering() -> str:
    """CPU per snapshot, for both formats at once, against one text exposition of prometheus_client."""
    rows = []
    for offers in (10, 100, 1000):
        shown = snapshot(offers)
        reference = Reference(shown)
        assert b"".join(text for text, _ in render(shown, NOW, STALE)) == generate_latest(reference)
        took = alternate(
            {
                "library": partial(generate_latest, reference),
                "render": partial(exhaust, shown),
                "encode": partial(encode, shown, NOW, STALE),
            },
            rounds=9,
        )
        library = took["library"]
        ratios = (f"{took[name] / library:.3f}" for name in ("render", "encode"))
        rows.append((f"{offers:,}", f"{library * 1000:.1f}", *ratios))
    head = ("offers", "`generate_latest`, text: CPU ms", "rendering both formats", "the same with gzip")
    return "## Per refresh, CPU as a ratio to prometheus_client\n\n" + table(head, rows)


def exhaust(shown: Snapshot) -> None:
    """Render every piece and drop it."""
    deque(render(shown, NOW, STALE), maxlen=0)


def scraping() -> str:
    """CPU of a whole gzip scrape over HTTP, in the exporter's process, against prometheus_client's encoder alone."""
    rows = []
    for offers in (10, 100, 1000):
        shown = snapshot(offers)
        reference = Reference(shown)
        publication = Publication(
            shown,
            registry=Telemetry().registry,
            stale_after=STALE,
            clock=lambda: NOW,
            monotonic=partial(next, count()),  # so that no two scrapes share anything
        )
        took = alternate(
            {
                "library": partial(generate_latest, reference),
                "scrape": partial(publication.metrics, openmetrics=False, gzip=True),
            },
            rounds=9,
        )
        rows.append((f"{offers:,}", f"{took['scrape'] * 1000:.2f}", f"{took['scrape'] / took['library']:.4f}"))
    head = ("offers", "gzip scrape, body: CPU ms", "ratio to `generate_latest`, text, uncompressed")
    return "## Per scrape, CPU as a ratio to prometheus_client\n\n" + table(head, rows)


def latency() -> str:
    """Scrapes of a real process, idle and while it refreshes without a rest at the default pace; rounds of both in turn."""
    idle: list[float] = []
    busy: list[float] = []
    with playback(1000) as api:
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as folder:  # without a state, ready means that the first refresh is over
                state = Path(folder) / "state"
                times, idle_cpu = _scrapes(api, "1h", pace=1000, state=state)
                idle += times
                busy += _scrapes(api, "1s", pace=DEFAULT_PACE, state=state)[0]
    ratio = percentile(busy, 0.99) / percentile(idle, 0.99)
    rows = [
        ("idle", f"{statistics.median(idle) * 1000:.1f}", f"{percentile(idle, 0.99) * 1000:.1f}", "1"),
        ("refreshing", f"{statistics.median(busy) * 1000:.1f}", f"{percentile(busy, 0.99) * 1000:.1f}", f"{ratio:.1f}"),
    ]
    head = ("1,000 offers, gzip, over HTTP", "median ms", "p99 ms", "p99 to idle p99")
    note = f"\nCPU of the process per idle scrape: {idle_cpu * 1000:.2f} ms.\n"
    return "## Scrape latency\n\n" + table(head, rows) + note


def _scrapes(api: str, interval: str, *, pace: int, state: Path, count: int = 600) -> tuple[list[float], float]:
    with exporter(api, interval, pace=pace, state=state) as one:
        one.wait_until_ready(PATIENCE)
        connection = connected(one)
        assert len(get(connection, "/metrics")[1]) > 1_000_000, "there are no offers to measure"
        times = []
        used = process_cpu(one.pid)
        for _ in range(count):
            started = time.perf_counter()
            get(connection, "/metrics", GZIP)
            times.append(time.perf_counter() - started)
            time.sleep(0.01)
        connection.close()
        return times, (process_cpu(one.pid) - used) / count


def memory() -> str:
    """Resident memory of a real process after refreshes and scrapes."""
    rows = []
    for offers in (50, 1000, 10_000):
        with simulator(offers) as api, exporter(api, "20s" if offers > 1000 else "2s") as one:
            one.wait_until_ready(PATIENCE)
            peak = process_rss(one.pid)
            connection = connected(one)
            until = time.monotonic() + (100 if offers > 1000 else 10)
            while time.monotonic() < until:  # several refreshes, the peak between two of them included
                get(connection, "/metrics", GZIP)
                peak = max(peak, process_rss(one.pid))
                time.sleep(0.1)
            size = len(get(connection, "/metrics")[1])
            assert size > offers * 1000, "there are no offers to measure"
            rows.append((f"{offers:,}", f"{size / 2**20:.1f}", f"{max(peak, process_rss(one.pid)):.0f}"))
            connection.close()
    return "## Memory\n\n" + table(("offers", "exposition, MiB", "RSS, MiB"), rows)


def startup() -> str:
    """From the start of the process to the first answer of /-/healthy, against three bare imports."""
    imports = [sys.executable, "-c", "import prometheus_client, requests, pydantic_settings"]
    bare, real = [], []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run(imports, check=True)
        bare.append(time.perf_counter() - started)
        started = time.perf_counter()
        with exporter("http://127.0.0.1:9") as one:
            connection = connected(one)
            assert get(connection, "/-/healthy")[0] == http.HTTPStatus.OK
            real.append(time.perf_counter() - started)
            connection.close()
    ratio = statistics.median(real) / statistics.median(bare)
    rows = [(f"{statistics.median(bare) * 1000:.0f}", f"{statistics.median(real) * 1000:.0f}", f"{ratio:.2f}")]
    head = ("imports alone, ms", "start to first `/-/healthy`, ms", "ratio")
    return "## Start\n\n" + table(head, rows)


ALL = (rendering, scraping, latency, memory, startup, shards, forecast, forecast_cost)
BENCHMARKS = {one.__name__: one for one in ALL}


def main() -> int:
    """Run the benchmarks that are named, or all."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}, {BIN.name}\n")
    for name in sys.argv[1:] or BENCHMARKS:
        print(BENCHMARKS[name](), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

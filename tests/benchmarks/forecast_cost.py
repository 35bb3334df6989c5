"""What full records cost: the same exporter with 10,000 offers that have no past, and with as much as is ever kept."""

from __future__ import annotations

import random
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from functools import reduce
from pathlib import Path

from exporter.collection.record import (
    DURATIONS,
    OWN_DURATIONS,
    PUBLICATIONS,
    Duration,
    Past,
    PastPublication,
    Pool,
    pooled,
)
from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.collection.state import StateFile
from exporter.domain.offers import Offer, OfferStatus
from tests.benchmarks.measure import percentile, process_cpu, process_rss, table
from tests.benchmarks.playback import playback
from tests.benchmarks.processes import PATIENCE, connected, exporter, get
from tests.integration.processes import Exporter

DAY = 86400
REFRESHES = 3
GZIP = {"Accept-Encoding": "gzip"}


def forecast_cost(offers: int = 10_000) -> str:
    """CPU and memory of a real process per refresh, its state file, and its scrapes meanwhile; two rounds in turn."""
    with playback(offers) as api, tempfile.TemporaryDirectory() as folder:
        files = {"no past": Path(folder) / "none", "full records": Path(folder) / "full"}
        _first_state(api, files["no past"])
        _fill(files["no past"], files["full records"])
        seen: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in files}
        for _ in range(2):
            for name, state in files.items():
                shutil.copy(state, Path(folder) / "state")
                seen[name].append(_measured(api, Path(folder) / "state"))
        rows = []
        for name, measured in seen.items():
            cpu, rss, median, late = (statistics.mean(one) for one in zip(*measured, strict=True))
            size = files[name].stat().st_size / 1e6
            figures = (f"{cpu:.1f}", f"{rss:.0f}", f"{size:.1f}", f"{median * 1000:.0f}", f"{late * 1000:.0f}")
            rows.append((name, *figures))
    head = ("10,000 offers", "CPU s per refresh", "most RSS, MiB", "state file, MB", "scrape, median ms", "p99 ms")
    return "## What full records cost\n\n" + table(head, rows)


def _first_state(api: str, path: Path) -> None:
    with exporter(api, "1h", state=path) as one:
        one.wait_until_ready(PATIENCE)
        while not path.exists():
            time.sleep(0.1)


def _fill(source: Path, target: Path) -> None:
    """Write the same state with full records of a past that nobody has seen."""
    rng = random.Random(1)
    (publisher,) = _load(source).publishers
    records = tuple(_with_past(one, rng) for one in publisher.offers)
    pools: tuple[Pool, ...] = ()
    for offer_type, offer in {one.offer.offer_type: one.offer for one in records if one.offer}.items():
        steps = [(offer.source, offer_type, step.step_id) for step in offer.steps]
        pools = pooled(pools, ((*step, _duration(rng, -number)) for step in steps for number in range(DURATIONS)))
    state = StateFile(target)
    state.save(Snapshot((replace(publisher, offers=records, pools=pools),)))
    state.close()


def _load(path: Path) -> Snapshot:
    state = StateFile(path)
    snapshot = state.load()
    state.close()
    return snapshot


def _with_past(record: OfferRecord, rng: random.Random) -> OfferRecord:
    return record if record.offer is None else replace(record, past=_past(record.offer, rng))


def _past(offer: Offer, rng: random.Random) -> Past:
    ends = [_duration(rng, 30 * number) for number in range(-PUBLICATIONS, 0)]
    ended = (
        PastPublication(one.ended - one.seconds, one.ended, OfferStatus.SUCCEEDED, 12, is_told=False) for one in ends
    )
    past = reduce(Past.with_end, ended, Past())
    for step in offer.steps:
        for number in range(-OWN_DURATIONS, 0):
            past = past.with_duration(offer.source, step.step_id, _duration(rng, 30 * number))
    return past


def _duration(rng: random.Random, day: int) -> Duration:
    return Duration(int(time.time()) + day * DAY - rng.randrange(DAY), rng.randrange(3600, 4 * DAY), is_told=False)


def _measured(api: str, state: Path) -> tuple[float, float, float, float]:
    with exporter(api, "1s", state=state) as one:
        connection = connected(one)
        while _refreshes(one) < 1:
            time.sleep(0.5)
        used, peak, times = process_cpu(one.pid), process_rss(one.pid), []
        while _refreshes(one) < 1 + REFRESHES:
            for _ in range(20):
                started = time.perf_counter()
                get(connection, "/metrics", GZIP)
                times.append(time.perf_counter() - started)
                peak = max(peak, process_rss(one.pid))
                time.sleep(0.05)
        cpu = (process_cpu(one.pid) - used) / REFRESHES
        connection.close()
        return cpu, peak, statistics.median(times), percentile(times, 0.99)


def _refreshes(one: Exporter) -> float:
    return one.samples()["azure_marketplace_exporter_refreshes_total"]

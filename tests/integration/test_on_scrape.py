"""`collection.mode: on_scrape`: one refresh for all scrapes of the same moment, within the time that they have."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import StartExporter, StartPrometheus, StartSimulator, scrape_config
from .processes import Exporter, Simulator, wait_until
from .test_end_to_end import OFFER

PREFIX = "azure_marketplace_"
UP = PREFIX + 'offer_up{offer_id="vm",publisher_id="contoso"}'
PUBLISHER_UP = PREFIX + 'publisher_up{publisher_id="contoso"}'
REFRESHED = PREFIX + 'publisher_last_refresh_timestamp_seconds{publisher_id="contoso"}'
RUNNING, SUCCEEDED = (
    f'{PREFIX}offer_status{{offer_id="vm",publisher_id="contoso",status="{one}"}}' for one in ("running", "succeeded")
)


@pytest.fixture
def api(simulator: StartSimulator) -> Simulator:
    api = simulator()
    api.put_offer("contoso", "vm", OFFER)
    return api


@pytest.fixture
def watched(api: Simulator, exporter: StartExporter) -> Exporter:
    """An exporter that has refreshed once, at its start."""
    started = exporter({"api": {"base_url": api.url}, "collection": {"mode": "on_scrape"}})
    started.wait_until_ready()
    wait_until(lambda: api.control("GET", "requests").json()["by_operation"] != {}, "the first refresh")
    api.control("DELETE", "requests")
    return started


def asked(api: Simulator) -> dict[str, int]:
    counts: dict[str, int] = api.control("GET", "requests").json()["by_operation"]
    return counts


def test_fifty_scrapes_are_one_refresh(api: Simulator, watched: Exporter) -> None:
    api.control("POST", "faults", json={"kind": "slow", "seconds": 1.5, "operation": "list_offers", "times": 1})
    with ThreadPoolExecutor(50) as pool:
        texts = list(pool.map(lambda _: watched.metrics(), range(50)))
    assert asked(api) == {"list_offers": 1, "offer_status": 1}
    assert all(RUNNING + " 1.0\n" in text for text in texts)


def test_nothing_is_asked_without_a_scrape(api: Simulator, watched: Exporter) -> None:
    """Pages, health and discovery show what is known."""
    for path in ("/", "/-/healthy", "/-/ready", "/sd", "/api/v1/offers"):
        assert watched.get(path).status_code == 200
    assert asked(api) == {}
    watched.metrics()
    assert asked(api) == {"list_offers": 1, "offer_status": 1}
    assert PREFIX + 'publisher_refresh_interval_seconds{publisher_id="contoso"}' not in watched.samples()


def test_each_scrape_sees_what_is_true_now(api: Simulator, watched: Exporter) -> None:
    assert watched.samples()[RUNNING] == 1
    api.put_offer("contoso", "vm", OFFER | {"status": "succeeded"})
    assert watched.samples()[SUCCEEDED] == 1


@pytest.mark.parametrize(("header", "least", "most"), [("1.5", 0.9, 1.45), ("0.2", 0.05, 0.6), ("-5", 0.05, 0.6)])
def test_scrape_timeout(api: Simulator, watched: Exporter, header: str, least: float, most: float) -> None:
    """Half a second before the scraper gives up it gets the last snapshot, whose age tells."""
    before = watched.samples()
    api.put_offer("contoso", "vm", OFFER | {"status": "succeeded"})
    api.control("POST", "faults", json={"kind": "slow", "seconds": 3, "operation": "list_offers", "times": 1})
    began = time.monotonic()
    text = watched.metrics(**{"X-Prometheus-Scrape-Timeout-Seconds": header})
    took = time.monotonic() - began
    assert least < took < most
    assert RUNNING + " 1.0\n" in text
    (refreshed,) = (line for line in text.splitlines() if line.startswith(REFRESHED))
    assert float(refreshed.rpartition(" ")[2]) == before[REFRESHED]
    wait_until(lambda: watched.samples()[SUCCEEDED] == 1, "the refresh that was left alone has ended")


def test_upstream_is_dead(api: Simulator, watched: Exporter) -> None:
    """Scrapes are answered with what is known, marked as failed, and it heals with the next one."""
    known = watched.samples()
    api.control("POST", "faults", json={"kind": "status", "status": 403})
    failed = watched.samples()
    assert (failed[UP], failed[PUBLISHER_UP], failed[RUNNING]) == (0, 0, 1)
    success = PREFIX + 'offer_last_success_timestamp_seconds{offer_id="vm",publisher_id="contoso"}'
    assert failed[success] == known[success]
    api.control("DELETE", "faults")
    assert watched.samples()[PUBLISHER_UP] == 1


def test_with_prometheus(api: Simulator, watched: Exporter, prometheus: StartPrometheus) -> None:
    """Its own time-out header keeps a scrape from failing while the API hangs."""
    server = prometheus(scrape_config(watched, interval="2s"))
    server.wait_for('up{job="marketplace"} == 1')
    api.control("POST", "faults", json={"kind": "hold", "operation": "list_offers"})
    wait_until(lambda: api.control("GET", "requests").json()["in_flight"], "a refresh that hangs")
    hung = time.time()
    server.wait_for(f"timestamp(up) > {hung + 3}")
    assert server.query('min_over_time(up{job="marketplace"}[10s])') == {"{}": 1}

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


def test_scrapes_ask_and_nothing_else_does(api: Simulator, watched: Exporter) -> None:
    """Those of the same moment share one refresh; pages, health and discovery show what is known."""
    for path in ("/", "/-/healthy", "/-/ready", "/sd", "/api/v1/offers"):
        assert watched.get(path).status_code == 200
    assert asked(api) == {}
    api.put_offer("contoso", "vm", OFFER | {"status": "succeeded"})
    api.control("POST", "faults", json={"kind": "slow", "seconds": 1.5, "operation": "list_offers", "times": 1})
    with ThreadPoolExecutor(50) as pool:
        texts = list(pool.map(lambda _: watched.metrics(), range(50)))
    assert asked(api) == {"list_offers": 1, "offer_status": 1}
    assert all(SUCCEEDED + " 1.0\n" in text for text in texts)
    assert PREFIX + 'publisher_refresh_interval_seconds{publisher_id="contoso"}' not in watched.samples()


def test_an_api_that_fails_or_hangs(api: Simulator, watched: Exporter) -> None:
    """Scrapes are answered with what is known, marked as failed or with its age, and it heals with the next one.

    One that the API leaves waiting gets that half a second before its scraper gives up.
    """
    known = watched.samples()
    api.control("POST", "faults", json={"kind": "status", "status": 403})
    failed = watched.samples()
    assert (failed[UP], failed[PUBLISHER_UP], failed[RUNNING]) == (0, 0, 1)
    success = PREFIX + 'offer_last_success_timestamp_seconds{offer_id="vm",publisher_id="contoso"}'
    assert failed[success] == known[success]
    api.control("DELETE", "faults")
    before = watched.samples()
    assert before[PUBLISHER_UP] == 1
    api.put_offer("contoso", "vm", OFFER | {"status": "succeeded"})
    api.control("POST", "faults", json={"kind": "hold", "operation": "list_offers"})
    for header in ("1.5", "0.2", "-5"):
        text = watched.metrics(**{"X-Prometheus-Scrape-Timeout-Seconds": header})
        assert RUNNING + " 1.0\n" in text
        (refreshed,) = (line for line in text.splitlines() if line.startswith(REFRESHED))
        assert float(refreshed.rpartition(" ")[2]) == before[REFRESHED]
    api.control("DELETE", "faults")
    wait_until(lambda: watched.samples()[SUCCEEDED] == 1, "the refresh that was left alone has ended")


def test_with_prometheus(api: Simulator, watched: Exporter, prometheus: StartPrometheus) -> None:
    """Its own time-out header keeps a scrape from failing while the API hangs."""
    server = prometheus(scrape_config(watched, interval="2s"))
    server.wait_for('up{job="marketplace"} == 1')
    api.control("POST", "faults", json={"kind": "hold", "operation": "list_offers"})
    wait_until(lambda: api.control("GET", "requests").json()["in_flight"], "a refresh that hangs")
    hung = time.time()
    server.wait_for(f"timestamp(up) > {hung + 3}")
    assert server.query('min_over_time(up{job="marketplace"}[10s])') == {"{}": 1}

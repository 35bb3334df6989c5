"""The API goes away and comes back: old data stays in sight, its age tells, nothing else breaks."""

from __future__ import annotations

from .conftest import StartExporter, StartSimulator
from .processes import wait_until
from .test_end_to_end import OFFER

LABELS = '{offer_id="linux-vm",publisher_id="contoso"}'
UP = f"azure_marketplace_offer_up{LABELS}"
SUCCESS = f"azure_marketplace_offer_last_success_timestamp_seconds{LABELS}"
RUNNING = 'azure_marketplace_offer_status{offer_id="linux-vm",publisher_id="contoso",status="running"}'
REFRESH = 'azure_marketplace_publisher_last_refresh_timestamp_seconds{publisher_id="contoso"}'
PUBLISHER_UP = 'azure_marketplace_publisher_up{publisher_id="contoso"}'
TRANSPORT = 'azure_marketplace_exporter_refresh_failures_total{reason="transport"}'


def test_outage_and_recovery(simulator: StartSimulator, exporter: StartExporter) -> None:
    api = simulator()
    api.put_offer("contoso", "linux-vm", OFFER)
    watched = exporter({"api": {"base_url": api.url, "max_retries": 0}})
    watched.wait_for_sample(UP, 1)
    since = watched.samples()[f"azure_marketplace_offer_status_since_timestamp_seconds{LABELS}"]

    api.kill()
    watched.wait_for_sample(UP, 0)
    first = watched.samples()
    assert first[RUNNING] == 1
    assert first[PUBLISHER_UP] == 0
    assert first[TRANSPORT] >= 1
    later = wait_until(lambda: (now := watched.samples())[REFRESH] > first[REFRESH] and now, "another refresh")
    assert later
    assert later[SUCCESS] == first[SUCCESS]
    assert later[REFRESH] - later[SUCCESS] > first[REFRESH] - first[SUCCESS]
    assert later[RUNNING] == 1
    assert watched.get("/-/healthy").status_code == 200
    assert watched.get("/-/ready").status_code == 200
    assert "linux-vm" in watched.get("/").text

    again = simulator("--listen-address", api.address)
    again.put_offer("contoso", "linux-vm", OFFER)
    watched.wait_for_sample(UP, 1)
    recovered = watched.samples()
    assert recovered[SUCCESS] > later[SUCCESS]
    assert recovered[PUBLISHER_UP] == 1
    assert recovered[f"azure_marketplace_offer_status_since_timestamp_seconds{LABELS}"] == since


def test_stale_series_are_withdrawn(simulator: StartSimulator, exporter: StartExporter) -> None:
    """Past `stale_after` only the health of the offer is shown."""
    api = simulator()
    api.put_offer("contoso", "linux-vm", OFFER)
    watched = exporter(
        {"api": {"base_url": api.url, "max_retries": 0}, "collection": {"interval": "1s", "stale_after": "3s"}}
    )
    watched.wait_for_sample(RUNNING, 1)
    api.kill()
    samples = wait_until(lambda: RUNNING not in (now := watched.samples()) and now, "withdrawn")
    assert samples
    about_offer = {name for name in samples if name.startswith("azure_marketplace_offer_")}
    assert about_offer == {UP, SUCCESS}
    assert samples[UP] == 0


def test_starts_without_the_api(simulator: StartSimulator, exporter: StartExporter) -> None:
    """Nobody has to start things in an order."""
    api = simulator()
    api.kill()
    watched = exporter({"api": {"base_url": api.url}, "publishers": ["contoso/linux-vm"]})
    watched.wait_for_sample(PUBLISHER_UP, 0)
    assert watched.get("/-/healthy").status_code == 200
    again = simulator("--listen-address", api.address)
    again.put_offer("contoso", "linux-vm", OFFER)
    watched.wait_for_sample(UP, 1)

"""One publisher whose offers are known to three APIs: the exporter and the simulator as they are installed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from .conftest import StartExporter
from .processes import Exporter, Simulator, faulty_simulator

ALL = ["cloud_partner", "partner_center", "product_ingestion"]
CLOUD_OFFERS = {
    "linux-hardened",
    "gateway-vm",
    "ingress",
    "backup-agent",
    "insights",
    "billing",
    "landing-zone",
    "data-mesh",
}
OTHERS = {
    "edge-cache": "partner_center",
    "vault-connector": "partner_center",
    "scan-engine": "product_ingestion",
    "assistant-kit": "product_ingestion",
}
"""Offers that only one of the newer APIs tells."""


def settings(api: Simulator, sources: list[str], **changes: Any) -> dict[str, Any]:
    brisk = {"base_url": api.url, "requests_per_second": 200}
    return {
        "publishers": [{"id": "contoso", "sources": sources}],
        "api": brisk | {"max_retries": 0},
        "partner_center": brisk,
        "product_ingestion": brisk,
        "auth": {"method": "managed_identity", "token_file": None},
        **changes,
    }


def sources_of(watched: Exporter) -> dict[str, str]:
    """Which source each offer comes from, as the metrics tell it; no offer may be there twice."""
    lines = [line for line in watched.metrics().splitlines() if line.startswith("azure_marketplace_offer_info{")]
    pairs = [(line.split('offer_id="')[1].split('"')[0], line.split('source="')[1].split('"')[0]) for line in lines]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def up(source: str) -> str:
    return f'azure_marketplace_source_up{{publisher_id="contoso",source="{source}"}}'


def failure(source: str, reason: str) -> str:
    return f'azure_marketplace_source_failure{{publisher_id="contoso",reason="{reason}",source="{source}"}}'


def of(name: str, offer: str, **labels: str) -> str:
    pairs = sorted({"offer_id": offer, "publisher_id": "contoso", **labels}.items())
    inside = ",".join(f'{key}="{value}"' for key, value in pairs)
    return f"azure_marketplace_{name}{{{inside}}}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """All three APIs, each of which refuses the tokens of the others."""
    api = Simulator(faulty_simulator("--scenario", "demo", "--require-audience"), tmp_path_factory.mktemp("sources"))
    yield api
    api.kill()


@pytest.fixture
def api(running: Simulator) -> Simulator:
    """The shared simulator, well again."""
    assert running.control("DELETE", "faults").ok
    return running


Watch = Callable[..., Exporter]


@pytest.fixture
def watch(api: Simulator, exporter: StartExporter) -> Watch:
    """Start an exporter that asks these sources, with real tokens by azure-identity from a managed identity endpoint."""
    environ = {"IDENTITY_ENDPOINT": f"{api.url}/msi/token", "IDENTITY_HEADER": "simulated-identity"}

    def start(*sources: str, **changes: Any) -> Exporter:
        watched = exporter(settings(api, list(sources), **changes), environ=environ)
        watched.wait_until_ready()
        return watched

    return start


def set_fault(api: Simulator, **fault: Any) -> None:
    assert api.control("POST", "faults", json=fault).ok


def test_every_offer_of_the_account_is_shown_once(watch: Watch) -> None:
    watched = watch(*ALL)
    assert sources_of(watched) == dict.fromkeys(CLOUD_OFFERS, "cloud_partner") | OTHERS
    samples = watched.samples()
    assert [samples[up(one)] for one in ALL] == [1, 1, 1]
    refreshes = 'azure_marketplace_exporter_token_refreshes_total{credential="default",source="%s"}'
    assert [samples[refreshes % one] for one in ALL] == [1, 1, 1]
    assert samples['azure_marketplace_publisher_offers{publisher_id="contoso"}'] == 12
    assert samples['azure_marketplace_publisher_up{publisher_id="contoso"}'] == 1
    assert samples[of("offer_live", "edge-cache")] == samples[of("offer_live", "assistant-kit")] == 1
    assert of("offer_live", "gateway-vm") not in samples
    certified = of("offer_step_started_timestamp_seconds", "edge-cache", step_id="preview-certification")
    assert 0 < time.time() - samples[certified] < 3600
    assert of("offer_messages", "assistant-kit", level="error") not in samples
    # Refused before it left the draft; and failed on its way to live, in an answer without ids and times.
    for offer in ("vault-connector", "scan-engine"):
        assert samples[of("offer_status", offer, status="failed")] == samples[of("offer_live", offer)] == 1
    assert samples[of("offer_messages", "vault-connector", level="error")] == 2


def test_the_order_of_the_sources_is_the_order_of_preference(watch: Watch) -> None:
    """The submission API lists all products and tells submissions of some; the next source tells of the others."""
    watched = watch("partner_center", "product_ingestion", "cloud_partner")
    submitted = ("gateway-vm", "insights", "billing", "landing-zone", "data-mesh", "edge-cache", "vault-connector")
    others = ("linux-hardened", "ingress", "backup-agent", "scan-engine", "assistant-kit")
    assert sources_of(watched) == dict.fromkeys(submitted, "partner_center") | dict.fromkeys(
        others, "product_ingestion"
    )
    samples = watched.samples()
    assert samples['azure_marketplace_publisher_up{publisher_id="contoso"}'] == 1
    assert samples[of("offer_status", "gateway-vm", status="waiting_for_publisher_review")] == 1
    assert samples[of("offer_status", "billing", status="waiting_for_publisher_review")] == 1
    assert samples[of("offer_status", "backup-agent", status="failed")] == 1
    assert samples[of("offer_waiting_on", "gateway-vm", party="publisher")] == 1
    ended = samples[of("offer_step_completed_timestamp_seconds", "landing-zone", step_id="live-live")]
    assert samples[of("offer_live_since_timestamp_seconds", "landing-zone")] == ended
    assert not any("unknown_values_total" in name and value for name, value in samples.items())


def test_a_source_that_is_forbidden_says_so_and_harms_no_other(api: Simulator, watch: Watch) -> None:
    set_fault(api, kind="status", status=403, path="/v1.0/*")
    watched = watch(*ALL)
    assert sources_of(watched) == dict.fromkeys(CLOUD_OFFERS, "cloud_partner") | dict.fromkeys(
        OTHERS, "product_ingestion"
    )
    samples = watched.samples()
    assert [samples[up(one)] for one in ALL] == [1, 0, 1]
    assert samples[failure("partner_center", "forbidden")] == 1
    assert samples[failure("partner_center", "not_found")] == 0
    assert samples['azure_marketplace_publisher_up{publisher_id="contoso"}'] == 0
    assert not any(name.startswith("azure_marketplace_offer_up") and not value for name, value in samples.items())

    assert api.control("DELETE", "faults").ok
    watched.wait_for_sample(up("partner_center"), 1)
    assert sources_of(watched)["edge-cache"] == "partner_center"
    assert watched.samples()[failure("partner_center", "forbidden")] == 0


def test_a_source_that_is_not_available_is_no_failure_unless_it_was(api: Simulator, watch: Watch) -> None:
    """Where the settings name none, all are asked."""
    set_fault(api, kind="status", status=403, path="/v1.0/*")
    watched = watch(publishers=["contoso"])
    assert sources_of(watched) == dict.fromkeys(CLOUD_OFFERS, "cloud_partner") | dict.fromkeys(
        OTHERS, "product_ingestion"
    )
    good = 'azure_marketplace_publisher_up{publisher_id="contoso"}'
    samples = watched.samples()
    assert (samples[good], samples[failure("partner_center", "forbidden")]) == (1, 1)
    assert [samples[up(one).replace("source_up", "source_expected")] for one in ALL] == [1, 0, 1]
    assert watched.get("/sd").status_code == 200
    assert "Not available here: partner_center" in watched.get("/").text
    assert watched.log.count("source not available here") == 1

    assert api.control("DELETE", "faults").ok
    watched.wait_for_sample(up("partner_center"), 1)
    set_fault(api, kind="status", status=403, path="/v1.0/*")
    watched.wait_for_sample(up("partner_center"), 0)
    samples = watched.samples()
    assert (samples[good], samples[up("partner_center").replace("source_up", "source_expected")]) == (0, 1)


def test_probes_ask_the_source_they_name(watch: Watch) -> None:
    watched = watch(*ALL)

    def probe(offer: str, source: str | None = None) -> requests.Response:
        query = f"/probe?target=contoso/{offer}" + (f"&source={source}" if source else "")
        return watched.get(query)

    for offer, source in (
        ("edge-cache", "partner_center"),
        ("assistant-kit", "product_ingestion"),
        ("gateway-vm", "cloud_partner"),
        ("gateway-vm", "product_ingestion"),
        ("insights", "partner_center"),
    ):
        told = probe(offer, source).text
        assert "probe_success 1.0" in told
        assert f'offer_id="{offer}",' in told
        assert f'source="{source}"' in told
    assert "probe_success 0.0" in probe("edge-cache", "cloud_partner").text
    assert "probe_success 0.0" in probe("ingress", "partner_center").text
    assert 'source="partner_center"' in probe("edge-cache").text
    assert 'source="product_ingestion"' in probe("assistant-kit").text
    assert probe("edge-cache", "portal").status_code == 400

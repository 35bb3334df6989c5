"""One publisher whose offers are known to three APIs: the exporter and the simulator as they are installed."""

from __future__ import annotations

import time
from typing import Any

from .conftest import StartExporter, StartSimulator
from .processes import Exporter, Simulator

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


def settings(api: Simulator) -> dict[str, Any]:
    brisk = {"base_url": api.url, "requests_per_second": 200}
    return {
        "publishers": [{"id": "contoso", "sources": ALL}],
        "api": brisk | {"max_retries": 0},
        "partner_center": brisk,
        "product_ingestion": brisk,
        "auth": {"method": "managed_identity", "token_file": None},
    }


def sources_of(watched: Exporter) -> dict[str, str]:
    """Which source each offer comes from, as the metrics tell it; no offer may be there twice."""
    lines = [line for line in watched.metrics().splitlines() if line.startswith("azure_marketplace_offer_info{")]
    pairs = [(line.split('offer_id="')[1].split('"')[0], line.split('source="')[1].split('"')[0]) for line in lines]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def up(source: str) -> str:
    return f'azure_marketplace_source_up{{publisher_id="contoso",source="{source}"}}'


def of(name: str, offer: str, **labels: str) -> str:
    pairs = sorted({"offer_id": offer, "publisher_id": "contoso", **labels}.items())
    inside = ",".join(f'{key}="{value}"' for key, value in pairs)
    return f"azure_marketplace_{name}{{{inside}}}"


def test_every_offer_of_the_account_is_shown_once(simulator: StartSimulator, exporter: StartExporter) -> None:
    """With real tokens by azure-identity from a managed identity endpoint; each API refuses those of the others."""
    api = simulator("--scenario", "demo", "--require-audience")
    environ = {"IDENTITY_ENDPOINT": f"{api.url}/msi/token", "IDENTITY_HEADER": "simulated-identity"}
    watched = exporter(settings(api), environ=environ)
    watched.wait_until_ready()
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

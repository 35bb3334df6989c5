"""`/probe` and `/sd`, with the configuration of docs/scaling.md in a real Prometheus."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from .conftest import StartExporter, StartPrometheus, StartSimulator
from .processes import Exporter, Simulator, wait_until
from .test_end_to_end import OFFER

DOCUMENT = Path(__file__).parents[2] / "docs" / "scaling.md"
NAMES = ("linux-vm", "windows-vm", "app")


@pytest.fixture
def api(simulator: StartSimulator) -> Simulator:
    api = simulator("--publisher", "contoso", "--publisher", "fabrikam")
    for name in NAMES:
        api.put_offer("contoso", name, OFFER)
    return api


@pytest.fixture
def watched(api: Simulator, exporter: StartExporter) -> Exporter:
    """An exporter that has refreshed once, and asks by itself no more."""
    started = exporter(
        {
            "publishers": ["contoso", "fabrikam/only"],
            "api": {"base_url": api.url, "max_concurrency": 2},
            "collection": {"interval": "1h", "stale_after": "1d"},
        }
    )
    started.wait_until_ready()
    api.control("DELETE", "requests")
    return started


def probe(watched: Exporter, target: str, **headers: str) -> requests.Response:
    return watched.get("/probe", params={"target": target}, headers=headers)


def values(answer: requests.Response) -> dict[str, float]:
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_probe(api: Simulator, watched: Exporter) -> None:
    """It shows the offer as it is now, and nothing of any other; nor does it change anything in /metrics."""
    api.put_offer("contoso", "linux-vm", OFFER | {"status": "succeeded"})
    shown = values(probe(watched, "contoso/linux-vm"))
    assert shown["probe_success"] == 1
    assert 0 < shown["probe_duration_seconds"] < 5
    labels = 'offer_id="linux-vm",publisher_id="contoso"'
    assert shown[f'azure_marketplace_offer_status{{{labels},status="succeeded"}}'] == 1
    assert not [name for name in shown if "windows-vm" in name]
    assert not [name for name in shown if name.startswith(("process_", "python_", "azure_marketplace_exporter_"))]
    assert api.control("GET", "requests").json()["by_operation"] == {"offer_status": 1}
    openmetrics = probe(watched, "contoso/linux-vm", Accept="application/openmetrics-text; version=1.0.0")
    assert openmetrics.text.endswith("# EOF\n")
    api.control("POST", "faults", json={"kind": "status", "status": 403, "operation": "offer_status"})
    answer = probe(watched, "contoso/linux-vm")
    assert (answer.status_code, values(answer)["probe_success"]) == (200, 0)
    assert "azure_marketplace_offer_status" not in answer.text
    assert watched.samples()[f"azure_marketplace_offer_up{{{labels}}}"] == 1
    api.control("DELETE", "faults")
    assert values(probe(watched, "contoso/linux-vm"))["probe_success"] == 1


def documented(watched: Exporter, *, part: str = "") -> dict[str, Any]:
    """The first YAML block of the page, with this exporter's address and shorter times; with what a part of two adds."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    text = blocks[0].replace("azure-marketplace-exporter:10142", watched.url.partition("//")[2])
    config: dict[str, Any] = yaml.safe_load(re.sub(r"\b5m\b|\b1m\b", "1s", text))
    if part:
        parts = yaml.safe_load(blocks[1])
        parts[1]["regex"] = part
        config["scrape_configs"][0]["relabel_configs"] += parts
    return config


def test_with_prometheus(watched: Exporter, prometheus: StartPrometheus) -> None:
    """Each offer is a target of its own, named by its id."""
    server = prometheus(documented(watched))
    server.wait_for("count(probe_success == 1) == 3")
    targets = server.api("targets")["activeTargets"]
    assert sorted(one["labels"]["instance"] for one in targets) == [
        "contoso/app",
        "contoso/linux-vm",
        "contoso/windows-vm",
        "fabrikam/only",
    ]
    assert server.query("sum by (offer_id) (azure_marketplace_offer_status == 1)") == {
        f'{{"offer_id": "{name}"}}': 1 for name in NAMES
    }
    assert server.wait_for("probe_success == 0") == {"{}": 0}, "fabrikam/only, which does not exist"


def test_with_two_prometheus_servers(watched: Exporter, prometheus: StartPrometheus) -> None:
    """Each offer is scraped by exactly one of them."""
    scraped: Counter[str] = Counter()
    for part in ("0", "1"):
        server = prometheus(documented(watched, part=part))
        wait_until(lambda: server.api("targets")["droppedTargets"], "discovered")  # noqa: B023 - it is called within the same turn
        scraped.update(one["labels"]["instance"] for one in server.api("targets")["activeTargets"])
    assert scraped == dict.fromkeys((*(f"contoso/{name}" for name in NAMES), "fabrikam/only"), 1)

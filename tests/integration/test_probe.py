"""`/probe` and `/sd`, with the configuration of docs/scaling.md in a real Prometheus."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
import yaml

from .conftest import Keep, StartExporter, StartPrometheus, StartSimulator, WriteSettings
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


def test_what_may_be_probed(api: Simulator, watched: Exporter) -> None:
    """For anything but the targets nothing is asked of anybody; not even for a made up offer, as the list is known."""
    groups = watched.get("/sd").json()
    assert [one["targets"][0] for one in groups] == [*(f"contoso/{name}" for name in NAMES), "fabrikam/only"]
    meta = {name.removeprefix("__meta_azure_marketplace_"): value for name, value in groups[0]["labels"].items()}
    assert meta.pop("offer_type")
    assert meta == {"publisher_id": "contoso", "offer_id": "linux-vm", "source": "cloud_partner"}
    for target, status, complaint in (
        ("contoso/../fabrikam", 400, "target is no publisher/offer"),
        ("http://169.254.169.254/metadata", 400, "target is no publisher/offer"),
        ("stranger/vm", 400, "publisher stranger is not in the settings"),
        ("fabrikam/other", 400, "offer other is not among those of fabrikam in the settings"),
        ("contoso/phantom", 404, "contoso lists no offer phantom; a new one is known after a refresh"),
    ):
        answer = probe(watched, target)
        assert (answer.status_code, answer.text) == (status, complaint + "\n")
    assert watched.get("/probe").status_code == 400
    assert api.control("GET", "requests").json()["total"] == 0


def test_unusual_ids(api: Simulator, exporter: StartExporter) -> None:
    """They reach the API as they are."""
    names = ["a b", "a/b", "résumé", "100%", "x?y#z"]
    body = [{"id": name, "offerTypeId": "vm", "status": "running"} for name in [*names, "a/../b"]]
    api.control("POST", "faults", json={"kind": "respond", "body": body, "operation": "list_offers"})
    api.control("POST", "faults", json={"kind": "respond", "body": OFFER, "operation": "offer_status"})
    watched = exporter({"api": {"base_url": api.url}, "collection": {"interval": "1h", "stale_after": "1d"}})
    watched.wait_until_ready()
    api.control("DELETE", "requests")
    targets = [one["targets"][0] for one in watched.get("/sd").json()]
    assert targets == [f"contoso/{name}" for name in names]
    for target in targets:
        assert values(probe(watched, target))["probe_success"] == 1
    paths = [one["path"] for one in api.control("GET", "requests/log").json()]
    assert paths == [f"/api/publishers/contoso/offers/{quote(name, safe='')}/status" for name in names]
    assert probe(watched, "contoso/a/../b").status_code == 400


def test_shards(api: Simulator, exporter: StartExporter) -> None:
    """What one of them lists it can be asked for, and nothing else."""
    listed = []
    for ordinal in (0, 1):
        changes = {"api": {"base_url": api.url}, "collection": {"shard": f"{ordinal}/2"}}
        shard = exporter(changes)
        shard.wait_until_ready()
        listed.append({one["targets"][0] for one in shard.get("/sd").json()})
        answers = {name: probe(shard, f"contoso/{name}").status_code for name in NAMES}
        assert answers == {name: 200 if f"contoso/{name}" in listed[ordinal] else 404 for name in NAMES}
    assert listed[0] | listed[1] == {f"contoso/{name}" for name in NAMES}
    assert not listed[0] & listed[1]


def test_probes_of_one_offer_share_a_fetch_and_others_wait_for_their_turn(api: Simulator, watched: Exporter) -> None:
    """None is refused, and where the API does not answer each fails in the time of its scrape and holds up no later one."""
    api.control("POST", "faults", json={"kind": "slow", "seconds": 0.5, "operation": "offer_status"})
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda name: probe(watched, f"contoso/{name}"), NAMES * 10))
    assert {(one.status_code, values(one)["probe_success"]) for one in answers} == {(200, 1)}
    assert set(api.control("GET", "requests").json()["by_offer"]) == {f"contoso/{name}" for name in NAMES}
    assert api.control("GET", "requests").json()["total"] < len(answers)
    api.control("DELETE", "faults")
    api.control("POST", "faults", json={"kind": "slow", "seconds": 30, "operation": "offer_status", "times": 3})
    hurried = {"X-Prometheus-Scrape-Timeout-Seconds": "2"}
    with ThreadPoolExecutor(3) as pool:
        late = list(pool.map(lambda name: probe(watched, f"contoso/{name}", **hurried), NAMES))
    assert {(one.status_code, values(one)["probe_success"]) for one in late} == {(200, 0)}
    api.control("DELETE", "faults")
    assert values(probe(watched, "contoso/app"))["probe_success"] == 1, "the places are free again"


def test_discovery_after_the_selection_has_changed(
    api: Simulator, command: Path, write_settings: WriteSettings, keep: Keep
) -> None:
    """What is known of a part is not given for the whole while the list fails: that is a 503."""
    changes: dict[str, Any] = {
        "publishers": ["contoso/app"],
        "api": {"base_url": api.url, "max_retries": 0},
        "collection": {"state_file": str(write_settings({}).with_name("state"))},
    }
    file = write_settings(changes)
    watched = keep(lambda folder: Exporter([command, f"--config.file={file}"], folder))
    watched.wait_until_ready()
    assert [one["targets"] for one in watched.get("/sd").json()] == [["contoso/app"]]
    api.control("POST", "faults", json={"kind": "status", "status": 500, "operation": "list_offers"})
    write_settings(changes | {"publishers": ["contoso"]}).replace(file)
    watched.terminate()
    watched = keep(lambda folder: Exporter([command, f"--config.file={file}"], folder))
    # What is known is shown all the same.
    watched.wait_for_sample('azure_marketplace_offer_up{offer_id="app",publisher_id="contoso"}', 0)
    answer = watched.get("/sd")
    assert (answer.status_code, answer.text) == (503, "no list of offers yet of contoso from cloud_partner\n")
    api.control("DELETE", "faults")
    wait_until(lambda: watched.get("/sd").status_code == 200, "the list")
    assert len(watched.get("/sd").json()) == len(NAMES)


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

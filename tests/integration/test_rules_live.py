"""The rules in a real Prometheus that scrapes the demo twice: each can be evaluated, and what is recorded is there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.integration._alerting import free_port
from tests.integration._rules import RULES

from .conftest import scrape_config
from .processes import Exporter, Process, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Keep

RECORDED_FOR_OFFERS = (
    "azure_marketplace:offer_status_since_timestamp_seconds:min",
    "azure_marketplace:offer_waiting_on_since_timestamp_seconds:min",
    "azure_marketplace:offer_step_status_since_timestamp_seconds:min",
    "azure_marketplace:offer_step_estimated_duration_seconds:max",
    "azure_marketplace:offer_step_elapsed_seconds:max",
    "azure_marketplace:offer_sign_off_since_timestamp_seconds:min",
)


@pytest.mark.parametrize("program", ["prometheus", "prometheus-3"])
def test_rules_run_on_two_replicas_of_the_demo(
    keep: Keep, tool: Callable[[str], Path], tmp_path: Path, program: str
) -> None:
    demo: list[str | Path] = [tool("azure-marketplace-exporter"), "--demo", "--web.listen-address=127.0.0.1:0"]
    replicas = [keep(lambda folder: Exporter(demo, folder)) for _ in range(2)]
    config = tmp_path / "prometheus.json"
    config.write_text(
        json.dumps({"global": {"evaluation_interval": "1s"}, "rule_files": [str(RULES)], **scrape_config(*replicas)})
    )
    url = f"http://127.0.0.1:{free_port()}"
    options = (f"--config.file={config}", f"--web.listen-address={url.removeprefix('http://')}")
    keep(lambda folder: Process([tool(program), *options, f"--storage.tsdb.path={folder / 'data'}"], folder))

    def api(path: str, **parameters: str) -> Any:
        return requests.get(f"{url}/api/v1/{path}", params=parameters, timeout=10).json()["data"]

    for name in RECORDED_FOR_OFFERS:
        wait_until(lambda name=name: api("query", query=name)["result"], name)  # type: ignore[misc]
    rules = wait_until(lambda: all_evaluated(api("rules")), "an evaluation of all rules")
    assert rules
    assert {rule["name"]: rule["lastError"] for rule in rules if rule["health"] != "ok"} == {}


def all_evaluated(answer: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Give all rules, once Prometheus knows how each of them is."""
    rules = [rule for group in answer["groups"] for rule in group["rules"]]
    return None if any(rule["health"] == "unknown" for rule in rules) else rules

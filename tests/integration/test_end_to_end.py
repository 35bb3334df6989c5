"""From the API to Prometheus: the installed command, the simulator and Prometheus as processes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from .conftest import Keep, StartExporter, StartPrometheus, StartSimulator, Tool, scrape_config
from .processes import Exporter

OFFER: dict[str, Any] = {
    "status": "running",
    "messages": [],
    "steps": [
        {"id": "displaydummycertify", "stepName": "Validate", "status": "complete", "progressPercentage": 100},
        {
            "id": "displaycertify",
            "stepName": "Certification",
            "estimatedTimeFrame": "~2-3 days",
            "status": "InProgress",
            "processPercentage": 40,
            "messages": [
                {"messageHtml": "<p>wait</p>", "level": "warning", "timestamp": "2026-01-05T10:11:12.1234567Z"}
            ],
        },
        {"id": "publisher-signoff", "stepName": "Publisher signoff", "status": "waitingForPublisherReview"},
    ],
    "list": {"version": 636576975611768314, "definition": {"displayText": 'The "best" VM'}},
}


def test_prometheus_reads_what_is_shown_and_follows_the_offer(
    simulator: StartSimulator, exporter: StartExporter, prometheus: StartPrometheus
) -> None:
    api = simulator()
    api.put_offer("contoso", "linux-vm", OFFER)
    watched = exporter({"api": {"base_url": api.url}})
    server = prometheus(scrape_config(watched))
    server.wait_for("azure_marketplace_offer_up == 1")
    states = server.query("sum by (step_id, status) (azure_marketplace_offer_step_status == 1)")
    assert [json.loads(one) for one in sorted(states)] == [
        {"status": "complete", "step_id": "displaydummycertify"},
        {"status": "in_progress", "step_id": "displaycertify"},
        {"status": "waiting_for_publisher_review", "step_id": "publisher-signoff"},
    ]
    (info,) = server.query("sum by (display_name) (azure_marketplace_offer_info)")
    assert json.loads(info) == {"display_name": 'The "best" VM'}
    api.put_offer("contoso", "linux-vm", OFFER | {"status": "Succeeded", "steps": []})
    server.wait_for('azure_marketplace_offer_status{status="succeeded"} == 1')
    server.wait_for("absent(azure_marketplace_offer_step_status)")
    api.delete_offer("contoso", "linux-vm")
    server.wait_for("absent(azure_marketplace_offer_up)")
    assert server.query("sum(azure_marketplace_publisher_up)") == {"{}": 1}


def test_demo(keep: Keep, command: Path, tool: Tool) -> None:
    """`--demo` needs nothing; promtool finds nothing to complain about."""
    watched = keep(lambda folder: Exporter([command, "--demo", "--web.listen-address=127.0.0.1:0"], folder))
    watched.wait_until_ready()
    text = watched.metrics(Accept="text/plain;version=0.0.4")
    check_metrics(tool, text)
    up = [line for line in text.splitlines() if line.startswith("azure_marketplace_publisher_up")]
    assert up == [
        'azure_marketplace_publisher_up{publisher_id="contoso"} 1.0',
        'azure_marketplace_publisher_up{publisher_id="fabrikam"} 1.0',
    ]
    assert 'status="waiting_for_publisher_review"} 1.0' in text
    assert watched.metrics(Accept="application/openmetrics-text;version=1.0.0").endswith("# EOF\n")
    assert watched.terminate() == 0


FORECASTS = {
    f'azure_marketplace_{one} non-summary metrics should not have "quantile" label'
    for one in ("offer_expected_live_timestamp_seconds", "offer_step_usual_duration_seconds")
}
"""What the forecast is: quantiles of a distribution, and no summary, for there is nothing to sum or to count."""


def check_metrics(tool: Tool, text: str) -> None:
    """Let `promtool check metrics` read a text; it must find nothing, but for the quantiles of the forecast."""
    checked = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, timeout=30, check=False
    )
    found = set(checked.stderr.splitlines())
    assert (found - FORECASTS, checked.stdout) == (set(), "")
    assert checked.returncode == (3 if found else 0)

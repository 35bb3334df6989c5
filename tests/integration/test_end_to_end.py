"""From the API to Prometheus: the installed command, the simulator and Prometheus as processes."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests

from .conftest import Keep, StartExporter, StartPrometheus, StartSimulator, Tool, scrape_config
from .processes import Exporter, Prometheus

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


Recording = Callable[[Exporter, str], tuple[str, list[tuple[str, str]]]]


class Recorder(http.server.BaseHTTPRequestHandler):
    """Stands between Prometheus and the exporter and notes type and encoding of the answers."""

    target: ClassVar[str]
    accept: ClassVar[str]
    seen: ClassVar[list[tuple[str, str]]]

    def do_GET(self) -> None:
        headers = {
            "Accept": self.accept or str(self.headers["Accept"]),
            "Accept-Encoding": str(self.headers["Accept-Encoding"]),
        }
        answer = requests.get(self.target + self.path, headers=headers, stream=True, timeout=10)
        body = answer.raw.read(decode_content=False)
        self.seen.append((answer.headers["Content-Type"], answer.headers.get("Content-Encoding", "")))
        self.send_response(answer.status_code)
        for name in ("Content-Type", "Content-Encoding", "Content-Length"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def recorder() -> Iterator[Recording]:
    """Put a recorder before an exporter, if wanted with another Accept header; gives its address and its notes."""
    with ExitStack() as stack:

        def start(watched: Exporter, accept: str) -> tuple[str, list[tuple[str, str]]]:
            notes: list[tuple[str, str]] = []
            handler = type("Handler", (Recorder,), {"target": watched.url, "accept": accept, "seen": notes})
            server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            return f"127.0.0.1:{server.server_port}", notes

        yield start


def test_prometheus_reads_both_formats_and_follows_the_offer(
    simulator: StartSimulator, exporter: StartExporter, prometheus: StartPrometheus, recorder: Recording
) -> None:
    """Left alone, Prometheus asks for OpenMetrics; it reads the text format as well, and both in gzip."""
    api = simulator()
    api.put_offer("contoso", "linux-vm", OFFER)
    watched = exporter({"api": {"base_url": api.url}})
    watched.wait_until_ready()
    address, notes = recorder(watched, "")
    plain_address, plain_notes = recorder(watched, "text/plain;version=0.0.4")
    server = prometheus(scrape_config(address, plain_address))
    server.wait_for("sum(azure_marketplace_offer_up) == 2")
    assert set(notes) == {("application/openmetrics-text; version=1.0.0; charset=utf-8", "gzip")}
    assert set(plain_notes) == {("text/plain; version=0.0.4; charset=utf-8", "gzip")}
    for one in (address, plain_address):
        assert seen(server, one) == {
            "offer_info": {('The "best" VM', "cloud_partner"): 1},
            "offer_status": {("running",): 1},
            "offer_waiting_on": {("publisher",): 1},
            "offer_version": {(): float(636576975611768314)},
            "offer_step_status": {
                ("complete", "displaydummycertify"): 1,
                ("in_progress", "displaycertify"): 1,
                ("waiting_for_publisher_review", "publisher-signoff"): 1,
            },
            "offer_step_progress_ratio": {("displaydummycertify",): 1, ("displaycertify",): 0.4},
            "offer_step_estimated_duration_seconds": {("displaycertify",): 3 * 86400},
        }
    api.put_offer("contoso", "linux-vm", OFFER | {"status": "Succeeded", "steps": []})
    server.wait_for('sum(azure_marketplace_offer_status{status="succeeded"}) == 2')
    server.wait_for("absent(azure_marketplace_offer_step_status)")
    api.delete_offer("contoso", "linux-vm")
    server.wait_for("absent(azure_marketplace_offer_up)")
    assert server.query("sum(azure_marketplace_publisher_up)") == {"{}": 2}


def seen(server: Prometheus, instance: str) -> dict[str, dict[tuple[str, ...], float]]:
    """What Prometheus has of the offer from one target: family to labels, without the ids, to value; states that are 1."""
    names = ("display_name", "source", "status", "party", "step_id")
    families: dict[str, dict[tuple[str, ...], float]] = {}
    for one in server.api("query", query=f'{{__name__=~".+_offer_.+",instance="{instance}"}}')["result"]:
        labels, value = one["metric"], float(one["value"][1])
        family = labels["__name__"].removeprefix("azure_marketplace_")
        if family in TOLD and value:
            families.setdefault(family, {})[tuple(labels[name] for name in names if name in labels)] = value
    return families


TOLD = {
    *("offer_info", "offer_status", "offer_waiting_on", "offer_version", "offer_step_status"),
    *("offer_step_progress_ratio", "offer_step_estimated_duration_seconds"),
}


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

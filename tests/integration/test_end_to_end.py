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
from prometheus_client.parser import text_string_to_metric_families

from .conftest import Keep, StartExporter, StartPrometheus, StartSimulator, Tool, WriteSettings, scrape_config
from .processes import Exporter, Process

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


def test_prometheus_sees_every_state(
    simulator: StartSimulator, exporter: StartExporter, prometheus: StartPrometheus
) -> None:
    """Status, step status, progress, estimate, times and title arrive as the API told them."""
    api = simulator()
    api.put_offer("contoso", "linux-vm", OFFER)
    watched = exporter({"api": {"base_url": api.url}})
    watched.wait_until_ready()
    server = prometheus(scrape_config(watched))
    server.wait_for('up{job="marketplace"} == 1')

    assert server.query("azure_marketplace_offer_status == 1") == {
        '{"offer_id": "linux-vm", "publisher_id": "contoso", "status": "running"}': 1
    }
    assert len(server.query("azure_marketplace_offer_status")) == 8
    assert server.query("sum by (step_id, status) (azure_marketplace_offer_step_status == 1)") == {
        '{"status": "complete", "step_id": "displaydummycertify"}': 1,
        '{"status": "in_progress", "step_id": "displaycertify"}': 1,
        '{"status": "waiting_for_publisher_review", "step_id": "publisher-signoff"}': 1,
    }
    assert server.query("sum by (step_id) (azure_marketplace_offer_step_progress_ratio)") == {
        '{"step_id": "displaydummycertify"}': 1.0,
        '{"step_id": "displaycertify"}': 0.4,
    }
    assert server.query("azure_marketplace_offer_waiting_on == 1") == {
        '{"offer_id": "linux-vm", "party": "publisher", "publisher_id": "contoso"}': 1
    }
    assert server.query("sum by (display_name, source) (azure_marketplace_offer_info)") == {
        '{"display_name": "The \\"best\\" VM", "source": "cloud_partner"}': 1
    }
    step = '{"offer_id": "linux-vm", "publisher_id": "contoso", "step_id": "displaycertify"}'
    assert server.query("azure_marketplace_offer_step_estimated_duration_seconds") == {step: 3 * 86400}
    assert server.query("azure_marketplace_offer_version") == {
        '{"offer_id": "linux-vm", "publisher_id": "contoso"}': float(636576975611768314)
    }
    assert server.query(
        "timestamp(azure_marketplace_offer_up) - azure_marketplace_offer_last_success_timestamp_seconds"
    )


def test_prometheus_follows_the_offer(
    simulator: StartSimulator, exporter: StartExporter, prometheus: StartPrometheus
) -> None:
    api = simulator()
    api.put_offer("contoso", "linux-vm", OFFER)
    watched = exporter({"api": {"base_url": api.url}})
    server = prometheus(scrape_config(watched))
    server.wait_for('azure_marketplace_offer_status{status="running"} == 1')
    api.put_offer("contoso", "linux-vm", OFFER | {"status": "Succeeded", "steps": []})
    server.wait_for('azure_marketplace_offer_status{status="succeeded"} == 1')
    server.wait_for("absent(azure_marketplace_offer_step_status)")
    api.delete_offer("contoso", "linux-vm")
    server.wait_for("absent(azure_marketplace_offer_up)")
    assert server.query("azure_marketplace_publisher_up") == {'{"publisher_id": "contoso"}': 1}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ("text/plain;version=0.0.4", "text/plain; version=0.0.4; charset=utf-8"),
    ],
    ids=["its own choice", "text"],
)
def test_prometheus_reads_both_formats(
    *,
    simulator: StartSimulator,
    exporter: StartExporter,
    prometheus: StartPrometheus,
    recorder: Recording,
    accept: str,
    content_type: str,
) -> None:
    """Left alone, Prometheus asks for OpenMetrics; it reads the text format as well, and both in gzip."""
    api = simulator()
    api.put_offer("contoso", "linux-vm", OFFER)
    address, notes = recorder(exporter({"api": {"base_url": api.url}}), accept)
    server = prometheus(scrape_config(address))
    assert server.wait_for("azure_marketplace_offer_step_progress_ratio == 0.4")
    assert server.query("up") == {"{}": 1}
    assert set(notes) == {(content_type, "gzip")}


@pytest.mark.parametrize("openmetrics", [False, True])
def test_demo(exporter: StartExporter, command: Path, keep: Keep, tool: Tool, *, openmetrics: bool) -> None:
    """`--demo` needs nothing; promtool finds nothing to complain about in either format."""
    watched = keep(lambda folder: Exporter([command, "--demo", "--web.listen-address=127.0.0.1:0"], folder))
    watched.wait_until_ready()
    accept = "application/openmetrics-text;version=1.0.0" if openmetrics else "text/plain;version=0.0.4"
    text = watched.metrics(Accept=accept)
    assert text.endswith("# EOF\n") is openmetrics
    plain = text.removesuffix("# EOF\n") if openmetrics else text
    if not openmetrics:
        check_metrics(tool, plain)
    up = [line for line in text.splitlines() if line.startswith("azure_marketplace_publisher_up")]
    assert up == [
        'azure_marketplace_publisher_up{publisher_id="contoso"} 1.0',
        'azure_marketplace_publisher_up{publisher_id="fabrikam"} 1.0',
    ]
    assert 'status="waiting_for_publisher_review"} 1.0' in text
    assert watched.terminate() == 0


def test_once(
    simulator: StartSimulator, run: Callable[..., Process], write_settings: WriteSettings, tool: Tool
) -> None:
    """`--once` prints the metrics and nothing else, exit code 0."""
    api = simulator()
    api.put_offer("contoso", "linux-vm", OFFER)
    done = run(f"--config.file={write_settings({'api': {'base_url': api.url}})}", "--once")
    assert done.exit_code == 0, done.log
    check_metrics(tool, done.output)
    families = {one.name: one for one in text_string_to_metric_families(done.output)}
    progress = families["azure_marketplace_offer_step_progress_ratio"].samples
    assert {one.labels["step_id"]: one.value for one in progress} == {"displaydummycertify": 1, "displaycertify": 0.4}


def test_once_with_a_failure(
    simulator: StartSimulator, run: Callable[..., Process], write_settings: WriteSettings
) -> None:
    """What could be had is printed all the same; the exit code tells."""
    api = simulator("--publisher", "contoso", "--publisher", "closed", "--forbid", "closed")
    api.put_offer("contoso", "linux-vm", OFFER)
    settings = write_settings({"api": {"base_url": api.url}, "publishers": ["contoso", "closed"]})
    done = run(f"--config.file={settings}", "--once")
    assert done.exit_code == 1
    assert 'azure_marketplace_offer_up{offer_id="linux-vm",publisher_id="contoso"} 1.0\n' in done.output
    assert 'azure_marketplace_publisher_up{publisher_id="closed"} 0.0\n' in done.output
    assert 'azure_marketplace_exporter_refresh_failures_total{reason="forbidden"} 1.0\n' in done.output


def test_explicit_offers_need_no_list(
    simulator: StartSimulator, run: Callable[..., Process], write_settings: WriteSettings
) -> None:
    """An offer that is not in the list is asked for all the same."""
    api = simulator()
    api.put_offer("contoso", "hidden", OFFER | {"list": None})
    settings = write_settings({"api": {"base_url": api.url}, "publishers": ["contoso/hidden"]})
    done = run(f"--config.file={settings}", "--once")
    assert done.exit_code == 0, done.log
    assert 'offer_status{offer_id="hidden",publisher_id="contoso",status="running"} 1.0\n' in done.output
    assert 'azure_marketplace_publisher_offers{publisher_id="contoso"} 0.0\n' in done.output


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

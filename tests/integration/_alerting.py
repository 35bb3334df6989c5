"""Simulator, exporter, Prometheus, Alertmanager and a webhook receiver, with the clock of the rules sped up."""

from __future__ import annotations

import json
import re
import shutil
import socket
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from tests.integration._rules import ALERTMANAGER, ROOT, RUNBOOKS, run
from tests.integration.processes import (
    LISTENING,
    Exporter,
    Process,
    Prometheus,
    Simulator,
    faulty_simulator,
    wait_until,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Keep, Tool

__all__ = ["PATIENCE", "Notification", "Stack", "accelerate", "both", "offer", "step"]

SPEED = 100
"""Durations in the rules are that much shorter: ten minutes are six seconds."""

DAY = 20
"""Seconds that a day lasts where the rules compare with since-timestamps."""

STALE_AFTER = 15
"""Seconds after which the exporter withdraws what it knew."""

PATIENCE = 60.0
"""Seconds to wait for what takes some in the rules; a busy machine takes longer."""

EVENT = ("fingerprint", "startsAt", "status")
"""What makes one notification of an alert a different one."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def accelerate(rules: str) -> str:
    """Shorten all durations of a rules file: `for`, `keep_firing_for`, ranges, offsets, and the days in seconds."""

    def shorter(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) * _SECONDS[found[3]] * 1000 // SPEED}ms"

    rules = re.sub(r"(\[|\boffset |for: )(\d+)([smhd])\b", shorter, rules)
    return re.sub(r"\b(86400|172800)\b", lambda found: str(int(found[1]) // 86400 * DAY), rules)


def offer(status: str, *steps: dict[str, Any], messages: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """Make a status answer of the simulated API."""
    return {"status": status, "messages": list(messages), "steps": list(steps)}


def step(name: str, status: str, estimate: str = "", *messages: dict[str, Any]) -> dict[str, Any]:
    """Make a step of such an answer."""
    named = {"id": name, "stepName": name.title(), "description": "", "status": status}
    return {**named, "estimatedTimeFrame": estimate, "progressPercentage": 0, "messages": list(messages)}


class Notification(NamedTuple):
    """What one alert within one webhook message says."""

    receiver: str
    status: str
    alert: str
    severity: str
    subject: str


def both(*firing: Notification) -> dict[Notification, int]:
    """Each of these, and its end, once."""
    return {one._replace(status=status): 1 for one in firing for status in ("firing", "resolved")}


class Receiver(ThreadingHTTPServer):
    """Takes what Alertmanager sends."""

    daemon_threads = True

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        """Show a runbook."""
        path = RUNBOOKS / self.path.removeprefix("/runbooks/")
        self._answer(200, path.read_bytes()) if path.is_file() else self._answer(404)

    def do_POST(self) -> None:
        self.server.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(200)

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class Stack:
    """All programs; `suffix` is what current versions of Prometheus and Alertmanager have behind their names."""

    def __init__(self, folder: Path, tool: Tool, keep: Keep, suffix: str) -> None:
        self.folder, self.tool, self._keep, self._suffix = folder, tool, keep, suffix
        self.receiver = Receiver()
        simulator = faulty_simulator("--publisher=contoso", "--publisher=fabrikam")
        self.simulator = keep(lambda folder: Simulator(simulator, folder))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.exporter_address = f"127.0.0.1:{free.getsockname()[1]}"

    def start(self) -> None:
        """Start the exporter, Prometheus and Alertmanager."""
        self.start_exporter()
        alertmanager: list[str | Path] = [
            self.tool(f"alertmanager{self._suffix}"),
            f"--config.file={self._write('alertmanager.yaml', self._alertmanager())}",
            f"--storage.path={self.folder / 'alertmanager'}",
            "--web.listen-address=127.0.0.1:0",
            "--cluster.listen-address=",
        ]
        self.alertmanager_address = self._keep(lambda folder: Process(alertmanager, folder)).wait_for_start(LISTENING)
        program, config = self.tool(f"prometheus{self._suffix}"), self._write("prometheus.yaml", self._prometheus())
        self.prometheus = self._keep(lambda folder: Prometheus(program, config, folder))
        self.prometheus.wait_for("azure_marketplace_publisher_up")

    def start_exporter(self) -> None:
        """Start the exporter, as for the first time: it has no state file."""
        settings = {
            "publishers": ["contoso", "fabrikam"],
            "api": {"base_url": self.simulator.url},
            "auth": {"token": "a-token"},
            "collection": {"interval": "1s", "timeout": "1s", "stale_after": f"{STALE_AFTER}s"},
            "web": {"listen_address": [self.exporter_address], "external_url": f"http://{self.exporter_address}"},
        }
        command: list[str | Path] = [
            self.tool("azure-marketplace-exporter"),
            f"--config.file={self._write('exporter.yaml', settings)}",
        ]
        self.exporter = self._keep(lambda folder: Exporter(command, folder))
        self.exporter.wait_until_ready()

    def fault(self, **fault: Any) -> None:
        """Break the simulated API."""
        self.simulator.control("POST", "faults", json=fault).raise_for_status()

    def mend(self) -> None:
        """Mend the simulated API."""
        self.simulator.control("DELETE", "faults").raise_for_status()

    @property
    def notifications(self) -> Counter[Notification]:
        """Everything that has arrived, counted by what it says.

        Alertmanager tells a whole group again when one alert joins or leaves it. Of such a message only that one
        counts; of a message that tells nothing new all count.
        """
        seen: set[tuple[str, ...]] = set()
        told: Counter[Notification] = Counter()
        for message in list(self.receiver.messages):
            events = {(message["groupKey"], *(alert[key] for key in EVENT)): alert for alert in message["alerts"]}
            new = events.keys() - seen
            told.update(_read(message["receiver"], events[key]) for key in new or events)
            seen |= new
        return told

    def wait_for(self, *expected: Notification) -> None:
        """Wait until these have arrived."""
        wait_until(
            lambda: set(expected) <= set(self.notifications), f"{expected} in {self.receiver.messages}", PATIENCE
        )

    def watch(self, expression: str, seconds: float) -> None:
        """See that an expression holds in Prometheus all the time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.prometheus.query(expression), expression
            time.sleep(0.2)

    def wait_for_the_end(self) -> None:
        """Wait until no alert is left."""
        self.prometheus.wait_for("absent(ALERTS)", PATIENCE)

    def _write(self, name: str, content: object) -> Path:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), "utf-8")
        return path

    def _prometheus(self) -> dict[str, Any]:
        runbooks = f"--runbook-url=http://127.0.0.1:{self.receiver.server_port}/runbooks"
        linked = run(sys.executable, ROOT / "grafana" / "rule_links.py", runbooks)
        return {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(self._write("rules.yaml", accelerate(linked.stdout)))],
            "scrape_configs": [
                {"job_name": "azure-marketplace", "static_configs": [{"targets": [self.exporter_address]}]}
            ],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager_address]}]}]},
        }

    def _alertmanager(self) -> str:
        """Take the example as it is, but for its waiting times and the address of the receiver."""
        shutil.copytree(ALERTMANAGER / "templates", self.folder / "templates")
        text = (ALERTMANAGER / "alertmanager.yaml").read_text("utf-8")
        for before, after in (
            ("group_wait: 30s", "group_wait: 1s"),
            ("group_interval: 5m", "group_interval: 2s"),
            ("http://127.0.0.1:9099/", f"http://127.0.0.1:{self.receiver.server_port}/"),
        ):
            assert before in text
            text = text.replace(before, after)
        return text


def _read(receiver: str, alert: dict[str, Any]) -> Notification:
    labels = alert["labels"]
    subject = "/".join(labels[key] for key in ("publisher_id", "offer_id", "step_id") if key in labels)
    name = labels["alertname"].removeprefix("AzureMarketplace")
    return Notification(receiver, alert["status"], name, labels["severity"], subject)

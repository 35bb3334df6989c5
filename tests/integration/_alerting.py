"""Simulator, exporter, Prometheus, Alertmanager and a webhook receiver, with the clock of the rules sped up."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

import requests
import yaml

from tests.integration._rules import ALERTMANAGER, ROOT, RUNBOOKS, run
from tests.integration.processes import faulty_simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Notification", "Stack", "accelerate", "free_port", "offer", "running_stack", "step", "until"]

SPEED = 100
"""Durations in the rules are that much shorter: ten minutes are six seconds."""

DAY = 30
"""Seconds that a day lasts where the rules compare with since-timestamps."""

STALE_AFTER = 36
"""Seconds; an hour at this speed."""

EVENT = ("fingerprint", "startsAt", "status")
"""What makes one notification of an alert a different one."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?P<before>\[|\boffset |for: )(?P<number>\d+)(?P<unit>[smhd])\b")
_DAYS = re.compile(r"\b(?P<days>86400|172800)\b")


def accelerate(rules: str) -> str:
    """Shorten all durations of a rules file: `for`, `keep_firing_for`, ranges, offsets, and the days in seconds."""
    shorter = _DURATION.sub(_shortened, rules)
    return _DAYS.sub(lambda found: str(int(found["days"]) // 86400 * DAY), shorter)


def _shortened(found: re.Match[str]) -> str:
    milliseconds = int(found["number"]) * _SECONDS[found["unit"]] * 1000 // SPEED
    return f"{found['before']}{milliseconds}ms"


def offer(status: str, *steps: dict[str, Any]) -> dict[str, Any]:
    """Make a status answer of the simulated API."""
    return {"status": status, "messages": [], "steps": list(steps)}


def step(name: str, status: str, estimate: str = "") -> dict[str, Any]:
    """Make a step of such an answer."""
    return {
        "id": name,
        "stepName": name.title(),
        "description": "",
        "status": status,
        "estimatedTimeFrame": estimate,
        "progressPercentage": 0,
        "messages": [],
    }


class Notification(NamedTuple):
    """What one alert within one webhook message says."""

    receiver: str
    status: str
    alert: str
    severity: str
    subject: str


class _Receiver(ThreadingHTTPServer):
    """Takes what Alertmanager sends."""

    daemon_threads = True

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver

    def do_GET(self) -> None:
        """Show a runbook."""
        path = RUNBOOKS / self.path.removeprefix("/runbooks/")
        body = path.read_bytes() if path.is_file() else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Poll for a condition and give its value; fail with a description of what was awaited."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.1)


@dataclass
class Stack:
    """All programs, running."""

    folder: Path
    tool: Callable[[str], Path]
    receiver: _Receiver
    cleanup: ExitStack
    suffix: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    exporter: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start everything, in the order of the data."""
        self.ports = {name: free_port() for name in ("simulator", "exporter", "prometheus", "alertmanager")}
        where = f"--listen-address=127.0.0.1:{self.ports['simulator']}"
        self._start("simulator", *faulty_simulator("--publisher=contoso", "--publisher=fabrikam", where))
        until(lambda: _answers(self._url("simulator", "/control/requests")), 20, "the simulator")

    def start_alerting(self) -> None:
        """Start the exporter, Prometheus and Alertmanager."""
        self._write_configurations()
        self.start_exporter()
        alertmanager = f"127.0.0.1:{self.ports['alertmanager']}"
        self._run(
            "alertmanager" + self.suffix,
            "--config.file",
            self.folder / "alertmanager.yaml",
            "--cluster.listen-address=",
            "--web.listen-address",
            alertmanager,
            "--storage.path",
            self.folder / "alertmanager",
        )
        until(lambda: _answers(self._url("alertmanager", "/-/ready")), 20, "Alertmanager")
        self._run(
            "prometheus" + self.suffix,
            "--config.file",
            self.folder / "prometheus.yaml",
            "--web.listen-address",
            f"127.0.0.1:{self.ports['prometheus']}",
            "--storage.tsdb.path",
            self.folder / "prometheus",
        )
        until(lambda: _answers(self._url("prometheus", "/-/ready")), 20, "Prometheus")
        until(lambda: self.query("azure_marketplace_publisher_up"), 20, "the first scrape")

    def start_exporter(self) -> None:
        """Start the exporter, as for the first time: it has no state file."""
        self.exporter = self._run("azure-marketplace-exporter", "--config.file", self.folder / "exporter.yaml")
        until(lambda: _answers(self._url("exporter", "/-/ready")), 30, "the exporter")

    def stop_exporter(self, number: int = signal.SIGKILL) -> None:
        """End the exporter."""
        assert self.exporter is not None
        self.exporter.send_signal(number)
        self.exporter.wait(timeout=20)

    def put(self, publisher: str, name: str, body: dict[str, Any]) -> None:
        """Change an offer in the simulated API."""
        answer = requests.put(self._url("simulator", f"/control/offers/{publisher}/{name}"), json=body, timeout=10)
        answer.raise_for_status()

    def fault(self, **fault: Any) -> None:
        """Break the simulated API."""
        requests.post(self._url("simulator", "/control/faults"), json=[fault], timeout=10).raise_for_status()

    def mend(self) -> None:
        """Mend the simulated API."""
        requests.delete(self._url("simulator", "/control/faults"), timeout=10).raise_for_status()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Ask Prometheus."""
        answer = requests.get(self._url("prometheus", "/api/v1/query"), params={"query": expression}, timeout=10)
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

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

    def wait_for(self, *expected: Notification, seconds: float = 60) -> None:
        """Wait until these have arrived."""
        until(
            lambda: set(expected) <= set(self.notifications), seconds, f"{set(expected)}, got {self.receiver.messages}"
        )

    def wait_until(self, expression: str, seconds: float = 60) -> None:
        """Wait until an expression holds in Prometheus."""
        until(lambda: self.query(expression), seconds, expression)

    def watch(self, seconds: float, expression: str, *, holds: bool) -> None:
        """Watch Prometheus for a while: an expression holds all the time, or never."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert bool(self.query(expression)) == holds, expression
            time.sleep(0.2)

    def _url(self, name: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}{path}"

    def _run(self, name: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        return self._start(name, self.tool(name), *arguments)

    def _start(self, name: str, *command: str | Path) -> subprocess.Popen[bytes]:
        log = self.cleanup.enter_context((self.folder / f"{name}.log").open("ab"))
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        process = subprocess.Popen([*map(str, command)], stdout=log, stderr=log, env=environment)
        self.cleanup.callback(_end, process)
        return process

    def _write_configurations(self) -> None:
        (self.folder / "token").write_text("a-token")
        exporter = {
            "publishers": ["contoso", "fabrikam"],
            "api": {"base_url": self._url("simulator", "")},
            "auth": {"token_file": str(self.folder / "token")},
            "collection": {"interval": "1s", "timeout": "1s", "stale_after": f"{STALE_AFTER}s"},
            "web": {
                "listen_address": [f"127.0.0.1:{self.ports['exporter']}"],
                "external_url": self._url("exporter", ""),
            },
        }
        prometheus = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [
                {
                    "job_name": "azure-marketplace",
                    "static_configs": [{"targets": [f"127.0.0.1:{self.ports['exporter']}"]}],
                }
            ],
            "alerting": {
                "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{self.ports['alertmanager']}"]}]}]
            },
        }
        runbooks = f"--runbook-url=http://127.0.0.1:{self.receiver.server_port}/runbooks"
        linked = run(sys.executable, ROOT / "grafana" / "rule_links.py", runbooks)
        (self.folder / "rules.yaml").write_text(accelerate(linked.stdout))
        (self.folder / "exporter.yaml").write_text(yaml.safe_dump(exporter))
        (self.folder / "prometheus.yaml").write_text(yaml.safe_dump(prometheus))
        (self.folder / "alertmanager.yaml").write_text(self._alertmanager())
        shutil.copytree(ALERTMANAGER / "templates", self.folder / "templates")

    def _alertmanager(self) -> str:
        """Take the example as it is, but for its waiting times and the address of the receiver."""
        text = (ALERTMANAGER / "alertmanager.yaml").read_text()
        changes = {
            "group_wait: 30s": "group_wait: 1s",
            "group_interval: 5m": "group_interval: 2s",
            "http://127.0.0.1:9099/": f"http://127.0.0.1:{self.receiver.server_port}/",
        }
        for before, after in changes.items():
            assert before in text
            text = text.replace(before, after)
        return text


@contextmanager
def running_stack(folder: Path, tool: Callable[[str], Path], suffix: str = "") -> Iterator[Stack]:
    """Have the receiver and the simulator running; the rest is started by `start_alerting`. Ends all of them."""
    with ExitStack() as cleanup:
        receiver = _Receiver()
        cleanup.callback(receiver.server_close)
        threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        cleanup.callback(receiver.shutdown)
        stack = Stack(folder, tool, receiver, cleanup, suffix)
        stack.start()
        yield stack


def _read(receiver: str, alert: dict[str, Any]) -> Notification:
    labels = alert["labels"]
    subject = "/".join(labels[key] for key in ("publisher_id", "offer_id", "step_id") if key in labels)
    name = labels["alertname"].removeprefix("AzureMarketplace")
    return Notification(receiver, alert["status"], name, labels["severity"], subject)


def free_port() -> int:
    """Find a port of the loopback that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(timeout=20)

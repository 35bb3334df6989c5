"""`make stack`: everything that compose.yaml runs, without containers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 60.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "grafana" / "stack.py"), *arguments]


def wait_until(ask: Callable[[], Any], what: str) -> Any:
    """Ask until the answer is true; a refused connection is a no."""
    end = time.monotonic() + TIMEOUT
    answer: Any = None
    while time.monotonic() < end:
        try:
            if answer := ask():
                return answer
        except requests.RequestException as error:
            answer = error
        time.sleep(0.1)
    raise AssertionError(f"{what}: {answer!r}")


class Stack:
    """A running stack and the addresses that it printed."""

    def __init__(self, folder: Path, days: float = 0) -> None:
        self.output = folder / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command("--any-port", f"--days={days}"),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"TMPDIR": str(folder), "GRAFANA_HOME": ""},
            )
        self.folder = folder

    @property
    def text(self) -> str:
        return self.output.read_text("utf-8")

    @property
    def urls(self) -> dict[str, str]:
        return dict(re.findall(r"^(\w+) +(http://127\.0\.0\.1:\d+)$", self.text, re.MULTILINE))

    def wait(self) -> None:
        """Wait until everything is up."""

        def is_up() -> bool:
            assert self.process.poll() is None, self.text
            return "Ctrl-C ends" in self.text

        wait_until(is_up, "the stack")

    def children(self) -> dict[int, str]:
        """The programs that it started."""
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("utf-8").split()
        return {int(pid): Path(f"/proc/{pid}/cmdline").read_text("utf-8").replace("\0", " ") for pid in tasks}


@pytest.fixture
def stack(request: pytest.FixtureRequest, tool: Callable[[str], Path], tmp_path: Path) -> Iterator[Stack]:
    for name in ("prometheus", "promtool", "alertmanager"):
        tool(name)
    running = Stack(tmp_path, getattr(request, "param", 0))
    try:
        running.wait()
        yield running
    finally:
        running.process.terminate()
        running.process.wait(TIMEOUT)


def test_the_stack_runs_and_ends_without_a_trace(stack: Stack) -> None:
    names = ["simulator", "exporter", "receiver", "alertmanager", "prometheus"]
    assert list(stack.urls) == names
    prometheus, alertmanager = stack.urls["prometheus"], stack.urls["alertmanager"]

    def ask(path: str, **params: str) -> Any:
        return requests.get(f"{prometheus}/api/v1/{path}", params=params, timeout=10).json()["data"]

    def targets() -> set[tuple[str, str, str]]:
        return {
            (one["labels"]["job"], one["labels"]["instance"], one["health"]) for one in ask("targets")["activeTargets"]
        }

    exporter = stack.urls["exporter"].removeprefix("http://")
    wait_until(lambda: targets() == {("azure-marketplace", exporter, "up")}, "target up")
    wait_until(lambda: ask("query", query="count(azure_marketplace_offer_up == 1) == 12")["result"], "all offers")
    assert {one["url"] for one in ask("alertmanagers")["activeAlertmanagers"]} == {f"{alertmanager}/api/v2/alerts"}
    wait_until(lambda: ask("query", query='ALERTS{offer_id="backup-agent"}')["result"], "an alert")
    for alert in ask("alerts")["alerts"]:
        links = {name: text for name, text in alert["annotations"].items() if name in {"runbook_url", "page_url"}}
        assert len(links) == (2 if "offer_id" in alert["labels"] else 1)
        for url in links.values():
            assert requests.get(url, timeout=10).status_code == requests.codes.ok, url
    rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
    assert {rule["lastError"] for rule in rules if "lastError" in rule} <= {""}

    pids = stack.children()
    assert len(pids) == len(names)
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(TIMEOUT) == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert [path.name for path in stack.folder.iterdir()] == ["output"]
    for url in stack.urls.values():
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5)


PAST = 0.5


@pytest.mark.parametrize("stack", [PAST], indirect=True)
def test_the_stack_begins_with_a_past_and_goes_on_with_it(stack: Stack) -> None:
    """Offers, what the rules record of them, and alerts are there half a day ago; the exporter knows since when."""
    now = time.time()

    def ask(query: str, at: float) -> dict[tuple[str, ...], float]:
        params: dict[str, str | float] = {"query": query, "time": at}
        answer = requests.get(f"{stack.urls['prometheus']}/api/v1/query", params=params, timeout=10)
        found = answer.json()["data"]["result"]
        return {tuple(sorted(one["metric"].values())): float(one["value"][1]) for one in found}

    for hours in (1, 6, 11):
        at = now - hours * 3600
        assert ask("count(azure_marketplace_offer_up == 1)", at) == {(): 12}
        alerts = ask('count by (alertname) (ALERTS{alertstate="firing"})', at)
        assert alerts[("AzureMarketplaceOfferStepRejected",)] == 1
        assert not [
            name
            for (name,) in alerts
            if "Exporter" in name or "Publisher" in name.removeprefix("AzureMarketplaceOffer")
        ]
        assert ask("count(azure_marketplace:offer_step_elapsed_seconds:max)", at)[()] >= 1
    wait_until(lambda: ask('up{job="azure-marketplace"}', time.time()), "the first scrape")
    since = "azure_marketplace_offer_waiting_on_since_timestamp_seconds"
    before, after = (ask(f'{since}{{offer_id="gateway-vm"}}', at) for at in (now - 3600, time.time()))
    assert before == after
    assert now - PAST * 86400 - 120 < next(iter(after.values())) < now - PAST * 86400 + 3600
    assert "grafana/import/*.json" in stack.text


def test_a_stack_that_ends_while_it_writes_the_past_leaves_nothing_behind(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    for name in ("prometheus", "promtool", "alertmanager"):
        tool(name)
    stack = Stack(tmp_path, days=3)
    wait_until(lambda: list(tmp_path.glob("*/past.log")), "the past")
    time.sleep(1)
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(TIMEOUT) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["output"]
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            assert str(tmp_path) not in (folder / "cmdline").read_text("utf-8", errors="replace")


def test_a_stack_that_is_told_to_end_again_and_again_leaves_nothing_behind(stack: Stack) -> None:
    """The terminal is closed, and make passes on what it got."""
    pids = stack.children()
    stack.process.send_signal(signal.SIGHUP)
    while stack.process.poll() is None:
        stack.process.send_signal(signal.SIGTERM)
        time.sleep(0.01)
    assert stack.process.wait(TIMEOUT) == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_the_receiver_shows_what_alertmanager_tells(stack: Stack) -> None:
    alert = {
        "labels": {"alertname": "Try", "severity": "critical", "audience": "publisher"},
        "annotations": {"summary": "It works\n  end to end"},
    }
    posted = requests.post(f"{stack.urls['alertmanager']}/api/v2/alerts", json=[alert], timeout=10)
    assert posted.status_code == requests.codes.ok
    receiver = stack.urls["receiver"]
    # The example waits half a minute for more alerts of the same group.
    wait_until(lambda: " Try: " in requests.get(receiver, timeout=10).text, "the notification")
    shown = requests.get(receiver, timeout=10).text.splitlines()
    assert "publisher-team: firing critical Try: It works end to end" in shown
    for body in (b"", b"nonsense", json.dumps({"alerts": [{}]}).encode(), b"[]"):
        assert requests.post(receiver, data=body, timeout=10).status_code == requests.codes.bad_request


def test_a_program_that_ends_by_itself_ends_the_stack(stack: Stack) -> None:
    pids = stack.children()
    exporter = next(pid for pid, line in pids.items() if "azure-marketplace-exporter" in line)
    os.kill(exporter, signal.SIGKILL)
    assert stack.process.wait(TIMEOUT) == 1
    assert "exporter has ended with -9" in stack.text
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_missing_program_is_named_before_anything_starts(tmp_path: Path) -> None:
    nowhere = {"PATH": str(tmp_path), "TOOLS_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    ended = subprocess.run(command(), env=nowhere, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert ended.returncode == 1
    assert ended.stderr == "prometheus is not on the path; install it, or run .ci/tools\n"
    assert ended.stdout == ""

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

from tests.integration.processes import Process, wait_until

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, ROOT / "grafana" / "stack.py")
NAMES = ["simulator", "exporter", "receiver", "alertmanager", "prometheus"]
TIMEOUT = 60.0
PAST = 0.5
TRY = {
    "labels": {"alertname": "Try", "severity": "critical", "audience": "publisher"},
    "annotations": {"summary": "It works\n  end to end"},
}


class Stack(Process):
    """A running stack and the addresses that it printed."""

    def __init__(self, folder: Path, days: float = 0) -> None:
        environ = {"TMPDIR": str(folder), "GRAFANA_HOME": ""}
        super().__init__([*COMMAND, "--any-port", f"--days={days}"], folder, environ=environ)
        self.folder = folder

    @property
    def urls(self) -> dict[str, str]:
        return dict(re.findall(r"^(\w+) +(http://127\.0\.0\.1:\d+)$", self.output, re.MULTILINE))

    def ask(self, path: str, **params: str | float) -> Any:
        """Ask its Prometheus."""
        answer = requests.get(f"{self.urls['prometheus']}/api/v1/{path}", params=params, timeout=10)
        return answer.json()["data"]

    def query(self, query: str, at: float | None = None) -> dict[tuple[str, ...], float]:
        found = self.ask("query", query=query, time=time.time() if at is None else at)["result"]
        return {tuple(sorted(one["metric"].values())): float(one["value"][1]) for one in found}

    def children(self) -> dict[int, str]:
        """The programs that it started."""
        tasks = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("utf-8").split()
        return {int(pid): Path(f"/proc/{pid}/cmdline").read_text("utf-8").replace("\0", " ") for pid in tasks}

    def left(self) -> list[str]:
        """What it left behind: files, beside what it printed, and processes."""
        found = [path.name for path in self.folder.iterdir() if path.name not in {"stdout", "stderr"}]
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line = (process / "cmdline").read_text("utf-8", errors="replace")
                found += [line] if str(self.folder) in line else []
        return found


@pytest.fixture(scope="module")
def start(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[float], Stack]]:
    """Start stacks; they are ended after the last test."""
    for name in ("prometheus", "promtool", "alertmanager"):
        tool(name)
    stacks: list[Stack] = []

    def begin(days: float) -> Stack:
        stacks.append(Stack(tmp_path_factory.mktemp("stack"), days))
        return stacks[-1]

    yield begin
    for stack in stacks:
        if stack.exit_code is None:
            stack.terminate(TIMEOUT)


@pytest.fixture(scope="module")
def stack(start: Callable[[float], Stack]) -> Stack:
    """A stack with a past, and an alert of which Alertmanager tells after half a minute."""
    running = start(PAST)
    running.wait_for_text("Ctrl-C ends", TIMEOUT)
    posted = requests.post(f"{running.urls['alertmanager']}/api/v2/alerts", json=[TRY], timeout=10)
    assert posted.status_code == requests.codes.ok
    return running


def test_everything_runs_and_finds_the_others(stack: Stack) -> None:
    assert list(stack.urls) == NAMES
    exporter = stack.urls["exporter"].removeprefix("http://")

    def targets() -> list[tuple[str, str, str]]:
        found = stack.ask("targets")["activeTargets"]
        return [(one["labels"]["job"], one["labels"]["instance"], one["health"]) for one in found]

    wait_until(lambda: targets() == [("azure-marketplace", exporter, "up")], "target up", TIMEOUT)
    wait_until(lambda: stack.query("count(azure_marketplace_offer_up == 1) == 12"), "all offers", TIMEOUT)
    (alertmanager,) = stack.ask("alertmanagers")["activeAlertmanagers"]
    assert alertmanager["url"] == f"{stack.urls['alertmanager']}/api/v2/alerts"
    assert "grafana/import/*.json" in stack.output


def test_rules_work_and_the_links_of_alerts_lead_somewhere(stack: Stack) -> None:
    wait_until(lambda: stack.query('ALERTS{offer_id="backup-agent"}'), "an alert", TIMEOUT)

    def links() -> set[str]:
        """The first evaluation knows nothing of the exporter yet, and so not its pages."""
        alerts = stack.ask("alerts")["alerts"]
        offers = [alert for alert in alerts if "offer_id" in alert["labels"]]
        found = [alert["annotations"]["runbook_url"] for alert in alerts]
        found += [alert["annotations"]["page_url"] for alert in offers]
        return set(found) if offers and all(found) else set()

    for url in wait_until(links, "links", TIMEOUT):
        assert requests.get(url, timeout=10).status_code == requests.codes.ok, url
    rules = [rule for group in stack.ask("rules")["groups"] for rule in group["rules"]]
    assert {rule.get("lastError", "") for rule in rules} == {""}


def test_it_begins_with_a_past_and_goes_on_with_it(stack: Stack) -> None:
    """Offers, what the rules record of them, and alerts are there half a day ago; the exporter knows since when."""
    now = time.time()
    for hours in (1, 6, 11):
        at = now - hours * 3600
        assert stack.query("count(azure_marketplace_offer_up == 1)", at) == {(): 12}
        alerts = stack.query('count by (alertname) (ALERTS{alertstate="firing"})', at)
        assert alerts[("AzureMarketplaceOfferStepRejected",)] == 1
        names = [name.removeprefix("AzureMarketplaceOffer") for (name,) in alerts]
        assert not [name for name in names if "Exporter" in name or "Publisher" in name]
        assert stack.query("count(azure_marketplace:offer_step_elapsed_seconds:max)", at)[()] >= 1
    wait_until(lambda: stack.query('up{job="azure-marketplace"}'), "the first scrape", TIMEOUT)
    since = 'azure_marketplace_offer_waiting_on_since_timestamp_seconds{offer_id="gateway-vm"}'
    before, after = stack.query(since, now - 3600), stack.query(since)
    assert before == after
    assert now - PAST * 86400 - 120 < next(iter(after.values())) < now - PAST * 86400 + 3600


def test_the_receiver_shows_what_alertmanager_tells(stack: Stack) -> None:
    receiver = stack.urls["receiver"]
    wait_until(lambda: " Try: " in requests.get(receiver, timeout=10).text, "the notification", TIMEOUT)
    shown = requests.get(receiver, timeout=10).text.splitlines()
    assert "publisher-team: firing critical Try: It works end to end" in shown
    for body in (b"", b"nonsense", json.dumps({"alerts": [{}]}).encode(), b"[]"):
        assert requests.post(receiver, data=body, timeout=10).status_code == requests.codes.bad_request


def test_a_stack_that_is_told_to_end_again_and_again_leaves_nothing_behind(stack: Stack) -> None:
    """The terminal is closed, and make passes on what it got. This ends the stack of the tests above."""
    assert len(stack.children()) == len(NAMES)
    stack.signal(signal.SIGHUP)
    while stack.exit_code is None:
        stack.signal(signal.SIGTERM)
        time.sleep(0.01)
    assert stack.exit_code == 0
    assert stack.left() == []
    for url in stack.urls.values():
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5)


def test_a_stack_that_ends_while_it_writes_the_past_leaves_nothing_behind(start: Callable[[float], Stack]) -> None:
    stack = start(PAST)
    wait_until(lambda: list(stack.folder.glob("*/past.log")), "the past", TIMEOUT)
    time.sleep(1)
    assert stack.terminate(TIMEOUT) == 0
    assert stack.left() == []


def test_a_program_that_ends_by_itself_ends_the_stack(start: Callable[[float], Stack]) -> None:
    stack = start(0)
    stack.wait_for_text("Ctrl-C ends", TIMEOUT)
    exporter = next(pid for pid, line in stack.children().items() if "azure-marketplace-exporter" in line)
    os.kill(exporter, signal.SIGKILL)
    assert stack.wait(TIMEOUT) == 1
    assert "exporter has ended with -9" in stack.output + stack.log
    assert stack.left() == []


def test_a_missing_program_is_named_before_anything_starts(tmp_path: Path) -> None:
    nowhere = {"PATH": str(tmp_path), "TOOLS_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    ended = subprocess.run(COMMAND, env=nowhere, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "prometheus is not on the path; install it, or run .ci/tools\n"

"""What the tests of the dashboards share: their queries, and a Prometheus that scrapes two replicas of the demo."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from exporter.simulator import demo

ROOT = Path(__file__).resolve().parents[2]
# At the end, so that the installed exporter is the one that runs.
sys.path.append(str(ROOT))

from grafana.stack import Stack, find, start_prometheus  # noqa: E402

OFFERS = len(demo(epoch=0).plans)
"""Offers of the demo; each is in one of its sources at least."""

Json = dict[str, Any]
Series = tuple[dict[str, str], float]

DASHBOARDS: list[Json] = [
    json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
]
SHORT = {uid: uid.removeprefix("azure-marketplace-") for uid in (one["uid"] for one in DASHBOARDS)}


@dataclass(frozen=True, slots=True)
class Target:
    """One query of one panel."""

    dashboard: str
    panel: Json
    query: Json

    @property
    def title(self) -> str:
        title: str = self.panel["title"]
        return title

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.title} {self.query['refId']}"


def targets() -> Iterator[Target]:
    """Every query."""
    for dashboard in DASHBOARDS:
        for on_top in dashboard["panels"]:
            for panel in (on_top, *on_top.get("panels", ())):
                for query in panel.get("targets", ()):
                    yield Target(SHORT[dashboard["uid"]], panel, query)


ALL = list(targets())


def target(dashboard: str, title: str, ref_id: str = "A") -> Target:
    """Find one."""
    return next(one for one in ALL if (one.dashboard, one.title, one.query["refId"]) == (dashboard, title, ref_id))


class Prometheus:
    """Asks a Prometheus as Grafana would."""

    def __init__(self, url: str, replicas: list[str]) -> None:
        self.url = url
        self.replicas = replicas

    def ask(self, path: str, **params: str | list[str]) -> Any:
        """Ask the HTTP API and give the data; an error of the query fails the test."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=params, timeout=30)
        assert answer.status_code == requests.codes.ok, answer.text
        return answer.json()["data"]

    def instant(self, expression: str, **chosen: str) -> list[Series]:
        """Ask for the present; `chosen` are values of the dashboard's variables, all by default."""
        result = self.ask("query", query=concrete(expression, **chosen))["result"]
        return [(one["metric"], float(one["value"][1])) for one in result]

    def over_time(self, expression: str, **chosen: str) -> list[Series]:
        """Ask for the last seconds; gives the last value of each series."""
        now = time.time()
        params = {"start": f"{now - 5:.3f}", "end": f"{now:.3f}", "step": "1"}
        result = self.ask("query_range", query=concrete(expression, **chosen), **params)["result"]
        return [(one["metric"], float(one["values"][-1][1])) for one in result]

    def run(self, one: Target, **chosen: str) -> list[Series]:
        """Ask what a panel asks, the way it asks."""
        ask = self.instant if one.query.get("instant") else self.over_time
        if one.dashboard == "exporter":
            # There, Grafana puts a list in the place of "all".
            chosen = {"job": "azure-marketplace", "instance": "|".join(self.replicas)} | chosen
        return ask(one.query["expr"], **chosen)


def concrete(expression: str, **chosen: str) -> str:
    """Replace the variables, as Grafana does; the windows fit the second in which the tests scrape."""
    everything = dict.fromkeys(("job", "instance", "publisher_id", "offer_id", "party", "compare"), ".+")
    values = everything | chosen
    windows = {"__rate_interval": "20s", "__range": "10s", "__interval_ms": "1000", "__interval": "1s"}
    for name, value in (windows | values).items():
        expression = re.sub(rf"\${name}\b", value, expression)
    assert not re.search(r"\$[a-z_{]", expression)
    return expression


@contextmanager
def two_replicas(folder: Path) -> Iterator[Prometheus]:
    """Two replicas, each with a simulator of its own and so never quite alike, and the rules, which fire at once."""
    with Stack(folder, any_port=True) as stack:
        addresses = []
        for number in (1, 2):
            port = stack.port(0)
            command: list[str | Path] = [
                find("azure-marketplace-exporter"),
                "--demo",
                f"--web.listen-address=127.0.0.1:{port}",
            ]
            addresses.append(stack.start(f"exporter-{number}", command, port, ready="/-/ready").address)
        program = start_prometheus(
            stack, addresses, rules=impatient_rules(folder), interval="1s", others=["127.0.0.1:9"]
        )
        server = Prometheus(program.url, addresses)
        wait_for(server, 'count(up{job="azure-marketplace"} == 1) == 2')
        wait_for(server, 'count(ALERTS{alertstate="firing", offer_id=~".+"}) > 3')
        for counter in ("api_requests", "refreshes"):
            increased = f"sum by (instance) (rate(azure_marketplace_exporter_{counter}_total[20s])) > 0"
            wait_for(server, f"count({increased}) == 2")
        yield server


def impatient_rules(folder: Path) -> Path:
    """Write the rules about offers without their waiting times; those about the exporter would fire while it starts."""
    rules: Json = yaml.safe_load((ROOT / "grafana/rules/azure-marketplace.rules.yaml").read_text("utf-8"))
    for group in rules["groups"]:
        group["rules"] = [rule for rule in group["rules"] if rule.get("labels", {}).get("component") != "exporter"]
        for rule in group["rules"]:
            rule.pop("for", None)
            rule.pop("keep_firing_for", None)
    path = folder / "impatient.rules.yaml"
    path.write_text(yaml.safe_dump(rules), encoding="utf-8")
    return path


def wait_for(server: Prometheus, expression: str) -> None:
    """Wait until an expression is true."""
    end = time.monotonic() + 60
    while not server.instant(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.2)

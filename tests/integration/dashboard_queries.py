"""What the tests of the dashboards share: their queries, and who asks them as Grafana would."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import Prometheus

ROOT = Path(__file__).resolve().parents[2]

Json = dict[str, Any]
Series = tuple[dict[str, str], float]

DASHBOARDS: list[Json] = [
    json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
]


@dataclass(frozen=True, slots=True)
class Target:
    """One query of one panel."""

    dashboard: str
    panel: Json
    query: Json

    @property
    def place(self) -> tuple[str, str, str]:
        return self.dashboard, self.panel["title"], self.query["refId"]

    def __str__(self) -> str:
        return "{}: {} {}".format(*self.place)


def targets() -> Iterator[Target]:
    """Every query."""
    for dashboard in DASHBOARDS:
        for on_top in dashboard["panels"]:
            for panel in (on_top, *on_top.get("panels", ())):
                for query in panel.get("targets", ()):
                    yield Target(dashboard["uid"].removeprefix("azure-marketplace-"), panel, query)


ALL = list(targets())


def target(dashboard: str, title: str, ref_id: str = "A") -> Target:
    """Find one."""
    return next(one for one in ALL if one.place == (dashboard, title, ref_id))


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks a Prometheus as Grafana would; `chosen` are values of the dashboard's variables, all by default."""

    server: Prometheus
    replicas: list[str]

    def instant(self, expression: str, **chosen: str) -> list[Series]:
        """Ask for the present."""
        result = self.server.api("query", query=concrete(expression, **chosen))["result"]
        return [(one["metric"], float(one["value"][1])) for one in result]

    def over_time(self, expression: str, **chosen: str) -> list[Series]:
        """Ask for the last seconds; gives the last value of each series."""
        now = time.time()
        params = {"start": f"{now - 5:.3f}", "end": f"{now:.3f}", "step": "1"}
        result = self.server.api("query_range", query=concrete(expression, **chosen), **params)["result"]
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
    values = dict.fromkeys(("job", "instance", "publisher_id", "offer_id", "party", "compare"), ".+") | chosen
    windows = {"__rate_interval": "20s", "__range": "10s", "__interval_ms": "1000", "__interval": "1s"}
    for name, value in (windows | values).items():
        expression = re.sub(rf"\${name}\b", value, expression)
    assert not re.search(r"\$[a-z_{]", expression)
    return expression

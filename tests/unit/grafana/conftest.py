"""Makes the generator importable; at the end of the path, so that the installed exporter is the one under test."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT))

Json = dict[str, Any]
FILES = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))


def panels_of(dashboard: Json) -> list[Json]:
    """All panels, those in collapsed rows too, without the rows."""
    all_of_them = [one for panel in dashboard["panels"] for one in (panel, *panel.get("panels", ()))]
    return [panel for panel in all_of_them if panel["type"] != "row"]


@pytest.fixture(params=FILES, ids=[file.stem for file in FILES])
def dashboard(request: pytest.FixtureRequest) -> Json:
    """Each of the dashboards for provisioning."""
    file: Path = request.param
    content: Json = json.loads(file.read_text("utf-8"))
    return content


@pytest.fixture
def panels(dashboard: Json) -> list[Json]:
    """The panels of a dashboard."""
    return panels_of(dashboard)


@pytest.fixture
def expressions(dashboard: Json, panels: list[Json]) -> list[str]:
    """Every PromQL expression of a dashboard: panels, annotations, and the selectors of its variables."""

    def every() -> Iterator[str]:
        for panel in panels:
            yield from (target["expr"] for target in panel["targets"])
        yield from (one["expr"] for one in dashboard["annotations"]["list"])
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                function, _, rest = variable["query"].removesuffix(")").partition("(")
                yield rest if function == "query_result" else rest.rpartition(",")[0]

    return list(every())


@pytest.fixture
def concrete() -> Callable[[str], str]:
    """Put values in the place of Grafana's variables in ranges, as Grafana does before it asks Prometheus."""

    def replace(expression: str) -> str:
        for name, value in (
            ("$__rate_interval", "1m"),
            ("$__range_s", "3600"),
            ("$__range", "1h"),
            ("$__interval_ms", "60000"),
            ("$__interval", "1m"),
        ):
            expression = expression.replace(name, value)
        return expression

    return replace

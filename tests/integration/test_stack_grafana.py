"""The dashboards in a real Grafana, where there is one: no package carries it, so it is named by GRAFANA_HOME."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from grafana.stack import Stack, find_grafana, start_all  # noqa: E402

Json = dict[str, Any]
UIDS = sorted(path.stem for path in (ROOT / "grafana" / "dashboards").glob("*.json"))
MAY_BE_EMPTY = {"Alerts about the exporter", "Pause", "Token valid for", "Secret or certificate valid for"}

pytestmark = pytest.mark.optional_tool(reason="no package index has a Grafana server")


@pytest.fixture(scope="module")
def grafana(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The whole stack; gives Grafana's address."""
    if find_grafana() is None:
        pytest.skip("no Grafana: set GRAFANA_HOME, or put grafana on the path")
    for name in ("prometheus", "alertmanager"):
        tool(name)
    with Stack(tmp_path_factory.mktemp("stack"), any_port=True) as stack:
        start_all(stack)
        prometheus, url = (
            next(one.url for one in stack.programs if one.name == name) for name in ("prometheus", "grafana")
        )
        query = {
            "query": "count(rate(azure_marketplace_exporter_api_requests_total[30s])) > 1 and on () count(ALERTS) > 0"
        }
        end = time.monotonic() + 90
        while not requests.get(f"{prometheus}/api/v1/query", params=query, timeout=5).json()["data"]["result"]:
            assert time.monotonic() < end
            time.sleep(0.5)
        yield url


def panels(dashboard: Json) -> Iterator[Json]:
    for panel in dashboard["panels"]:
        yield from (one for one in (panel, *panel.get("panels", ())) if one["type"] != "row")


@pytest.mark.parametrize("uid", UIDS)
def test_grafana_has_the_dashboard_and_answers_each_panel(grafana: str, uid: str) -> None:
    answer = requests.get(f"{grafana}/api/dashboards/uid/{uid}", timeout=10)
    assert answer.status_code == requests.codes.ok, answer.text
    dashboard = answer.json()["dashboard"]
    assert answer.json()["meta"]["provisioned"]
    for panel in panels(dashboard):
        queries = [
            target
            | {
                "expr": re.sub(r"\$(job|instance|publisher_id|offer_id)\b", ".+", target["expr"]),
                "datasource": {"type": "prometheus", "uid": "prometheus"},
                "intervalMs": 5000,
                "maxDataPoints": 200,
            }
            for target in panel["targets"]
        ]
        asked = requests.post(
            f"{grafana}/api/ds/query", json={"queries": queries, "from": "now-5m", "to": "now"}, timeout=30
        )
        assert asked.status_code == requests.codes.ok, (panel["title"], asked.text)
        frames = [frame for one in asked.json()["results"].values() for frame in one["frames"]]
        filled = any(values for frame in frames for values in frame["data"]["values"])
        assert filled or panel["title"] in MAY_BE_EMPTY, panel["title"]


@pytest.mark.parametrize("uid", UIDS)
def test_chromium_draws_the_dashboard(grafana: str, uid: str, tool: Callable[[str], Path], tmp_path: Path) -> None:
    """The picture goes to SCREENSHOTS, if that is set."""
    picture = Path(os.environ.get("SCREENSHOTS", tmp_path)) / f"{uid}.png"
    drawn = subprocess.run(
        [
            str(tool("chromium")),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1600,1400",
            "--virtual-time-budget=20000",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--screenshot={picture}",
            f"{grafana}/d/{uid}?kiosk&from=now-5m&to=now",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert drawn.returncode == 0, drawn.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000, json.dumps(drawn.stderr[-500:])

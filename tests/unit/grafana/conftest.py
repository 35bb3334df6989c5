"""Makes the generator importable; at the end of the path, so that the installed exporter is the one under test."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT))

Json = dict[str, Any]


def panels_of(dashboard: Json) -> list[Json]:
    """All panels, those in collapsed rows too, without the rows."""
    all_of_them = [one for panel in dashboard["panels"] for one in (panel, *panel.get("panels", ()))]
    return [panel for panel in all_of_them if panel["type"] != "row"]


def everywhere(tree: Any, key: str) -> Iterator[Any]:
    """All values of a key, wherever it is."""
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from everywhere(child, key)
    if isinstance(tree, dict) and key in tree:
        yield tree[key]


@pytest.fixture(params=["exporter", "offer", "overview"])
def dashboard(request: pytest.FixtureRequest) -> Json:
    """Each of the dashboards for provisioning."""
    path = ROOT / "grafana" / "dashboards" / f"azure-marketplace-{request.param}.json"
    content: Json = json.loads(path.read_text("utf-8"))
    return content


@pytest.fixture
def panels(dashboard: Json) -> list[Json]:
    """The panels of a dashboard."""
    return panels_of(dashboard)

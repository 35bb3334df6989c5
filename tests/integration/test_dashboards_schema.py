"""The dashboards fit the types that Grafana publishes: no unknown key, no value that a panel does not know."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))

Json = dict[str, Any]
Data = Callable[[str], Path]

# What the Prometheus data source reads from an annotation; Grafana's types know only what all data sources have.
OF_PROMETHEUS = {name: {"type": "string"} for name in ("expr", "titleFormat", "textFormat", "step")}


@pytest.fixture(params=FILES, ids=[file.stem for file in FILES])
def dashboard(request: pytest.FixtureRequest) -> Json:
    content: Json = json.loads(request.param.read_text("utf-8"))
    return content


@pytest.fixture
def schema(tools_data: Data) -> jsonschema.Draft7Validator:
    content = json.loads(tools_data("grafana/dashboard.schema.json").read_text("utf-8"))
    content["properties"]["annotations"]["properties"]["list"]["items"]["properties"] |= OF_PROMETHEUS
    return jsonschema.Draft7Validator(content)


# Grafana 12.2 has renamed it to `custom.hideFrom.viz`, and renames it in what it loads; those before know this name only.
RENAMED_BY_GRAFANA = {"custom.hidden"}


def ids(tree: Any, key: str) -> Iterator[Any]:
    """All values of a key, wherever it is."""
    if isinstance(tree, dict):
        if key in tree:
            yield tree[key]
        for value in tree.values():
            yield from ids(value, key)
    elif isinstance(tree, list):
        for value in tree:
            yield from ids(value, key)


def overridden(dashboard: Json, name: str) -> Iterator[Any]:
    """All values that overrides set for a property."""
    for overrides in ids(dashboard, "overrides"):
        for override in overrides:
            yield from (one["value"] for one in override["properties"] if one["id"] == name)


def known(tools_data: Data, name: str) -> set[str]:
    """The ids of one of Grafana's registries."""
    return set(json.loads(tools_data(f"grafana/{name}.json").read_text("utf-8")))


def test_the_dashboard_fits_the_strict_schema(dashboard: Json, schema: jsonschema.Draft7Validator) -> None:
    for panel in dashboard["panels"]:
        one = {"title": "one panel", "schemaVersion": 39, "panels": [panel]}
        # Panel by panel, because the message about a whole dashboard is too long to read.
        error = next(schema.iter_errors(one), None)
        assert error is None, (panel["title"], jsonschema.exceptions.best_match(error.context or [error]).message)
    schema.validate(dashboard)


def test_the_schema_refuses_what_grafana_does_not_know(dashboard: Json, schema: jsonschema.Draft7Validator) -> None:
    changes: tuple[Json, ...] = ({"optionss": {}}, {"options": {"wordColour": "red"}}, {"type": "pie-in-the-sky"})
    for change in changes:
        broken = copy.deepcopy(dashboard)
        broken["panels"][0] |= change
        assert not schema.is_valid(broken)


def test_units_exist(dashboard: Json, tools_data: Data) -> None:
    used = set(ids(dashboard, "unit")) | set(overridden(dashboard, "unit"))
    assert used
    # Those with a colon are made: the rest is a text behind the number, or the format of a date.
    assert {one for one in used if not re.match(r"(suffix|time):.", one)} <= known(tools_data, "units")


def test_transformations_reducers_and_matchers_exist(dashboard: Json, tools_data: Data) -> None:
    transformations = {one["id"] for some in ids(dashboard, "transformations") for one in some}
    assert transformations <= known(tools_data, "transformers")
    assert {one for some in ids(dashboard, "calcs") for one in some} <= known(tools_data, "reducers")
    assert {one["id"] for one in ids(dashboard, "matcher")} <= known(tools_data, "matchers")


def test_overrides_set_properties_that_panels_have(dashboard: Json, schema: jsonschema.Draft7Validator) -> None:
    """An override is checked as if its property stood in the panel's own settings."""
    for panel in dashboard["panels"]:
        for override in panel.get("fieldConfig", {}).get("overrides", ()):
            for one in override["properties"]:
                if one["id"] in RENAMED_BY_GRAFANA:
                    continue
                changed = copy.deepcopy(panel)
                settings = changed["fieldConfig"]["defaults"]
                *path, last = one["id"].split(".")
                for step in path:
                    settings = settings.setdefault(step, {})
                settings[last] = one["value"]
                assert schema.is_valid({"title": "x", "schemaVersion": 39, "panels": [changed]}), (panel["title"], one)

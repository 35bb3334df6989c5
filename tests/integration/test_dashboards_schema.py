"""The dashboards fit the types that Grafana publishes: no unknown key, no value that a panel does not know."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.grafana.conftest import everywhere

if TYPE_CHECKING:
    import jsonschema  # at run time only where it is used: it takes more than a second, in every process that collects tests

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


@pytest.fixture(scope="module")
def schema(tools_data: Data) -> jsonschema.Draft7Validator:
    import jsonschema

    content = json.loads(tools_data("grafana/dashboard.schema.json").read_text("utf-8"))
    content["properties"]["annotations"]["properties"]["list"]["items"]["properties"] |= OF_PROMETHEUS
    return jsonschema.Draft7Validator(content)


# Grafana 12.2 has renamed it to `custom.hideFrom.viz`, and renames it in what it loads; those before know this name only.
RENAMED_BY_GRAFANA = {"custom.hidden"}


def overridden(dashboard: Json, name: str) -> Iterator[Any]:
    """All values that overrides set for a property."""
    for overrides in everywhere(dashboard, "overrides"):
        for override in overrides:
            yield from (one["value"] for one in override["properties"] if one["id"] == name)


def known(tools_data: Data, name: str) -> set[str]:
    """The ids of one of Grafana's registries."""
    return set(json.loads(tools_data(f"grafana/{name}.json").read_text("utf-8")))


def complaint(schema: jsonschema.Draft7Validator, dashboard: Json) -> str:
    from jsonschema.exceptions import best_match

    error = best_match(schema.iter_errors(dashboard))
    return f"{list(error.absolute_path)}: {error.message}" if error else ""


def test_the_dashboard_fits_the_strict_schema(dashboard: Json, schema: jsonschema.Draft7Validator) -> None:
    assert complaint(schema, dashboard) == ""


def test_the_schema_refuses_what_grafana_does_not_know(schema: jsonschema.Draft7Validator) -> None:
    panel = json.loads(FILES[0].read_text("utf-8"))["panels"][0]
    changes: tuple[Json, ...] = ({}, {"optionss": {}}, {"options": {"wordColour": "red"}}, {"type": "pie-in-the-sky"})
    fits = [schema.is_valid({"title": "x", "schemaVersion": 39, "panels": [panel | change]}) for change in changes]
    assert fits == [True, False, False, False]


def test_units_exist(dashboard: Json, tools_data: Data) -> None:
    used = set(everywhere(dashboard, "unit")) | set(overridden(dashboard, "unit"))
    assert used
    # Those with a colon are made: the rest is a text behind the number, or the format of a date.
    assert {one for one in used if not re.match(r"(suffix|time):.", one)} <= known(tools_data, "units")


def test_transformations_reducers_and_matchers_exist(dashboard: Json, tools_data: Data) -> None:
    transformations = {one["id"] for some in everywhere(dashboard, "transformations") for one in some}
    assert transformations <= known(tools_data, "transformers")
    assert {one for some in everywhere(dashboard, "calcs") for one in some} <= known(tools_data, "reducers")
    assert {one["id"] for one in everywhere(dashboard, "matcher")} <= known(tools_data, "matchers")


def test_overrides_set_properties_that_panels_have(dashboard: Json, schema: jsonschema.Draft7Validator) -> None:
    """An override is checked as if its properties stood in the panel's own settings."""
    for panel in dashboard["panels"]:
        for override in panel.get("fieldConfig", {}).get("overrides", ()):
            changed = copy.deepcopy(panel)
            for one in override["properties"]:
                if one["id"] not in RENAMED_BY_GRAFANA:
                    settings = changed["fieldConfig"]["defaults"]
                    *path, last = one["id"].split(".")
                    for step in path:
                        settings = settings.setdefault(step, {})
                    settings[last] = one["value"]
            assert complaint(schema, {"title": "x", "schemaVersion": 39, "panels": [changed]}) == "", panel["title"]

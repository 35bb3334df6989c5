"""From builders to files: dashboards for provisioning, the same for import, pages, and Grafana's alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.builder.alerting import PATH as ALERTING
from grafana.builder.alerting import alerting
from grafana.builder.alerts_page import PATH as ALERTS_PAGE
from grafana.builder.alerts_page import alerts_page
from grafana.builder.frame import SCHEMA_VERSION
from grafana.builder.health import health
from grafana.builder.offer import offer
from grafana.builder.overview import overview
from grafana.builder.page import page

__all__ = ["files"]

PLUGIN_VERSION = "10.4.0"

_INPUT = {
    "name": "DS_PROMETHEUS",
    "label": "Prometheus",
    "description": "The Prometheus that scrapes the exporter.",
    "type": "datasource",
    "pluginId": "prometheus",
    "pluginName": "Prometheus",
}
_PANEL_NAMES = {
    "stat": "Stat",
    "state-timeline": "State timeline",
    "table": "Table",
    "timeseries": "Time series",
}


def files() -> Iterator[tuple[str, str]]:
    """Give each file as its path in the project and its text."""
    models = [_model(build()) for build in (overview, offer, health)]
    for model in models:
        yield f"grafana/dashboards/{model['uid']}.json", _text(model)
        yield f"grafana/import/{model['uid']}.json", _text(_for_import(model))
    yield "docs/dashboards.md", page(models)
    yield ALERTS_PAGE, alerts_page()
    yield ALERTING, alerting()


def _model(dashboard: Dashboard) -> dict[str, Any]:
    model: dict[str, Any] = json.loads(json.dumps(dashboard.build(), cls=JSONEncoder))
    model["schemaVersion"] = SCHEMA_VERSION
    for number, panel in enumerate(_all_panels(model), start=1):
        panel["id"] = number
        if panel["type"] != "row":
            # Without it, stat and bar gauge take the options for those of Grafana 6 and migrate them.
            panel["pluginVersion"] = PLUGIN_VERSION
        # The library always writes it; later versions of the table do not know it any more.
        panel.get("options", {}).pop("footer", None)
    for annotation in model["annotations"]["list"]:
        # Keys of the Prometheus data source, which the library's common type of annotations does not know.
        annotation |= {
            "titleFormat": "{{alertname}}",
            "textFormat": "{{publisher_id}} {{offer_id}} {{step_id}}",
            "step": "60s",
        }
    return model


def _all_panels(model: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in model["panels"]:
        yield panel
        yield from panel.get("panels", ())


def _for_import(model: dict[str, Any]) -> dict[str, Any]:
    """Let Grafana ask for the data source on upload; it then is the choice of the dashboard's own variable."""
    copy: dict[str, Any] = json.loads(json.dumps(model))
    for variable in copy["templating"]["list"]:
        if variable["type"] == "datasource":
            variable["current"] = {"selected": True, "text": "${DS_PROMETHEUS}", "value": "${DS_PROMETHEUS}"}
    kinds = sorted({panel["type"] for panel in _all_panels(copy)} - {"row"})
    requires = [
        {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.0.0"},
        {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        *({"type": "panel", "id": kind, "name": _PANEL_NAMES[kind], "version": ""} for kind in kinds),
    ]
    return {"__inputs": [_INPUT], "__requires": requires, "id": None, **copy}


def _text(model: dict[str, Any]) -> str:
    return json.dumps(model, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

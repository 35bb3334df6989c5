"""How columns of tables look."""

from __future__ import annotations

from enum import StrEnum

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from grafana.builder.frame import RUNBOOKS
from grafana.builder.looks import SEVERITIES, as_value, by_code, by_word, nothing, property_of, severities
from grafana.builder.metrics import ALERTS
from grafana.builder.panels import Query, Sizes, table_of

__all__ = ["alerts_table", "duration", "gauge", "linked", "state", "word"]

_COLOURED = {"type": "color-background", "mode": "basic"}


def state(kind: type[StrEnum]) -> list[DynamicConfigValue]:
    """Show a column of codes as states."""
    return [
        as_value([*by_code(kind), *nothing()]),
        property_of("custom.cellOptions", _COLOURED),
        property_of("custom.width", 190),
    ]


def word(kind: type[StrEnum]) -> list[DynamicConfigValue]:
    """Show a column of states' labels as states."""
    return [
        as_value([*by_word(kind), *nothing()]),
        property_of("custom.cellOptions", _COLOURED),
        property_of("custom.width", 190),
    ]


def duration(width: int = 110) -> list[DynamicConfigValue]:
    """Show a column of seconds."""
    return [property_of("unit", "s"), property_of("decimals", 1), property_of("custom.width", width)]


def gauge() -> list[DynamicConfigValue]:
    """Show a column of ratios as bars from nothing to the whole."""
    return [
        property_of("unit", "percentunit"),
        property_of("min", 0),
        property_of("max", 1),
        property_of("decimals", 0),
        property_of("color", {"mode": "fixed", "fixedColor": "blue"}),
        property_of("custom.cellOptions", {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}),
        property_of("custom.width", 150),
    ]


def linked(link: dict[str, object]) -> list[DynamicConfigValue]:
    """Make the cells of a column links."""
    return [property_of("links", [link])]


def alerts_table(title: str, description: str, *matchers: str, sizes: Sizes) -> table.Panel:
    """List the alerts that are pending or firing; each name leads to its runbook."""
    labels = "alertname, severity, alertstate, audience, publisher_id, offer_id, step_id"
    columns = {
        "Value": "Severity",
        "alertname": "Alert",
        "alertstate": "Alert state",
        "audience": "For",
        "publisher_id": "Publisher",
        "offer_id": "Offer",
        "step_id": "Step",
    }
    known = [name for name, _ in SEVERITIES[:-1]]
    choices = [f'severity="{name}"' for name in known] + [f'severity!~"{"|".join(known)}"']
    series = (f"{place} * ALERTS{{{', '.join((ALERTS, one, *matchers))}}}" for place, one in enumerate(choices))
    query = Query(f"max by ({labels}) ({' or '.join(series)})", "Severity")
    panel = table_of(title, description, [query], columns=columns, sizes=sizes, sort_by=[("Severity", False)])
    coloured = [as_value(severities()), property_of("custom.cellOptions", _COLOURED), property_of("custom.width", 110)]
    panel.override_by_name("Severity", coloured)
    runbook: dict[str, object] = {"title": "Runbook", "url": f"{RUNBOOKS}/${{__value.raw}}.md", "targetBlank": True}
    panel.override_by_name("Alert", linked(runbook))
    return panel.no_value("No alert is pending or firing")

"""What the dashboards have in common: variables, links, annotations and the frame itself."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from exporter.pages.palette import COLOURS
from grafana.builder.metrics import ALERTS
from grafana.builder.panels import DATASOURCE

__all__ = [
    "DOCS",
    "OVERVIEW",
    "PORTAL",
    "RUNBOOKS",
    "TAG",
    "UIDS",
    "alerts_annotation",
    "frame",
    "offer_link",
    "variable",
]

TAG = "azure-marketplace"
OVERVIEW, OFFER, EXPORTER = UIDS = (
    "azure-marketplace-overview",
    "azure-marketplace-offer",
    "azure-marketplace-exporter",
)
PROJECT = "https://github.com/azure-marketplace-exporter/azure-marketplace-exporter"
DOCS = f"{PROJECT}/blob/main/docs/dashboards.md"
RUNBOOKS = f"{PROJECT}/blob/main/docs/runbooks"
PORTAL = "https://partner.microsoft.com/dashboard/marketplace-offers/overview"

# Classic dashboards are migrated upwards by every later Grafana; 39 is what Grafana 10.4 and 11 write themselves.
SCHEMA_VERSION = 39


def frame(uid: str, title: str, description: str, *, span: str, refresh: str) -> builders.Dashboard:
    """Start a dashboard that shows the last `span`."""
    dashboard = builders.Dashboard(title).uid(uid).description(description).tags([TAG]).readonly()
    dashboard.time(f"now-{span}", "now").refresh(refresh).timezone("browser").week_start("")
    dashboard.tooltip(DashboardCursorSync.CROSSHAIR)
    dashboard.with_variable(
        builders.DatasourceVariable("datasource")
        .label("Data source")
        .type("prometheus")
        .description("The Prometheus that scrapes the exporter.")
    )
    for link in _links():
        dashboard.link(link)
    return dashboard


def variable(
    name: str, label: str, description: str, series: str, *, all_value: str | None = ".+"
) -> builders.QueryVariable:
    """Let the user choose values of a label, all of them at first; without `all_value` that is the list of them."""
    choice = (
        builders.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(DATASOURCE)
        .query(f"label_values({series}, {name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(True)
        .include_all(True)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
    return choice if all_value is None else choice.all_value(all_value)


def _links() -> tuple[builders.DashboardLink, ...]:
    return (
        builders.DashboardLink("Dashboards")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True),
        _outside("Partner Center", "The portal in which offers are published", PORTAL),
        _outside("Runbooks", "What each alert means and what to do", RUNBOOKS),
        _outside("How to read this", "What the panels tell, and how", DOCS),
    )


def _outside(title: str, tooltip: str, url: str) -> builders.DashboardLink:
    link = builders.DashboardLink(title).type(DashboardLinkType.LINK).icon("external link").target_blank(True)
    return link.tooltip(tooltip).url(url)


def alerts_annotation(name: str, severity: str, colour: str, *matchers: str) -> builders.AnnotationQuery:
    """Mark in all panels when alerts of a severity were firing."""
    series = ", ".join((ALERTS, 'alertstate="firing"', f'severity="{severity}"', *matchers))
    query = builders.AnnotationQuery().name(name).datasource(DATASOURCE).enable(True)
    return query.icon_color(COLOURS[colour].grafana).expr(
        f"max by (alertname, publisher_id, offer_id, step_id) (ALERTS{{{series}}})"
    )


def offer_link() -> dict[str, object]:
    """Link from a row that has the columns Publisher and Offer to the dashboard of that offer."""
    here = "${datasource:queryparam}&${job:queryparam}&${__url_time_range}"
    chosen = "var-publisher_id=${__data.fields.Publisher}&var-offer_id=${__data.fields.Offer}"
    return {"title": "Steps of this offer", "url": f"/d/{OFFER}?{chosen}&{here}"}

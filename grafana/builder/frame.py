"""What the dashboards have in common: the frame itself, and links."""

from __future__ import annotations

from collections.abc import Iterable

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType, VariableHide

__all__ = [
    "DOCS",
    "EXPORTER",
    "OFFER",
    "OVERVIEW",
    "PORTAL",
    "RUNBOOKS",
    "TAG",
    "UIDS",
    "frame",
    "link_to",
    "offer_link",
    "outside",
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

Variable = builders.QueryVariable | builders.CustomVariable

_HERE = "${datasource:queryparam}&${job:queryparam}&${__url_time_range}"


def frame(uid: str, title: str, description: str, *, span: str, variables: Iterable[Variable]) -> builders.Dashboard:
    """Start a dashboard that shows the last `span`."""
    dashboard = builders.Dashboard(title).uid(uid).description(description).tags([TAG]).readonly()
    dashboard.time(f"now-{span}", "now").refresh("1m").timezone("browser").week_start("")
    dashboard.tooltip(DashboardCursorSync.CROSSHAIR)
    dashboard.with_variable(
        builders.DatasourceVariable("datasource")
        .label("Data source")
        .type("prometheus")
        .description("The Prometheus that scrapes the exporter.")
        # There rarely are two; the address names another one, and the links between the dashboards keep it.
        .hide(VariableHide.HIDE_VARIABLE)
    )
    for one in variables:
        dashboard.with_variable(one)
    # One dropdown, so that all controls fit in one row on a laptop; the links that lead outside are those of panels.
    return dashboard.link(
        builders.DashboardLink("Dashboards")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def outside(title: str, url: str) -> builders.DashboardLink:
    """Link from a panel to a page that is not of this Grafana."""
    return builders.DashboardLink(title).type(DashboardLinkType.LINK).target_blank(True).url(url)


def link_to(uid: str, title: str, *variables: str) -> dict[str, str]:
    """Link to one of the dashboards; `variables` are parts of its query besides data source, job and time."""
    return {"title": title, "url": f"/d/{uid}?{'&'.join((*variables, _HERE))}"}


def offer_link(
    title: str = "The steps of ${__value.text}",
    publisher: str = "${__data.fields.Publisher}",
    name: str = "${__data.fields.Offer}",
) -> dict[str, str]:
    """Link to the dashboard of an offer, by default from a row that has the columns Publisher and Offer."""
    return link_to(OFFER, title, f"var-publisher_id={publisher}", f"var-offer_id={name}")

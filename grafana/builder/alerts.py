"""What Prometheus' rules say: the table of alerts, and the marks of their begin in all charts."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard

from grafana.builder import columns
from grafana.builder.frame import RUNBOOKS, offer_link, outside
from grafana.builder.looks import GRAFANA, SEVERITIES, severities
from grafana.builder.metrics import ALERTS, offer_series
from grafana.builder.panels import DATASOURCE, Sizes
from grafana.builder.promql import OFFER, STEP
from grafana.builder.steps import names
from grafana.builder.tables import table_of

__all__ = ["OF_OFFERS", "OF_THE_EXPORTER", "Scope", "alerts_table", "mark_alerts"]

_PREFIX = "AzureMarketplace"
_SAME_ALERT = f"alertname, severity, {STEP}"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which alerts: matchers of the alerts themselves, and what must be there for the same offer, if they are about offers."""

    matchers: tuple[str, ...]
    offers: str = ""

    def series(self, *matchers: str) -> str:
        """Select them."""
        alerts = f"ALERTS{{{', '.join((ALERTS, *self.matchers, *matchers))}}}"
        return f"({alerts} and on ({OFFER}) {self.offers})" if self.offers else alerts


# An alert of an offer knows no job, because its rule merges replicas: the job is that of the offer's own series.
OF_OFFERS = Scope(('publisher_id=~"$publisher_id"', 'offer_id=~"$offer_id"'), offers=offer_series("offer_up"))
OF_THE_EXPORTER = Scope(('offer_id=""', 'job=~"$job|"', 'publisher_id=~"$publisher_id|"'))


def mark_alerts(dashboard: Dashboard, scope: Scope) -> None:
    """Mark in all charts when alerts began to fire; what they tell lasts for days, and regions would cover whole charts."""
    for title, severity, colour in (("Critical alerts", "critical", "red"), ("Warnings", "warning", "orange")):
        mark = AnnotationQuery().name(title).datasource(DATASOURCE).enable(True).hide(True)
        dashboard.annotation(mark.icon_color(GRAFANA[colour]).expr(_began_to_fire(scope, severity)))


def _began_to_fire(scope: Scope, severity: str) -> str:
    firing = scope.series('alertstate="firing"', f'severity="{severity}"')
    by = f"alertname, {STEP}"
    return f"max by ({by}) ({firing}) unless max by ({by}) ({firing.replace('}', '} offset 10m', 1)})"


def alerts_table(title: str, description: str, scope: Scope, *, sizes: Sizes) -> table.Panel:
    """List the alerts that are pending or firing; each name leads to its runbook."""
    labels = f"alertname, severity, alertstate, audience, {STEP}"
    known = [name for name, _ in SEVERITIES[:-1]]
    choices = [f'severity="{name}"' for name in known] + [f'severity!~"{"|".join(known)}"']
    each = " or ".join(f"{place} * {scope.series(one)}" for place, one in enumerate(choices))
    alerts = f"max by ({labels}) ({each})"
    if scope.offers:
        alerts = f"({alerts} + on ({STEP}) group_left (step_name) 0 * {names()} or on ({_SAME_ALERT}) {alerts})"
    short = f'label_replace({alerts}, "alert", "$1", "alertname", "{_PREFIX}(.+)")'
    names_of_columns = {
        "Value": "Severity",
        "alert": "Alert",
        "alertstate": "Alert state",
        "audience": "Who acts",
        "publisher_id": "Publisher",
        **({"offer_id": "Offer", "step_name": "Step"} if scope.offers else {}),
    }
    panel = table_of(
        title,
        description,
        [short],
        columns=names_of_columns,
        sizes=sizes,
        sort_by=[("Severity", False)],
        empty="No alert is pending or firing",
    )
    runbook: dict[str, object] = {
        "title": "What it means and what to do",
        "url": f"{RUNBOOKS}/{_PREFIX}${{__value.raw}}.md",
        "targetBlank": True,
    }
    panel.override_by_name("Severity", columns.coloured(severities(), 105))
    panel.override_by_name("Alert", columns.linked(runbook, 210)).override_by_name(
        "Offer", columns.linked(offer_link())
    )
    for name in ("Alert state", "Who acts", "Publisher"):
        panel.override_by_name(name, [columns.width(100)])
    return panel.links([outside("Runbooks", RUNBOOKS)])

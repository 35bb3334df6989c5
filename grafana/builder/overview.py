"""The dashboard Overview: which offers wait for whom, since when, and what comes next."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.common import VizTextDisplayOptions
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.common import BigValueTextMode

from exporter.domain.offers import OfferStatus, Party
from exporter.pages.palette import looks
from grafana.builder.alerts import OF_OFFERS, alerts_table, mark_alerts
from grafana.builder.frame import DOCS, EXPORTER, OVERVIEW, PORTAL, frame, link_to, offer_link, outside
from grafana.builder.lead_time import lead_times
from grafana.builder.lists import details_list, offers_list, with_microsoft_list
from grafana.builder.looks import GRAFANA, as_thresholds, by_code, property_of, thresholds, words
from grafana.builder.metrics import offer_series, publisher_series
from grafana.builder.panels import Query, Sizes, clickable, lines, tile, timeline
from grafana.builder.promql import OFFER, age, count_in_state, state_code
from grafana.builder.steps import due
from grafana.builder.variables import PARTIES, overview_variables

__all__ = ["overview"]

_NOT_READ, _AGE = "not read", "age"
_OFFERS = f"max by ({OFFER}) ({offer_series('offer_up')})"


def overview() -> Dashboard:
    """Build it."""
    dashboard = frame(
        OVERVIEW,
        "Azure Marketplace / Overview",
        "Which offers wait for you, which are with Microsoft, since when, and what comes next.",
        span="7d",
        variables=overview_variables(),
    )
    mark_alerts(dashboard, OF_OFFERS)
    for panel in (_needs_you(), _with_microsoft(), _overdue(), _all(), _data()):
        dashboard.with_panel(panel)
    dashboard.with_panel(_offers()).with_panel(with_microsoft_list(Sizes(24, 7)))
    dashboard.with_panel(_timeline()).with_panel(_over_time())
    dashboard.with_panel(_alerts()).with_row(Row("Lead time").collapsed(True).with_panel(lead_times(Sizes(24, 10))))
    return dashboard.with_row(Row("Details").collapsed(True).with_panel(details_list(Sizes(24, 14))))


def _here(party: str, title: str) -> dict[str, str]:
    return link_to(OVERVIEW, title, f"var-party={party}", "${publisher_id:queryparam}", "${offer_id:queryparam}")


def _figure(title: str, description: str, expression: str, link: dict[str, str], width: int) -> stat.Panel:
    return clickable(tile(title, description, [Query(expression, title)], sizes=Sizes(width, 3)), link).no_value("-")


def _needs_you() -> stat.Panel:
    panel = _figure(
        "Waiting for you",
        "Offers that go on only after the publisher acts: sign off, correct what was rejected, or submit again. Click to "
        "list them.",
        count_in_state("offer_waiting_on", Party.PUBLISHER, "party"),
        _here(PARTIES["waiting for you"], "List them"),
        5,
    )
    return panel.thresholds(thresholds("green", (1, "orange")))


def _with_microsoft() -> stat.Panel:
    panel = _figure(
        "With Microsoft",
        "Offers in which Microsoft has to act next; there is nothing to do but wait. Click to list them.",
        count_in_state("offer_waiting_on", Party.MICROSOFT, "party"),
        _here(PARTIES["with Microsoft"], "List them"),
        5,
    )
    return panel.thresholds(thresholds("grey", (1, "blue")))


def _overdue() -> stat.Panel:
    panel = _figure(
        "Overdue",
        "Steps in Microsoft's hands for longer than the upper end of Microsoft's own estimate.",
        f"sum(time() > bool {due()}) or 0 * sum({_OFFERS})",
        _here(PARTIES["with Microsoft"], "List what Microsoft has"),
        4,
    )
    return panel.thresholds(thresholds("green", (1, "red")))


def _all() -> stat.Panel:
    return _figure(
        "All offers",
        "Offers that the exporter shows. Click to list them all.",
        f"count({_OFFERS})",
        _here(PARTIES["all"], "List them all"),
        4,
    )


def _data() -> stat.Panel:
    success = publisher_series("publisher_last_success_timestamp_seconds")
    queries = [
        Query(f"sum({_OFFERS} == bool 0)", _NOT_READ),
        Query(f"max({age(success, 'publisher_id')})", _AGE),
    ]
    panel = tile(
        "Data",
        "How many offers could not be read in any replica, so that what is shown of them is old; and the time since the last "
        "refresh that got everything, of the publisher where that is longest ago: orange after 15 minutes, three of the "
        "default intervals; red after an hour, when the series of offers are withdrawn by default.",
        queries,
        sizes=Sizes(6, 3),
        text=BigValueTextMode.VALUE_AND_NAME,
    )
    panel.text(VizTextDisplayOptions().title_size(13).value_size(32))
    panel.override_by_name(_NOT_READ, [as_thresholds("green", (1, "red"))])
    seconds = [property_of("unit", "s"), property_of("decimals", 0)]
    panel.override_by_name(_AGE, [*seconds, as_thresholds("green", (900, "orange"), (3600, "red"))])
    return clickable(panel, link_to(EXPORTER, "What the exporter has to say")).no_value("-")


def _offers() -> table.Panel:
    panel = offers_list(Sizes(24, 15))
    return panel.links([outside("Partner Center", PORTAL), outside("How to read this", DOCS)])


def _timeline() -> statetimeline.Panel:
    panel = timeline(
        "State of each offer",
        "The state of each offer over time, in the colours of the list.",
        [Query(state_code("offer_status", OfferStatus), "{{publisher_id}}/{{offer_id}}")],
        sizes=Sizes(24, 13),
    )
    labels = "${__field.labels.publisher_id}", "${__field.labels.offer_id}"
    return clickable(panel, offer_link("The steps of ${__field.labels.offer_id}", *labels)).mappings(
        by_code(OfferStatus)
    )


def _over_time() -> timeseries.Panel:
    states = f"sum by (status) (max by ({OFFER}, status) ({offer_series('offer_status')} == 1))"
    panel = lines(
        "Offers by state over time",
        "How many offers were in each state.",
        [Query(states, "{{status}}")],
        unit="none",
        sizes=Sizes(24, 8),
        soft_max=1,
        stacked=True,
        empty="There is no offer",
    ).decimals(0)
    names = words(OfferStatus)
    for one in looks(OfferStatus):
        colour = {"mode": "fixed", "fixedColor": GRAFANA[one.colour]}
        panel.override_by_name(one.state, [property_of("color", colour), property_of("displayName", names[one.state])])
    return panel.max_data_points(400)


def _alerts() -> table.Panel:
    return alerts_table(
        "Alerts about offers",
        "Alerts that are pending or firing about the chosen offers, if Prometheus has this project's rules. Choose one "
        "to read its runbook.",
        OF_OFFERS,
        sizes=Sizes(24, 10),
    )

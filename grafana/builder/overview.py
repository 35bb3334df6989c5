"""The dashboard Overview: what is waiting for whom, and since when."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from exporter.domain.offers import OfferStatus, Party, StepStatus
from exporter.pages.palette import COLOURS, looks
from grafana.builder import columns
from grafana.builder.frame import OVERVIEW, alerts_annotation, frame, offer_link
from grafana.builder.looks import by_code, fixed, if_any, property_of, thresholds
from grafana.builder.metrics import offer_series, publisher_series
from grafana.builder.panels import Query, Sizes, bars, lines, table_of, tile, timeline
from grafana.builder.promql import (
    OFFER,
    age,
    count_in_state,
    current_step,
    elapsed_of_estimate,
    newest_since,
    of_current_step,
    offer_name,
    state_code,
)
from grafana.builder.variables import CHOSEN, offer_variables

__all__ = ["overview"]

_OFFERS = f"max by ({OFFER}) ({offer_series('offer_up')})"


def overview() -> Dashboard:
    """Build it."""
    dashboard = frame(
        OVERVIEW,
        "Azure Marketplace / Overview",
        "Which offers wait for you, which are with Microsoft, and since when.",
        span="7d",
        refresh="1m",
    )
    for one in offer_variables():
        dashboard.with_variable(one)
    dashboard.annotation(alerts_annotation("Critical alerts", "critical", "red", *CHOSEN))
    dashboard.annotation(alerts_annotation("Warnings", "warning", "orange", *CHOSEN))
    for panel in (_needs_you(), _with_microsoft(), _overdue(), _unread(), _data_age()):
        dashboard.with_panel(panel)
    dashboard.with_panel(_by_state())
    dashboard.with_panel(_longest()).with_panel(_against_estimate())
    dashboard.with_panel(_offers())
    dashboard.with_row(Row("Over time"))
    dashboard.with_panel(_timeline()).with_panel(_over_time())
    dashboard.with_row(Row("Alerts"))
    return dashboard.with_panel(_alerts())


def _party_tile(party: Party, title: str, description: str) -> stat.Panel:
    query = Query(count_in_state("offer_waiting_on", party, "party"), title)
    return tile(title, description, [query], sizes=Sizes(5, 4))


def _needs_you() -> stat.Panel:
    panel = _party_tile(
        Party.PUBLISHER,
        "Waiting for you",
        "Offers that go on only after the publisher acts: sign off, correct what was rejected, or submit again.",
    )
    return panel.thresholds(thresholds("green", (1, "orange")))


def _with_microsoft() -> stat.Panel:
    panel = _party_tile(
        Party.MICROSOFT, "With Microsoft", "Offers in which Microsoft has to act next; there is nothing to do but wait."
    )
    return panel.color_scheme(fixed(COLOURS["blue"].grafana))


def _overdue() -> stat.Panel:
    late = f"sum(({elapsed_of_estimate()}) > bool 1) or 0 * sum({_OFFERS})"
    panel = tile(
        "Overdue at Microsoft",
        "Steps in Microsoft's hands for longer than the upper end of Microsoft's own estimate.",
        [Query(late, "Overdue at Microsoft")],
        sizes=Sizes(5, 4),
    )
    return panel.thresholds(thresholds("green", (1, "red")))


def _unread() -> stat.Panel:
    panel = tile(
        "Cannot be read",
        "Offers whose last fetch failed in every replica; what is shown of them is the last good fetch.",
        [Query(f"sum({_OFFERS} == bool 0)", "Cannot be read")],
        sizes=Sizes(4, 4),
    )
    return panel.thresholds(thresholds("green", (1, "red")))


def _data_age() -> stat.Panel:
    success = publisher_series("publisher_last_success_timestamp_seconds")
    panel = tile(
        "Data age",
        "Time since the last refresh that got everything, of the publisher where that is longest ago. Orange after 15 "
        "minutes, three of the default intervals; red after an hour, when the series of offers are withdrawn by default.",
        [Query(f"max({age(success, 'publisher_id')})", "Data age")],
        unit="s",
        sizes=Sizes(5, 4),
    )
    return panel.thresholds(thresholds("green", (900, "orange"), (3600, "red"))).decimals(0)


def _by_state() -> stat.Panel:
    queries = [Query(count_in_state("offer_status", one.state), one.words) for one in looks(OfferStatus)]
    panel = tile("Offers by state", "How many offers are in each state.", queries, sizes=Sizes(24, 4), is_quiet=True)
    for one in looks(OfferStatus):
        panel.override_by_name(one.words, [if_any(one.colour.grafana)])
    return panel


def _longest() -> bargauge.Panel:
    since = newest_since("offer_waiting_on", label="party", matcher='party="publisher"')
    panel = bars(
        "Waiting for you, longest first",
        "How long the offers have waited for the publisher that wait longest. Counted from when the exporter first saw "
        "it; a state file keeps that over restarts.",
        [Query(f"sort_desc(topk(10, time() - {since}))", "{{publisher_id}}/{{offer_id}}")],
        unit="s",
        sizes=Sizes(12, 8),
    )
    panel.thresholds(thresholds("orange", (86400, "red"))).decimals(1)
    return panel.no_value("Nothing waits for you")


def _against_estimate() -> bargauge.Panel:
    panel = bars(
        "With Microsoft, against the estimate",
        "How much of its estimate each step has used that is in Microsoft's hands. 100 % is the upper end of Microsoft's "
        "estimate; steps without an estimate are not shown.",
        [Query(f"sort_desc(topk(10, {elapsed_of_estimate()}))", "{{publisher_id}}/{{offer_id}}: {{step_name}}")],
        unit="percentunit",
        sizes=Sizes(12, 8),
    )
    panel.thresholds(thresholds("blue", (0.8, "orange"), (1, "red"))).max(1).decimals(0)
    return panel.no_value("No step with an estimate is with Microsoft")


def _offers() -> table.Panel:
    names = {
        "publisher_id": "Publisher",
        "offer_id": "Offer",
        "display_name": "Name",
        "Value #A": "Waiting for",
        "Value #B": "State",
        "Value #C": "In this state for",
        "step_name": "Step",
        "status": "Step state",
        "Value #D": "Step for",
        "Value #E": "Estimate",
        "Value #F": "Progress",
        "offer_type": "Type",
        "Value #G": "Data age",
    }
    queries = [
        Query(state_code("offer_waiting_on", Party, "party"), "Waiting for"),
        Query(state_code("offer_status", OfferStatus), "State"),
        Query(f"time() - {newest_since('offer_status')}", "In this state for"),
        Query(f"time() - {current_step()}", "Step for"),
        Query(of_current_step("offer_step_estimated_duration_seconds"), "Estimate"),
        Query(of_current_step("offer_step_progress_ratio"), "Progress"),
        Query(age(offer_series("offer_last_success_timestamp_seconds"), OFFER), "Data age"),
        Query(offer_name()),
    ]
    panel = table_of(
        "Offers",
        "Every offer; those that wait for you come first. Step is where the submission stands, empty if no step has begun "
        "or all are complete. Estimate is the upper end of Microsoft's. A complete step may show no progress: that is "
        "what the API tells. Choose an offer to see its steps.",
        queries,
        columns=names,
        sizes=Sizes(24, 13),
        sort_by=[("Waiting for", False), ("In this state for", True)],
    )
    panel.override_by_name("Waiting for", columns.state(Party)).override_by_name("State", columns.state(OfferStatus))
    panel.override_by_name("Step state", columns.word(StepStatus)).override_by_name("Progress", columns.gauge())
    for name in ("In this state for", "Step for", "Estimate", "Data age"):
        panel.override_by_name(name, columns.duration(130))
    return panel.override_by_name("Offer", columns.linked(offer_link())).filterable(True)


def _timeline() -> statetimeline.Panel:
    panel = timeline(
        "State of each offer",
        "The state of each offer over time, in the colours of the table.",
        [Query(state_code("offer_status", OfferStatus), "{{publisher_id}}/{{offer_id}}")],
        sizes=Sizes(24, 12),
    )
    return panel.mappings(by_code(OfferStatus))


def _over_time() -> timeseries.Panel:
    queries = [Query(count_in_state("offer_status", one.state), one.words) for one in looks(OfferStatus)]
    panel = lines(
        "Offers by state over time",
        "How many offers were in each state.",
        queries,
        unit="short",
        sizes=Sizes(24, 8),
        stacked=True,
    )
    for one in looks(OfferStatus):
        colour = {"mode": "fixed", "fixedColor": one.colour.grafana}
        panel.override_by_name(one.words, [property_of("color", colour)])
    return panel


def _alerts() -> table.Panel:
    return columns.alerts_table(
        "Alerts about offers",
        "Alerts that are pending or firing about the chosen offers, if Prometheus has this project's rules. Choose one "
        "to read its runbook.",
        *CHOSEN,
        sizes=Sizes(24, 8),
    )

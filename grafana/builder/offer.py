"""The dashboard Offer: how a submission walks through its steps, against the estimates, and how earlier ones went."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.common import BigValueTextMode

from exporter.domain.offers import Level, OfferStatus, Party, StepStatus
from exporter.pages.palette import COLOURS, looks
from grafana.builder import columns
from grafana.builder.frame import OFFER as UID
from grafana.builder.frame import alerts_annotation, frame
from grafana.builder.looks import by_code, fixed, good_or_bad, if_any, property_of, thresholds
from grafana.builder.metrics import offer_series
from grafana.builder.panels import Query, Sizes, bars, lines, table_of, tile, timeline
from grafana.builder.promql import (
    OFFER,
    STEP,
    age,
    current_step,
    elapsed_of_estimate,
    newest_since,
    state_code,
    step_state_code,
    step_text,
)
from grafana.builder.variables import CHOSEN, offer_variables

__all__ = ["offer"]

_NAME = "{{offer_id}}"
_STEP_NAME = "{{offer_id}} {{position}} {{step_name}}"


def offer() -> Dashboard:
    """Build it."""
    dashboard = frame(
        UID,
        "Azure Marketplace / Offer",
        "The steps of a submission: which is under way, for how long, against which estimate. Made for one offer; choose "
        "several to compare them.",
        span="7d",
        refresh="1m",
    )
    for one in offer_variables():
        dashboard.with_variable(one)
    dashboard.annotation(alerts_annotation("Critical alerts", "critical", "red", *CHOSEN))
    dashboard.annotation(alerts_annotation("Warnings", "warning", "orange", *CHOSEN))
    for panel in (_state(), _waiting_for(), _step(), _state_for(), _done(), _live(), _data_age()):
        dashboard.with_panel(panel)
    dashboard.with_panel(_timeline()).with_panel(_steps())
    dashboard.with_row(Row("Progress and messages"))
    dashboard.with_panel(_elapsed()).with_panel(_progress()).with_panel(_messages())
    dashboard.with_row(Row("Earlier submissions"))
    return dashboard.with_panel(_history()).with_panel(_longest())


def _state() -> stat.Panel:
    query = Query(state_code("offer_status", OfferStatus), _NAME)
    description = "The state of the newest submission, as the API tells it."
    return tile("State", description, [query], sizes=Sizes(4, 4)).mappings(by_code(OfferStatus))


def _waiting_for() -> stat.Panel:
    query = Query(state_code("offer_waiting_on", Party, "party"), _NAME)
    description = "Who has to act next: the publisher, Microsoft, or nobody."
    return tile("Waiting for", description, [query], sizes=Sizes(4, 4)).mappings(by_code(Party))


def _step() -> stat.Panel:
    panel = tile(
        "Step",
        "The step that the submission is at: the one that changed last among those that began and are not complete.",
        [Query(current_step(), "{{step_name}}")],
        unit="none",
        sizes=Sizes(4, 4),
        text=BigValueTextMode.NAME,
    )
    return panel.color_scheme(fixed(COLOURS["blue"].grafana)).no_value("None")


def _state_for() -> stat.Panel:
    panel = tile(
        "In this state for",
        "Time since the exporter first saw the present state; a state file keeps that over restarts.",
        [Query(f"time() - {newest_since('offer_status')}", _NAME)],
        unit="s",
        sizes=Sizes(3, 4),
    )
    return panel.color_scheme(fixed(COLOURS["dark-grey"].grafana)).decimals(1)


def _done() -> stat.Panel:
    complete = offer_series("offer_step_status", 'status="complete"')
    panel = tile(
        "Steps complete",
        "Share of the steps that are complete. Not the API's progress: that may be 0 for a complete step.",
        [Query(f"avg by ({OFFER}) (max by ({STEP}) ({complete}))", _NAME)],
        unit="percentunit",
        sizes=Sizes(3, 4),
    )
    return panel.color_scheme(fixed(COLOURS["dark-grey"].grafana)).decimals(0)


def _live() -> stat.Panel:
    panel = tile(
        "Live",
        "Whether customers can buy the offer, whatever its newest submission does. Only of offers whose source tells it.",
        [Query(f"max by ({OFFER}) ({offer_series('offer_live')})", _NAME)],
        sizes=Sizes(3, 4),
    )
    return panel.mappings(good_or_bad("Live", "Not live", "grey")).no_value("Not told")


def _data_age() -> stat.Panel:
    panel = tile(
        "Data age",
        "Time since this offer was last fetched. Orange after 15 minutes, three of the default intervals; red after an "
        "hour, when the series of offers are withdrawn by default.",
        [Query(age(offer_series("offer_last_success_timestamp_seconds"), OFFER), _NAME)],
        unit="s",
        sizes=Sizes(3, 4),
    )
    return panel.thresholds(thresholds("green", (900, "orange"), (3600, "red"))).decimals(0)


def _timeline() -> statetimeline.Panel:
    panel = timeline(
        "Steps",
        "The state of each step over time, in the order of the pipeline.",
        [Query(step_state_code("offer_step_status", StepStatus), _STEP_NAME)],
        sizes=Sizes(24, 10),
    )
    return panel.mappings(by_code(StepStatus))


def _steps() -> table.Panel:
    names = {
        "publisher_id": "Publisher",
        "offer_id": "Offer",
        "position": "#",
        "step_name": "Step",
        "Value #A": "State",
        "Value #B": "For",
        "estimated_time_frame": "Microsoft says",
        "Value #C": "Estimate",
        "Value #D": "Took",
        "Value #E": "Progress",
        "Value #F": "Messages",
        "Value #G": "Last message",
        "step_id": "Id",
    }
    messages = f"sum by ({STEP}) (max by ({STEP}, level) ({offer_series('offer_step_messages')}))"
    started = offer_series("offer_step_started_timestamp_seconds")
    took = f"{offer_series('offer_step_completed_timestamp_seconds')} - {started}"
    newest = offer_series("offer_step_last_message_timestamp_seconds")
    queries = [
        Query(state_code("offer_step_status", StepStatus, by=STEP), "State"),
        Query(f"time() - {newest_since('offer_step_status', STEP)}", "For"),
        Query(f"max by ({STEP}) ({offer_series('offer_step_estimated_duration_seconds')})", "Estimate"),
        Query(f"max by ({STEP}) ({took})", "Took"),
        Query(f"max by ({STEP}) ({offer_series('offer_step_progress_ratio')})", "Progress"),
        Query(messages, "Messages"),
        Query(f"max by ({STEP}) ({newest}) * 1000", "Last message"),
        Query(step_text()),
    ]
    panel = table_of(
        "Steps in detail",
        "Every step with its state and how long it has been in it. Estimate is the upper end of what Microsoft says; "
        "took is how long the step really took, where its source tells that. What "
        "the messages say stands in Partner Center, and on the exporter's own page.",
        queries,
        columns=names,
        sizes=Sizes(24, 10),
        sort_by=[("Publisher", False), ("Offer", False), ("#", False)],
    )
    panel.override_by_name("State", columns.state(StepStatus)).override_by_name("Progress", columns.gauge())
    for name in ("For", "Estimate", "Took"):
        panel.override_by_name(name, columns.duration())
    panel.override_by_name("#", [property_of("unit", "none"), property_of("custom.width", 60)])
    return panel.override_by_name("Last message", [property_of("unit", "dateTimeFromNow")])


def _elapsed() -> bargauge.Panel:
    panel = bars(
        "Elapsed against the estimate",
        "How much of its estimate each step has used that is in Microsoft's hands. 100 % is the upper end of Microsoft's "
        "estimate.",
        [Query(elapsed_of_estimate(), "{{offer_id}}: {{step_name}}")],
        unit="percentunit",
        sizes=Sizes(12, 8),
    )
    panel.thresholds(thresholds("blue", (0.8, "orange"), (1, "red"))).max(1).decimals(0)
    return panel.no_value("No step with an estimate is with Microsoft")


def _progress() -> timeseries.Panel:
    # A complete step may tell 0: what is complete is shown as complete.
    told = f"max by ({STEP}) ({offer_series('offer_step_progress_ratio')})"
    complete = f"""max by ({STEP}) ({offer_series("offer_step_status", 'status="complete"')})"""
    return lines(
        "Progress of the steps",
        "Progress as the API tells it; a complete step counts as 100 %.",
        [Query(f"{complete} > 0 or {told}", "{{offer_id}} {{step_id}}")],
        unit="percentunit",
        sizes=Sizes(12, 8),
    ).max(1)


def _messages() -> stat.Panel:
    queries = [Query(_messages_of(one.state), one.words) for one in looks(Level)]
    panel = tile(
        "Messages", "Messages of the offers and their steps, by level.", queries, sizes=Sizes(24, 4), is_quiet=True
    )
    for one in looks(Level):
        panel.override_by_name(one.words, [if_any(one.colour.grafana)])
    return panel


def _messages_of(level: str) -> str:
    matcher = f'level="{level}"'
    of_offers = f"sum(max by ({OFFER}) ({offer_series('offer_messages', matcher)}))"
    of_steps = f"sum(max by ({STEP}) ({offer_series('offer_step_messages', matcher)}))"
    # An offer that never was submitted has no steps.
    return f"{of_offers} + ({of_steps} or 0 * {of_offers})"


def _history() -> statetimeline.Panel:
    queries = [
        Query(state_code("offer_status", OfferStatus), _NAME),
        Query(f"max by ({OFFER}) ({offer_series('offer_version')})", "{{offer_id}} version"),
    ]
    panel = timeline(
        "Submissions of the last 90 days",
        "The state of each offer over 90 days, and the version number that the API counts up with each submission. Reaches "
        "as far back as Prometheus keeps data.",
        queries,
        sizes=Sizes(24, 8),
    )
    panel.time_from("90d").mappings(by_code(OfferStatus))
    plain = [property_of("mappings", []), property_of("color", {"mode": "fixed", "fixedColor": "#5b636c"})]
    return panel.override_by_query("B", plain)


def _longest() -> table.Panel:
    busy = offer_series("offer_step_status", 'status!~"not_started|complete|canceled"')
    spent = f"avg_over_time((max by ({STEP}, status) ({busy}))[$__range:$__interval]) * $__range_s"
    names = {
        "publisher_id": "Publisher",
        "offer_id": "Offer",
        "step_id": "Step",
        "status": "State",
        "Value #A": "Time spent",
    }
    panel = table_of(
        "Where the time went",
        "How long each step was in each unfinished state within the time range of the dashboard, all submissions together. "
        "Choose a range that holds one submission to measure that one.",
        [Query(f"{spent} > 0", "Time spent")],
        columns=names,
        sizes=Sizes(24, 9),
        sort_by=[("Time spent", True)],
    )
    panel.override_by_name("State", columns.word(StepStatus)).override_by_name("Time spent", columns.duration(150))
    return panel.no_value("Nothing was under way")

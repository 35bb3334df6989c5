"""The dashboard Offer: the story of one offer, how its submission walks through the steps and how earlier ones went."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.common import BigValueTextMode

from exporter.domain.offers import Level, OfferStatus, Party, StepStatus
from exporter.pages.palette import looks
from grafana.builder.alerts import OF_OFFERS, alerts_table, mark_alerts
from grafana.builder.frame import DOCS, EXPORTER, PORTAL, frame, link_to, outside
from grafana.builder.frame import OFFER as UID
from grafana.builder.lead_time import lead_time
from grafana.builder.looks import GRAFANA, by_code, good_or_bad, if_any, thresholds
from grafana.builder.metrics import compared_series, offer_series
from grafana.builder.panels import Query, Sizes, clickable, lines, tile, timeline
from grafana.builder.promql import DAY, OFFER, STEP, age, newest_since, state_code
from grafana.builder.steps import current_step_state, due, named, step_state_code
from grafana.builder.stories import steps_table, time_spent
from grafana.builder.variables import offer_variables

__all__ = ["offer"]

_NAME = "{{offer_id}}"
_STEP_NAME = "{{step_name}}"


def offer() -> Dashboard:
    """Build it."""
    dashboard = frame(
        UID,
        "Azure Marketplace / Offer",
        "The story of one offer: which step is under way, since when, against which estimate, and how earlier submissions went.",
        span="7d",
        variables=offer_variables(),
    )
    mark_alerts(dashboard, OF_OFFERS)
    for panel in (
        _state(),
        _waiting_for(),
        _step(),
        _since(),
        _done(),
        _expected(),
        _over(),
        _live(),
        _version(),
        _data_age(),
    ):
        dashboard.with_panel(panel)
    dashboard.with_panel(steps_table(Sizes(24, 10))).with_panel(_timeline())
    dashboard.with_panel(_progress()).with_panel(_messages())
    dashboard.with_panel(_history()).with_panel(time_spent(Sizes(24, 7)))
    dashboard.with_panel(_alerts()).with_row(lead_time())
    compared = Row("Compare: $compare").repeat("compare").collapsed(True)
    return dashboard.with_row(compared.with_panel(_compared_state()).with_panel(_compared_steps()))


def _state() -> stat.Panel:
    query = Query(state_code("offer_status", OfferStatus), _NAME)
    description = "The state of the newest submission, as the API tells it."
    panel = tile("State", description, [query], sizes=Sizes(6, 3), is_loud=True).mappings(by_code(OfferStatus))
    return panel.no_value("Not told").links([outside("Partner Center", PORTAL), outside("How to read this", DOCS)])


def _waiting_for() -> stat.Panel:
    query = Query(state_code("offer_waiting_on", Party, "party"), _NAME)
    description = "Who has to act next: you, the publisher; Microsoft; or nobody."
    return (
        tile("Waiting for", description, [query], sizes=Sizes(6, 3), is_loud=True)
        .mappings(by_code(Party))
        .no_value("Not told")
    )


def _step() -> stat.Panel:
    panel = tile(
        "Step",
        "The step that the submission is at, in the colour of its state: the one that changed last among those that began "
        "and are not complete.",
        [Query(current_step_state(StepStatus), "{{step_name}}")],
        sizes=Sizes(6, 3),
        text=BigValueTextMode.NAME,
        is_loud=True,
    )
    return panel.mappings(by_code(StepStatus)).no_value("At no step")


def _since() -> stat.Panel:
    return _when(
        "Waiting since",
        "When the exporter first saw that this party has to act; a state file keeps that over restarts.",
        f"1000 * {newest_since('offer_waiting_on', label='party')}",
        Sizes(6, 3),
    )


def _when(title: str, description: str, expression: str, sizes: Sizes, date: str = "YYYY-MM-DD") -> stat.Panel:
    panel = tile(title, description, [Query(expression, _NAME)], unit=f"time:{date} HH:mm", sizes=sizes)
    return panel.no_value("Not told")


def _done() -> stat.Panel:
    complete = offer_series("offer_step_status", 'status="complete"')
    panel = tile(
        "Complete",
        "Share of the steps that are complete. Not the API's progress: that may be 0 for a complete step.",
        [Query(f"avg by ({OFFER}) (max by ({STEP}) ({complete}))", _NAME)],
        unit="percentunit",
        sizes=Sizes(4, 3),
    )
    return panel.decimals(0).no_value("No steps")


def _expected() -> stat.Panel:
    panel = _when(
        "Due",
        "When the step that Microsoft has is expected: the upper end of Microsoft's own estimate; the latest, if it has several.",
        f"1000 * max by ({OFFER}) ({due()})",
        Sizes(4, 3),
        "MMM D,",
    )
    return panel.no_value("No estimate")


def _over() -> stat.Panel:
    panel = tile(
        "Overdue",
        "How long Microsoft has been past its own estimate.",
        [Query(f"max by ({OFFER}) (time() - {due()}) / {DAY} > 0", _NAME)],
        unit="suffix:d",
        sizes=Sizes(4, 3),
    )
    return panel.decimals(1).thresholds(thresholds("grey", (0, "red"))).no_value("Not overdue")


def _live() -> stat.Panel:
    panel = tile(
        "Live",
        "Whether customers can buy the offer, whatever its newest submission does. Only of offers whose source tells it.",
        [Query(f"max by ({OFFER}) ({offer_series('offer_live')})", _NAME)],
        sizes=Sizes(4, 3),
    )
    return panel.mappings(good_or_bad("Live", "Not live", "grey")).no_value("Not told")


def _version() -> stat.Panel:
    panel = tile(
        "Version",
        "The version number that the API counts up with each submission.",
        [Query(f"max by ({OFFER}) ({offer_series('offer_version')})", _NAME)],
        sizes=Sizes(4, 3),
    )
    return panel.decimals(0).no_value("Not told")


def _data_age() -> stat.Panel:
    panel = tile(
        "Data age",
        "Time since this offer was last fetched. Orange after 15 minutes, three of the default intervals; red after an "
        "hour, when the series of offers are withdrawn by default.",
        [Query(age(offer_series("offer_last_success_timestamp_seconds"), OFFER), _NAME)],
        unit="s",
        sizes=Sizes(4, 3),
    )
    panel.thresholds(thresholds("green", (900, "orange"), (3600, "red"))).decimals(0).no_value("-")
    return clickable(panel, link_to(EXPORTER, "What the exporter has to say"))


def _timeline() -> statetimeline.Panel:
    panel = timeline(
        "Steps over time",
        "The state of each step over time, in the order of the pipeline.",
        [Query(step_state_code("offer_step_status", StepStatus), _STEP_NAME)],
        sizes=Sizes(24, 10),
    )
    return panel.mappings(by_code(StepStatus))


def _progress() -> timeseries.Panel:
    # A complete step may tell 0: what is complete is shown as complete.
    told = f"max by ({STEP}) ({offer_series('offer_step_progress_ratio')})"
    complete = f"""max by ({STEP}) ({offer_series("offer_step_status", 'status="complete"')})"""
    return lines(
        "Progress of the steps",
        "Progress as the API tells it; a complete step counts as 100 %.",
        [Query(named(f"({complete} > 0 or {told})"), "{{step_name}}")],
        unit="percentunit",
        sizes=Sizes(18, 9),
        soft_max=1,
        empty="The API tells no progress",
    ).max(1)


def _messages() -> stat.Panel:
    queries = [Query(_messages_of(one.state), one.words) for one in looks(Level)]
    panel = tile(
        "Messages",
        "Messages of the offer and its steps, by level.",
        queries,
        sizes=Sizes(6, 9),
        text=BigValueTextMode.VALUE_AND_NAME,
    )
    for one in looks(Level):
        panel.override_by_name(one.words, [if_any(GRAFANA[one.colour])])
    return panel.no_value("Not told")


def _messages_of(level: str) -> str:
    matcher = f'level="{level}"'
    of_offers = f"sum(max by ({OFFER}) ({offer_series('offer_messages', matcher)}))"
    of_steps = f"sum(max by ({STEP}) ({offer_series('offer_step_messages', matcher)}))"
    # An offer that never was submitted has no steps.
    return f"{of_offers} + ({of_steps} or 0 * {of_offers})"


def _history() -> statetimeline.Panel:
    panel = timeline(
        "Submissions of the last 90 days",
        "The state of the offer over 90 days. Reaches as far back as Prometheus keeps data.",
        [Query(state_code("offer_status", OfferStatus), _NAME)],
        sizes=Sizes(24, 5),
        has_words=False,
    )
    return panel.time_from("90d").mappings(by_code(OfferStatus))


def _alerts() -> table.Panel:
    return alerts_table(
        "Alerts about this offer",
        "Alerts that are pending or firing about the offer, if Prometheus has this project's rules.",
        OF_OFFERS,
        sizes=Sizes(24, 6),
    )


def _compared_state() -> statetimeline.Panel:
    panel = timeline(
        "State of $compare",
        "The state of an offer to compare with, over time.",
        [Query(state_code("offer_status", OfferStatus, series=compared_series), "{{publisher_id}}/{{offer_id}}")],
        sizes=Sizes(24, 4),
    )
    return panel.mappings(by_code(OfferStatus))


def _compared_steps() -> statetimeline.Panel:
    panel = timeline(
        "Steps of $compare",
        "The state of its steps over time, in the order of the pipeline.",
        [Query(step_state_code("offer_step_status", StepStatus, series=compared_series), _STEP_NAME)],
        sizes=Sizes(24, 10),
    )
    return panel.mappings(by_code(StepStatus))

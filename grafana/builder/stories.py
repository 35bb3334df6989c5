"""The tables of the dashboard Offer: its steps, and where the time went."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table

from exporter.domain.offers import StepStatus
from grafana.builder import columns
from grafana.builder.metrics import offer_series
from grafana.builder.panels import Sizes
from grafana.builder.promql import DAY, STEP, newest_since, state_code
from grafana.builder.steps import elapsed_of_estimate, named, step_text
from grafana.builder.tables import table_of

__all__ = ["steps_table", "time_spent"]


def steps_table(sizes: Sizes) -> table.Panel:
    """List every step with its state, and how it does against its estimate."""
    names = {
        "position": "#",
        "step_name": "Step",
        "Value #A": "State",
        "Value #B": "Since",
        "estimated_time_frame": "Estimate",
        "Value #C": "Used",
        "Value #D": "Took",
        "Value #E": "Messages",
    }
    messages = f"sum by ({STEP}) (max by ({STEP}, level) ({offer_series('offer_step_messages')}))"
    started = offer_series("offer_step_started_timestamp_seconds")
    took = f"({offer_series('offer_step_completed_timestamp_seconds')} - {started}) / {DAY}"
    expressions = [
        state_code("offer_step_status", StepStatus, by=STEP),
        f"1000 * {newest_since('offer_step_status', STEP)}",
        elapsed_of_estimate(),
        f"max by ({STEP}) ({took})",
        messages,
        step_text(),
    ]
    panel = table_of(
        "Steps",
        "Every step with its state and since when it is in it. Used is the share of the estimate of steps that Microsoft has; took is "
        "how long the step really took, where its source tells that. What the messages say stands in Partner Center, and "
        "on the exporter's own page.",
        expressions,
        columns=names,
        sizes=sizes,
        sort_by=[("#", False)],
        empty="The offer has no steps: nothing was submitted",
    )
    panel.override_by_name("#", columns.number(50)).override_by_name("State", columns.state(StepStatus, 110))
    panel.override_by_name("Since", columns.date()).override_by_name("Used", columns.share(60))
    panel.override_by_name("Took", columns.days(pixels=60))
    panel.override_by_name("Estimate", [columns.width(95)])
    return panel.override_by_name("Messages", columns.number(95))


def time_spent(sizes: Sizes) -> table.Panel:
    """List how long each step was in each unfinished state."""
    busy = offer_series("offer_step_status", 'status!~"not_started|complete|canceled"')
    spent = f"sum_over_time((max by ({STEP}, status) ({busy}))[$__range:$__interval]) * $__interval_ms / 1000 / {DAY}"
    names = {"step_name": "Step", "status": "State", "Value": "Time spent"}
    panel = table_of(
        "Where the time went",
        "How long each step was in each unfinished state within the time range of the dashboard, all submissions together. "
        "Choose a range that holds one submission to measure that one.",
        [named(f"({spent} > 0)", "status")],
        columns=names,
        sizes=sizes,
        sort_by=[("Time spent", True)],
        empty="Nothing was under way",
    )
    return panel.override_by_name("State", columns.word(StepStatus)).override_by_name(
        "Time spent", columns.days(pixels=125)
    )

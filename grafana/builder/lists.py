"""The lists of the dashboard Overview: offers in six columns, what Microsoft has, and all the rest about offers."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table

from exporter.domain.offers import OfferStatus, Party
from grafana.builder import columns
from grafana.builder.frame import offer_link
from grafana.builder.looks import good_or_bad
from grafana.builder.metrics import offer_series
from grafana.builder.panels import Sizes
from grafana.builder.promql import DAY, OFFER, age, newest_since, offer_name, state_code
from grafana.builder.steps import due, elapsed_of_estimate, expected_live, of_current_step, stands, with_microsoft
from grafana.builder.tables import table_of

__all__ = ["details_list", "offers_list", "with_microsoft_list"]

_OFFER_WIDTH = 170


def _listed(expression: str) -> str:
    """Keep the offers that the figures above the list have chosen."""
    party = offer_series("offer_waiting_on", 'party=~"$party"')
    return f"({expression}) and on ({OFFER}) (max by ({OFFER}) ({party}) == 1)"


def offers_list(sizes: Sizes) -> table.Panel:
    """List every offer: who has to act, where it stands, since when, and how much of the estimate is used."""
    names = {
        "offer_id": "Offer",
        "Value #A": "Waiting for",
        "stands": "Step",
        "Value #C": "Waiting since",
        "Value #D": "For",
        "Value #E": "Of the estimate",
        "publisher_id": "Publisher",
        "display_name": "Name",
    }
    waiting = newest_since("offer_waiting_on", label="party")
    expressions = [
        _listed(state_code("offer_waiting_on", Party, "party")),
        _listed(stands()),
        _listed(f"1000 * {waiting}"),
        _listed(f"(time() - {waiting}) / {DAY}"),
        _listed(f"max by ({OFFER}) ({elapsed_of_estimate()})"),
        _listed(offer_name()),
    ]
    panel = table_of(
        "Offers: ${party:text}",
        "Every offer; those that wait for you come first, the longest first. The figures above choose what is listed. Step "
        "is where the submission stands. Of the estimate tells how much of its estimate the slowest step has used that is "
        "in Microsoft's hands; it is empty where there is none. Choose an offer to see its steps.",
        expressions,
        columns=names,
        sizes=sizes,
        sort_by=[("Waiting for", False), ("Waiting since", False)],
        empty="No offer is in this list",
    )
    panel.override_by_name(
        "Offer", columns.linked(offer_link("${__data.fields.Name}, of ${__data.fields.Publisher}"), _OFFER_WIDTH)
    )
    panel.override_by_name("Waiting for", columns.state(Party, 110)).override_by_name("Step", columns.stands())
    panel.override_by_name("Waiting since", columns.date()).override_by_name("For", columns.days())
    panel.override_by_name("Of the estimate", columns.gauge())
    for name in ("Publisher", "Name"):
        panel.override_by_name(name, columns.hidden())
    return panel


def with_microsoft_list(sizes: Sizes) -> table.Panel:
    """List the steps that Microsoft has, with and without an estimate; what is expected next comes first."""
    names = {
        "offer_id": "Offer",
        "step_name": "Step",
        "Value #A": "In it since",
        "estimated_time_frame": "Estimate",
        "Value #B": "Expected by",
        "Value #C": "Left",
        "Value #D": "Expected live",
        "Value #E": "80 % by",
        "publisher_id": "Publisher",
    }
    expressions = [
        f"1000 * ({with_microsoft()})",
        f"1000 * {due()}",
        f"({due()} - time()) / {DAY}",
        f"1000 * ({expected_live('0.5')})",
        f"1000 * ({expected_live('0.8')})",
    ]
    panel = table_of(
        "With Microsoft: what is expected next",
        "Each step that Microsoft works on, what is expected first on top. Expected by is the upper end of Microsoft's own "
        "estimate; left is negative, and red, past it; steps without an estimate stand at the end. Expected live is when the "
        "whole offer is, as likely before as after, and 80 % by is the day before whose end it is with 80 % certainty, by the "
        "exporter's own forecast from earlier publications.",
        expressions,
        columns=names,
        sizes=sizes,
        sort_by=[("Expected by", False)],
        empty="Microsoft has nothing to do",
    )
    panel.override_by_name("Offer", columns.linked(offer_link(), _OFFER_WIDTH))
    panel.override_by_name("In it since", columns.moment()).override_by_name("Expected by", columns.moment(125))
    panel.override_by_name("Estimate", [columns.width(95)]).override_by_name("Left", columns.left())
    panel.override_by_name("Expected live", columns.day(110)).override_by_name("80 % by", columns.day(90))
    return panel.override_by_name("Publisher", columns.hidden())


def details_list(sizes: Sizes) -> table.Panel:
    """List all the rest about each offer."""
    names = {
        "publisher_id": "Publisher",
        "offer_id": "Offer",
        "display_name": "Name",
        "offer_type": "Type",
        "Value #A": "State",
        "Value #B": "In this state since",
        "Value #C": "Progress",
        "Value #D": "Live",
        "Value #E": "Version",
        "Value #F": "Data age",
    }
    expressions = [
        state_code("offer_status", OfferStatus),
        f"1000 * {newest_since('offer_status')}",
        of_current_step("offer_step_progress_ratio"),
        f"max by ({OFFER}) ({offer_series('offer_live')})",
        f"max by ({OFFER}) ({offer_series('offer_version')})",
        age(offer_series("offer_last_success_timestamp_seconds"), OFFER),
        offer_name(),
    ]
    panel = table_of(
        "All about each offer",
        "What the list of offers leaves out. A complete step may show no progress: that is what the API tells.",
        expressions,
        columns=names,
        sizes=sizes,
        sort_by=[("Publisher", False), ("Offer", False)],
        empty="There is no offer",
    )
    panel.override_by_name("Offer", columns.linked(offer_link(), _OFFER_WIDTH))
    panel.override_by_name("State", columns.state(OfferStatus)).override_by_name("In this state since", columns.date())
    panel.override_by_name("Progress", columns.share(90)).override_by_name(
        "Live", columns.answer(good_or_bad("Live", "Not live", "grey"), 90)
    )
    panel.override_by_name("Version", columns.number(110)).override_by_name("Data age", columns.seconds())
    return panel.filterable(True)

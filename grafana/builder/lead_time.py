"""Lead time: how long publications and their steps take, by the exporter's own record of the past."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models.common import BigValueTextMode, LineInterpolation

from exporter.domain.offers import OfferStatus
from grafana.builder import columns
from grafana.builder.frame import offer_link
from grafana.builder.looks import GRAFANA, if_any, words
from grafana.builder.metrics import offer_series
from grafana.builder.panels import Query, Sizes, lines, tile
from grafana.builder.promql import DAY, OFFER, STEP
from grafana.builder.steps import step_text
from grafana.builder.tables import table_of

__all__ = ["lead_time", "lead_times"]

_OUTCOMES = {
    words(OfferStatus)[state]: (state, GRAFANA[colour])
    for state, colour in ((OfferStatus.SUCCEEDED, "green"), (OfferStatus.FAILED, "red"), (OfferStatus.CANCELED, "grey"))
}
"""How publications end, by the word for it, with its colour as text."""


def lead_time() -> Row:
    """Tell of one offer how long its steps and its publications take."""
    row = Row("Lead time").collapsed(True)
    row.with_panel(_usual(Sizes(24, 9))).with_panel(_last(Sizes(5, 8))).with_panel(_ended_ones(Sizes(6, 8)))
    return row.with_panel(_over_months(Sizes(13, 8)))


def lead_times(sizes: Sizes) -> table.Panel:
    """List how long the last publication of each offer took, and how those before ended."""
    names = {
        "publisher_id": "Publisher",
        "offer_id": "Offer",
        "Value #A": "Took",
        **{f"Value #{letter}": word for letter, word in zip("BCD", _OUTCOMES, strict=True)},
    }
    panel = table_of(
        "Lead time of each offer",
        "How long the last publication took that the exporter has seen begin and end, the longest first, and how many have "
        "ended how. Choose an offer to see which step takes the time.",
        [_took(), *_ended().values()],
        columns=names,
        sizes=sizes,
        sort_by=[("Took", True)],
        empty="There is no offer",
    )
    panel.override_by_name("Offer", columns.linked(offer_link("The lead time of ${__value.text}")))
    panel.override_by_name("Took", columns.days(90))
    for word in _OUTCOMES:
        panel.override_by_name(word, columns.number(110))
    return panel


def _took() -> str:
    return f"max by ({OFFER}) ({offer_series('offer_last_publication_duration_seconds')}) / {DAY}"


def _ended() -> dict[str, str]:
    """Count the publications of each offer by how they ended."""
    series = {
        word: offer_series("offer_publications_total", f'outcome="{state}"') for word, (state, _) in _OUTCOMES.items()
    }
    return {word: f"max by ({OFFER}) ({one})" for word, one in series.items()}


def _usual(sizes: Sizes) -> table.Panel:
    names = {
        "position": "#",
        "step_name": "Step",
        "estimated_time_frame": "Estimate",
        "Value #A": "Usually",
        "Value #B": "95 % within",
    }
    panel = table_of(
        "Usual duration of each step",
        "How long each step takes by the record of the offer, else of its type, else of all, beside Microsoft's estimate: half "
        "of all times at most what it usually takes, and 95 of 100 within the last column. Told while the offer is being "
        "published, of steps with at least five durations on record.",
        [_usual_of("0.5"), _usual_of("0.95")],
        columns=names,
        sizes=sizes,
        sort_by=[("#", False)],
        empty="The offer is not being published, or too few of its steps are on record",
    )
    panel.override_by_name("#", columns.number(50)).override_by_name("Estimate", [columns.width(95)])
    return panel.override_by_name("Usually", columns.days(80)).override_by_name("95 % within", columns.days(110))


def _usual_of(quantile: str) -> str:
    usual = offer_series("offer_step_usual_duration_seconds", f'quantile="{quantile}"')
    text = "step_name, position, estimated_time_frame"
    return f"max by ({STEP}) ({usual}) / {DAY} * on ({STEP}) group_left ({text}) {step_text()}"


def _last(sizes: Sizes) -> stat.Panel:
    panel = tile(
        "Last publication",
        "How long the last publication took that the exporter has seen begin and end, whatever its outcome.",
        [Query(_took(), "{{offer_id}}")],
        unit="suffix:d",
        sizes=sizes,
    )
    return panel.decimals(1).no_value("None yet")


def _ended_ones(sizes: Sizes) -> stat.Panel:
    panel = tile(
        "Ended publications",
        "How many publications the exporter has seen end, by outcome; a state file keeps the numbers over restarts.",
        [Query(expression, word) for word, expression in _ended().items()],
        sizes=sizes,
        text=BigValueTextMode.VALUE_AND_NAME,
    )
    for word, (_, colour) in _OUTCOMES.items():
        panel.override_by_name(word, [if_any(colour)])
    return panel.no_value("Not told")


def _over_months(sizes: Sizes) -> timeseries.Panel:
    panel = lines(
        "Lead time over the last year",
        "How long the publication took that had ended last, at each time. Reaches as far back as Prometheus keeps data.",
        [Query(_took(), "{{offer_id}}")],
        unit="suffix:d",
        sizes=sizes,
        soft_max=1,
        empty="No publication has begun and ended yet",
    )
    panel.line_interpolation(LineInterpolation.STEP_AFTER).decimals(1)
    return panel.time_from("365d").max_data_points(400)

"""The kinds of panels that the dashboards use; each has a title, a description, a unit and the chosen data source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.common import (
    AxisPlacement,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    StackingMode,
    TimelineValueAlignment,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.builder.looks import fixed, grey, mapped, property_of

__all__ = ["DATASOURCE", "Query", "Sizes", "ask", "clickable", "dress", "lines", "tile", "timeline"]

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
PanelT = TypeVar("PanelT", stat.Panel, table.Panel, statetimeline.Panel, timeseries.Panel)


@dataclass(frozen=True, slots=True)
class Query:
    """One expression and what its series are called."""

    expr: str
    legend: str = ""

    def target(self, ref_id: str, *, instant: bool, as_table: bool = False) -> prometheus.Dataquery:
        """Give the target of a panel."""
        query = prometheus.Dataquery().ref_id(ref_id).expr(self.expr).datasource(DATASOURCE)
        query = query.instant() if instant else query.range()
        if as_table:
            return query.format(PromQueryFormat.TABLE)
        return query.legend_format(self.legend or "__auto").format(PromQueryFormat.TIME_SERIES)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Width (of 24) and height of a panel."""

    width: int
    height: int


def dress(panel: PanelT, title: str, description: str, unit: str, sizes: Sizes) -> PanelT:
    """Give a panel what all have."""
    panel.title(title).description(description).datasource(DATASOURCE).unit(unit)
    return panel.span(sizes.width).height(sizes.height)


def ask(panel: PanelT, queries: Sequence[Query], *, instant: bool, as_table: bool = False) -> PanelT:
    """Give a panel its queries."""
    for place, query in enumerate(queries):
        panel.with_target(query.target(chr(ord("A") + place), instant=instant, as_table=as_table))
    return panel


def clickable(panel: PanelT, link: dict[str, str]) -> PanelT:
    """Make all that a panel draws a link."""
    return panel.override_by_regexp("/.*/", [property_of("links", [link])])


def tile(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str = "none",
    sizes: Sizes,
    text: BigValueTextMode = BigValueTextMode.VALUE,
    is_loud: bool = False,
) -> stat.Panel:
    """One big figure per series, written in its colour; loud ones are on it."""
    panel = dress(stat.Panel(), title, description, unit, sizes)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    panel.graph_mode(BigValueGraphMode.NONE).text_mode(text)
    panel.color_mode(BigValueColorMode.BACKGROUND_SOLID if is_loud else BigValueColorMode.VALUE)
    # What is not told is neither good nor bad.
    panel.orientation(VizOrientation.AUTO).color_scheme(mapped()).thresholds(grey())
    return ask(panel, queries, instant=True)


def timeline(
    title: str, description: str, queries: Sequence[Query], *, sizes: Sizes, has_words: bool = True
) -> statetimeline.Panel:
    """One row per series, coloured by state; equal neighbours are one block, with its words unless a legend has them."""
    panel = dress(statetimeline.Panel(), title, description, "none", sizes)
    panel.merge_values(True).show_value(VisibilityMode.AUTO if has_words else VisibilityMode.NEVER).align_value(
        TimelineValueAlignment.LEFT
    )
    # The mappings colour the blocks. By thresholds, Grafana would merge all that lies below the first one into one block.
    panel.row_height(0.85).per_page(20).line_width(0).fill_opacity(80).color_scheme(fixed("grey"))
    panel.legend(_legend(is_shown=not has_words))
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.SINGLE))
    # More points than pixels would only make the query slow.
    return ask(panel.max_data_points(400), queries, instant=False)


def lines(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    sizes: Sizes,
    soft_max: float,
    empty: str,
    stacked: bool = False,
    interval: str = "",
) -> timeseries.Panel:
    """Lines over time; stacked ones are filled and step from value to value.

    The axis reaches up to `soft_max` at least, so that noise does not look like a mountain; `empty` says that there is nothing.
    `interval` is the least that lies between two points, and so the least that a rate is measured over.
    """
    panel = dress(timeseries.Panel(), title, description, unit, sizes)
    panel.line_width(1).fill_opacity(60 if stacked else 0).show_points(VisibilityMode.AUTO).point_size(4).span_nulls(
        False
    )
    panel.axis_placement(AxisPlacement.AUTO).min(0).axis_soft_max(soft_max)
    panel.legend(_legend()).no_value(empty)
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    if stacked:
        panel.line_interpolation(LineInterpolation.STEP_AFTER)
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if interval:
        panel.interval(interval)
    return ask(panel, queries, instant=False)


def _legend(*, is_shown: bool = True) -> common.VizLegendOptions:
    options = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    return options.show_legend(is_shown).calcs([])

"""The kinds of panels that the dashboards use; each has a title, a description, a unit and the chosen data source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.common import (
    AxisPlacement,
    BarGaugeDisplayMode,
    BarGaugeValueMode,
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
from grafana_foundation_sdk.models.dashboard import DataSourceRef, DataTransformerConfig
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.builder.looks import mapped

__all__ = ["DATASOURCE", "Query", "Sizes", "bars", "lines", "table_of", "tile", "timeline"]

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
PanelT = TypeVar("PanelT", stat.Panel, table.Panel, statetimeline.Panel, bargauge.Panel, timeseries.Panel)


@dataclass(frozen=True, slots=True)
class Query:
    """One expression and what its series are called."""

    expr: str
    legend: str = ""

    def target(self, ref_id: str, *, instant: bool, as_table: bool = False) -> prometheus.Dataquery:
        """Give the target of a panel; the legend of a table's query is its column."""
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


def _dress(panel: PanelT, title: str, description: str, unit: str, sizes: Sizes) -> PanelT:
    panel.title(title).description(description).datasource(DATASOURCE).unit(unit)
    return panel.span(sizes.width).height(sizes.height)


def _ask(panel: PanelT, queries: Sequence[Query], *, instant: bool, as_table: bool = False) -> PanelT:
    for place, query in enumerate(queries):
        panel.with_target(query.target(chr(ord("A") + place), instant=instant, as_table=as_table))
    return panel


def tile(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str = "short",
    sizes: Sizes,
    text: BigValueTextMode = BigValueTextMode.AUTO,
    is_quiet: bool = False,
) -> stat.Panel:
    """One big figure per series, on its colour; quiet ones are only written in it."""
    panel = _dress(stat.Panel(), title, description, unit, sizes)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    panel.graph_mode(BigValueGraphMode.NONE).text_mode(text)
    panel.color_mode(BigValueColorMode.VALUE if is_quiet else BigValueColorMode.BACKGROUND_SOLID)
    panel.orientation(VizOrientation.AUTO).color_scheme(mapped())
    return _ask(panel, queries, instant=True)


def bars(title: str, description: str, queries: Sequence[Query], *, unit: str, sizes: Sizes) -> bargauge.Panel:
    """Horizontal bars, one per series."""
    panel = _dress(bargauge.Panel(), title, description, unit, sizes)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    panel.display_mode(BarGaugeDisplayMode.BASIC).value_mode(BarGaugeValueMode.TEXT)
    panel.orientation(VizOrientation.HORIZONTAL).show_unfilled(True).min(0).color_scheme(mapped())
    return _ask(panel, queries, instant=True)


def timeline(title: str, description: str, queries: Sequence[Query], *, sizes: Sizes) -> statetimeline.Panel:
    """One row per series, coloured by state; equal neighbours are one block."""
    panel = _dress(statetimeline.Panel(), title, description, "none", sizes)
    panel.merge_values(True).show_value(VisibilityMode.AUTO).align_value(TimelineValueAlignment.LEFT)
    panel.row_height(0.85).per_page(20).line_width(0).fill_opacity(80).color_scheme(mapped())
    # The legend would repeat the words in the blocks.
    panel.legend(_legend(shown=False)).tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.SINGLE))
    return _ask(panel, queries, instant=False)


def lines(
    title: str, description: str, queries: Sequence[Query], *, unit: str, sizes: Sizes, stacked: bool = False
) -> timeseries.Panel:
    """Lines over time; stacked ones are filled and step from value to value."""
    panel = _dress(timeseries.Panel(), title, description, unit, sizes)
    panel.line_width(1).fill_opacity(60 if stacked else 5).show_points(VisibilityMode.NEVER).span_nulls(False)
    panel.axis_placement(AxisPlacement.AUTO).min(0).legend(_legend())
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    if stacked:
        panel.line_interpolation(LineInterpolation.STEP_AFTER)
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    return _ask(panel, queries, instant=False)


def _legend(*, shown: bool = True) -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.RIGHT)
        .show_legend(shown)
        .calcs(["lastNotNull"])
    )


def table_of(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    columns: dict[str, str],
    sizes: Sizes,
    sort_by: Sequence[tuple[str, bool]] = (),
) -> table.Panel:
    """Several queries side by side, one row per combination of the labels that all of them have.

    A query's legend is the name of its column, without one its value is left out; `columns` names the label columns, in
    order. Columns that are not named are left out. The columns come in the order of `columns`, which names the values too.
    """
    # Else a label that looks like a number, such as the id 2024, would be shown as one: 2.02 K.
    panel = _dress(table.Panel(), title, description, "string", sizes)
    values = {f"Value #{chr(ord('A') + place)}": query.legend for place, query in enumerate(queries)}
    if len(queries) == 1:
        # Grafana adds the letter only where there are several queries; some versions always do.
        values["Value"] = queries[0].legend
    names = columns | {field: name for field, name in values.items() if name}
    order = list(columns.values())
    index = {
        field: order.index(name) if name in order else len(order) + place
        for place, (field, name) in enumerate(names.items())
    }
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(
        DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(names)}})
    )
    panel.with_transformation(
        DataTransformerConfig(
            id_val="organize", options={"excludeByName": {}, "indexByName": index, "renameByName": names}
        )
    )
    panel.sort_by([common.TableSortByFieldState().display_name(name).desc(desc) for name, desc in sort_by])
    return _ask(panel, queries, instant=True, as_table=True)

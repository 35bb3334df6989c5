"""What a real Grafana has drawn otherwise than it was meant, as rules over the JSON of a dashboard.

Each rule gives its complaints about a dashboard. That each refuses what it is there for is tested with the rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Rule = Callable[[Json], Iterator[str]]

GREY = "#8e959d"
NARROW = 930
"""Pixels for a panel of full width, where the window has 1280 and Grafana's menu is open."""
CONTROLS = 3
KINDS = {"stat", "table", "timeseries", "state-timeline"}
"""Not the bar gauge: it draws an empty bar where there is no value, and a single bar loses its name."""
HEIGHTS = {"stat": (3, 9), "table": (5, 16), "timeseries": (8, 9), "state-timeline": (4, 13)}


def panels_of(dashboard: Json) -> Iterator[Json]:
    for on_top in dashboard["panels"]:
        yield from (panel for panel in (on_top, *on_top.get("panels", ())) if panel["type"] != "row")


def of_kind(dashboard: Json, *kinds: str) -> Iterator[Json]:
    return (panel for panel in panels_of(dashboard) if panel["type"] in kinds)


def defaults(panel: Json) -> Json:
    values: Json = panel["fieldConfig"]["defaults"]
    return values


def overrides(panel: Json) -> dict[str, Json]:
    """What overrides set, by the name of the field or the pattern."""
    found: dict[str, Json] = {}
    for one in panel["fieldConfig"]["overrides"]:
        found.setdefault(one["matcher"]["options"], {}).update(
            {each["id"]: each["value"] for each in one["properties"]}
        )
    return found


def columns(panel: Json) -> dict[str, Json]:
    """The columns that a table shows, with what is set for each."""
    organized = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    names = dict.fromkeys(organized["renameByName"].values())
    set_for = {name: overrides(panel).get(name, {}) for name in names}
    return {name: properties for name, properties in set_for.items() if not properties.get("custom.hidden")}


def panels_are_of_known_kinds(dashboard: Json) -> Iterator[str]:
    yield from (f"{panel['title']}: {panel['type']}" for panel in panels_of(dashboard) if panel["type"] not in KINDS)


def timelines_take_their_colours_from_mappings(dashboard: Json) -> Iterator[str]:
    """By thresholds, all values below the first one are merged into one block, "< 80", and the mappings are ignored."""
    for panel in of_kind(dashboard, "state-timeline"):
        if defaults(panel)["color"]["mode"] not in {"fixed", "palette-classic"} or not defaults(panel)["mappings"]:
            yield panel["title"]


def no_value_of_a_table_is_not_that_of_its_cells(dashboard: Json) -> Iterator[str]:
    for panel in of_kind(dashboard, "table"):
        if defaults(panel).get("noValue") and overrides(panel).get("/.*/", {}).get("noValue") != "":
            yield panel["title"]


def emptiness_is_a_sentence(dashboard: Json) -> Iterator[str]:
    for panel in of_kind(dashboard, "stat", "table", "timeseries"):
        if defaults(panel).get("noValue", "No data") in {"", "No data"}:
            yield panel["title"]


def what_is_not_told_is_grey(dashboard: Json) -> Iterator[str]:
    """Without a value, a tile takes the colour below the first threshold."""
    for panel in of_kind(dashboard, "stat"):
        base = defaults(panel)["thresholds"]["steps"][0]["color"]
        if base != GREY and "noValue" in defaults(panel) and defaults(panel)["noValue"] in {"Not told", "No estimate"}:
            yield panel["title"]


def many_are_only_compared_in_collapsed_rows(dashboard: Json) -> Iterator[str]:
    yield from (panel["title"] for panel in panels_of(dashboard) if panel.get("repeat"))
    for panel in dashboard["panels"]:
        if panel["type"] == "row" and panel.get("repeat") and not panel["collapsed"]:
            yield panel["title"]


def one_offer_at_a_time(dashboard: Json) -> Iterator[str]:
    if dashboard["uid"] == "azure-marketplace-offer":
        for one in dashboard["templating"]["list"]:
            if one["name"] in {"publisher_id", "offer_id"} and (one.get("multi") or one.get("includeAll")):
                yield one["name"]


def controls_fit_in_one_row(dashboard: Json) -> Iterator[str]:
    shown = [one for one in dashboard["templating"]["list"] if one.get("hide") != 2]
    if len(shown) > CONTROLS:
        yield f"{len(shown)} variables"
    # A description is one more button in the row.
    yield from (one["name"] for one in shown if one.get("description"))
    yield from (one["name"] for one in dashboard["annotations"]["list"] if not one.get("hide"))
    yield from (one["title"] for one in dashboard["links"][1:])
    yield from (one["title"] for one in dashboard["links"] if not one["asDropdown"])


def marks_are_points(dashboard: Json) -> Iterator[str]:
    """An alert lasts for days, and its region would wash out every chart."""
    yield from (one["name"] for one in dashboard["annotations"]["list"] if "offset 10m" not in one["expr"])


def alerts_are_those_of_the_chosen_job(dashboard: Json) -> Iterator[str]:
    asked = [(one["name"], one["expr"]) for one in dashboard["annotations"]["list"]]
    asked += [(panel["title"], target["expr"]) for panel in panels_of(dashboard) for target in panel["targets"]]
    yield from (name for name, expression in asked if "ALERTS{" in expression and "$job" not in expression)


def columns_fit(dashboard: Json) -> Iterator[str]:
    """Columns of no fixed width take 150 at least; the list in details may be scrolled."""
    for panel in of_kind(dashboard, "table"):
        needed = sum(one.get("custom.width", 150) for one in columns(panel).values())
        if needed > NARROW * panel["gridPos"]["w"] / 24 and panel["title"] != "All about each offer":
            yield f"{panel['title']}: {needed}"


def durations_are_told_in_days(dashboard: Json) -> Iterator[str]:
    """Seconds that are weeks are shown as "1.1 weeks", and a share without an end as "541854 %"."""
    for panel in of_kind(dashboard, "table"):
        for name, properties in columns(panel).items():
            if name in {"For", "Took", "Left", "Usually", "95 % within", "Time spent"} and not properties[
                "unit"
            ].startswith("suffix:d"):
                yield f"{panel['title']}: {name}"
            if (name.endswith("since") or name in {"Since", "Expected by", "Expected live"}) and not properties[
                "unit"
            ].startswith("time:"):
                yield f"{panel['title']}: {name}"
            if properties.get("unit") == "percentunit" and (
                properties.get("max") != 1 or not properties.get("mappings")
            ):
                yield f"{panel['title']}: {name}"


def every_number_has_a_unit(dashboard: Json) -> Iterator[str]:
    for panel in panels_of(dashboard):
        if defaults(panel).get("unit", "") in {"", "ops", "reqps"}:
            yield panel["title"]
    for panel in of_kind(dashboard, "table"):
        for name, properties in columns(panel).items():
            field = next(key for key, value in _renamed(panel).items() if value == name)
            if field.startswith("Value") and not {"unit", "mappings"} & properties.keys():
                yield f"{panel['title']}: {name}"


def _renamed(panel: Json) -> dict[str, str]:
    names: dict[str, str] = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")[
        "renameByName"
    ]
    return names


def steps_go_by_their_names(dashboard: Json) -> Iterator[str]:
    for panel in panels_of(dashboard):
        if any("{{step_id}}" in target.get("legendFormat", "") for target in panel["targets"]):
            yield panel["title"]
    yield from (panel["title"] for panel in of_kind(dashboard, "table") if "step_id" in _renamed(panel))


def charts_have_room(dashboard: Json) -> Iterator[str]:
    """A legend beside the lines takes half of a narrow chart; without a soft end, noise fills it."""
    for panel in of_kind(dashboard, "timeseries"):
        custom = defaults(panel)["custom"]
        if panel["options"]["legend"]["placement"] != "bottom":
            yield f"{panel['title']}: legend"
        if not custom.get("axisSoftMax") or defaults(panel).get("min") != 0:
            yield f"{panel['title']}: axis"


def rates_are_per_minute(dashboard: Json) -> Iterator[str]:
    for panel in of_kind(dashboard, "timeseries"):
        for target in panel["targets"]:
            is_count = re.search(r"rate\(azure_marketplace_exporter_\w+_total", target["expr"])
            if is_count and defaults(panel)["unit"] != "percentunit" and not target["expr"].startswith("60 * "):
                yield panel["title"]


def panels_are_as_high_as_what_they_hold(dashboard: Json) -> Iterator[str]:
    for panel in panels_of(dashboard):
        low, high = HEIGHTS.get(panel["type"], (0, 0))
        if not low <= panel["gridPos"]["h"] <= high:
            yield f"{panel['title']}: {panel['gridPos']['h']}"


def figures_lead_on(dashboard: Json) -> Iterator[str]:
    """The figures in the first row of the overview are links."""
    if dashboard["uid"] == "azure-marketplace-overview":
        for panel in of_kind(dashboard, "stat"):
            if not overrides(panel).get("/.*/", {}).get("links"):
                yield panel["title"]


def the_list_is_above_the_fold(dashboard: Json) -> Iterator[str]:
    """Of the 17 units of height that a laptop shows, the figures take three."""
    if dashboard["uid"] == "azure-marketplace-overview":
        for panel in dashboard["panels"]:
            if panel["type"] == "table" and panel["gridPos"]["y"] <= 3:
                return
        yield "no table below the figures"


RULES: tuple[Rule, ...] = (
    panels_are_of_known_kinds,
    timelines_take_their_colours_from_mappings,
    no_value_of_a_table_is_not_that_of_its_cells,
    emptiness_is_a_sentence,
    what_is_not_told_is_grey,
    many_are_only_compared_in_collapsed_rows,
    one_offer_at_a_time,
    controls_fit_in_one_row,
    marks_are_points,
    alerts_are_those_of_the_chosen_job,
    columns_fit,
    durations_are_told_in_days,
    every_number_has_a_unit,
    steps_go_by_their_names,
    charts_have_room,
    rates_are_per_minute,
    panels_are_as_high_as_what_they_hold,
    figures_lead_on,
    the_list_is_above_the_fold,
)

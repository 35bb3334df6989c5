"""No dashboard does what a real Grafana has once drawn wrongly, and each of those rules refuses a broken example."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import pytest

from . import _traps
from ._traps import RULES, Rule, columns, defaults, of_kind, panels_of
from .conftest import FILES, Json

Break = Callable[[Json], None]
OVERVIEW, OFFER, EXPORTER = (
    next(file for file in FILES if file.stem.endswith(name)) for name in ("overview", "offer", "exporter")
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_dashboard_falls_into_a_known_trap(dashboard: Json, rule: Rule) -> None:
    assert list(rule(dashboard)) == []


def every(kind: str, change: Callable[[Json], object]) -> Break:
    def broken(dashboard: Json) -> None:
        for panel in of_kind(dashboard, kind):
            change(panel)

    return broken


def override(panel: Json, name: str, key: str, value: object) -> None:
    panel["fieldConfig"]["overrides"].append(
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": key, "value": value}]}
    )


def variable(name: str, key: str, value: object) -> Break:
    def broken(dashboard: Json) -> None:
        next(one for one in dashboard["templating"]["list"] if one["name"] == name)[key] = value

    return broken


def annotation(key: str, change: Callable[[str], object]) -> Break:
    def broken(dashboard: Json) -> None:
        for one in dashboard["annotations"]["list"]:
            one[key] = change(one.get(key, ""))

    return broken


def no_overrides(panel: Json) -> None:
    panel["fieldConfig"]["overrides"] = []


def ask(pattern: str, instead: str) -> Callable[[Json], None]:
    def change(panel: Json) -> None:
        for target in panel["targets"]:
            target["expr"] = target["expr"].replace(pattern, instead)

    return change


def second_link(dashboard: Json) -> None:
    dashboard["links"].append(dashboard["links"][0] | {"title": "One more"})


def show_all(dashboard: Json) -> None:
    for one in dashboard["templating"]["list"]:
        one.pop("hide", None)


def widen(panel: Json) -> None:
    for name in columns(panel):
        override(panel, name, "custom.width", 190)


def lay_open(dashboard: Json) -> None:
    for panel in dashboard["panels"]:
        if panel.get("repeat"):
            panel["collapsed"] = False


def show_ids(panel: Json) -> None:
    for one in panel["transformations"]:
        if one["id"] == "organize":
            one["options"]["renameByName"]["step_id"] = "Step"


BROKEN: tuple[tuple[Rule, str, Break], ...] = (
    (_traps.panels_are_of_known_kinds, "offer", every("stat", lambda panel: panel.update(type="bargauge"))),
    (
        _traps.timelines_take_their_colours_from_mappings,
        "overview",
        every("state-timeline", lambda panel: defaults(panel).update(color={"mode": "thresholds"})),
    ),
    (
        _traps.timelines_take_their_colours_from_mappings,
        "offer",
        every("state-timeline", lambda panel: defaults(panel).update(mappings=[])),
    ),
    (_traps.no_value_of_a_table_is_not_that_of_its_cells, "overview", every("table", no_overrides)),
    (_traps.emptiness_is_a_sentence, "exporter", every("timeseries", lambda panel: defaults(panel).pop("noValue"))),
    (_traps.emptiness_is_a_sentence, "overview", every("table", lambda panel: defaults(panel).pop("noValue"))),
    (
        _traps.what_is_not_told_is_grey,
        "offer",
        every("stat", lambda panel: defaults(panel)["thresholds"]["steps"][0].update(color="green")),
    ),
    (_traps.many_are_only_compared_in_collapsed_rows, "offer", lay_open),
    (
        _traps.many_are_only_compared_in_collapsed_rows,
        "offer",
        every("stat", lambda panel: panel.update(repeat="offer_id")),
    ),
    (_traps.one_offer_at_a_time, "offer", variable("offer_id", "multi", True)),
    (_traps.one_offer_at_a_time, "offer", variable("offer_id", "includeAll", True)),
    (_traps.controls_fit_in_one_row, "overview", variable("publisher_id", "description", "Publishers.")),
    (_traps.controls_fit_in_one_row, "overview", second_link),
    (_traps.controls_fit_in_one_row, "overview", annotation("hide", lambda _: False)),
    (
        _traps.controls_fit_in_one_row,
        "offer",
        show_all,
    ),
    (_traps.marks_are_points, "exporter", annotation("expr", lambda expr: expr.partition(" unless ")[0])),
    (
        _traps.alerts_are_those_of_the_chosen_job,
        "exporter",
        annotation("expr", lambda expr: expr.replace("$job", "another")),
    ),
    (_traps.alerts_are_those_of_the_chosen_job, "overview", every("table", ask("$job", "another"))),
    (
        _traps.columns_fit,
        "overview",
        every("table", widen),
    ),
    (_traps.durations_are_told_in_days, "overview", every("table", lambda panel: override(panel, "For", "unit", "s"))),
    (
        _traps.durations_are_told_in_days,
        "overview",
        every("table", lambda panel: override(panel, "Waiting since", "unit", "s")),
    ),
    (
        _traps.durations_are_told_in_days,
        "overview",
        every("table", lambda panel: override(panel, "Of the estimate", "mappings", [])),
    ),
    (_traps.every_number_has_a_unit, "exporter", every("timeseries", lambda panel: defaults(panel).update(unit="ops"))),
    (_traps.every_number_has_a_unit, "exporter", every("table", no_overrides)),
    (_traps.steps_go_by_their_names, "overview", every("table", show_ids)),
    (
        _traps.steps_go_by_their_names,
        "offer",
        every("timeseries", lambda panel: panel["targets"][0].update(legendFormat="{{step_id}}")),
    ),
    (
        _traps.charts_have_room,
        "exporter",
        every("timeseries", lambda panel: panel["options"]["legend"].update(placement="right")),
    ),
    (
        _traps.charts_have_room,
        "exporter",
        every("timeseries", lambda panel: defaults(panel)["custom"].pop("axisSoftMax")),
    ),
    (_traps.rates_are_per_minute, "exporter", every("timeseries", ask("60 * ", ""))),
    (
        _traps.panels_are_as_high_as_what_they_hold,
        "exporter",
        every("table", lambda panel: panel["gridPos"].update(h=30)),
    ),
    (_traps.figures_lead_on, "overview", every("stat", no_overrides)),
    (_traps.the_list_is_above_the_fold, "overview", every("table", lambda panel: panel["gridPos"].update(y=20))),
)


@pytest.mark.parametrize(
    ("rule", "name", "broken"), BROKEN, ids=[f"{rule.__name__}-{place}" for place, (rule, _, _) in enumerate(BROKEN)]
)
def test_each_rule_refuses_a_broken_example(rule: Rule, name: str, broken: Break) -> None:
    file = {"overview": OVERVIEW, "offer": OFFER, "exporter": EXPORTER}[name]
    dashboard: Json = json.loads(file.read_text("utf-8"))
    before = copy.deepcopy(dashboard)
    broken(dashboard)
    assert dashboard != before
    assert list(rule(dashboard))


def test_every_rule_has_a_broken_example() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


def test_the_rules_look_at_all_panels(dashboard: Json, panels: list[Json]) -> None:
    assert list(panels_of(dashboard)) == panels

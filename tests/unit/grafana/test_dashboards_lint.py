"""Rules of Grafana's dashboard-linter, and of our own: what a real Grafana has drawn otherwise than it was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exporter.pages.palette import KINDS, looks
from grafana.builder.frame import OFFER, OVERVIEW, UIDS
from grafana.builder.looks import GRAFANA

from ._promql import check, increased, selectors
from .conftest import Json, everywhere

NO_RATES = {"azure_marketplace_offer_publications_total": "the state file keeps it, and some in a month are no rate"}
GREY = GRAFANA["grey"]
NARROW = 930
"""Pixels for a panel of full width, where the window has 1280 and Grafana's menu is open."""
HEIGHTS = {"stat": (3, 9), "table": (5, 16), "timeseries": (8, 9), "state-timeline": (4, 13)}
"""Not the bar gauge: it draws an empty bar where there is no value, and a single bar loses its name."""
DAYS = {"For", "Took", "Left", "Usually", "95 % within", "Time spent"}
MOMENTS = {"Waiting since", "In it since", "In this state since", "Since", "Expected by", "Expected live"}


def expressions(dashboard: Json, panels: list[Json]) -> Iterator[tuple[str, str]]:
    """Every PromQL expression, of panels, annotations and variables, and the legend that is made of its labels."""
    for panel in panels:
        yield from ((target["expr"], target.get("legendFormat", "")) for target in panel["targets"])
    yield from ((one["expr"], one["titleFormat"] + one["textFormat"]) for one in dashboard["annotations"]["list"])
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            function, _, rest = variable["query"].removesuffix(")").partition("(")
            yield (rest if function == "query_result" else rest.rpartition(",")[0]), ""


def columns(panel: Json) -> Iterator[tuple[str, str, Json]]:
    """The columns that a table shows: the field, its name, and what is set for it."""
    (organized,) = (one["options"] for one in panel["transformations"] if one["id"] == "organize")
    for name, field in {name: field for field, name in organized["renameByName"].items()}.items():
        settings = overrides(panel, name)
        if not settings.get("custom.hidden"):
            yield field, name, settings


def overrides(panel: Json, field: str) -> Json:
    """What overrides set for a field, or for a pattern."""
    found = [one["properties"] for one in panel["fieldConfig"]["overrides"] if one["matcher"]["options"] == field]
    return {each["id"]: each["value"] for properties in found for each in properties}


def test_nothing_is_written_in_that_a_user_would_have_to_edit(dashboard: Json, panels: list[Json]) -> None:
    assert dashboard["uid"] in UIDS
    assert dashboard["editable"] is False
    sources = everywhere([panels, dashboard["annotations"], dashboard["templating"]], "datasource")
    assert all(one == {"type": "prometheus", "uid": "${datasource}"} for one in sources)


def test_panels_tell_what_they_are(panels: list[Json]) -> None:
    titles = [panel["title"] for panel in panels]
    assert all(titles)
    assert len(titles) == len(set(titles))
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] not in {"", "ops", "reqps"}, panel["title"]


def test_expressions_ask_for_what_there_is(dashboard: Json, panels: list[Json]) -> None:
    for expression, legend in expressions(dashboard, panels):
        check(expression, *re.findall(r"\{\{(\w+)\}\}", legend))


def test_expressions_keep_to_the_chosen_job_and_instance(dashboard: Json, panels: list[Json]) -> None:
    """Replicas that show the same offers are merged. Rules about offers aggregate the job away: theirs is the offer's."""
    variables = {"azure_marketplace_publisher_up", "azure_marketplace_exporter_build_info"}
    for expression, _ in expressions(dashboard, panels):
        for name, matchers in selectors(expression):
            if name == "ALERTS":
                assert "$job" in expression
            elif expression != "azure_marketplace_exporter_build_info":
                assert ("job", "$job") in matchers, expression
                is_one_of_several = dashboard["uid"] in {OVERVIEW, OFFER} or name in variables
                assert is_one_of_several or ("instance", "$instance") in matchers, expression


def test_rates_take_the_interval_that_grafana_works_out(dashboard: Json, panels: list[Json]) -> None:
    for expression, _ in expressions(dashboard, panels):
        windows = re.findall(r"(?:rate|increase)\([^\[]*\[([^\]]*)\]", expression)
        assert set(windows) <= {"$__rate_interval"}
        counters = {name for name, _ in selectors(expression) if name.endswith(("_total", "_bucket"))}
        assert increased(expression) == counters - NO_RATES.keys()


def test_rates_are_per_minute(panels: list[Json]) -> None:
    """Per second they are fractions."""
    for panel in panels:
        for target in panel["targets"]:
            if re.search(r"rate\(azure_marketplace_exporter_\w+_total", target["expr"]):
                is_share = panel["fieldConfig"]["defaults"]["unit"] == "percentunit"
                assert is_share or panel["type"] == "stat" or target["expr"].startswith("60 * "), panel["title"]


def test_links_lead_to_dashboards_that_exist(dashboard: Json) -> None:
    urls = [url for url in everywhere(dashboard, "url") if url]
    portal = "https://partner.microsoft.com/dashboard/marketplace-offers/overview"
    assert (portal in urls) == (dashboard["uid"] in {OVERVIEW, OFFER})
    for url in urls:
        assert url.startswith("https://") or re.fullmatch(r"/d/([\w-]+)\?.*", url)[1] in UIDS, url  # type: ignore[index]  # no match fails the test


def test_states_have_the_colours_of_the_palette(dashboard: Json) -> None:
    """Any mapping or colour of a series that bears the words of a state; as text, the dark grey could not be read."""
    colours: dict[str, set[str]] = {}
    for one in (one for kind in KINDS for one in looks(kind)):
        colour = GRAFANA[one.colour]
        colours.setdefault(one.words, set()).update({colour, GREY if one.colour == "dark-grey" else colour})
    mappings = [one for one in everywhere(dashboard, "options") if isinstance(one, dict)]
    found = [each for one in mappings for each in one.values() if isinstance(each, dict) and "color" in each]
    assert {mapped["text"] for mapped in found} & colours.keys() or dashboard["uid"] not in {OVERVIEW, OFFER}
    for mapped in found:
        assert mapped["color"] in colours.get(mapped["text"], {mapped["color"]}), mapped["text"]


def test_controls_fit_in_one_row(dashboard: Json) -> None:
    """A description is one more button in the row."""
    shown = [one for one in dashboard["templating"]["list"] if one.get("hide") != 2]
    assert len(shown) <= 3
    assert not [one["name"] for one in shown if one.get("description")]
    assert all(one["hide"] for one in dashboard["annotations"]["list"])
    assert [one["asDropdown"] for one in dashboard["links"]] == [True]


def test_an_alert_is_marked_where_it_began(dashboard: Json) -> None:
    """It lasts for days, and its region would wash out every chart."""
    assert all("offset 10m" in one["expr"] for one in dashboard["annotations"]["list"])


def test_offer_shows_one_offer_and_compares_in_collapsed_rows(dashboard: Json, panels: list[Json]) -> None:
    assert not [panel["title"] for panel in panels if panel.get("repeat")]
    assert all(panel["collapsed"] for panel in dashboard["panels"] if panel.get("repeat"))
    chosen = [one for one in dashboard["templating"]["list"] if one["name"] in {"publisher_id", "offer_id"}]
    assert dashboard["uid"] != OFFER or not any(one.get("multi") or one.get("includeAll") for one in chosen)


def test_the_list_of_offers_is_above_the_fold_and_figures_lead_to_it(dashboard: Json) -> None:
    """Of the 17 units of height that a laptop shows, the figures take three."""
    if dashboard["uid"] == OVERVIEW:
        (first, *_) = (panel for panel in dashboard["panels"] if panel["type"] == "table")
        assert first["gridPos"]["y"] <= 3
        figures = [panel for panel in dashboard["panels"] if panel["type"] == "stat"]
        assert all(overrides(panel, "/.*/").get("links") for panel in figures)


def test_panels_are_as_high_as_what_they_hold_and_emptiness_is_a_sentence(panels: list[Json]) -> None:
    for panel in panels:
        low, high = HEIGHTS[panel["type"]]
        assert low <= panel["gridPos"]["h"] <= high, panel["title"]
        empty = panel["fieldConfig"]["defaults"].get("noValue", "No data")
        assert empty not in {"", "No data"} or panel["type"] == "state-timeline", panel["title"]
        if panel["type"] == "table":
            assert overrides(panel, "/.*/")["noValue"] == "", "cells would say it too"
        if empty in {"Not told", "No estimate"}:
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            assert steps[0]["color"] == GREY, "what is not told is neither good nor bad"


def test_columns_fit(panels: list[Json]) -> None:
    """Columns of no fixed width take 150 at least; the list in details may be scrolled."""
    for panel in panels:
        if panel["type"] == "table" and panel["title"] != "All about each offer":
            needed = sum(settings.get("custom.width", 150) for _, _, settings in columns(panel))
            assert needed <= NARROW * panel["gridPos"]["w"] / 24, panel["title"]


def test_numbers_in_tables_have_units_and_durations_are_told_in_days(panels: list[Json]) -> None:
    """Seconds that are weeks are shown as "1.1 weeks", and a share without an end as "541854 %"."""
    for panel in (panel for panel in panels if panel["type"] == "table"):
        for field, name, settings in columns(panel):
            unit = settings.get("unit", "")
            assert not field.startswith("Value") or unit or settings.get("mappings"), name
            assert field != "step_id", "steps go by their names"
            assert name not in DAYS or unit == "suffix:d", name
            assert name not in MOMENTS or unit.startswith("time:"), name
            assert unit != "percentunit" or (settings["max"] == 1 and settings["mappings"]), name
    assert not [panel["title"] for panel in panels for one in panel["targets"] if "{{step_id}}" in str(one)]


def test_charts_have_room(panels: list[Json]) -> None:
    """A legend beside the lines takes half of a narrow chart; without a soft end, noise fills it."""
    for panel in (panel for panel in panels if panel["type"] == "timeseries"):
        assert panel["options"]["legend"]["placement"] == "bottom", panel["title"]
        assert panel["fieldConfig"]["defaults"]["min"] == 0, panel["title"]
        assert panel["fieldConfig"]["defaults"]["custom"]["axisSoftMax"], panel["title"]


def test_timelines_take_their_colours_from_mappings(panels: list[Json]) -> None:
    """By thresholds, all values below the first one are merged into one block, "< 80", and the mappings are ignored."""
    for panel in (panel for panel in panels if panel["type"] == "state-timeline"):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["color"]["mode"] == "fixed", panel["title"]
        assert defaults["mappings"], panel["title"]

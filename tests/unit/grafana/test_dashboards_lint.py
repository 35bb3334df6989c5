"""The rules of Grafana's dashboard-linter, and those of our own that it does not know."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import promql_parser
import pytest

from exporter.domain.offers import Level, OfferStatus, Party, StepStatus
from exporter.exposition.families import documented
from exporter.pages.palette import COLOURS, KINDS, looks
from grafana.builder.frame import UIDS
from grafana.builder.metrics import FOREIGN, known_names

from .conftest import FILES, Json

SELECTOR = re.compile(r"\b([a-zA-Z_][a-zA-Z0-9_]*)\{([^}]*)\}")

NO_JOB_MATCHER = {"ALERTS": "alert rules aggregate the job away where they merge replicas; _traps.py has the rule"}
NO_INSTANCE = {
    "azure-marketplace-overview": "replicas show the same offers and are merged",
    "azure-marketplace-offer": "replicas show the same offers and are merged",
}

NO_RATES = {"azure_marketplace_offer_publications_total": "the state file keeps it, and some in a month are no rate"}

GREY, DARK_GREY = COLOURS["grey"].grafana, COLOURS["dark-grey"].grafana

LISTED = {
    ("azure-marketplace-exporter", "job"): "up, process_* and scrape_* exist for every other target too",
    ("azure-marketplace-exporter", "instance"): "as above",
}
"""Variables whose "all" is the list of their values, against the linter's rule."""


def selectors(expressions: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each metric that is asked for, with its matchers as label and operator-and-value."""
    for expression in expressions:
        for name, matchers in SELECTOR.findall(expression):
            pairs = re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', matchers)
            yield name, {label: operator + value for label, operator, value in pairs}


def variables(dashboard: Json) -> dict[str, Json]:
    return {one["name"]: one for one in dashboard["templating"]["list"]}


def test_the_uids_are_those_that_alerts_link_to() -> None:
    assert sorted(UIDS) == [file.stem for file in FILES]


def test_the_frame(dashboard: Json) -> None:
    assert dashboard["uid"] in UIDS
    assert len(dashboard["uid"]) <= 40
    assert dashboard["editable"] is False
    assert dashboard["tags"] == ["azure-marketplace"]
    assert dashboard["schemaVersion"] == 39
    assert dashboard["refresh"]
    assert dashboard["timezone"] == "browser"
    assert dashboard["graphTooltip"] == 1
    assert dashboard["description"]


def test_the_data_source_is_a_variable_and_everything_uses_it(dashboard: Json, panels: list[Json]) -> None:
    source = variables(dashboard)["datasource"]
    assert (source["type"], source["query"], source["label"]) == ("datasource", "prometheus", "Data source")
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    used = [panel["datasource"] for panel in panels]
    used += [target["datasource"] for panel in panels for target in panel["targets"]]
    used += [one["datasource"] for one in dashboard["annotations"]["list"]]
    used += [one["datasource"] for one in variables(dashboard).values() if one["type"] == "query"]
    assert all(one == wanted for one in used)


def test_variables_are_chained_and_fresh(dashboard: Json) -> None:
    own = {
        "azure-marketplace-exporter": ["instance", "publisher_id"],
        "azure-marketplace-offer": ["publisher_id", "offer_id", "compare"],
        "azure-marketplace-overview": ["publisher_id", "offer_id", "party"],
    }
    assert list(variables(dashboard)) == ["datasource", "job", *own[dashboard["uid"]]]
    for name, one in variables(dashboard).items():
        assert one["label"], name
        if one["type"] == "query":
            assert one["refresh"] == 2
            assert one["query"].endswith(f", {name})") or one["regex"]
    for before, after in (("job", "publisher_id"), ("job", "instance"), ("publisher_id", "offer_id")):
        if after in variables(dashboard):
            assert f'{before}=~"${before}"' in variables(dashboard)[after]["query"]


def test_all_of_a_variable_is_everything_where_several_may_be_chosen(dashboard: Json) -> None:
    for name, one in variables(dashboard).items():
        if one["type"] == "query" and (dashboard["uid"] != "azure-marketplace-offer" or name == "job"):
            assert (one["multi"], one["includeAll"]) == (True, True)
            is_listed = (dashboard["uid"], name) in LISTED
            assert one.get("allValue") == (None if is_listed else ".+")
            assert one["current"]["value"] == ["$__all"]


def test_panels_tell_what_they_are(panels: list[Json]) -> None:
    titles = [panel["title"] for panel in panels]
    assert len(titles) == len(set(titles))
    for panel in panels:
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_panels_lie_side_by_side(dashboard: Json) -> None:
    def cells(panel: Json) -> set[tuple[int, int]]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        return {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}

    on_top = dashboard["panels"]
    hidden = [panel for row in on_top for panel in row.get("panels", ())]
    numbers = [panel["id"] for panel in (*on_top, *hidden)]
    assert len(numbers) == len(set(numbers))
    for group in (on_top, hidden):
        for one, other in combinations(group, 2):
            assert not cells(one) & cells(other), (one["title"], other["title"])


def test_expressions_are_valid(expressions: list[str], concrete: Callable[[str], str]) -> None:
    for expression in expressions:
        promql_parser.parse(concrete(expression))


def test_every_metric_exists_with_the_labels_and_states_that_are_asked_for(expressions: list[str]) -> None:
    labels: dict[str, dict[str, tuple[str, ...]]] = {one.name: one.labels for one in documented()}
    for one in documented():
        if one.kind == "histogram":
            labels[one.name + "_bucket"] = one.labels
    for name, matchers in selectors(expressions):
        assert name in known_names()
        if name in FOREIGN:
            continue
        for label, text in matchers.items():
            assert label in {"job", "instance"} | labels[name].keys(), name
            known = labels[name].get(label, ())
            asked = re.sub(r"^(=~|!~|!=|=)", "", text)
            if known and "$" not in asked:
                assert set(asked.split("|")) <= set(known), (name, label)


def test_what_is_grouped_or_joined_by_is_a_label_of_what_is_asked_for(panels: list[Json], dashboard: Json) -> None:
    labels: dict[str, set[str]] = {one.name: set(one.labels) for one in documented()}
    labels |= {f"{one.name}_bucket": {*one.labels, "le"} for one in documented() if one.kind == "histogram"}
    labels["ALERTS"] = {"alertname", "alertstate", "severity", "audience", "publisher_id", "offer_id", "step_id"}
    asked = [(target["expr"], target.get("legendFormat", "")) for panel in panels for target in panel["targets"]]
    asked += [(one["expr"], one["titleFormat"] + one["textFormat"]) for one in dashboard["annotations"]["list"]]
    for expression, legend in asked:
        known = {"job", "instance"}.union(*(labels.get(name, set()) for name, _ in selectors([expression])))
        known |= {name for name in ("stands", "alert") if f', "{name}", ' in expression}
        used = set(re.findall(r"\{\{(\w+)\}\}", legend))
        for some in re.findall(r"\b(?:by|on|without|ignoring|group_left) \(([^)]*)\)", expression):
            used |= {label.strip() for label in some.split(",") if label}
        assert used <= known, expression


def test_no_metric_is_asked_for_without_matchers(expressions: list[str]) -> None:
    for expression in expressions:
        bare = SELECTOR.sub("", re.sub(r'"[^"]*"', '""', expression))
        found = re.findall(r"\b(?:azure_marketplace_\w+|ALERTS|process_\w+|python_gc\w+|scrape_\w+)\b(?!\{)", bare)
        assert found in ([], ["azure_marketplace_exporter_build_info"]), expression


def test_expressions_keep_to_the_chosen_job_and_instance(dashboard: Json, expressions: list[str]) -> None:
    uid = dashboard["uid"]
    for name, matchers in selectors(expressions):
        if name not in NO_JOB_MATCHER:
            assert matchers["job"] == "=~$job", name
        is_variable = name in {"azure_marketplace_publisher_up", "azure_marketplace_exporter_build_info"}
        if uid not in NO_INSTANCE and name != "ALERTS" and not is_variable:
            assert matchers["instance"] == "=~$instance", name


def test_exceptions_are_needed(expressions: list[str], dashboard: Json) -> None:
    names = {name for name, _ in selectors(expressions)}
    assert set(NO_JOB_MATCHER) <= names
    assert (dashboard["uid"] in NO_INSTANCE) == ("instance" not in variables(dashboard))


def test_rates_take_the_interval_that_grafana_works_out(expressions: list[str]) -> None:
    counters = {one.name for one in documented() if one.kind == "counter"} | {"process_cpu_seconds_total"}
    counters -= NO_RATES.keys()
    for expression in expressions:
        assert all(
            window == "$__rate_interval" for window in re.findall(r"(?:rate|increase)\([^\[]*\[([^\]]*)\]", expression)
        )
        for name in counters:
            assert len(re.findall(rf"\b{name}\{{", expression)) == len(re.findall(rf"\brate\({name}\{{", expression))


def test_links_lead_to_dashboards_that_exist(dashboard: Json, panels: list[Json]) -> None:
    def values(tree: Any) -> Iterator[str]:
        if isinstance(tree, dict):
            for key, value in tree.items():
                if key == "url":
                    yield value
                yield from values(value)
        elif isinstance(tree, list):
            for value in tree:
                yield from values(value)

    urls = [url for url in values(dashboard) if url]
    portal = "https://partner.microsoft.com/dashboard/marketplace-offers/overview"
    assert (portal in urls) == (dashboard["uid"] != "azure-marketplace-exporter")
    for url in urls:
        assert url.startswith(("https://", "/d/")), url
        if url.startswith("/d/"):
            assert url.removeprefix("/d/").partition("?")[0] in UIDS
    others = [link for link in dashboard["links"] if link["type"] == "dashboards"]
    assert [(link["tags"], link["includeVars"], link["keepTime"]) for link in others] == [
        (["azure-marketplace"], True, True)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_states_look_alike_everywhere(kind: type[OfferStatus | StepStatus | Party | Level]) -> None:
    from grafana.builder.looks import by_code, by_word, words

    (codes,), (by_state,) = (
        [mapping.to_json()["options"] for mapping in mappings] for mappings in (by_code(kind), by_word(kind))
    )
    assert isinstance(codes, dict)
    assert isinstance(by_state, dict)
    for one in looks(kind):
        for mapping in (codes[str(one.code)], by_state[one.state]):
            assert (mapping.text, mapping.color, mapping.index) == (
                words(kind)[one.state],
                one.colour.grafana,
                one.code,
            )


def test_every_mapping_of_states_is_one_of_the_palette(dashboard: Json) -> None:
    """Any mapping or colour of a series that bears the words of a state has that state's colour."""
    colours: dict[str, set[str]] = {}
    for kind in KINDS:
        for one in looks(kind):
            colours.setdefault(one.words, set()).add(one.colour.grafana)
    found = 0
    for words, colour in coloured(dashboard):
        if words in colours:
            found += 1
            # As text, the dark grey cannot be read on a dark background.
            assert {colour} & colours[words] or (colour, colours[words]) == (GREY, {DARK_GREY}), words
    assert found > 5 or dashboard["uid"] == "azure-marketplace-exporter"


def coloured(tree: Any) -> Iterator[tuple[str, str]]:
    """Each pair of words and colour in mappings and overrides by name."""
    if isinstance(tree, dict):
        if {"text", "color", "index"} <= tree.keys():
            yield tree["text"], tree["color"]
        if tree.get("matcher", {}).get("id") == "byName":
            for one in tree["properties"]:
                if one["id"] == "color" and "fixedColor" in one["value"]:
                    yield tree["matcher"]["options"], one["value"]["fixedColor"]
                if one["id"] == "thresholds":
                    yield tree["matcher"]["options"], one["value"]["steps"][-1]["color"]
        for value in tree.values():
            yield from coloured(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from coloured(value)

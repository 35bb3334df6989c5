"""Every expression of the dashboards, asked of a real Prometheus that scrapes two replicas of the demo.

What tables show is worked out from the answers by Grafana's own library.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.domain.offers import OfferStatus, Party, StepStatus
from exporter.pages.palette import look
from exporter.simulator import demo
from exporter.simulator.pipeline import KINDS

from .conftest import Tool, keeping, scrape_config
from .dashboard_queries import ALL, DASHBOARDS, ROOT, Asker, Series, Target, concrete, target
from .processes import Exporter, Prometheus, wait_until

OFFERS = len(demo(epoch=0).plans)
"""Offers of the demo; each is in one of its sources at least."""

OFFERS_LIST = "Offers: ${party:text}"
WITH_MICROSOFT = "With Microsoft: what is expected next"
USUAL = "Usual duration of each step"

EMPTY_IN_THE_DEMO: dict[tuple[str, ...], str] = {
    ("exporter", "Alerts about the exporter"): "the demo's exporters are well",
    ("exporter", "Pause"): "the simulator asks for no pause",
    ("exporter", "Throttling"): "the simulator throttles nobody",
    ("exporter", "Failures"): "nothing fails",
    ("exporter", "Unknown values"): "the simulator tells nothing unknown",
    ("exporter", "Tokens"): "the demo's token is given, not fetched",
    ("exporter", "Token valid for"): "the demo's token is given, not fetched",
    ("exporter", "Secret or certificate valid for"): "the demo has no credential that ends",
    ("exporter", "Sources", "B"): "the demo's sources are up, so none has a reason not to be",
    **{("exporter", "What is wrong", ref_id): "nothing is wrong in the demo" for ref_id in "ABCDEFGH"},
}
LATER: dict[tuple[str, ...], str] = {
    ("offer", "Overdue", "A"): "in the first two minutes, no offer is",
    ("overview", "Lead time of each offer", "A"): "no publication has begun and ended yet",
    ("offer", "Last publication", "A"): "no publication has begun and ended yet",
    ("offer", "Lead time over the last year", "A"): "no publication has begun and ended yet",
    ("offer", USUAL, "A"): "no step is on record five times yet",
    ("offer", USUAL, "B"): "no step is on record five times yet",
}
"""What the demo has only later, and why."""

IDS = ("publisher_id", "offer_id", "step_id")
MORE_IDS = {
    ("overview", "Offers by state over time"): ("status",),
    ("offer", "Where the time went"): ("status",),
    ("overview", "Alerts about offers"): ("alertname", "severity", "alertstate"),
}
"""What tells rows of one offer or step apart on purpose."""

STUCK = {
    "contoso/gateway-vm": (OfferStatus.WAITING_FOR_PUBLISHER_REVIEW, Party.PUBLISHER),
    "contoso/backup-agent": (OfferStatus.FAILED, Party.PUBLISHER),
    "contoso/billing": (OfferStatus.RUNNING, Party.PUBLISHER),
    "contoso/landing-zone": (OfferStatus.SUCCEEDED, Party.NOBODY),
    "contoso/data-mesh": (OfferStatus.RUNNING, Party.MICROSOFT),
    "fabrikam/sql-appliance": (OfferStatus.RUNNING, Party.PUBLISHER),
    "fabrikam/assessment": (OfferStatus.CANCELED, Party.NOBODY),
    "fabrikam/pilot": (OfferStatus.NEVER_PUBLISHED, Party.NOBODY),
}
"""Offers of the demo scenario that do not move, so that what is shown of them is known."""

# Grafana's theme colours, dark.
ORANGE, BLUE, GREEN, RED, PURPLE = "#FF9830", "#5794F2", "#73BF69", "#F2495C", "#B877D9"


@pytest.fixture(scope="module")
def grafana(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """Two replicas, each with a simulator of its own and so never quite alike, and the rules."""
    folder = tmp_path_factory.mktemp("dashboards")
    command: list[str | Path] = [tool("azure-marketplace-exporter"), "--demo", "--web.listen-address=127.0.0.1:0"]
    with keeping(folder) as keep:
        replicas = [keep(lambda folder: Exporter(command, folder)) for _ in range(2)]
        config = scrape_config(*replicas, job_name="azure-marketplace")
        config["scrape_configs"] += scrape_config("127.0.0.1:9", job_name="others")["scrape_configs"]
        config |= {"global": {"evaluation_interval": "1s"}, "rule_files": [str(impatient_rules(folder))]}
        path = folder / "prometheus.yaml"
        path.write_text(yaml.safe_dump(config), "utf-8")
        server = keep(lambda folder: Prometheus(tool("prometheus"), path, folder))
        server.wait_for('count(up{job="azure-marketplace"} == 1) == 2')
        server.wait_for('count(ALERTS{alertstate="firing", offer_id=~".+"}) > 3')
        for counter in ("api_requests", "refreshes"):
            increased = f"sum by (instance) (rate(azure_marketplace_exporter_{counter}_total[20s])) > 0"
            server.wait_for(f"count({increased}) == 2", timeout=60)
        yield Asker(server, [one.url.removeprefix("http://") for one in replicas])


def impatient_rules(folder: Path) -> Path:
    """Write the rules; the alerts about offers fire at once."""
    rules = yaml.safe_load((ROOT / "grafana/rules/azure-marketplace.rules.yaml").read_text("utf-8"))
    for rule in rules["groups"][0]["rules"]:
        rule.pop("for", None)
        rule.pop("keep_firing_for", None)
    path = folder / "impatient.rules.yaml"
    path.write_text(yaml.safe_dump(rules), "utf-8")
    return path


def test_every_rule_can_be_evaluated_with_two_replicas(grafana: Asker) -> None:
    def complaints() -> set[str]:
        rules = [rule for group in grafana.server.api("rules")["groups"] for rule in group["rules"]]
        assert all(rule["health"] != "unknown" for rule in rules), "not yet evaluated"
        return {f"{rule['name']}: {rule['health']}{rule.get('lastError', '')}" for rule in rules}

    assert {one.partition(": ")[2] for one in wait_until(complaints, "an evaluation of all rules")} == {"ok"}


@pytest.mark.parametrize("one", ALL, ids=str)
def test_no_panel_is_empty_and_each_series_has_its_name(grafana: Asker, one: Target) -> None:
    series = grafana.run(one)
    if {one.place, one.place[:2]} & EMPTY_IN_THE_DEMO.keys():
        assert series == []
        return
    assert series or one.place in LATER
    legend = one.query.get("legendFormat", "")
    for labels, _ in series:
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= labels.keys(), (legend, labels)


@pytest.mark.parametrize("one", [one for one in ALL if one.dashboard != "exporter"], ids=str)
def test_two_replicas_give_one_series_per_offer_or_step(grafana: Asker, one: Target) -> None:
    more = MORE_IDS.get(one.place[:2], ())
    series = grafana.run(one)
    keys = Counter(tuple(labels.get(name, "") for name in (*IDS, *more)) for labels, _ in series)
    assert [key for key, count in keys.items() if count > 1] == []
    for labels, _ in series:
        assert not {"instance", "job"} & labels.keys()
    with_one = grafana.run(one, job=f'.+", instance="{grafana.replicas[0]}')
    assert bool(with_one) == bool(series) or one.place in LATER


CHOSEN = [one for one in ALL if one.dashboard != "exporter" and "$compare" not in one.query["expr"]]


@pytest.mark.parametrize("one", CHOSEN, ids=str)
def test_the_variables_choose(grafana: Asker, one: Target) -> None:
    for labels, _ in grafana.run(one, publisher_id="fabrikam", offer_id="sql-appliance|pilot"):
        assert labels.get("publisher_id", "fabrikam") == "fabrikam"
        assert labels.get("offer_id", "pilot") in {"sql-appliance", "pilot"}
    assert grafana.run(one, job="another-job") == []


def by_offer(series: list[Series]) -> dict[str, float]:
    return {f"{labels['publisher_id']}/{labels['offer_id']}": value for labels, value in series}


@pytest.mark.parametrize(
    "one",
    [
        target("overview", "State of each offer"),
        target("offer", "State"),
        target("offer", "State of $compare"),
        target("offer", "Submissions of the last 90 days"),
    ],
    ids=str,
)
def test_states_are_shown_as_the_palette_codes_them(grafana: Asker, one: Target) -> None:
    shown = by_offer(grafana.run(one))
    assert len(shown) == OFFERS
    assert {name: shown[name] for name in STUCK} == {name: look(status).code for name, (status, _) in STUCK.items()}


@pytest.mark.parametrize("party", Party)
def test_a_figure_lists_what_it_counts(grafana: Asker, party: Party) -> None:
    for ref_id in "ABCDF":
        listed = by_offer(grafana.run(target("overview", OFFERS_LIST, ref_id), party=party.value)).keys()
        assert {name for name, (_, one) in STUCK.items() if one is party} == listed & STUCK.keys()


def test_the_figures_on_top_count_offers(grafana: Asker) -> None:
    def figure(title: str, ref_id: str = "A") -> float:
        ((_, value),) = grafana.run(target("overview", title, ref_id))
        return value

    assert figure("All offers") == OFFERS
    assert figure("Waiting for you") >= 4
    assert figure("With Microsoft") >= 1
    assert figure("Overdue") in {0, 1}
    assert figure("Data", "A") == 0
    assert figure("Data", "B") < 60

    def by_state() -> dict[str, float] | None:
        """None while an offer that has just changed stands in two states: the panel keeps values for a few seconds."""
        shown = grafana.run(target("overview", "Offers by state over time"))
        found = {labels["status"]: value for labels, value in shown}
        return found if sum(found.values()) == OFFERS else None

    states = wait_until(by_state, "each offer in one state")
    assert states is not None
    assert states["never_published"] == states["canceled"] == 1
    assert not {"unknown", "not_started"} & states.keys()


def test_the_exporter_is_well_and_then_it_is_not(grafana: Asker) -> None:
    """A replica that is gone is named; what is right is not."""
    gone_one, well = (target("exporter", "What is wrong", ref_id) for ref_id in "AI")
    assert [value for _, value in grafana.run(well)] == [0]
    gone = {"job": "others", "instance": "127.0.0.1:9"}
    assert grafana.run(gone_one, **gone) == [({"instance": "127.0.0.1:9"}, 2)]
    assert grafana.run(well, **gone) == []


def test_other_targets_of_prometheus_are_left_out(grafana: Asker) -> None:
    assert len(grafana.instant("up == 0")) == 1
    assert [value for _, value in grafana.run(target("exporter", "Replicas that answer"))] == [1]
    for one in ALL:
        if one.dashboard == "exporter" and one.query.get("legendFormat") == "{{instance}}":
            assert {labels["instance"] for labels, _ in grafana.run(one)} == set(grafana.replicas), str(one)


def test_steps_come_in_the_order_of_the_pipeline(grafana: Asker) -> None:
    series = grafana.run(target("offer", "Steps over time"), publisher_id="contoso", offer_id="data-mesh")
    names = [stage.name for stage in KINDS["application"].stages]
    short = [name if len(name) < 34 else f"{name[:30]}..." for name in names]
    states = [StepStatus.COMPLETE] * 2 + [StepStatus.IN_PROGRESS] + [StepStatus.NOT_STARTED] * 5
    assert [(labels["position"], labels["step_name"], value) for labels, value in series] == [
        (f"{place:02}", name, look(state).code)
        for place, (name, state) in enumerate(zip(short, states, strict=True), start=1)
    ]


def test_what_microsoft_has_is_measured_against_its_own_estimate(grafana: Asker) -> None:
    since, live, certain = (by_offer(grafana.run(target("overview", WITH_MICROSOFT, ref_id))) for ref_id in "ADE")
    used = by_offer(grafana.run(target("overview", OFFERS_LIST, "E")))
    elapsed = time.time() - since["contoso/data-mesh"] / 1000
    assert used["contoso/data-mesh"] == pytest.approx(elapsed / 120, abs=0.1)
    assert time.time() < live["contoso/data-mesh"] / 1000 < certain["contoso/data-mesh"] / 1000
    assert not {"contoso/gateway-vm", "contoso/backup-agent", "fabrikam/sql-appliance"} & (used.keys() | since.keys())
    assert live.keys() <= since.keys()


def test_messages_and_progress_are_those_of_the_simulator(grafana: Asker) -> None:
    panel = [grafana.run(target("offer", "Messages", ref_id), offer_id="backup-agent") for ref_id in "ABCD"]
    own = grafana.instant(
        'max by (level) (sum by (instance, level) ({__name__=~"azure_marketplace_offer(_step)?_messages", '
        'offer_id="backup-agent"}))'
    )
    levels = {labels["level"]: value for labels, value in own}
    assert [value for ((_, value),) in panel] == [
        levels[level] for level in ("information", "warning", "error", "unknown")
    ]
    assert levels["error"] > 0
    progress = grafana.run(target("offer", "Progress of the steps"), offer_id="landing-zone")
    assert {value for _, value in progress} == {1.0}


def test_variables_offer_what_there_is(grafana: Asker) -> None:
    def values(uid: str, name: str, **chosen: str) -> list[str]:
        dashboard = next(one for one in DASHBOARDS if one["uid"] == uid)
        variable = next(one for one in dashboard["templating"]["list"] if one["name"] == name)
        series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]).groups()  # type: ignore[union-attr]  # no match fails the test
        found: list[str] = grafana.server.api(f"label/{label}/values", **{"match[]": concrete(series, **chosen)})
        return found

    for dashboard in DASHBOARDS:
        assert values(dashboard["uid"], "job") == ["azure-marketplace"]
        assert values(dashboard["uid"], "publisher_id") == ["contoso", "fabrikam"]
    offers = values("azure-marketplace-offer", "offer_id", publisher_id="fabrikam")
    assert offers == ["assessment", "mail-filter", "pilot", "sql-appliance"]
    assert len(values("azure-marketplace-overview", "offer_id")) == OFFERS
    assert values("azure-marketplace-exporter", "instance") == sorted(grafana.replicas)


def test_annotations_mark_the_alerts_that_fire(grafana: Asker) -> None:
    for dashboard in DASHBOARDS:
        for annotation in dashboard["annotations"]["list"]:
            series = grafana.over_time(annotation["expr"])
            assert grafana.over_time(annotation["expr"], job="another-job") == []
            about_offers = dashboard["uid"] != "azure-marketplace-exporter"
            assert bool(series) == about_offers, (dashboard["uid"], annotation["name"])


@dataclass(frozen=True, slots=True)
class Table:
    """What a table shows: words, colour and link of each cell, by row key and column."""

    columns: list[str]
    rows: dict[str, dict[str, dict[str, str]]]

    def words(self, *columns: str) -> dict[str, tuple[str, ...]]:
        """The words in these columns, by row key."""
        return {name: tuple(row[column]["text"] for column in columns) for name, row in self.rows.items()}

    def colours(self, *columns: str) -> dict[str, tuple[str, ...]]:
        return {name: tuple(row[column]["color"] for column in columns) for name, row in self.rows.items()}

    def url(self, column: str) -> str:
        return next(row[column]["url"] for row in self.rows.values())


Draw = Callable[..., Table]


@pytest.fixture(scope="module")
def draw(grafana: Asker, tool: Tool, tools_data: Callable[[str], Path]) -> Iterator[Draw]:
    """Run a table's queries and do what Grafana does with the answers; `keys` are the columns that name a row.

    `instead` are answers of some of the queries, by their letters.
    """
    command = [tool("node"), Path(__file__).with_name("grafana_cells.mjs"), tools_data("npm")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdin
        assert node.stdout
        to_node, from_node = node.stdin, node.stdout

        def drawn(
            dashboard: str, title: str, *keys: str, instead: dict[str, list[Series]] | None = None, **chosen: str
        ) -> Table:
            queries = [one for one in ALL if one.place[:2] == (dashboard, title)]
            answers: dict[str, Any] = {one.place[2]: grafana.run(one, **chosen) for one in queries} | (instead or {})
            series = [[{"labels": labels, "value": value} for labels, value in some] for some in answers.values()]
            print(json.dumps({"panel": queries[0].panel, "answers": series}), file=to_node, flush=True)
            shown = json.loads(from_node.readline())
            rows = [dict(zip(shown["columns"], row, strict=True)) for row in shown["rows"]]
            named = {"/".join(row[key]["text"] for key in keys): row for row in rows}
            assert len(named) == len(rows), "a row is there twice"
            return Table(shown["columns"], named)

        yield drawn


def test_the_list_of_offers(draw: Draw) -> None:
    table = draw("overview", OFFERS_LIST, "Publisher", "Offer")
    own = ["Offer", "Waiting for", "Step", "Waiting since", "For", "Of the estimate", "Publisher", "Name"]
    assert table.columns == own
    assert len(table.rows) == OFFERS
    assert (
        table.words("Name", "Waiting for", "Step").items()
        >= {
            "contoso/gateway-vm": ("Contoso Gateway", "You", "Publisher signoff: waits for you"),
            "contoso/backup-agent": ("Contoso Backup Agent", "You", "Certification: rejected"),
            "contoso/data-mesh": ("Contoso Data Mesh", "Microsoft", "Test Drive Validation"),
            "contoso/landing-zone": ("Contoso Landing Zone", "Nobody", "Succeeded"),
            "fabrikam/sql-appliance": ("Fabrikam SQL Appliance", "You", "Provisioning: blocked"),
            "fabrikam/pilot": ("Fabrikam Pilot", "Nobody", "Never published"),
        }.items()
    )
    assert (
        table.colours("Waiting for", "Step").items()
        >= {
            "contoso/gateway-vm": (ORANGE, ORANGE),
            "contoso/backup-agent": (ORANGE, RED),
            "contoso/data-mesh": (BLUE, BLUE),
            "fabrikam/sql-appliance": (ORANGE, PURPLE),
        }.items()
    )
    assert table.colours("Step")["contoso/landing-zone"] == (GREEN,)
    for since, days in table.words("Waiting since", "For").values():
        assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d", since)
        assert days == "0.0 d"
    used = table.words("Of the estimate")
    assert used["fabrikam/sql-appliance"] == ("",)
    assert re.fullmatch(
        "(?=.{10}( over)?$)\N{BLACK PARALLELOGRAM}*\N{WHITE PARALLELOGRAM}*( over)?", used["contoso/data-mesh"][0]
    )
    assert table.url("Offer").startswith("/d/azure-marketplace-offer?var-publisher_id=${__data.fields.Publisher}")


def test_an_id_that_looks_like_a_number_stays_as_it_is(draw: Draw, grafana: Asker) -> None:
    renamed = {
        ref_id: [
            (labels | {"offer_id": "2024"}, value)
            for labels, value in grafana.run(target("overview", OFFERS_LIST, ref_id), offer_id="pilot")
        ]
        for ref_id in "ABCDEF"
    }
    assert list(draw("overview", OFFERS_LIST, "Publisher", "Offer", instead=renamed).rows) == ["fabrikam/2024"]


def test_what_microsoft_has_and_when_it_is_expected(draw: Draw) -> None:
    table = draw("overview", WITH_MICROSOFT, "Publisher", "Offer", "Step")
    assert table.columns[:8] == [
        "Offer",
        "Step",
        "In it since",
        "Estimate",
        "Expected by",
        "Left",
        "Expected live",
        "80 % by",
    ]
    shown = table.words("Estimate", "Expected live", "80 % by")["contoso/data-mesh/Test Drive Validation"]
    assert re.fullmatch(r"~2 min( [A-Z][a-z]{2} [A-Z][a-z]{2} \d+){2}", " ".join(shown))
    since, expected = (
        datetime.strptime(f"2024 {moment} +0000", "%Y %b %d, %H:%M %z")
        for moment in table.words("In it since", "Expected by")["contoso/data-mesh/Test Drive Validation"]
    )
    assert (expected - since) % timedelta(days=1) == timedelta(minutes=2)
    assert not {"contoso/gateway-vm", "fabrikam/sql-appliance"} & {name.rpartition("/")[0] for name in table.rows}


def test_time_beyond_the_estimate_is_negative_and_red(draw: Draw) -> None:
    ids = {"publisher_id": "contoso", "offer_id": "data-mesh", "step_id": "displaytestdrive"}
    table = draw("overview", WITH_MICROSOFT, "Offer", "Step", instead={"C": [(ids, -6.04)]})
    assert table.words("Left")["data-mesh/Test Drive Validation"] == ("-6.0 d",)
    assert table.colours("Left")["data-mesh/Test Drive Validation"] == (RED,)


def test_all_about_each_offer(draw: Draw) -> None:
    table = draw("overview", "All about each offer", "Publisher", "Offer")
    assert len(table.rows) == OFFERS
    assert table.words("State")["contoso/gateway-vm"] == ("Waits for you",)
    assert table.words("State")["contoso/landing-zone"] == ("Succeeded",)
    assert {name for name, (live,) in table.words("Live").items() if live} == {
        f"contoso/{one}" for one in ("edge-cache", "assistant-kit", "scan-engine", "vault-connector")
    }
    assert table.words("Version")["contoso/linux-hardened"][0].startswith("12528682")
    assert table.words("Progress")["fabrikam/sql-appliance"] == ("60%",)


def test_the_lead_time_of_each_offer(draw: Draw) -> None:
    took: list[Series] = [({"publisher_id": "contoso", "offer_id": "ingress"}, 9.06)]
    table = draw("overview", "Lead time of each offer", "Publisher", "Offer", instead={"A": took})
    assert table.columns == ["Publisher", "Offer", "Took", "Succeeded", "Failed", "Canceled"]
    assert len(table.rows) == OFFERS
    shown = table.words("Took", "Succeeded", "Failed", "Canceled")
    assert shown["contoso/ingress"][0] == "9.1 d"
    assert shown["contoso/landing-zone"] == ("", "0", "0", "0")


def test_the_steps_of_an_offer(draw: Draw) -> None:
    table = draw("offer", "Steps", "#", offer_id="data-mesh")
    assert table.columns == ["#", "Step", "State", "Since", "Estimate", "Used", "Took", "Messages"]
    assert (
        table.words("Step", "State", "Estimate", "Took").items()
        >= {
            "1": ("Validate Pre-Requisites", "Complete", "< 15 min", ""),
            "3": ("Test Drive Validation", "In progress", "~2 min", ""),
            "6": ("Publisher signoff", "Not started", "", ""),
        }.items()
    )
    assert table.colours("State")["1"] == (GREEN,)
    told = draw("offer", "Steps", "#", offer_id="edge-cache")
    assert told.words("Took")["1"] == ("0.0 d",), "where its source tells how long a step took"


def test_how_long_each_step_usually_takes(draw: Draw) -> None:
    text = {"position": "02", "step_name": "Certification", "estimated_time_frame": "2-3 days"}
    ids = {"publisher_id": "contoso", "offer_id": "data-mesh", "step_id": "certify", **text}
    table = draw("offer", USUAL, "#", instead={"A": [(ids, 1.5)], "B": [(ids, 4.26)]})
    assert table.columns == ["#", "Step", "Estimate", "Usually", "95 % within"]
    assert table.words(*table.columns) == {"2": ("2", "Certification", "2-3 days", "1.5 d", "4.3 d")}


def test_where_the_time_went(draw: Draw) -> None:
    table = draw("offer", "Where the time went", "Step", "State", offer_id="sql-appliance")
    assert table.columns == ["Step", "State", "Time spent"]
    assert table.words("Time spent")["Provisioning/Blocked"] == ("0.0 d",)
    assert not any("/Complete" in name or "/Not started" in name for name in table.rows)


def test_alerts_about_offers(draw: Draw) -> None:
    table = draw("overview", "Alerts about offers", "Alert", "Severity", "Offer", "Step")
    assert table.columns == ["Severity", "Alert", "Alert state", "Who acts", "Publisher", "Offer", "Step"]
    rejected = "OfferStepRejected/Critical/backup-agent/Certification"
    assert table.words("Alert state")[rejected] == ("firing",)
    assert table.colours("Severity")[rejected] == (RED,)
    assert table.words("Publisher")["OfferSignOffPending/Info/gateway-vm/"] == ("contoso",)
    assert table.url("Alert").endswith("/docs/runbooks/AzureMarketplace${__value.raw}.md")


def test_the_sources_and_why_one_is_down(draw: Draw, grafana: Asker) -> None:
    up = draw("exporter", "Sources", "Publisher", "Source")
    assert up.columns == ["Publisher", "Source", "State", "Offers", "Last read"]
    assert up.words("State", "Offers") == {
        "contoso/cloud_partner": ("Up", "8"),
        "contoso/partner_center": ("Up", "12"),
        "contoso/product_ingestion": ("Up", "12"),
        "fabrikam/cloud_partner": ("Up", "4"),
    }
    assert set(up.colours("State").values()) == {(GREEN,)}

    ids = {"publisher_id": "contoso", "source": "partner_center"}
    states: list[Series] = [
        (labels, 0.0 if ids.items() <= labels.items() else value)
        for labels, value in grafana.run(target("exporter", "Sources", "A"))
    ]
    reasons: list[Series] = [(ids | {"reason": "forbidden"}, 1.0)]
    down = draw("exporter", "Sources", "Publisher", "Source", instead={"A": states, "B": reasons})
    assert down.columns == ["Publisher", "Source", "State", "Reason", "Offers", "Last read"]
    assert down.words("State", "Reason") == {
        "contoso/cloud_partner": ("Up", ""),
        "contoso/partner_center": ("Down", "forbidden"),
        "contoso/product_ingestion": ("Up", ""),
        "fabrikam/cloud_partner": ("Up", ""),
    }
    assert down.colours("State")["contoso/partner_center"] == (RED,)


def test_publishers_and_versions_by_replica(draw: Draw, grafana: Asker) -> None:
    table = draw("exporter", "Publishers by replica", "Publisher", "Replica")
    assert table.columns[2:] == ["Last refresh", "Data age", "Interval", "Refresh took", "Offers", "Cannot be read"]
    assert table.words("Last refresh", "Offers", "Cannot be read") == {
        f"{publisher}/{replica}": ("Complete", offers, "0")
        for publisher, offers in (("contoso", "12"), ("fabrikam", "4"))
        for replica in grafana.replicas
    }
    assert set(table.colours("Last refresh").values()) == {(GREEN,)}
    versions = draw("exporter", "Replicas", "Replica")
    assert versions.columns == ["Replica", "Job", "Version", "Shard", "Of"]
    assert set(versions.words("Shard", "Of").values()) == {("0", "1")}

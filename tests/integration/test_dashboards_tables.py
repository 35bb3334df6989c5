"""What the tables show, worked out by Grafana's own library from what a real Prometheus answers."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from .dashboard_queries import ALL, OFFERS, Prometheus, Series, Target, target, two_replicas

OFFERS_LIST = "Offers: ${party:text}"
WITH_MICROSOFT = "With Microsoft: what is expected next"
PROGRAM = Path(__file__).with_name("grafana_cells.mjs")

# Grafana's theme colours, dark.
ORANGE, BLUE, GREEN, RED, PURPLE = "#FF9830", "#5794F2", "#73BF69", "#F2495C", "#B877D9"
NO_COLOUR = "#00000000"


@dataclass(frozen=True, slots=True)
class Table:
    """What a table shows: the words and the background of each cell, by row key and column."""

    columns: list[str]
    words: dict[str, dict[str, str]]
    colours: dict[str, dict[str, str | None]]
    urls: dict[str, str]


Draw = Callable[..., Table]


@pytest.fixture(scope="module")
def prometheus(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    tool("prometheus")
    with two_replicas(tmp_path_factory.mktemp("tables")) as server:
        yield server


@pytest.fixture
def draw(prometheus: Prometheus, tool: Callable[[str], Path], tools_data: Callable[[str], Path]) -> Draw:
    """Run a table's queries and do what Grafana does with the answers; `keys` are the columns that name a row."""
    command = [str(tool("node")), str(PROGRAM), str(tools_data("npm"))]

    def drawn(dashboard: str, title: str, *keys: str, server: Prometheus = prometheus, **chosen: str) -> Table:
        panel = target(dashboard, title).panel
        queries = [one for one in ALL if (one.dashboard, one.title) == (dashboard, title)]
        answers = [
            [{"labels": labels, "value": value} for labels, value in server.run(one, **chosen)] for one in queries
        ]
        ran = subprocess.run(
            command,
            input=json.dumps({"panel": panel, "answers": answers}),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr
        shown = json.loads(ran.stdout)
        columns: list[str] = shown["columns"]
        rows = [dict(zip(columns, row, strict=True)) for row in shown["rows"]]
        names = ["/".join(row[key]["text"] for key in keys) for row in rows]
        assert len(names) == len(set(names)), "a row is there twice"
        return Table(
            columns=columns,
            words={
                name: {key: cell["text"] for key, cell in row.items()} for name, row in zip(names, rows, strict=True)
            },
            colours={
                name: {key: cell["color"] for key, cell in row.items()} for name, row in zip(names, rows, strict=True)
            },
            urls={key: cell["url"] for row in rows for key, cell in row.items() if cell["url"]},
        )

    return drawn


def test_the_list_of_offers(draw: Draw) -> None:
    table = draw("overview", OFFERS_LIST, "Publisher", "Offer")
    assert table.columns == [
        "Offer",
        "Waiting for",
        "Step",
        "Waiting since",
        "For",
        "Of the estimate",
        "Publisher",
        "Name",
    ]
    assert len(table.words) == OFFERS
    shown = ("Name", "Waiting for", "Step")
    assert {name: tuple(row[column] for column in shown) for name, row in table.words.items()}.items() >= {
        "contoso/gateway-vm": ("Contoso Gateway", "You", "Publisher signoff: waits for you"),
        "contoso/backup-agent": ("Contoso Backup Agent", "You", "Certification: rejected"),
        "contoso/data-mesh": ("Contoso Data Mesh", "Microsoft", "Test Drive Validation"),
        "contoso/landing-zone": ("Contoso Landing Zone", "Nobody", "Succeeded"),
        "fabrikam/sql-appliance": ("Fabrikam SQL Appliance", "You", "Provisioning: blocked"),
        "fabrikam/pilot": ("Fabrikam Pilot", "Nobody", "Never published"),
    }.items()
    coloured = ("Waiting for", "Step")
    colours = {name: tuple(row[column] for column in coloured) for name, row in table.colours.items()}
    assert colours["contoso/gateway-vm"] == (ORANGE, ORANGE)
    assert colours["contoso/backup-agent"] == (ORANGE, RED)
    assert colours["contoso/data-mesh"] == (BLUE, BLUE)
    assert colours["contoso/landing-zone"][1] == GREEN
    assert colours["fabrikam/sql-appliance"] == (ORANGE, PURPLE)
    for row in table.words.values():
        assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d", row["Waiting since"])
        assert row["For"] == "0.0 d"
    assert table.words["fabrikam/sql-appliance"]["Of the estimate"] == ""
    used = table.words["contoso/data-mesh"]["Of the estimate"]
    assert re.fullmatch("\N{BLACK PARALLELOGRAM}*\N{WHITE PARALLELOGRAM}*( over)?", used)
    assert len(used.removesuffix(" over")) == 10
    assert table.urls["Offer"].startswith("/d/azure-marketplace-offer?var-publisher_id=${__data.fields.Publisher}")


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
    mesh = table.words["contoso/data-mesh/Test Drive Validation"]
    assert mesh["Estimate"] == "~2 min"
    since, expected = (
        datetime.strptime(f"2024 {mesh[name]} +0000", "%Y %b %d, %H:%M %z") for name in ("In it since", "Expected by")
    )
    assert (expected - since) % timedelta(days=1) == timedelta(minutes=2)
    for name in ("Expected live", "80 % by"):
        assert re.fullmatch(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d+", mesh[name])
    assert not {"contoso/gateway-vm", "fabrikam/sql-appliance"} & {name.rpartition("/")[0] for name in table.words}


def test_time_beyond_the_estimate_is_negative_and_red(draw: Draw, prometheus: Prometheus) -> None:
    class Later(Prometheus):
        def run(self, one: Target, **chosen: str) -> list[Series]:
            ids = {"publisher_id": "contoso", "offer_id": "data-mesh", "step_id": "displaytestdrive"}
            over = {"C": [(ids, -6.04)]}
            return over.get(one.query["refId"], super().run(one, **chosen))

    table = draw(
        "overview", WITH_MICROSOFT, "Publisher", "Offer", "Step", server=Later(prometheus.url, prometheus.replicas)
    )
    assert table.words["contoso/data-mesh/Test Drive Validation"]["Left"] == "-6.0 d"
    assert table.colours["contoso/data-mesh/Test Drive Validation"]["Left"] == RED


def test_all_about_each_offer(draw: Draw) -> None:
    table = draw("overview", "All about each offer", "Publisher", "Offer")
    rows = {name: (row["State"], row["Live"]) for name, row in table.words.items()}
    assert len(rows) == OFFERS
    assert rows["contoso/gateway-vm"] == ("Waits for you", "")
    assert rows["contoso/landing-zone"] == ("Succeeded", "")
    assert rows["contoso/edge-cache"][1] == "Live"
    assert table.words["contoso/linux-hardened"]["Version"].startswith("12528682")
    assert table.words["fabrikam/sql-appliance"]["Progress"] == "60%"


def test_the_steps_of_an_offer(draw: Draw) -> None:
    table = draw("offer", "Steps", "#", offer_id="data-mesh")
    assert table.columns == [
        "#",
        "Step",
        "State",
        "Since",
        "Estimate",
        "Used",
        "Took",
        "Messages",
    ]
    shown = ("Step", "State", "Estimate")
    assert [tuple(table.words[str(place)][column] for column in shown) for place in (1, 3, 6)] == [
        ("Validate Pre-Requisites", "Complete", "< 15 min"),
        ("Test Drive Validation", "In progress", "~2 min"),
        ("Publisher signoff", "Not started", ""),
    ]
    assert table.colours["1"]["State"] == GREEN


def test_the_lead_time_of_each_offer(draw: Draw, prometheus: Prometheus) -> None:
    class Later(Prometheus):
        def run(self, one: Target, **chosen: str) -> list[Series]:
            ids = {"publisher_id": "contoso", "offer_id": "ingress"}
            return [(ids, 9.06)] if one.query["refId"] == "A" else super().run(one, **chosen)

    table = draw(
        "overview",
        "Lead time of each offer",
        "Publisher",
        "Offer",
        server=Later(prometheus.url, prometheus.replicas),
    )
    assert table.columns == ["Publisher", "Offer", "Took", "Succeeded", "Failed", "Canceled"]
    assert len(table.words) == OFFERS
    assert table.words["contoso/ingress"]["Took"] == "9.1 d"
    assert table.words["contoso/landing-zone"] == {
        "Publisher": "contoso",
        "Offer": "landing-zone",
        "Took": "",
        "Succeeded": "0",
        "Failed": "0",
        "Canceled": "0",
    }


def test_how_long_each_step_usually_takes(draw: Draw, prometheus: Prometheus) -> None:
    class Later(Prometheus):
        def run(self, one: Target, **chosen: str) -> list[Series]:
            text = {
                "step_id": "certify",
                "position": "02",
                "step_name": "Certification",
                "estimated_time_frame": "2-3 days",
            }
            ids = {"publisher_id": "contoso", "offer_id": "data-mesh", **text}
            return [(ids, {"A": 1.5, "B": 4.26}[one.query["refId"]])]

    table = draw(
        "offer",
        "Usual duration of each step",
        "#",
        server=Later(prometheus.url, prometheus.replicas),
        offer_id="data-mesh",
    )
    assert table.words == {
        "2": {
            "#": "2",
            "Step": "Certification",
            "Estimate": "2-3 days",
            "Usually": "1.5 d",
            "95 % within": "4.3 d",
        }
    }


def test_an_id_that_looks_like_a_number_stays_as_it_is(draw: Draw, prometheus: Prometheus) -> None:
    class Renamed(Prometheus):
        def run(self, one: Target, **chosen: str) -> list[Series]:
            return [(labels | {"offer_id": "2024"}, value) for labels, value in super().run(one, offer_id="pilot")]

    table = draw("overview", OFFERS_LIST, "Publisher", "Offer", server=Renamed(prometheus.url, prometheus.replicas))
    assert list(table.words) == ["fabrikam/2024"]


def test_how_long_a_step_took_where_its_source_tells_it(draw: Draw) -> None:
    assert draw("offer", "Steps", "#", offer_id="edge-cache").words["1"]["Took"] == "0.0 d"
    assert {row["Took"] for row in draw("offer", "Steps", "#", offer_id="data-mesh").words.values()} == {""}


def test_the_sources_and_why_one_is_down(draw: Draw, prometheus: Prometheus) -> None:
    up = draw("exporter", "Sources", "Publisher", "Source")
    assert {name: (row["State"], row["Offers"]) for name, row in up.words.items()} == {
        "contoso/cloud_partner": ("Up", "8"),
        "contoso/partner_center": ("Up", "12"),
        "contoso/product_ingestion": ("Up", "12"),
        "fabrikam/cloud_partner": ("Up", "4"),
    }
    assert {row["State"] for row in up.colours.values()} == {GREEN}

    class Down(Prometheus):
        def run(self, one: Target, **chosen: str) -> list[Series]:
            ids = {"publisher_id": "contoso", "source": "partner_center"}
            if one.query["refId"] == "B":
                return [(ids | {"reason": "forbidden"}, 1.0)]
            is_up = one.query["refId"] == "A"
            return [
                (labels, 0.0 if is_up and ids.items() <= labels.items() else value)
                for labels, value in super().run(one, **chosen)
            ]

    down = draw("exporter", "Sources", "Publisher", "Source", server=Down(prometheus.url, prometheus.replicas))
    assert down.columns == ["Publisher", "Source", "State", "Reason", "Offers", "Last read"]
    assert {name: (row["State"], row["Reason"]) for name, row in down.words.items()} == {
        "contoso/cloud_partner": ("Up", ""),
        "contoso/partner_center": ("Down", "forbidden"),
        "contoso/product_ingestion": ("Up", ""),
        "fabrikam/cloud_partner": ("Up", ""),
    }
    assert down.colours["contoso/partner_center"]["State"] == RED


def test_where_the_time_went(draw: Draw) -> None:
    table = draw("offer", "Where the time went", "Step", "State", offer_id="sql-appliance")
    assert table.columns == ["Step", "State", "Time spent"]
    assert table.words["Provisioning/Blocked"]["Time spent"] == "0.0 d"
    assert not any("/Complete" in name or "/Not started" in name for name in table.words)


def test_alerts_about_offers(draw: Draw) -> None:
    table = draw("overview", "Alerts about offers", "Alert", "Severity", "Offer", "Step")
    assert table.columns == ["Severity", "Alert", "Alert state", "Who acts", "Publisher", "Offer", "Step"]
    rejected = "OfferStepRejected/Critical/backup-agent/Certification"
    assert table.words[rejected]["Alert state"] == "firing"
    assert table.colours[rejected]["Severity"] == RED
    of_an_offer = "OfferSignOffPending/Info/gateway-vm/"
    assert table.words[of_an_offer]["Publisher"] == "contoso"
    assert table.urls["Alert"].endswith("/docs/runbooks/AzureMarketplace${__value.raw}.md")


def test_publishers_and_versions_by_replica(draw: Draw, prometheus: Prometheus) -> None:
    publishers = draw("exporter", "Publishers by replica", "Publisher", "Replica")
    assert publishers.columns == [
        "Publisher",
        "Replica",
        "Last refresh",
        "Data age",
        "Interval",
        "Refresh took",
        "Offers",
        "Cannot be read",
    ]
    assert sorted(publishers.words) == sorted(
        f"{publisher}/{replica}" for publisher in ("contoso", "fabrikam") for replica in prometheus.replicas
    )
    for name, row in publishers.words.items():
        offers = "12" if name.startswith("contoso") else "4"
        assert (row["Last refresh"], row["Offers"], row["Cannot be read"]) == ("Complete", offers, "0")
        assert publishers.colours[name]["Last refresh"] == GREEN
    versions = draw("exporter", "Replicas", "Replica")
    assert versions.columns == ["Replica", "Job", "Version", "Shard", "Of"]
    assert {(row["Shard"], row["Of"]) for row in versions.words.values()} == {("0", "1")}

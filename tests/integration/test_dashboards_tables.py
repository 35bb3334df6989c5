"""What the tables show, worked out by Grafana's own library from what a real Prometheus answers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .dashboard_queries import ALL, OFFERS, Prometheus, Series, Target, target, two_replicas

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

    def drawn(dashboard: str, title: str, *keys: str, server: Prometheus = prometheus) -> Table:
        panel = target(dashboard, title).panel
        queries = [one for one in ALL if (one.dashboard, one.title) == (dashboard, title)]
        answers = [[{"labels": labels, "value": value} for labels, value in server.run(one)] for one in queries]
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


def test_the_offers_of_the_overview(draw: Draw) -> None:
    table = draw("overview", "Offers", "Publisher", "Offer")
    assert table.columns == [
        "Publisher",
        "Offer",
        "Name",
        "Waiting for",
        "State",
        "In this state for",
        "Step",
        "Step state",
        "Step for",
        "Estimate",
        "Progress",
        "Type",
        "Data age",
    ]
    assert len(table.words) == OFFERS
    shown = ("Name", "Waiting for", "State", "Step", "Step state", "Estimate")
    assert {
        name: tuple(row[column] for column in shown) for name, row in table.words.items() if "edge" not in name
    }.items() >= {
        "contoso/gateway-vm": (
            "Contoso Gateway",
            "Publisher",
            "Waiting for publisher review",
            "Publisher signoff",
            "Waiting for publisher review",
            "",
        ),
        "contoso/backup-agent": (
            "Contoso Backup Agent",
            "Publisher",
            "Failed",
            "Certification",
            "Rejected",
            "1.0 week",
        ),
        "contoso/data-mesh": (
            "Contoso Data Mesh",
            "Microsoft",
            "Running",
            "Test Drive Validation",
            "In progress",
            "2.0 mins",
        ),
        "contoso/landing-zone": ("Contoso Landing Zone", "Nobody", "Succeeded", "", "", ""),
        "fabrikam/sql-appliance": (
            "Fabrikam SQL Appliance",
            "Publisher",
            "Running",
            "Provisioning",
            "Blocked",
            "1.0 day",
        ),
        "fabrikam/pilot": ("Fabrikam Pilot", "Nobody", "Never published", "", "", ""),
    }.items()
    coloured = ("Waiting for", "State", "Step state")
    colours = {name: tuple(row[column] for column in coloured) for name, row in table.colours.items()}
    assert colours["contoso/gateway-vm"] == (ORANGE, ORANGE, ORANGE)
    assert colours["contoso/backup-agent"] == (ORANGE, RED, RED)
    assert colours["contoso/data-mesh"] == (BLUE, BLUE, BLUE)
    assert colours["contoso/landing-zone"][1:] == (GREEN, NO_COLOUR)
    assert colours["fabrikam/sql-appliance"] == (ORANGE, BLUE, PURPLE)
    assert table.words["fabrikam/sql-appliance"]["Progress"] == "60%"
    assert table.urls["Offer"].startswith("/d/azure-marketplace-offer?var-publisher_id=${__data.fields.Publisher}")


def test_the_steps_of_an_offer(draw: Draw) -> None:
    table = draw("offer", "Steps in detail", "Publisher", "Offer", "#")
    assert table.columns == [
        "Publisher",
        "Offer",
        "#",
        "Step",
        "State",
        "For",
        "Microsoft says",
        "Estimate",
        "Took",
        "Progress",
        "Messages",
        "Last message",
        "Id",
    ]
    shown = ("Step", "State", "Microsoft says", "Estimate")
    rows = {name: tuple(row[column] for column in shown) for name, row in table.words.items()}
    # How many of its steps the submission API tells depends on how far the offer is.
    moving = {name for name in rows if name.startswith("contoso/edge-cache/")}
    assert len(moving) in {5, 7}
    assert len(rows) - len(moving) == 69
    assert [rows[f"contoso/data-mesh/{place}"] for place in (1, 3, 6)] == [
        ("Validate Pre-Requisites", "Complete", "< 15 min", "15.0 mins"),
        ("Test Drive Validation", "In progress", "~2 min", "2.0 mins"),
        ("Publisher signoff", "Not started", "", ""),
    ]
    assert table.colours["contoso/data-mesh/1"]["State"] == GREEN


def test_an_id_that_looks_like_a_number_stays_as_it_is(draw: Draw, prometheus: Prometheus) -> None:
    class Renamed(Prometheus):
        def run(self, one: Target, **chosen: str) -> list[Series]:
            return [(labels | {"offer_id": "2024"}, value) for labels, value in super().run(one, offer_id="pilot")]

    table = draw("overview", "Offers", "Publisher", "Offer", server=Renamed(prometheus.url, prometheus.replicas))
    assert list(table.words) == ["fabrikam/2024"]


def test_how_long_a_step_took_where_its_source_tells_it(draw: Draw) -> None:
    words = draw("offer", "Steps in detail", "Publisher", "Offer", "#").words
    assert float(words["contoso/edge-cache/1"]["Took"].removesuffix(" s")) == pytest.approx(6, abs=1)
    assert {row["Took"] for name, row in words.items() if "edge-cache" not in name} == {""}


def test_the_sources_and_why_one_is_down(draw: Draw, prometheus: Prometheus) -> None:
    up = draw("exporter", "Sources", "Publisher", "Source")
    assert {name: (row["State"], row["Offers"]) for name, row in up.words.items()} == {
        "contoso/cloud_partner": ("Up", "8"),
        "contoso/partner_center": ("Up", "10"),
        "contoso/product_ingestion": ("Up", "5"),
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
    table = draw("offer", "Where the time went", "Publisher", "Offer", "Step", "State")
    assert table.columns == ["Publisher", "Offer", "Step", "State", "Time spent"]
    blocked = table.words["fabrikam/sql-appliance/displayprovision/Blocked"]
    assert blocked["Time spent"].endswith(" s")
    assert not any("/Complete" in name or "/Not started" in name for name in table.words)


def test_alerts_about_offers(draw: Draw) -> None:
    table = draw("overview", "Alerts about offers", "Alert", "Severity", "Offer", "Step")
    assert table.columns == ["Severity", "Alert", "Alert state", "For", "Publisher", "Offer", "Step"]
    rejected = "AzureMarketplaceOfferStepRejected/Critical/backup-agent/displaycertify"
    assert table.words[rejected]["Alert state"] == "firing"
    assert table.colours[rejected]["Severity"] == RED
    assert table.urls["Alert"].endswith("/docs/runbooks/${__value.raw}.md")


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
        offers = "10" if name.startswith("contoso") else "4"
        assert (row["Last refresh"], row["Offers"], row["Cannot be read"]) == ("Complete", offers, "0")
        assert publishers.colours[name]["Last refresh"] == GREEN
    versions = draw("exporter", "Versions", "Replica")
    assert versions.columns == ["Replica", "Version", "Python", "Shard", "Of"]
    assert {(row["Shard"], row["Of"]) for row in versions.words.values()} == {("0", "1")}

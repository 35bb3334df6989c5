"""The dashboards in a real Grafana, where there is one: no package carries it, so it is named by GRAFANA_HOME.

SCREENSHOTS names a folder for pictures of what was drawn.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from exporter.domain.offers import Party
from tests.benchmarks.measure import process_cpu

from .grafana_pages import all_of_it, draw, keep, watch
from .webdriver import Page, browser

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from grafana.stack import Stack, find_grafana, start_all, start_grafana  # noqa: E402

Tool = Callable[[str], Path]
Json = dict[str, Any]

WIDTHS = (1280, 1600)
DAYS = 2.0
CONTROLS = 70
"""Pixels of one row of controls with the space around it; two rows have 105."""
ROWS = 12
MANY, HOURS, TRIES = 200, 1, 3
FORBIDDEN = ("< 80", "No data", "NaN", "undefined", "[object", "Invalid date")
UIDS = tuple(f"azure-marketplace-{name}" for name in ("overview", "offer", "exporter"))
WORDS = {
    "azure-marketplace-overview": (
        "Certification: rejected",
        "Publisher signoff: waits for you",
        "Provisioning: blocked",
        "Test Drive Validation",
        "Never published",
        "over",
        "Failed",
        "Succeeded",
        "Canceled",
        "contoso/gateway-vm",
        "OfferStepRejected",
    ),
    "azure-marketplace-offer": (
        "Running",
        "Microsoft",
        "Test Drive Validation",
        "Complete",
        "Not started",
        "In progress",
    ),
    "azure-marketplace-exporter": ("Nothing is wrong", "100", "In force", "cloud_partner", "Nothing failed", "Up"),
}
OFFER = "var-publisher_id=contoso&var-offer_id=data-mesh"

pytestmark = pytest.mark.optional_tool(reason="no package index has a Grafana server")


@pytest.fixture(scope="module")
def urls(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The whole stack; gives the address of each program."""
    if find_grafana() is None:
        pytest.skip("no Grafana: set GRAFANA_HOME, or put grafana on the path")
    for name in ("prometheus", "promtool", "alertmanager"):
        tool(name)
    with Stack(tmp_path_factory.mktemp("stack"), any_port=True) as stack:
        start_all(stack, DAYS)
        found = {program.name: program.url for program in stack.programs}
        query = {"query": "count(ALERTS) > 8 and on () count(azure_marketplace_offer_up) == 12"}
        end = time.monotonic() + 120
        while not requests.get(f"{found['prometheus']}/api/v1/query", params=query, timeout=60).json()["data"][
            "result"
        ]:
            assert time.monotonic() < end, "the first evaluation of the rules"
            time.sleep(0.5)
        yield found


@pytest.fixture(scope="module")
def page(tool: Tool, tmp_path_factory: pytest.TempPathFactory, urls: dict[str, str]) -> Iterator[Page]:
    with browser(tool("chromedriver"), tool("chromium"), tmp_path_factory.mktemp("profile")) as one:
        watch(one)
        # A first visit, so that what Grafana says to newcomers does not stand in the way.
        one.go(urls["grafana"])
        yield one


def address(urls: dict[str, str], uid: str) -> str:
    return f"{urls['grafana']}/d/{uid}?{OFFER if uid.endswith('offer') else ''}"


def picture(name: str) -> Path | None:
    folder = os.environ.get("SCREENSHOTS")
    return Path(folder) / f"{name}.png" if folder else None


def offers(urls: dict[str, str]) -> list[Json]:
    """What the exporter itself tells of its offers."""
    told = requests.get(f"{urls['exporter']}/api/v1/offers", timeout=10).json()["publishers"]
    return [offer for publisher in told for offer in publisher["offers"]]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("uid", UIDS)
def test_what_is_drawn_is_what_the_data_say(urls: dict[str, str], page: Page, uid: str, width: int) -> None:
    drawn = draw(page, address(urls, uid), width)
    keep(drawn, picture(f"{uid}-{width}"))
    assert drawn.cut == []
    assert drawn.controls_height <= CONTROLS
    drawn = all_of_it(drawn, width)
    text = drawn.text
    assert [word for word in WORDS[uid] if word not in text] == []
    assert [word for word in FORBIDDEN if word in text] == []
    assert drawn.complaints == []
    assert drawn.behind_the_edge == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_of_offers_is_above_the_fold_with_dates_and_parties(
    urls: dict[str, str], page: Page, width: int
) -> None:
    drawn = draw(page, address(urls, UIDS[0]), width)
    assert drawn.rows_in_first_screen >= ROWS
    text = drawn.text
    told = offers(urls)
    assert len(told) == ROWS
    for offer in told:
        assert offer["offer_id"] in text
        since = datetime.fromtimestamp(offer["waiting_on_since_timestamp_seconds"]).astimezone()
        assert f"{since:%Y-%m-%d %H:%M}" in text, offer["offer_id"]
    assert {"You", "Microsoft", "Nobody"} <= set(text.split("\n"))


def test_a_figure_lists_what_it_counts(urls: dict[str, str], page: Page) -> None:
    links = draw(page, address(urls, UIDS[0]), WIDTHS[0]).links
    told = offers(urls)
    for party in (Party.PUBLISHER, Party.MICROSOFT):
        (link,) = {one for one in links if f"var-party={party}" in one}
        listed = draw(page, link, WIDTHS[0])
        names = {offer["offer_id"] for offer in told if offer["waiting_on"] == party}
        assert listed.rows_in_first_screen == len(names) > 0
        assert all(name in listed.text for name in names)


@pytest.mark.parametrize("uid", UIDS)
def test_every_link_leads_somewhere(urls: dict[str, str], page: Page, uid: str) -> None:
    links = all_of_it(draw(page, address(urls, uid), WIDTHS[1]), WIDTHS[1]).links
    assert links
    known = {offer["offer_id"] for offer in offers(urls)}
    for link in links:
        parts = urllib.parse.urlsplit(link)
        if link.startswith(urls["grafana"]):
            assert requests.get(link, timeout=10).ok
            _, kind, target, *_ = parts.path.split("/")
            assert kind == "d"
            assert requests.get(f"{urls['grafana']}/api/dashboards/uid/{target}", timeout=10).ok, link
            chosen = urllib.parse.parse_qs(parts.query)
            if target.endswith("offer"):
                assert set(chosen["var-offer_id"]) <= known
        elif "/blob/main/" in link:
            assert (ROOT / parts.path.partition("/blob/main/")[2]).exists(), link
        else:
            assert parts.hostname == "partner.microsoft.com"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("uid", UIDS)
def test_pictures_for_the_documentation(urls: dict[str, str], page: Page, uid: str, theme: str) -> None:
    drawn = draw(page, f"{address(urls, uid)}&kiosk", WIDTHS[0], height=1000, theme=theme)
    keep(drawn, picture(f"{uid.removeprefix('azure-marketplace-')}-{theme}"))
    assert not re.search("|".join(map(re.escape, FORBIDDEN)), drawn.text)


def panels(dashboard: Json) -> Iterator[Json]:
    for on_top in dashboard["panels"]:
        yield from (panel for panel in (on_top, *on_top.get("panels", ())) if panel["type"] != "row")


def asked(grafana: str, panel: Json, span: str) -> Json:
    """Ask what a panel asks, as Grafana's page does, for all offers or for one."""
    queries = [
        target
        | {
            "expr": concrete(target["expr"], panel),
            "datasource": {"type": "prometheus", "uid": "prometheus"},
            "intervalMs": 15_000,
            "maxDataPoints": panel.get("maxDataPoints", 900),
        }
        for target in panel["targets"]
    ]
    answer = requests.post(
        f"{grafana}/api/ds/query", json={"queries": queries, "from": f"now-{span}", "to": "now"}, timeout=30
    )
    assert answer.ok, (panel["title"], answer.text)
    content: Json = answer.json()
    return content


def concrete(expression: str, panel: Json) -> str:
    """Choose one offer where a dashboard shows one, else everything."""
    chosen = {"publisher_id": ".+", "offer_id": ".+"} | panel.get("chosen", {})
    chosen |= {"job": ".+", "instance": ".+", "party": ".+", "compare": chosen["offer_id"]}
    for name, value in chosen.items():
        expression = re.sub(rf"\${name}\b", value, expression)
    return expression


def dashboard(grafana: str, uid: str, **chosen: str) -> list[Json]:
    """The panels of a dashboard as Grafana has them, for one offer or for all."""
    end = time.monotonic() + 60
    while not (answer := requests.get(f"{grafana}/api/dashboards/uid/{uid}", timeout=60)).ok:
        assert time.monotonic() < end, answer.text
        time.sleep(0.5)
    assert answer.json()["meta"]["provisioned"]
    return [panel | {"chosen": chosen} for panel in panels(answer.json()["dashboard"])]


@pytest.fixture(scope="module")
def many(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A stack with many offers and some hours of their past; gives Grafana's address and Prometheus' process."""
    grafana = find_grafana()
    if grafana is None:
        pytest.skip("no Grafana: set GRAFANA_HOME, or put grafana on the path")
    for name in ("prometheus", "promtool", "alertmanager"):
        tool(name)
    with Stack(tmp_path_factory.mktemp("many"), any_port=True) as stack:
        start_all(stack, HOURS / 24, offers=MANY)
        programs = {program.name: program for program in stack.programs}
        yield programs["grafana"].url, programs["prometheus"].process.pid


@pytest.mark.alone
@pytest.mark.parametrize("uid", UIDS)
def test_every_query_takes_less_than_a_second_with_many_offers(many: tuple[str, int], uid: str) -> None:
    """With as many points as the default range of the dashboard has."""
    one = {"publisher_id": "publisher-001", "offer_id": "offer-00007"} if uid.endswith("offer") else {}
    seconds: dict[str, float] = {}
    grafana, prometheus = many
    for panel in dashboard(grafana, uid, **one):
        for target in panel["targets"]:
            alone = panel | {"targets": [target]}
            taken = []
            for _ in range(TRIES):
                before = process_cpu(prometheus)
                answer = asked(grafana, alone, f"{HOURS}h")
                taken.append(process_cpu(prometheus) - before)
            seconds[f"{panel['title']} {target['refId']}"] = min(taken)
            if panel["title"].startswith(("Offers: ", "State of each")) and target["refId"] == "A":
                frames = answer["results"]["A"]["frames"]
                assert max(len(frames), *(len(one["data"]["values"][0]) for one in frames)) >= MANY
    print(sorted(((round(value, 2), title) for title, value in seconds.items()), reverse=True)[:5])
    assert {title: value for title, value in seconds.items() if value >= 1} == {}


def test_grafana_takes_the_same_rules_as_its_own_alerts(urls: dict[str, str], tmp_path: Path) -> None:
    """It evaluates each without an error, and says of the demo's offers what Prometheus says."""
    found = find_grafana()
    assert found is not None
    provisioning = tmp_path / "provisioning"
    shutil.copytree(ROOT / "grafana" / "provisioning", provisioning)
    shutil.copy(ROOT / "grafana" / "alerting" / "azure-marketplace.yaml", provisioning / "alerting")
    with Stack(tmp_path, any_port=True) as stack:
        program = start_grafana(stack, *found, urls["prometheus"], urls["alertmanager"], provisioning=provisioning)
        rules = {rule["uid"]: rule for rule in evaluated(program.url)}
    in_file = yaml.safe_load((provisioning / "alerting" / "azure-marketplace.yaml").read_text("utf-8"))
    assert rules.keys() == {rule["uid"] for group in in_file["groups"] for rule in group["rules"]}
    assert {uid: rule["lastError"] for uid, rule in rules.items() if rule.get("lastError")} == {}
    assert {rule["health"] for rule in rules.values()} <= {"ok", "nodata"}
    active = {
        uid: {alert["labels"].get("offer_id") for alert in rule["alerts"] if alert["state"] in {"Pending", "Alerting"}}
        for uid, rule in rules.items()
    }
    assert active["azm-offersteprejected"] == {"backup-agent"}
    assert active["azm-offerstepblocked"] >= {"sql-appliance"}
    assert active["azm-offersignoffpending-info"] >= {"gateway-vm", "billing"}
    assert {uid for uid, alerts in active.items() if alerts and "exporter" in uid} == set()
    (rejected,) = rules["azm-offersteprejected"]["alerts"]
    assert re.match(
        r"Microsoft rejected step displaycertify of contoso/backup-agent(, seen since| on) \w+day",
        rejected["annotations"]["summary"],
    )


def evaluated(grafana: str) -> list[Json]:
    """Wait until each rule of Grafana was evaluated, and give them."""
    end = time.monotonic() + 150
    while True:
        answer = requests.get(f"{grafana}/api/prometheus/grafana/api/v1/rules", timeout=60).json()
        rules = [rule for group in answer["data"]["groups"] for rule in group["rules"]]
        if rules and not any(rule["lastEvaluation"].startswith("0001") for rule in rules):
            return rules
        assert time.monotonic() < end, "the first evaluation"
        time.sleep(1)

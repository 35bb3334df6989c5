"""Every expression of the dashboards, asked of a real Prometheus that scrapes two replicas of the real demo."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.domain.offers import OfferStatus, Party, StepStatus
from exporter.pages.palette import look
from exporter.simulator.pipeline import KINDS

from .dashboard_queries import ALL, DASHBOARDS, OFFERS, Prometheus, Series, Target, concrete, target, two_replicas
from .processes import wait_until

OFFERS_LIST = "Offers: ${party:text}"
WITH_MICROSOFT = "With Microsoft: what is expected next"

NOT_WRONG = "nothing is wrong in the demo"
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
    **{("exporter", "What is wrong", ref_id): NOT_WRONG for ref_id in "ABCDEFGH"},
}
USUAL = "Usual duration of each step"
LATER = {
    ("offer", "Overdue", "A"): "in the first two minutes, no offer is",
    ("overview", "Lead time of each offer", "A"): "no publication has begun and ended yet",
    ("offer", "Last publication", "A"): "no publication has begun and ended yet",
    ("offer", "Lead time over the last year", "A"): "no publication has begun and ended yet",
    ("offer", USUAL, "A"): "no step is on record five times yet",
    ("offer", USUAL, "B"): "no step is on record five times yet",
}
"""What the demo has only later, and why."""

IDS = ("publisher_id", "offer_id", "step_id")
# What tells rows of one offer or step apart on purpose.
MORE_IDS = {
    ("overview", "Offers by state over time"): ("status",),
    ("offer", "Where the time went"): ("status",),
    ("overview", "Alerts about offers"): ("alertname", "severity", "alertstate"),
}

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


@pytest.fixture(scope="module")
def prometheus(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    tool("prometheus")
    with two_replicas(tmp_path_factory.mktemp("dashboards")) as server:
        yield server


@pytest.mark.parametrize("one", ALL, ids=str)
def test_no_panel_is_empty_and_each_series_has_its_name(prometheus: Prometheus, one: Target) -> None:
    series = prometheus.run(one)
    place = (one.dashboard, one.title, one.query["refId"])
    if {place, place[:2]} & EMPTY_IN_THE_DEMO.keys():
        assert series == []
        return
    assert series or place in LATER
    legend = one.query.get("legendFormat", "")
    for labels, _ in series:
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= labels.keys(), (legend, labels)


@pytest.mark.parametrize("one", [one for one in ALL if one.dashboard != "exporter"], ids=str)
def test_two_replicas_give_one_series_per_offer_or_step(prometheus: Prometheus, one: Target) -> None:
    more = MORE_IDS.get((one.dashboard, one.title), ())
    series = prometheus.run(one)
    keys = Counter(tuple(labels.get(name, "") for name in (*IDS, *more)) for labels, _ in series)
    assert [key for key, count in keys.items() if count > 1] == []
    for labels, _ in series:
        assert not {"instance", "job"} & labels.keys()
    with_one = prometheus.run(one, job=f'.+", instance="{prometheus.replicas[0]}')
    assert bool(with_one) == bool(series) or (one.dashboard, one.title, one.query["refId"]) in LATER


CHOSEN = [one for one in ALL if one.dashboard != "exporter" and "$compare" not in one.query["expr"]]


@pytest.mark.parametrize("one", CHOSEN, ids=str)
def test_the_variables_choose(prometheus: Prometheus, one: Target) -> None:
    for labels, _ in prometheus.run(one, publisher_id="fabrikam", offer_id="sql-appliance|pilot"):
        assert labels.get("publisher_id", "fabrikam") == "fabrikam"
        assert labels.get("offer_id", "pilot") in {"sql-appliance", "pilot"}
    assert prometheus.run(one, job="another-job") == []


def by_offer(series: list[Series]) -> dict[str, float]:
    return {f"{labels['publisher_id']}/{labels['offer_id']}": value for labels, value in series}


@pytest.mark.parametrize(
    "one",
    [
        target("overview", "All about each offer"),
        target("overview", "State of each offer"),
        target("offer", "State"),
        target("offer", "State of $compare"),
        target("offer", "Submissions of the last 90 days"),
    ],
    ids=str,
)
def test_states_are_shown_as_the_palette_codes_them(prometheus: Prometheus, one: Target) -> None:
    shown = by_offer(prometheus.run(one))
    assert len(shown) == OFFERS
    assert {name: shown[name] for name in STUCK} == {name: look(status).code for name, (status, _) in STUCK.items()}


def test_the_list_tells_who_has_to_act_where_each_offer_is_and_since_when(prometheus: Prometheus) -> None:
    column = {ref_id: by_offer(prometheus.run(target("overview", OFFERS_LIST, ref_id))) for ref_id in "ABCDEF"}
    assert {name: column["A"][name] for name in STUCK} == {name: look(party).code for name, (_, party) in STUCK.items()}
    assert all(len(column[ref_id]) == OFFERS for ref_id in "ABCDF")
    now = time.time()
    assert all(now - 600 < since / 1000 < now for since in column["C"].values())
    assert all(0 <= days < 600 / 86400 for days in column["D"].values())
    stands = {
        f"{labels['publisher_id']}/{labels['offer_id']}": labels["stands"]
        for labels, _ in prometheus.run(target("overview", OFFERS_LIST, "B"))
    }
    assert stands.items() >= {
        ("contoso/gateway-vm", "Publisher signoff: waiting_for_publisher_review"),
        ("contoso/backup-agent", "Certification: rejected"),
        ("contoso/data-mesh", "Test Drive Validation: in_progress"),
        ("contoso/landing-zone", "succeeded"),
        ("fabrikam/sql-appliance", "Provisioning: blocked"),
        ("fabrikam/pilot", "never_published"),
    }


@pytest.mark.parametrize("party", Party)
def test_a_figure_lists_what_it_counts(prometheus: Prometheus, party: Party) -> None:
    for ref_id in "ABCDF":
        listed = by_offer(prometheus.run(target("overview", OFFERS_LIST, ref_id), party=party.value)).keys()
        assert {name for name, (_, one) in STUCK.items() if one is party} <= listed
        assert not {name for name, (_, one) in STUCK.items() if one is not party} & listed


def test_live_is_what_the_sources_tell(prometheus: Prometheus) -> None:
    live = by_offer(prometheus.run(target("offer", "Live")))
    assert live == {f"contoso/{one}": 1 for one in ("edge-cache", "assistant-kit", "scan-engine", "vault-connector")}


def test_the_figures_on_top_count_offers(prometheus: Prometheus) -> None:
    def figure(title: str, ref_id: str = "A") -> float:
        ((_, value),) = prometheus.run(target("overview", title, ref_id))
        return value

    assert figure("All offers") == OFFERS
    assert figure("Waiting for you") >= 4
    assert figure("With Microsoft") >= 1
    assert figure("Overdue") in {0, 1}
    assert figure("Data", "A") == 0
    assert figure("Data", "B") < 60

    def by_state() -> dict[str, float] | None:
        """None while an offer that has just changed stands in two states: the panel keeps values for a few seconds."""
        shown = prometheus.run(target("overview", "Offers by state over time"))
        found = {labels["status"]: value for labels, value in shown}
        return found if sum(found.values()) == OFFERS else None

    states = wait_until(by_state, "each offer in one state")
    assert states is not None
    assert states["never_published"] == states["canceled"] == 1
    assert not {"unknown", "not_started"} & states.keys()


def test_the_exporter_is_well_and_then_it_is_not(prometheus: Prometheus) -> None:
    """A replica that is gone is named; what is right is not."""
    wrong = {ref_id: target("exporter", "What is wrong", ref_id) for ref_id in "ABCDEFGHI"}
    assert [value for _, value in prometheus.run(wrong["I"])] == [0]
    gone = {"job": "others", "instance": "127.0.0.1:9"}
    ((labels, value),) = prometheus.run(wrong["A"], **gone)
    assert (labels, value) == ({"instance": "127.0.0.1:9"}, 2)
    assert prometheus.run(wrong["I"], **gone) == []


def test_other_targets_of_prometheus_are_left_out(prometheus: Prometheus) -> None:
    assert len(prometheus.instant("up == 0")) == 1
    ((_, answering),) = prometheus.run(target("exporter", "Replicas that answer"))
    assert answering == 1
    for one in ALL:
        if one.dashboard == "exporter" and one.query.get("legendFormat") == "{{instance}}":
            assert {labels["instance"] for labels, _ in prometheus.run(one)} == set(prometheus.replicas), one.title


def test_steps_come_in_the_order_of_the_pipeline(prometheus: Prometheus) -> None:
    one = target("offer", "Steps over time")
    series = prometheus.run(one, publisher_id="contoso", offer_id="data-mesh")
    names = [stage.name for stage in KINDS["application"].stages]
    assert [labels["step_name"] for labels, _ in series] == [
        name if len(name) < 34 else f"{name[:30]}..." for name in names
    ]
    assert [labels["position"] for labels, _ in series] == [f"{place:02}" for place in range(1, 9)]
    states = [value for _, value in series]
    assert states[:2] == [look(StepStatus.COMPLETE).code] * 2
    assert states[2] == look(StepStatus.IN_PROGRESS).code
    assert states[3:] == [look(StepStatus.NOT_STARTED).code] * 5


def test_what_microsoft_has_is_measured_against_its_own_estimate(prometheus: Prometheus) -> None:
    shown = by_offer(prometheus.run(target("overview", OFFERS_LIST, "E")))
    since = by_offer(prometheus.run(target("overview", WITH_MICROSOFT, "A")))
    due = by_offer(prometheus.run(target("overview", WITH_MICROSOFT, "B")))
    assert due["contoso/data-mesh"] - since["contoso/data-mesh"] == 120_000
    elapsed = time.time() - since["contoso/data-mesh"] / 1000
    assert shown["contoso/data-mesh"] == pytest.approx(elapsed / 120, abs=0.1)
    assert not {"contoso/gateway-vm", "contoso/backup-agent", "fabrikam/sql-appliance"} & (shown.keys() | since.keys())
    live, certain = (by_offer(prometheus.run(target("overview", WITH_MICROSOFT, ref_id))) for ref_id in "DE")
    assert time.time() < live["contoso/data-mesh"] / 1000 < certain["contoso/data-mesh"] / 1000
    assert live.keys() <= since.keys()


def test_messages_and_progress_are_those_of_the_simulator(prometheus: Prometheus) -> None:
    by_level = {
        ref_id: prometheus.run(target("offer", "Messages", ref_id), offer_id="backup-agent")[0][1] for ref_id in "ABCD"
    }
    own = prometheus.instant(
        'max by (level) (sum by (instance, level) ({__name__=~"azure_marketplace_offer(_step)?_messages", '
        'offer_id="backup-agent"}))'
    )
    assert [by_level[ref_id] for ref_id in "ABCD"] == [
        next(value for labels, value in own if labels["level"] == level)
        for level in ("information", "warning", "error", "unknown")
    ]
    assert by_level["C"] > 0
    progress = prometheus.run(target("offer", "Progress of the steps"), offer_id="landing-zone")
    assert {value for _, value in progress} == {1.0}


def test_variables_offer_what_there_is(prometheus: Prometheus) -> None:
    def values(uid: str, name: str, **chosen: str) -> list[str]:
        dashboard = next(one for one in DASHBOARDS if one["uid"] == uid)
        variable = next(one for one in dashboard["templating"]["list"] if one["name"] == name)
        series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]).groups()  # type: ignore[union-attr]
        found: list[str] = prometheus.ask(f"label/{label}/values", **{"match[]": concrete(series, **chosen)})
        return found

    for dashboard in DASHBOARDS:
        assert values(dashboard["uid"], "job") == ["azure-marketplace"]
        assert values(dashboard["uid"], "publisher_id") == ["contoso", "fabrikam"]
    offers = values("azure-marketplace-offer", "offer_id", publisher_id="fabrikam")
    assert offers == ["assessment", "mail-filter", "pilot", "sql-appliance"]
    assert len(values("azure-marketplace-overview", "offer_id")) == OFFERS
    assert values("azure-marketplace-exporter", "instance") == sorted(prometheus.replicas)


def test_annotations_mark_the_alerts_that_fire(prometheus: Prometheus) -> None:
    for dashboard in DASHBOARDS:
        for annotation in dashboard["annotations"]["list"]:
            series = prometheus.over_time(annotation["expr"])
            assert prometheus.over_time(annotation["expr"], job="another-job") == []
            about_offers = dashboard["uid"] != "azure-marketplace-exporter"
            assert bool(series) == about_offers, (dashboard["uid"], annotation["name"])


def test_the_alerts_in_the_table_have_runbooks(prometheus: Prometheus) -> None:
    names = {labels["alertname"] for labels, _ in prometheus.run(target("overview", "Alerts about offers"))}
    assert {"AzureMarketplaceOfferStepRejected", "AzureMarketplaceOfferSignOffPending"} <= names
    assert all(name.startswith("AzureMarketplace") for name in names)

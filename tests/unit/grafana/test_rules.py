"""The policy of our alert rules: what promtool does not know."""

from __future__ import annotations

import re
import shlex
from typing import Any

import promql_parser
import pytest

from grafana.rule_links import with_links
from tests.unit.grafana._promql import check, increased, selectors
from tests.unit.grafana._rules import RULES, Alert, alerts, fired, read, recordings, unit_tests
from tests.unit.grafana.conftest import ROOT

RUNBOOKS = ROOT / "docs" / "runbooks"
AUDIENCES = {"offers": "publisher", "exporter": "platform"}
OF_OFFERS = {"message", "page_url", "partner_center_url"}
KEPT_LABELS = {"publisher_id", "offer_id", "step_id", "source", "job", "credential"}
END_AT_ONCE = {  # they silence others, or are silenced by others that end at once
    "AzureMarketplaceExporterAbsent",
    "AzureMarketplaceExporterDown",
    "AzureMarketplaceExporterTargetDown",
    "AzureMarketplacePublisherDataStale",
    "AzureMarketplacePublisherSourceDown",
}
EXPRESSIONS = {
    **recordings(),
    **{str(one): one.expression for one in alerts()},
    **{f"{one} annotation {number}": query for one in alerts() for number, query in enumerate(one.queries)},
    **{
        f"{path.stem} runbook {number}": query
        for path in sorted(RUNBOOKS.glob("*.md"))
        for number, query in enumerate(re.findall(r"```promql\n(.*?)```", path.read_text("utf-8"), re.DOTALL))
    },
}
each_alert = pytest.mark.parametrize("alert", alerts(), ids=str)


def seconds(duration: str) -> float:
    return promql_parser.parse_duration(duration).total_seconds()


def test_name_and_severity_tell_alerts_apart() -> None:
    assert len({str(one) for one in alerts()}) == len(alerts())


@each_alert
def test_labels(alert: Alert) -> None:
    assert re.fullmatch(r"AzureMarketplace[A-Z][A-Za-z]+", alert.name)
    assert alert.labels == {
        "severity": alert.labels["severity"],
        "component": alert.labels["component"],
        "audience": AUDIENCES[alert.labels["component"]],
    }
    assert alert.labels["severity"] in {"critical", "warning", "info"}
    assert alert.kept <= KEPT_LABELS


@each_alert
def test_annotations(alert: Alert) -> None:
    known = {"summary", "description"} | (OF_OFFERS if alert.labels["component"] == "offers" else set())
    assert set(alert.annotations) == known - ({"message"} if alert.name == "AzureMarketplaceOfferVanished" else set())
    assert not alert.annotations["summary"].rstrip().endswith(".")
    assert alert.annotations["description"].rstrip().endswith(".")


def test_alerts_on_offers_say_the_same_of_message_and_links() -> None:
    for name in OF_OFFERS:
        texts = {one.annotations[name] for one in alerts() if name in one.annotations and "Vanished" not in one.name}
        assert len(texts) == 1, name


def test_links_lead_to_runbooks_and_dashboards_where_their_base_is_given() -> None:
    rules = RULES.read_text("utf-8")
    assert with_links(rules, runbook_url=None, grafana_url=None) == rules
    linked = with_links(rules, runbook_url="https://git.example.com/runbooks/", grafana_url="https://g.example.com")
    dashboards = {path.stem for path in (ROOT / "grafana" / "dashboards").glob("*.json")}
    for one, before in zip(read(linked), alerts(), strict=True):
        assert one.annotations["runbook_url"] == f"https://git.example.com/runbooks/{one.name}.md"
        host, _, dashboard = one.annotations["dashboard_url"].partition("/d/")
        assert host == "https://g.example.com"
        assert dashboard.partition("?")[0] in dashboards
        assert set(re.findall(r"\$labels\.(\w+)", dashboard)) <= one.kept
        assert before.annotations.items() <= one.annotations.items()


@each_alert
def test_timing(alert: Alert) -> None:
    """Nothing fires at the first sight, and an outage of the exporter resolves nothing at once."""
    assert seconds(alert.hold) >= 300
    assert alert.keep is None if alert.name in END_AT_ONCE else seconds(alert.keep or "0s") >= 600


@each_alert
def test_runbook(alert: Alert) -> None:
    text = (RUNBOOKS / f"{alert.name}.md").read_text("utf-8")
    title, *sections = text.split("\n## ")
    assert title.startswith(f"# {alert.name}\n")
    assert [one.partition("\n")[0] for one in sections] == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
    assert all(one.partition("\n")[2].strip() for one in sections)
    (line,) = re.findall(r"^amtool silence add (.*)$", text, re.MULTILINE)
    matchers = dict(one.split("=") for one in shlex.split(line) if not one.startswith("--"))
    assert matchers.pop("alertname") == alert.name
    assert matchers.keys() == alert.kept, "the silence is for just this alert"


def test_no_runbook_is_left_over() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {one.name for one in alerts()}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_expressions_ask_for_what_there_is_and_read_counters_and_only_these_as_increases(expression: str) -> None:
    check(expression)
    assert increased(expression) == {name for name, _ in selectors(expression) if name.endswith("_total")}
    assert not re.search(r"\b(topk|bottomk|limitk|limit_ratio|quantile) ", expression), "samples, so it flaps"


def test_recordings_are_named_by_level_metric_operation_and_used() -> None:
    for name in recordings():
        assert re.fullmatch(r"azure_marketplace:[a-z_]+:(min|max|count|group)", name)
        assert any(name in text for user, text in EXPRESSIONS.items() if user != name), f"nobody uses {name}"


@pytest.mark.parametrize("name", sorted({one.name for one in alerts()}))
def test_every_alert_has_unit_tests(name: str) -> None:
    """For each severity exact labels and annotations; not yet and no longer."""
    courses = [course(test, name) for test in unit_tests()]
    assert {one["severity"] for one in fired(name)} == {one.labels["severity"] for one in alerts() if one.name == name}
    assert any(re.match("quiet.*fires", one) for one in courses)
    assert any(re.search("fires.*quiet", one) for one in courses)


def course(test: dict[str, Any], name: str) -> str:
    """How an alert fares in a unit test: quiet, fires, and so on."""
    steps = [one for one in test.get("alert_rule_test", []) if one["alertname"] == name]
    steps.sort(key=lambda one: seconds(one["eval_time"]))
    for step in steps:
        assert all({"summary", "description"} <= one["exp_annotations"].keys() for one in step["exp_alerts"])
    return " ".join("fires" if one["exp_alerts"] else "quiet" for one in steps)

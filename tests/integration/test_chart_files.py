"""The chart's rules and dashboards, and the files that are generated for it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration._chart import CHART, ROOT, documents, objects, run, template

if TYPE_CHECKING:
    from collections.abc import Callable

# At the end, so that the installed exporter is the one that runs.
sys.path.append(str(ROOT))

from helm.sync import main

FAILED: dict[str, Any] = {
    "alert": "OfferFailed",
    "expr": "up == 0",
    "for": "5m",
    "keep_firing_for": "30m",
    "labels": {"severity": "critical", "component": "offers"},
    "annotations": {"summary": "{{ $labels.offer_id }} failed"},
}
EXPIRING = [{"alert": "Expiring", "expr": "up", "labels": {"severity": one}} for one in ("warning", "critical")]
GROUPS = [
    {"name": "offers", "interval": "1m", "rules": [{"record": "offers:count", "expr": "count(up)"}, FAILED]},
    {"name": "exporter", "rules": EXPIRING},
]
PANELS = [{"legendFormat": "{{ offer_id }}", "unit": "°"}]


def make_repository(root: Path) -> Path:
    """Make a repository with a rule file and two dashboards of the test's own, and the chart."""
    shutil.copytree(ROOT / "helm", root / "helm")
    shutil.copy(ROOT / "pyproject.toml", root)
    rules, dashboards = root / "grafana/rules", root / "grafana/dashboards"
    rules.mkdir(parents=True)
    dashboards.mkdir()
    (rules / "azure-marketplace.rules.yaml").write_text(yaml.safe_dump({"groups": GROUPS}), "utf-8")
    for name in ("overview", "offer-detail"):
        (dashboards / f"{name}.json").write_text(json.dumps({"title": name, "panels": PANELS}, indent=2), "utf-8")
    assert main(["--root", str(root)]) == 0
    return root


@pytest.fixture
def repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    made = make_repository(tmp_path)
    capsys.readouterr()
    return made


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart of such a repository, for those who only read it."""
    return make_repository(tmp_path_factory.mktemp("repository")) / "helm" / CHART.name


def alerts(chart: Path, **values: Any) -> list[list[dict[str, Any]]]:
    """Return the rules of each group."""
    own = {"demo": {"enabled": True}, "prometheusRule": {"enabled": True, **values}}
    (rule,) = objects(template(chart=chart, values=own), "PrometheusRule")
    return [group["rules"] for group in rule["spec"]["groups"]]


def test_rules_arrive_as_they_are_without_links_that_have_no_base(chart: Path) -> None:
    values = {"demo": {"enabled": True}, "prometheusRule": {"enabled": True}}
    (rule,) = objects(template(chart=chart, values=values), "PrometheusRule")
    annotated = [{**one, "annotations": {}} for one in EXPIRING]
    assert rule["spec"]["groups"] == [GROUPS[0], {"name": "exporter", "rules": annotated}]


def test_an_alert_can_be_changed(chart: Path) -> None:
    change = {"for": "1m", "keepFiringFor": "2m", "severity": "info", "expr": "up == 2", "labels": {"a": "b"}}
    (_, changed), (other, _) = alerts(
        chart,
        overrides={"OfferFailed": {**change, "annotations": {"summary": "other"}}},
        additionalRuleLabels={"team": "release"},
        additionalAnnotations={"channel": "c"},
        runbookUrl="https://runbooks.example.com/",
        grafanaUrl="https://grafana.example.com/",
    )
    assert changed == {
        "alert": "OfferFailed",
        "expr": "up == 2",
        "for": "1m",
        "keep_firing_for": "2m",
        "labels": {"severity": "info", "component": "offers", "team": "release", "a": "b"},
        "annotations": {
            "summary": "other",
            "channel": "c",
            "runbook_url": "https://runbooks.example.com/OfferFailed.md",
            "dashboard_url": (
                "https://grafana.example.com/d/azure-marketplace-offer"
                "?var-publisher_id={{ $labels.publisher_id | urlquery }}&var-offer_id={{ $labels.offer_id | urlquery }}"
            ),
        },
    }
    assert (other["expr"], other["labels"]) == ("up", {"severity": "warning", "team": "release"})


@pytest.mark.parametrize(
    ("disabled", "left"),
    [
        ({"OfferFailed": True, "Expiring": False}, [[None], ["warning", "critical"]]),
        ({"Expiring": True}, [[None, "critical"]]),
        ({"Expiring": True, "Expiring/critical": False}, [[None, "critical"], ["critical"]]),
        ({"Expiring/critical": True}, [[None, "critical"], ["warning"]]),
    ],
)
def test_an_alert_can_be_switched_off_and_an_empty_group_goes(
    chart: Path, disabled: dict[str, bool], left: list[list[str | None]]
) -> None:
    groups = alerts(chart, disabled=disabled)
    assert [[rule.get("labels", {}).get("severity") for rule in rules] for rules in groups] == left


def test_severities_of_one_alert_can_be_told_apart_and_own_groups_added(chart: Path) -> None:
    overrides = {"Expiring": {"for": "1h", "expr": "a"}, "Expiring/critical": {"for": "2h"}}
    extra = {"name": "extra", "rules": [{"alert": "Extra", "expr": "vector(1)"}]}
    _, changed, added = alerts(chart, overrides=overrides, extraGroups=[extra])
    assert [(rule["expr"], rule["for"]) for rule in changed] == [("a", "1h"), ("a", "2h")]
    assert added == extra["rules"]


def test_the_rules_of_the_project_pass_promtool(tool: Callable[[str], Path], tmp_path: Path) -> None:
    (rule,) = objects(template("demo.enabled=true", "prometheusRule.enabled=true"), "PrometheusRule")
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(rule["spec"]), "utf-8")
    checked = run(tool("promtool"), "check", "rules", rules)
    assert checked.returncode == 0, checked.stderr
    own = yaml.safe_load((ROOT / "grafana/rules/azure-marketplace.rules.yaml").read_text("utf-8"))
    made, wanted = (
        [[one.get("alert") for one in group["rules"]] for group in groups["groups"]] for groups in (rule["spec"], own)
    )
    assert made == wanted


def test_each_dashboard_that_is_on_becomes_a_config_map_and_a_grafana_dashboard(chart: Path) -> None:
    operator = {"enabled": True, "matchLabels": {"dashboards": "grafana"}}
    dashboards = {"enabled": True, "disabled": {"overview": True}, "grafanaOperator": operator}
    made = documents(template(chart=chart, values={"demo": {"enabled": True}, "dashboards": dashboards}))
    (source,), (item,) = objects(made, "ConfigMap"), objects(made, "GrafanaDashboard")
    assert {name: json.loads(text) for name, text in source["data"].items()} == {
        "offer-detail.json": {"title": "offer-detail", "panels": PANELS}
    }
    assert source["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert item["spec"]["configMapRef"] == {"name": source["metadata"]["name"], "key": "offer-detail.json"}
    assert item["spec"]["allowCrossNamespaceImport"] is False


def test_the_check_finds_each_way_to_differ(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(repository)]
    copy = Path("helm", CHART.name, "files/dashboards/overview.json")
    assert main(["--check", *root]) == 0
    (repository / copy).write_text("{}", "utf-8")
    assert main(["--check", *root]) == 1
    (repository / "grafana/dashboards/overview.json").unlink()
    assert main(["--check", *root]) == 1
    assert (repository / copy).read_text("utf-8") == "{}", "a check changes nothing"
    assert main(root) == 0
    assert main(["--check", *root]) == 0
    assert capsys.readouterr().out == f"differs: {copy}\ndiffers: {copy}\nwrote: {copy}\n"
    assert not (repository / copy).exists()


def test_a_new_value_reaches_schema_and_readme(repository: Path) -> None:
    chart = repository / "helm" / CHART.name
    with (chart / "values.yaml").open("a", encoding="utf-8") as values:
        values.write('# @schema {"enum": [1, 2]}\n# -- New.\nnewValue: 1\n')
    main(["--root", str(repository)])
    assert "| `newValue` | `1` | New. |" in (chart / "README.md").read_text("utf-8")
    schema = json.loads((chart / "values.schema.json").read_text("utf-8"))
    assert schema["properties"]["newValue"] == {"description": "New.", "type": "integer", "enum": [1, 2]}
    assert '\nnewValue: "1"\n' in (chart / "templates/_instead.tpl").read_text("utf-8")


def test_the_version_is_that_of_the_package(repository: Path) -> None:
    project = repository / "pyproject.toml"
    project.write_text(project.read_text("utf-8").replace('version = "0.1.0"', 'version = "7.8.9"'), "utf-8")
    main(["--root", str(repository)])
    meta = yaml.safe_load((repository / "helm" / CHART.name / "Chart.yaml").read_text("utf-8"))
    assert (meta["version"], meta["appVersion"]) == ("7.8.9", "7.8.9")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"additionalProperties": {"type": "boolean"}}, '""'),
        ({"pattern": "^a$"}, "{}"),
        ({"items": {"type": "string"}}, "1"),
        ({"minimum": 1}, "[]"),
        ({"enum": ["a"]}, "b"),
        ({"type": "string"}, "null"),
    ],
)
def test_a_schema_above_another_value_is_refused(repository: Path, schema: dict[str, Any], value: str) -> None:
    """As the one that stood above grafanaUrl and belonged to the value after it."""
    with (repository / "helm" / CHART.name / "values.yaml").open("a", encoding="utf-8") as values:
        values.write(f"# @schema {json.dumps(schema)}\n# -- Wrong.\nwrong: {value}\n")
    with pytest.raises(SystemExit, match=r"^values.yaml: the @schema above wrong does not fit its default "):
        main(["--root", str(repository)])


def test_every_value_has_a_text() -> None:
    table = (CHART / "README.md").read_text("utf-8").partition("<!-- begin values -->")[2]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| `")]
    assert len(rows) > 150
    assert [row[1] for row in rows if not row[3].strip()] == []


def test_the_four_scrapers_share_one_block() -> None:
    """One block of comments and schemas; what a group says itself goes over it, and alone stands in the table."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))["properties"]
    block = schema["serviceMonitor"]["properties"]
    own = {"enabled", "apiVersion", "interval", "scrapeTimeout"}
    shared = {name: node for name, node in block.items() if name not in own}
    table = (CHART / "README.md").read_text("utf-8")
    for name in ("podMonitor", "scrapeConfig", "probe"):
        fields = schema[name]["properties"]
        assert shared.items() <= fields.items()
        assert fields["interval"]["pattern"] == block["interval"]["pattern"]
        assert (f"| `{name}.enabled` |" in table, f"| `{name}.tlsConfig` |" in table) == (True, False)


def test_the_committed_copies_are_fresh() -> None:
    assert main(["--check"]) == 0


def test_dashboards_fit_a_configmap() -> None:
    """Client-side apply keeps the object a second time in an annotation of at most 256 KiB."""
    for path in (CHART / "files/dashboards").glob("*.json"):
        assert path.stat().st_size < 200_000, path.name

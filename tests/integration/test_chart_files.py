"""The chart's rules and dashboards, and the files that are generated for it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration._chart import CHART, ROOT, objects, run, template

if TYPE_CHECKING:
    from collections.abc import Callable

DEMO = "demo.enabled=true"

RULES: dict[str, list[dict[str, Any]]] = {
    "groups": [
        {
            "name": "offers",
            "interval": "1m",
            "rules": [
                {"record": "offers:count", "expr": "count(up)"},
                {
                    "alert": "OfferFailed",
                    "expr": "up == 0",
                    "for": "5m",
                    "keep_firing_for": "30m",
                    "labels": {"severity": "critical", "component": "offers"},
                    "annotations": {"summary": "{{ $labels.offer_id }} failed"},
                },
                {"alert": "OfferStuck", "expr": "up == 1", "for": "1h", "labels": {"severity": "warning"}},
            ],
        },
        {"name": "exporter", "rules": [{"alert": "ExporterDown", "expr": "absent(up)"}]},
    ]
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a rule file and two dashboards of the test's own, and the chart."""
    shutil.copytree(ROOT / "helm", tmp_path / "helm")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in ("grafana/rules", "grafana/dashboards"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "grafana/rules/azure-marketplace.rules.yaml").write_text(yaml.safe_dump(RULES), "utf-8")
    for name in ("overview", "offer-detail"):
        dashboard = {"title": name, "panels": [{"legendFormat": "{{ offer_id }}", "unit": "°"}]}
        (tmp_path / f"grafana/dashboards/{name}.json").write_text(json.dumps(dashboard, indent=2), "utf-8")
    return tmp_path


@pytest.fixture
def chart(repository: Path) -> Path:
    done = run("python", ROOT / "helm/sync.py", "--root", repository)
    assert done.returncode == 0, done.stderr
    return repository / "helm/azure-marketplace-exporter"


def rule_groups(chart: Path, values: dict[str, Any]) -> list[dict[str, Any]]:
    own = {"demo": {"enabled": True}, "prometheusRule": {"enabled": True, **values}}
    (rule,) = objects(template(chart=chart, values=own), "PrometheusRule")
    groups = rule["spec"]["groups"]
    assert isinstance(groups, list)
    return groups


def test_rules_arrive_as_they_are_without_links_that_have_no_base(chart: Path) -> None:
    (offers, exporter) = rule_groups(chart, {})
    assert offers["interval"] == "1m"
    assert offers["rules"][:2] == RULES["groups"][0]["rules"][:2]
    assert exporter["rules"] == [{**RULES["groups"][1]["rules"][0], "labels": {}, "annotations": {}}]


def test_an_alert_can_be_switched_off_and_an_empty_group_goes(chart: Path) -> None:
    groups = rule_groups(chart, {"disabled": {"OfferStuck": True, "ExporterDown": True, "OfferFailed": False}})
    assert [[rule.get("alert") for rule in group["rules"]] for group in groups] == [[None, "OfferFailed"]]


def test_an_alert_can_be_changed(chart: Path) -> None:
    change = {"for": "1m", "keepFiringFor": "2m", "severity": "info", "expr": "up == 2", "labels": {"a": "b"}}
    values = {
        "overrides": {"OfferFailed": {**change, "annotations": {"summary": "other"}}},
        "additionalRuleLabels": {"team": "release"},
        "additionalAnnotations": {"channel": "c"},
        "runbookUrl": "https://runbooks.example.com/",
        "grafanaUrl": "https://grafana.example.com/",
    }
    (changed, other) = rule_groups(chart, values)[0]["rules"][1:]
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
    assert other["labels"] == {"severity": "warning", "team": "release"}
    assert other["for"] == "1h"


def test_severities_of_one_alert_can_be_told_apart(repository: Path) -> None:
    twice = [
        {"alert": "Expiring", "expr": "up", "labels": {"severity": severity}} for severity in ("warning", "critical")
    ]
    rules = {"groups": [{"name": "credentials", "rules": twice}]}
    (repository / "grafana/rules/azure-marketplace.rules.yaml").write_text(yaml.safe_dump(rules), "utf-8")
    run("python", ROOT / "helm/sync.py", "--root", repository)
    chart = repository / "helm/azure-marketplace-exporter"
    overrides = {"Expiring": {"for": "1h", "expr": "a"}, "Expiring/critical": {"for": "2h"}}
    (group,) = rule_groups(chart, {"overrides": overrides})
    assert [(rule["expr"], rule["for"]) for rule in group["rules"]] == [("a", "1h"), ("a", "2h")]
    (group,) = rule_groups(chart, {"disabled": {"Expiring": True, "Expiring/critical": False}})
    assert [rule["labels"]["severity"] for rule in group["rules"]] == ["critical"]
    (group,) = rule_groups(chart, {"disabled": {"Expiring/critical": True}})
    assert [rule["labels"]["severity"] for rule in group["rules"]] == ["warning"]


def test_own_rule_groups_are_added(chart: Path) -> None:
    extra = {"name": "extra", "rules": [{"alert": "Extra", "expr": "vector(1)"}]}
    assert rule_groups(chart, {"extraGroups": [extra]})[-1] == extra


def test_the_rules_of_the_project_pass_promtool(tool: Callable[[str], Path], tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    values = {"demo": {"enabled": True}, "prometheusRule": {"enabled": True, "additionalRuleLabels": {"team": "a"}}}
    (tmp_path / "values.json").write_text(json.dumps(values), "utf-8")
    done = run("helm", "template", "marketplace", CHART, "--values", tmp_path / "values.json")
    (rule,) = objects(done.stdout, "PrometheusRule")
    rules.write_text(yaml.safe_dump(rule["spec"]), "utf-8")
    checked = subprocess.run([tool("promtool"), "check", "rules", rules], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    own = ROOT / "grafana/rules/azure-marketplace.rules.yaml"
    groups = yaml.safe_load(own.read_text("utf-8"))["groups"] if own.exists() else []
    expected = [rule.get("alert") for group in groups for rule in group["rules"]]
    assert [rule.get("alert") for group in rule["spec"]["groups"] for rule in group["rules"]] == expected


def test_each_dashboard_becomes_a_configmap_and_a_grafana_dashboard(chart: Path) -> None:
    operator = {"enabled": True, "matchLabels": {"dashboards": "grafana"}}
    values = {"demo": {"enabled": True}, "dashboards": {"enabled": True, "grafanaOperator": operator}}
    text = template(chart=chart, values=values)
    maps = {item["metadata"]["name"]: item for item in objects(text, "ConfigMap")}
    assert len(maps) == 2
    for item in objects(text, "GrafanaDashboard"):
        source = item["spec"]["configMapRef"]
        ((name, content),) = maps[source["name"]]["data"].items()
        assert name == source["key"]
        assert json.loads(content) == {
            "title": name.removesuffix(".json"),
            "panels": [{"legendFormat": "{{ offer_id }}", "unit": "°"}],
        }
        assert maps[source["name"]]["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert len(objects(text, "GrafanaDashboard")) == 2


def test_a_dashboard_can_be_switched_off(chart: Path) -> None:
    text = template(DEMO, "dashboards.enabled=true", "dashboards.disabled.overview=true", chart=chart)
    (item,) = objects(text, "ConfigMap")
    assert list(item["data"]) == ["offer-detail.json"]


def sync_check(repository: Path) -> tuple[int, str]:
    done = run("python", ROOT / "helm/sync.py", "--check", "--root", repository)
    return done.returncode, done.stdout


def test_the_check_finds_each_way_to_differ(repository: Path, chart: Path) -> None:
    assert sync_check(repository) == (0, "")
    copy = chart / "files/dashboards/overview.json"
    copy.write_text("{}", "utf-8")
    assert sync_check(repository) == (1, f"differs: {copy.relative_to(repository)}\n")
    assert copy.read_text("utf-8") == "{}", "a check changes nothing"
    (repository / "grafana/dashboards/overview.json").unlink()
    assert sync_check(repository) == (1, f"differs: {copy.relative_to(repository)}\n")
    assert run("python", ROOT / "helm/sync.py", "--root", repository).returncode == 0
    assert not copy.exists()
    assert sync_check(repository) == (0, "")


def test_a_new_value_reaches_schema_and_readme(repository: Path, chart: Path) -> None:
    values = chart / "values.yaml"
    values.write_text(values.read_text("utf-8") + '# @schema {"enum": [1, 2]}\n# -- New.\nnewValue: 1\n', "utf-8")
    code, said = sync_check(repository)
    assert code == 1
    assert [Path(line).name for line in said.splitlines()] == ["values.schema.json", "README.md", "_instead.tpl"]
    run("python", ROOT / "helm/sync.py", "--root", repository)
    assert "| `newValue` | `1` | New. |" in (chart / "README.md").read_text("utf-8")
    schema = json.loads((chart / "values.schema.json").read_text("utf-8"))
    assert schema["properties"]["newValue"] == {"description": "New.", "type": "integer", "enum": [1, 2]}


def test_the_version_is_that_of_the_package(repository: Path, chart: Path) -> None:
    project = repository / "pyproject.toml"
    project.write_text(project.read_text("utf-8").replace('version = "0.1.0"', 'version = "7.8.9"'), "utf-8")
    assert sync_check(repository)[0] == 1
    run("python", ROOT / "helm/sync.py", "--root", repository)
    meta = yaml.safe_load((chart / "Chart.yaml").read_text("utf-8"))
    assert (meta["version"], meta["appVersion"]) == ("7.8.9", "7.8.9")


def test_every_value_has_a_text() -> None:
    table = (CHART / "README.md").read_text("utf-8").partition("<!-- begin values -->")[2]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| `")]
    assert len(rows) > 150
    assert [row[1] for row in rows if not row[3].strip()] == []


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('# @schema {"additionalProperties": {"type": "boolean"}}', 'wrong: ""'),
        ('# @schema {"pattern": "^a$"}', "wrong: {}"),
        ('# @schema {"items": {"type": "string"}}', "wrong: 1"),
        ('# @schema {"minimum": 1}', "wrong: []"),
        ('# @schema {"enum": ["a"]}', "wrong: b"),
        ('# @schema {"type": "string"}', "wrong: null"),
    ],
)
def test_a_schema_above_another_value_is_refused(repository: Path, chart: Path, wrong: str, right: str) -> None:
    """As the one that stood above grafanaUrl and belonged to the value after it."""
    values = chart / "values.yaml"
    values.write_text(f"{values.read_text('utf-8')}{wrong}\n# -- Wrong.\n{right}\n", "utf-8")
    done = run("python", ROOT / "helm/sync.py", "--check", "--root", repository)
    assert done.returncode == 1
    assert done.stderr.startswith("values.yaml: the @schema above wrong does not fit its default ")


def test_each_schema_reaches_the_key_below_it() -> None:
    """Read anew, without the code that writes the schema: the next line that is no comment names the key."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    lines = (CHART / "values.yaml").read_text("utf-8").splitlines()
    path: list[str] = []
    expected: dict[str, dict[str, Any]] = {}
    above: dict[str, Any] | None = None
    for line in lines:
        name, colon, _ = line.strip().partition(":")
        if line.strip().startswith("# @schema "):
            above = json.loads(line.strip().removeprefix("# @schema "))
        elif colon and not line.strip().startswith(("#", "-", "<")):
            path[(len(line) - len(line.lstrip())) // 2 :] = [name]
            if above is not None:
                expected[".".join(path)], above = above, None
    assert len(expected) > 30
    for dotted, keywords in expected.items():
        node = schema
        for name in dotted.split("."):
            node = node["properties"][name]
        assert keywords.items() <= node.items(), dotted


def test_the_four_scrapers_share_one_block() -> None:
    """One block of comments and schemas; what a group says itself goes over it, and alone stands in the table."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))["properties"]
    block = schema["serviceMonitor"]["properties"]
    own = {"enabled", "apiVersion", "interval", "scrapeTimeout"}
    table = (CHART / "README.md").read_text("utf-8")
    for name in ("podMonitor", "scrapeConfig", "probe"):
        fields = schema[name]["properties"]
        assert {field: block[field] for field in block.keys() - own} == {
            field: fields[field] for field in block.keys() - own
        }
        assert fields["interval"]["pattern"] == block["interval"]["pattern"]
        assert f"| `{name}.enabled` |" in table
        assert f"| `{name}.tlsConfig` |" not in table


def test_the_committed_copies_are_fresh() -> None:
    assert sync_check(ROOT) == (0, "")


def test_dashboards_fit_a_configmap() -> None:
    """Client-side apply keeps the object a second time in an annotation of at most 256 KiB."""
    for path in (CHART / "files/dashboards").glob("*.json"):
        assert path.stat().st_size < 200_000, path.name

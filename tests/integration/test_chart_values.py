"""What the chart does with values: contradictions, misprints, umbrella charts, rules and dashboards."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CHART = ROOT / "helm/azure-marketplace-exporter"
DEMO = ("demo.enabled=true",)
REAL = ("config.publishers={contoso}",)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment."""
    return subprocess.run([BIN / command[0], *command[1:]], capture_output=True, text=True, check=False)


def template(*settings: str, chart: Path = CHART, values: dict[str, Any] | None = None) -> str:
    """Return what Helm renders, or what it says against the values."""
    flags = [flag for setting in settings for flag in ("--set", setting)]
    if values is not None:
        path = chart.parent / "values-of-the-test.json"
        path.write_text(json.dumps(values), "utf-8")
        flags += ["--values", str(path)]
    done = run("helm", "template", "marketplace", chart, "--namespace", "monitoring", *flags)
    return done.stdout if done.returncode == 0 else done.stderr


def objects(text: str, kind: str) -> list[dict[str, Any]]:
    assert not text.startswith("Error"), text
    return [item for item in yaml.safe_load_all(text) if item and item["kind"] == kind]


SECRET = ("auth.method=clientSecret", "auth.tenantId=t", "auth.clientId=c")
IDENTITY = ("auth.method=workloadIdentity", "auth.workloadIdentity.clientId=c")
CLAIM = "state.volume=persistentVolumeClaim"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ((), "config.publishers is empty: name at least one publisher, or set demo.enabled=true"),
        ((*REAL, *DEMO), "demo.enabled would ignore config.publishers"),
        ((*DEMO, "existingConfigMap=a"), "demo.enabled would ignore the existing configuration"),
        (("existingConfigMap=a", "existingConfigSecret=b"), "existingConfigMap and existingConfigSecret are both set"),
        ((*REAL, "existingConfigMap=a"), "config is ignored beside existingConfigMap"),
        (("config.log.level=debug", "existingConfigMap=a"), "config is ignored beside existingConfigMap"),
        ((*REAL, "config.auth.method=token"), "config.auth.method is set by the chart: use the value auth.method"),
        (
            (*REAL, "config.auth.client_secret=x"),
            "config.auth.client_secret is set by the chart: use the value auth.exi",
        ),
        (
            (*REAL, "config.web.listen_address={:1}"),
            "config.web.listen_address is set by the chart: use the value cont",
        ),
        ((*REAL, "config.collection.shard=0/2"), "config.collection.shard is set by the chart: use the value sharding"),
        (
            (*REAL, "extraEnv[0].name=MARKETPLACE_EXPORTER_AUTH__METHOD", "extraEnv[0].value=token"),
            "extraEnv sets MARKETPLACE_EXPORTER_AUTH__METHOD, which the chart sets itself",
        ),
        ((*REAL, "webConfig.tls=true"), "webConfig.tls is true but there is no web config file"),
        (
            (*REAL, "webConfig.existingSecret=a", "webConfig.config.x=1"),
            "webConfig.existingSecret and webConfig.config",
        ),
        ((*REAL, "auth.existingSecret.name=a"), 'auth.method "" reads no secret: set auth.method to clientSecret'),
        ((*REAL, *IDENTITY, "auth.existingSecret.name=a"), 'auth.method "workloadIdentity" reads no secret'),
        ((*REAL, "auth.clientSecret=x"), "auth.clientSecret is set: set auth.method to clientSecret"),
        ((*REAL, *SECRET), "auth.method clientSecret needs auth.existingSecret.name"),
        ((*REAL, *SECRET, "auth.clientSecret=x", "auth.existingSecret.name=a"), "auth.clientSecret and auth.existing"),
        ((*REAL, "auth.method=clientSecret", "auth.clientSecret=x"), "auth.method clientSecret needs auth.tenantId"),
        ((*REAL, "auth.method=clientCertificate"), "auth.method clientCertificate needs auth.clientId"),
        ((*REAL, "auth.method=clientCertificate", "auth.asEnv=true"), "auth.asEnv cannot hand over a certificate"),
        ((*REAL, "auth.method=token"), "auth.method token needs auth.existingSecret.name"),
        ((*REAL, "auth.method=workloadIdentity"), "auth.method workloadIdentity needs auth.workloadIdentity.clientId"),
        ((*REAL, *IDENTITY, "serviceAccount.create=false"), "serviceAccount.create is false, so auth.workloadIdentity"),
        (
            (*REAL, *IDENTITY, "auth.tenantId=t"),
            "auth.tenantId and auth.clientId are for clientSecret and clientCertif",
        ),
        ((*REAL, "auth.managedIdentity.clientId=c"), "auth.managedIdentity.clientId is set: set auth.method to manag"),
        ((*REAL, "auth.workloadIdentity.clientId=c"), "auth.workloadIdentity.clientId is set: set auth.method"),
        ((*REAL, "sharding.enabled=true", "replicaCount=2"), "sharding.enabled runs sharding.totalShards pods"),
        ((*REAL, "state.existingClaim=a"), "state.existingClaim is set: set state.volume to persistentVolumeClaim"),
        (
            (*REAL, CLAIM, "state.existingClaim=a", "sharding.enabled=true"),
            "state.existingClaim serves one pod only: drop it",
        ),
        ((*REAL, CLAIM, "replicaCount=2"), "several pods of a Deployment would share one state file"),
        ((*REAL, CLAIM, "strategy.type=RollingUpdate"), "with a claim the new pod would wait for the old one"),
        ((*REAL, "strategy.rollingUpdate.maxSurge=0"), "strategy.rollingUpdate has no meaning with strategy.type Rec"),
        ((*REAL, "podDisruptionBudget.enabled=true"), "podDisruptionBudget.enabled with one pod would block every"),
        (
            (
                *REAL,
                "replicaCount=2",
                "podDisruptionBudget.enabled=true",
                "podDisruptionBudget.minAvailable=1",
                "podDisruptionBudget.maxUnavailable=1",
            ),
            "podDisruptionBudget takes minAvailable or maxUnavailable, not both",
        ),
        ((*REAL, "ingress.enabled=true"), "ingress.enabled needs ingress.hosts"),
        ((*REAL, "route.enabled=true"), "route.enabled needs route.parentRefs"),
        (
            (*REAL, "serviceMonitor.enabled=true", "probe.enabled=true", "probe.targets={a/b}"),
            "serviceMonitor.enabled, probe.enabled are all on, so everything would be scraped more than once",
        ),
        ((*REAL, "podMonitor.enabled=true", "prometheusAnnotations=true"), "podMonitor.enabled, prometheusAnnotations"),
        ((*REAL, "probe.enabled=true"), "probe.enabled needs probe.targets"),
        ((*REAL, "scrapeConfig.enabled=true", "sharding.enabled=true"), "scrapeConfig goes through the Service and wo"),
        (
            (*REAL, "probe.enabled=true", "probe.targets={a/b}", "sharding.enabled=true"),
            "probe goes through the Service and would meet a different shard each time",
        ),
        ((*REAL, "dashboards.grafanaOperator.enabled=true"), "dashboards.grafanaOperator.enabled needs dashboards.en"),
        (
            (*REAL, "dashboards.enabled=true", "dashboards.grafanaOperator.enabled=true"),
            "dashboards.grafanaOperator.enabled needs dashboards.grafanaOperator.matchLabels",
        ),
        ((*REAL, "dashboards.disabled.nonsense=true"), "dashboards.disabled.nonsense: there is no such dashboard"),
        ((*REAL, "prometheusRule.disabled.Nonsense=true"), "prometheusRule.disabled.Nonsense: there is no such alert"),
        ((*REAL, "prometheusRule.overrides.Nonsense.for=1h"), "prometheusRule.overrides.Nonsense: there is no such al"),
    ],
)
def test_contradictions_are_told_with_what_to_change(settings: tuple[str, ...], sentence: str) -> None:
    said = template(*settings)
    assert said.startswith("Error: execution error")
    assert sentence in said


def test_all_contradictions_are_told_at_once() -> None:
    said = template("auth.method=token", "ingress.enabled=true", "state.existingClaim=a")
    assert said.count("\n  - ") == 4


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("auth.methd=token", "- auth: Additional property methd is not allowed"),
        ("serviceMonitr.enabled=true", "- (root): Additional property serviceMonitr is not allowed"),
        ("config.colection.interval=5m", "- config: Additional property colection is not allowed"),
        ("config.collection.intervall=5m", "- config.collection: Additional property intervall is not allowed"),
        ("auth.method=workload_identity", "- auth.method: auth.method must be one of the following"),
        ("image.digest=0123", "- image.digest: Does not match pattern"),
        ("sharding.totalShards=1", "- sharding.totalShards: Must be greater than or equal to 2"),
        ("serviceMonitor.interval=60", "- serviceMonitor.interval: Invalid type"),
        ("probe.targets={contoso}", "- probe.targets.0: Does not match pattern"),
        ("prometheusRule.overrides.A.fro=1h", "- prometheusRule.overrides.A: Additional property fro is not allowed"),
        ("commonLabels.number=1", "- commonLabels.number: Invalid type. Expected: string, given: integer"),
    ],
)
def test_misprints_are_refused_with_their_path(setting: str, said: str) -> None:
    assert said in template(*DEMO, setting)


def test_the_default_values_fit_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load((CHART / "values.yaml").read_text("utf-8")), schema)


def umbrella(folder: Path, values: dict[str, Any]) -> Path:
    """Write a chart that has ours as its only part."""
    chart = folder / "umbrella"
    shutil.copytree(CHART, chart / "charts" / CHART.name)
    dependency = {"name": CHART.name, "version": "0.1.0", "condition": f"{CHART.name}.enabled"}
    meta = {"apiVersion": "v2", "name": "umbrella", "version": "1.0.0", "dependencies": [dependency]}
    (chart / "Chart.yaml").write_text(json.dumps(meta), "utf-8")
    (chart / "values.yaml").write_text(json.dumps(values), "utf-8")
    return chart


def test_it_is_a_good_part_of_an_umbrella_chart(tmp_path: Path) -> None:
    part = {"enabled": True, "demo": {"enabled": True}}
    chart = umbrella(tmp_path, {"global": {"imageRegistry": "mirror", "other": 1}, CHART.name: part})
    text = template(chart=chart)
    (deployment,) = objects(text, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "mirror/azure-marketplace-exporter:0.1.0"
    assert template(f"{CHART.name}.enabled=false", chart=chart).strip() == ""


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
                    "labels": {"severity": "critical"},
                    "annotations": {
                        "summary": "{{ $labels.offer_id }} failed",
                        "runbook_url": "https://example.org/docs/runbooks/OfferFailed.md",
                        "dashboard_url": "/d/offer?var-offer={{ $labels.offer_id }}",
                    },
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


def test_rules_arrive_as_they_are(chart: Path) -> None:
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
        "labels": {"severity": "info", "team": "release", "a": "b"},
        "annotations": {
            "summary": "other",
            "channel": "c",
            "runbook_url": "https://runbooks.example.com/OfferFailed.md",
            "dashboard_url": "https://grafana.example.com/d/offer?var-offer={{ $labels.offer_id }}",
        },
    }
    assert other["labels"] == {"severity": "warning", "team": "release"}
    assert other["for"] == "1h"


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
    text = template(*DEMO, "dashboards.enabled=true", "dashboards.disabled.overview=true", chart=chart)
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
    assert [Path(line).name for line in said.splitlines()] == ["values.schema.json", "README.md"]
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
    assert len(rows) > 200
    assert [row[1] for row in rows if not row[3].strip()] == []


def test_the_committed_copies_are_fresh() -> None:
    assert sync_check(ROOT) == (0, "")


def test_dashboards_fit_a_configmap() -> None:
    """Client-side apply keeps the object a second time in an annotation of at most 256 KiB."""
    for path in (CHART / "files/dashboards").glob("*.json"):
        assert path.stat().st_size < 200_000, path.name

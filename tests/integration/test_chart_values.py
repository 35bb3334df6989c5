"""What the chart does with values: contradictions, misprints, umbrella charts."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration._chart import CHART, DEMO, objects, template

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "auth.method=clientSecret,auth.tenantId=t,auth.clientId=c"
NAMED = "credentials.a.method=clientSecret,credentials.a.existingSecret.name=b"
IDENTITY = "auth.method=workloadIdentity,auth.workloadIdentity.clientId=c"
CLAIM = "state.volume=persistentVolumeClaim"
BUDGET = "podDisruptionBudget.enabled=true"
ENV = "MARKETPLACE_EXPORTER_"

# The tool; both read values and check them each in its own way.
each_helm = pytest.mark.parametrize("helm", ["helm", "helm-4"])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("demo.enabled=true", "demo.enabled would ignore config.publishers"),
        ("demo.enabled=true,existingConfigMap=a", "demo.enabled would ignore the existing configuration"),
        ("existingConfigMap=a,existingConfigSecret=b", "existingConfigMap and existingConfigSecret are both set"),
        ("existingConfigMap=a", "config is ignored beside existingConfigMap"),
        ("config.log.level=debug,existingConfigMap=a", "config is ignored beside existingConfigMap"),
        ("config.auth.method=token", "config.auth.method is set by the chart: use the value auth.method"),
        ("config.credentials.a.client_secret=x", "config.credentials.a.client_secret is set by the chart: use the"),
        (f"{NAMED},config.credentials.a.method=token", "config.credentials.a.method is set by the chart: use the"),
        (f"{NAMED},extraEnv[0].name={ENV}CREDENTIALS__A__METHOD", "A__METHOD, which the chart sets itself"),
        (NAMED, "credentials.a.method clientSecret needs credentials.a.tenantId, or credentials.a.exist"),
        (NAMED, "credentials.a.method clientSecret needs credentials.a.clientId, or credentials.a.exist"),
        (f"{NAMED},credentials.a.existingSecret.name=", "clientSecret needs credentials.a.existingSecret.name"),
        (f"{NAMED},credentials.a.method=token,credentials.a.tenantId=t", 'credentials.a.method is "token": drop them'),
        ("credentials.A.method=token,credentials.A.existingSecret.name=b", "credentials.A is no name for a"),
        ("credentials.default.method=token,credentials.default.existingSecret.name=b", "credentials.default is no"),
        ("config.collection.shard=0/2", "config.collection.shard is set by the chart: use the value sharding"),
        (f"extraEnv[0].name={ENV}AUTH__METHOD", f"extraEnv sets {ENV}AUTH__METHOD, which the chart sets itself"),
        ("webConfig.tls=true", "webConfig.tls is true but there is no web config file"),
        ("webConfig.existingSecret=a,webConfig.config.x=1", "webConfig.existingSecret and webConfig.config"),
        ("auth.existingSecret.name=a", 'auth.method "" reads no secret: set auth.method to clientSecret'),
        (f"{IDENTITY},auth.existingSecret.name=a", 'auth.method "workloadIdentity" reads no secret'),
        ("auth.clientSecret=x", "auth.clientSecret is set: set auth.method to clientSecret"),
        (SECRET, "auth.method clientSecret needs auth.existingSecret.name"),
        (f"{SECRET},auth.clientSecret=x,auth.existingSecret.name=a", "auth.clientSecret and auth.existing"),
        ("auth.method=clientSecret,auth.clientSecret=x", "auth.method clientSecret needs auth.tenantId"),
        ("auth.method=clientCertificate", "auth.method clientCertificate needs auth.clientId"),
        ("auth.method=clientCertificate,auth.asEnv=true", "auth.asEnv cannot hand over a certificate"),
        ("auth.method=token", "auth.method token needs auth.existingSecret.name"),
        ("auth.method=workloadIdentity", "auth.method workloadIdentity needs auth.workloadIdentity.clientId"),
        (f"{IDENTITY},serviceAccount.create=false", "serviceAccount.create is false, so auth.workloadIdentity"),
        (f"{IDENTITY},auth.tenantId=t", "auth.tenantId and auth.clientId are for clientSecret and clientCertif"),
        ("auth.managedIdentity.clientId=c", "auth.managedIdentity.clientId is set: set auth.method to manag"),
        ("auth.workloadIdentity.clientId=c", "auth.workloadIdentity.clientId is set: set auth.method"),
        ("sharding.enabled=true,replicaCount=2", "sharding.enabled runs sharding.totalShards pods"),
        ("state.existingClaim=a", "state.existingClaim is set: set state.volume to persistentVolumeClaim"),
        (f"{CLAIM},state.existingClaim=a,sharding.enabled=true", "state.existingClaim serves one pod only: drop it"),
        (f"{CLAIM},replicaCount=2", "several pods of a Deployment would share one state file"),
        (f"{CLAIM},strategy.type=RollingUpdate", "with a claim the new pod would wait for the old one"),
        ("strategy.rollingUpdate.maxSurge=0", "strategy.rollingUpdate has no meaning with strategy.type Rec"),
        (BUDGET, "podDisruptionBudget.enabled with one pod protects nothing"),
        (f"{BUDGET},podDisruptionBudget.minAvailable=1", "lets none of 1 pods go and would block every node drain"),
        (f"{BUDGET},replicaCount=2,podDisruptionBudget.minAvailable=2", "podDisruptionBudget lets none of 2 pods go"),
        (f"{BUDGET},replicaCount=2,podDisruptionBudget.minAvailable=100%", "podDisruptionBudget lets none of 2 pods"),
        (f"{BUDGET},replicaCount=2,podDisruptionBudget.maxUnavailable=0", "podDisruptionBudget lets none of 2 pods go"),
        (f"{BUDGET},podDisruptionBudget.minAvailable=1,podDisruptionBudget.maxUnavailable=1", "not both"),
        ("updateStrategy.type=OnDelete,updateStrategy.rollingUpdate.partition=1", "updateStrategy.rollingUpdate has"),
        (f"{CLAIM},state.persistentVolumeClaimRetentionPolicy.whenDeleted=Delete", "state.persistentVolumeClaimRetent"),
        ("extraEnv[0].name=A,extraEnv[1].name=A", "extraEnv names A twice: drop one of them"),
        ("extraEnv[0].name=A,extraEnv[0].value=true", "extraEnv gives A the value true, which is no text: quote it"),
        ("fullnameOverride=Offers_1", 'the objects would be named "Offers_1", which is no DNS label (a lower-case'),
        ("nameOverride=a b", 'nameOverride "a b" is no value for a label'),
        ("namespaceOverride=A", 'namespaceOverride "A" is no DNS label'),
        ("prometheusRule.namespace=a.b", 'prometheusRule.namespace "a.b" is no DNS label'),
        (r"commonLabels.app\.kubernetes\.io/name=a", "commonLabels sets app.kubernetes.io/name, by which the"),
        (r"service.labels.app\.kubernetes\.io/component=a", "service.labels sets app.kubernetes.io/component, by"),
        ("service.portName=metrics-of-the-exporter", 'service.portName "metrics-of-the-exporter" is no name of a'),
        ("service.portName=a--b", 'service.portName "a--b" is no name of a port'),
        ("service.nodePort=30000", "service.nodePort is set, but service.type ClusterIP has none: set service"),
        ("service.type=NodePort,service.clusterIP=None", "service.clusterIP None is headless, which service.type"),
        ("service.loadBalancerSourceRanges={10.0.0.0/8}", "service.loadBalancerSourceRanges means nothing to"),
        ("webConfig.existingSecret=a,webConfig.clientCertificates=true", "client certificates are required by"),
        ("serviceMonitor.interval=30s,serviceMonitor.scrapeTimeout=1m", "serviceMonitor.scrapeTimeout 1m is longer"),
        ("probe.interval=59s999ms", "probe.scrapeTimeout 1m is longer than probe.interval 59s999ms"),
        ("podMonitor.endpoint.scrapeTimeout=1m", "podMonitor.endpoint.scrapeTimeout has a value of its own: use"),
        ("scrapeConfig.spec.scrapeInterval=1m", "scrapeConfig.spec.scrapeInterval has a value of its own: use"),
        ("ingress.enabled=true", "ingress.enabled needs ingress.hosts"),
        ("route.enabled=true", "route.enabled needs route.parentRefs"),
        (
            "serviceMonitor.enabled=true,probe.enabled=true,probe.targets={a/b}",
            "serviceMonitor.enabled, probe.enabled are all on",
        ),
        ("podMonitor.enabled=true,prometheusAnnotations=true", "podMonitor.enabled, prometheusAnnotations"),
        ("probe.enabled=true", "probe.enabled needs probe.targets"),
        ("scrapeConfig.enabled=true,sharding.enabled=true", "scrapeConfig goes through the Service and wo"),
        ("probe.enabled=true,probe.targets={a/b},sharding.enabled=true", "probe goes through the Service and would"),
        ("dashboards.grafanaOperator.enabled=true", "dashboards.grafanaOperator.enabled needs dashboards.en"),
        ("dashboards.enabled=true,dashboards.grafanaOperator.enabled=true", "dashboards.grafanaOperator.matchLabels"),
        ("dashboards.disabled.nonsense=true", "dashboards.disabled.nonsense: there is no such dashboard"),
        ("prometheusRule.disabled.Nonsense=true", "prometheusRule.disabled.Nonsense: there is no such alert"),
        ("prometheusRule.overrides.Nonsense.for=1h", "prometheusRule.overrides.Nonsense: there is no such al"),
    ],
)
def test_contradictions_are_told_with_what_to_change(settings: str, sentence: str) -> None:
    said = template("config.publishers={contoso}", settings)
    assert said.startswith("Error: execution error")
    assert sentence in said


@each_helm
def test_all_contradictions_are_told_at_once(tool: Callable[[str], Path], helm: str) -> None:
    said = template("auth.method=token", "ingress.enabled=true", "state.existingClaim=a", helm=tool(helm))
    assert said.count("\n  - ") == 4
    assert "config.publishers is empty: name at least one publisher, or set demo.enabled=true" in said


@each_helm
def test_bare_keys_are_told_with_what_to_write(tool: Callable[[str], Path], helm: str) -> None:
    bare: dict[str, Any] = {
        "serviceMonitor": None,
        "podMonitor": {"interval": None},
        "state": {"accessModes": None},
        "containerPort": None,
        "global": {"imagePullSecrets": None},
    }
    said = template(values=bare, helm=tool(helm))
    assert said.startswith("Error: execution error")
    assert said.partition("these values are empty:\n")[2].split("\n")[:5] == [
        "  - containerPort: drop the line, or write containerPort: 10142",
        "  - global.imagePullSecrets: drop the line, or write imagePullSecrets: []",
        '  - podMonitor.interval: drop the line, or write interval: ""',
        "  - serviceMonitor: drop the line, or write serviceMonitor: {}",
        '  - state.accessModes: drop the line, or write accessModes: ["ReadWriteOnce"]',
    ]


def test_every_bare_key_at_the_top_is_told_or_allowed() -> None:
    """All at once, so that none is forgotten when a value is added."""
    names = set(yaml.safe_load((CHART / "values.yaml").read_text("utf-8")))
    probes = {"startupProbe", "livenessProbe", "readinessProbe"}
    allowed = probes | {"hostUsers", "podSecurityContext", "resources", "securityContext"}
    lines = template(values=dict.fromkeys(names - allowed)).splitlines()
    told = {line.partition(":")[0].removeprefix("  - ") for line in lines if line.startswith("  - ")}
    assert told == names - allowed
    (deployment,) = objects(template(values={"demo": {"enabled": True}, **dict.fromkeys(allowed)}), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert not allowed & {*pod, *pod["containers"][0]}


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
        ("credentials.a.method=token", "- credentials.a: existingSecret is required"),
        ("credentials.a.method=managedIdentity", "- credentials.a.method: credentials.a.method must be one of"),
        ("auth.method=azureCli", "- auth.method: auth.method must be one of the following"),
        ("scrapeConfig.mode=metrics", "- scrapeConfig: Additional property mode is not allowed"),
        ("podMonitor.interval=60", "- podMonitor.interval: Invalid type"),
        (
            "prometheusRule.disabled.A=text",
            "- prometheusRule.disabled.A: Invalid type. Expected: boolean, given: string",
        ),
        ("state.persistentVolumeClaimRetentionPolicy.whenScaled=a", "whenScaled must be one of the following"),
    ],
)
def test_misprints_are_refused_with_their_path(setting: str, said: str) -> None:
    assert said in template(*DEMO, setting)


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

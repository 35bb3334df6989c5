"""What the chart does with values: contradictions, misprints, umbrella charts."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from tests.integration._chart import CHART, each_helm, objects, template

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEMO = ("demo.enabled=true",)
REAL = ("config.publishers={contoso}",)
SECRET = ("auth.method=clientSecret", "auth.tenantId=t", "auth.clientId=c")
NAMED = ("credentials.a.method=clientSecret", "credentials.a.existingSecret.name=b")
IDENTITY = ("auth.method=workloadIdentity", "auth.workloadIdentity.clientId=c")
CLAIM = "state.volume=persistentVolumeClaim"
BUDGET = "podDisruptionBudget.enabled=true"


@each_helm
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
        (
            (*REAL, "config.credentials.a.client_secret=x"),
            "config.credentials.a.client_secret is set by the chart: use the value credentials.a.existingSecret instead",
        ),
        (
            (*REAL, *NAMED, "config.credentials.a.method=token"),
            "config.credentials.a.method is set by the chart: use the value credentials.a.method instead",
        ),
        (
            (*REAL, *NAMED, "extraEnv[0].name=MARKETPLACE_EXPORTER_CREDENTIALS__A__METHOD", "extraEnv[0].value=token"),
            "extraEnv sets MARKETPLACE_EXPORTER_CREDENTIALS__A__METHOD, which the chart sets itself",
        ),
        ((*REAL, *NAMED), "credentials.a.method clientSecret needs credentials.a.tenantId, or credentials.a.exist"),
        ((*REAL, *NAMED), "credentials.a.method clientSecret needs credentials.a.clientId, or credentials.a.exist"),
        (
            (*REAL, *NAMED, "credentials.a.existingSecret.name="),
            "credentials.a.method clientSecret needs credentials.a.existingSecret.name\n",
        ),
        (
            (*REAL, *NAMED, "credentials.a.method=token", "credentials.a.clientId=c"),
            'for clientSecret and clientCertificate, credentials.a.method is "token": drop them\n',
        ),
        (
            (*REAL, "credentials.A.method=token", "credentials.A.existingSecret.name=b"),
            "credentials.A is no name for a credential: small letters and digits only",
        ),
        (
            (*REAL, "credentials.default.method=token", "credentials.default.existingSecret.name=b"),
            "credentials.default is no name for a credential",
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
        ((*REAL, BUDGET), "podDisruptionBudget.enabled with one pod protects nothing"),
        (
            (*REAL, BUDGET, "podDisruptionBudget.minAvailable=1"),
            "lets none of 1 pods go and would block every node drain",
        ),
        (
            (*REAL, BUDGET, "replicaCount=2", "podDisruptionBudget.minAvailable=2"),
            "podDisruptionBudget lets none of 2 pods go and would block every node drain: lower minAvailable, raise",
        ),
        (
            (*REAL, BUDGET, "replicaCount=2", "podDisruptionBudget.minAvailable=100%"),
            "podDisruptionBudget lets none of 2 pods go",
        ),
        (
            (*REAL, BUDGET, "replicaCount=2", "podDisruptionBudget.maxUnavailable=0"),
            "podDisruptionBudget lets none of 2 pods go",
        ),
        (
            (
                *REAL,
                "replicaCount=2",
                BUDGET,
                "podDisruptionBudget.minAvailable=1",
                "podDisruptionBudget.maxUnavailable=1",
            ),
            "podDisruptionBudget takes minAvailable or maxUnavailable, not both",
        ),
        (
            (*REAL, "updateStrategy.type=OnDelete", "updateStrategy.rollingUpdate.partition=1"),
            "updateStrategy.rollingUpdate has no meaning with updateStrategy.type OnDelete",
        ),
        (
            (*REAL, CLAIM, "state.persistentVolumeClaimRetentionPolicy.whenDeleted=Delete"),
            "state.persistentVolumeClaimRetentionPolicy is for the claims of a StatefulSet",
        ),
        ((*REAL, "extraEnv[0].name=A", "extraEnv[1].name=A"), "extraEnv names A twice: drop one of them"),
        (
            (*REAL, "extraEnv[0].name=A", "extraEnv[0].value=1"),
            "extraEnv gives A the value 1, which is no text: quote it",
        ),
        (
            (*REAL, "extraEnv[0].name=A", "extraEnv[0].value=true"),
            "extraEnv gives A the value true, which is no text: quote it",
        ),
        (
            (*REAL, "fullnameOverride=Offers_1"),
            'the objects would be named "Offers_1", which is no DNS label (a lower-case letter, then lower-case lett',
        ),
        ((*REAL, "fullnameOverride=1st"), 'the objects would be named "1st", which is no DNS label'),
        ((*REAL, "nameOverride=a b"), 'nameOverride "a b" is no value for a label'),
        ((*REAL, "namespaceOverride=A"), 'namespaceOverride "A" is no DNS label'),
        ((*REAL, "prometheusRule.namespace=a.b"), 'prometheusRule.namespace "a.b" is no DNS label'),
        (
            (*REAL, r"commonLabels.app\.kubernetes\.io/name=a"),
            "commonLabels sets app.kubernetes.io/name, by which the selectors find their objects: drop it",
        ),
        ((*REAL, r"podLabels.app\.kubernetes\.io/instance=a"), "podLabels sets app.kubernetes.io/instance, by which"),
        (
            (*REAL, r"service.labels.app\.kubernetes\.io/component=a"),
            "service.labels sets app.kubernetes.io/component, by",
        ),
        (
            (*REAL, "service.portName=metrics-of-the-exporter"),
            'service.portName "metrics-of-the-exporter" is no name of a port: at most 15 lower-case letters, digits',
        ),
        ((*REAL, "service.portName=a--b"), 'service.portName "a--b" is no name of a port'),
        (
            (*REAL, "service.nodePort=30000"),
            "service.nodePort is set, but service.type ClusterIP has none: set service",
        ),
        (
            (*REAL, "service.type=NodePort", "service.clusterIP=None"),
            "service.clusterIP None is headless, which service.type NodePort cannot be",
        ),
        (
            (*REAL, "service.loadBalancerSourceRanges={10.0.0.0/8}"),
            "service.loadBalancerSourceRanges means nothing to service.type ClusterIP",
        ),
        (
            (*REAL, "webConfig.existingSecret=a", "webConfig.clientCertificates=true"),
            "client certificates are required by webConfig, which needs TLS: set webConfig.tls=true",
        ),
        (
            (*REAL, "serviceMonitor.interval=30s", "serviceMonitor.scrapeTimeout=1m"),
            "serviceMonitor.scrapeTimeout 1m is longer than serviceMonitor.interval 30s, and the operator would drop",
        ),
        ((*REAL, "probe.interval=59s999ms"), "probe.scrapeTimeout 1m is longer than probe.interval 59s999ms"),
        (
            (*REAL, "scrapeConfig.interval=30s"),
            "scrapeConfig.scrapeTimeout 1m is longer than scrapeConfig.interval 30s",
        ),
        (
            (*REAL, "podMonitor.endpoint.scrapeTimeout=1m"),
            "podMonitor.endpoint.scrapeTimeout has a value of its own: use podMonitor.scrapeTimeout",
        ),
        (
            (*REAL, "scrapeConfig.spec.scrapeInterval=1m"),
            "scrapeConfig.spec.scrapeInterval has a value of its own: use scrapeConfig.interval",
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
def test_contradictions_are_told_with_what_to_change(
    tool: Callable[[str], Path], helm: str, settings: tuple[str, ...], sentence: str
) -> None:
    said = template(*settings, helm=tool(helm))
    assert said.startswith("Error: execution error")
    assert sentence in said


def test_all_contradictions_are_told_at_once() -> None:
    said = template("auth.method=token", "ingress.enabled=true", "state.existingClaim=a")
    assert said.count("\n  - ") == 4


@each_helm
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"podAnnotations": None}, "podAnnotations: drop the line, or write podAnnotations: {}"),
        ({"serviceMonitor": None}, "serviceMonitor: drop the line, or write serviceMonitor: {}"),
        ({"podMonitor": {"interval": None}}, 'podMonitor.interval: drop the line, or write interval: ""'),
        ({"state": {"accessModes": None}}, 'state.accessModes: drop the line, or write accessModes: ["ReadWriteOnce"]'),
        ({"containerPort": None}, "containerPort: drop the line, or write containerPort: 10142"),
        (
            {"global": {"imagePullSecrets": None}},
            "global.imagePullSecrets: drop the line, or write imagePullSecrets: []",
        ),
        ({"testFramework": None}, "testFramework: drop the line, or write testFramework: {}"),
    ],
)
def test_a_bare_key_is_told_with_what_to_write(
    tool: Callable[[str], Path], helm: str, values: dict[str, Any], sentence: str
) -> None:
    said = template(values={"demo": {"enabled": True}, **values}, helm=tool(helm))
    assert said.startswith("Error: execution error")
    assert f"these values are empty:\n  - {sentence}\n" in said


def nullable() -> set[str]:
    """Return the values that may be null, from their schema."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    named = schema["properties"]
    return {name for name in named if "null" in named[name].get("type", "null")}


def test_every_bare_key_at_the_top_is_told_or_allowed() -> None:
    """All at once, so that none is forgotten when a value is added."""
    names = yaml.safe_load((CHART / "values.yaml").read_text("utf-8")).keys()
    allowed = nullable()
    assert allowed == {
        "hostUsers",
        "livenessProbe",
        "podSecurityContext",
        "readinessProbe",
        "resources",
        "securityContext",
        "startupProbe",
    }
    said = template(values=dict.fromkeys(names - allowed))
    assert {line.partition(":")[0].removeprefix("  - ") for line in said.splitlines() if line.startswith("  - ")} == (
        names - allowed
    )
    (deployment,) = objects(template(values={"demo": {"enabled": True}, **dict.fromkeys(allowed)}), "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert not {"resources", "livenessProbe", "securityContext"} & container.keys()


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


def test_the_user_can_be_left_to_the_platform() -> None:
    fields = ("runAsUser", "runAsGroup", "fsGroup")
    text = template(*DEMO, *(f"podSecurityContext.{field}=null" for field in fields))
    (deployment,) = objects(text, "Deployment")
    assert deployment["spec"]["template"]["spec"]["securityContext"] == {
        "fsGroupChangePolicy": "OnRootMismatch",
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


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

"""Single objects of the chart: what values make of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration._chart import CHART, DEMO, NAME, ROOT, documents, objects, part, rendered, template

if TYPE_CHECKING:
    from pathlib import Path

ETC = "/etc/azure-marketplace-exporter"
ENV = "MARKETPLACE_EXPORTER"
DIGEST = f"sha256:{'0' * 64}"
STATEFUL = "workload.kind=StatefulSet"
CLAIM = "state.volume=persistentVolumeClaim"
RETENTION = "persistentVolumeClaimRetentionPolicy"
PULL_SECRETS = (
    "imagePullSecrets[0]=c,imagePullSecrets[1].name=a,imagePullSecrets[2]=c,"
    "global.imagePullSecrets[0]=a,global.imagePullSecrets[1].name=b"
)
ONCE_EACH = [{"name": "a"}, {"name": "b"}, {"name": "c"}]
REQUIRED = "webConfig.tls=true,webConfig.config.tls_server_config.client_auth_type=RequireAndVerifyClientCert"
WELCOME = "webConfig.tls=true,webConfig.config.tls_server_config.client_auth_type=VerifyClientCertIfGiven"
CONNECT = {"tcpSocket": {"port": "http"}, "httpGet": None}


def secret(name: str, secret_name: str, key: str) -> dict[str, Any]:
    """Return a variable of the exporter that comes from a secret."""
    return {"name": f"{ENV}_{name}", "valueFrom": {"secretKeyRef": {"name": secret_name, "key": key}}}


def plain(name: str, value: str) -> dict[str, Any]:
    return {"name": f"{ENV}_{name}", "value": value}


@pytest.mark.parametrize(
    ("given", "kind", "path", "expected"),
    [
        # who it is: the files of ci/
        (
            "ci/workload-identity",
            "ServiceAccount",
            "metadata.annotations",
            {
                "azure.workload.identity/client-id": "00000000-0000-0000-0000-000000000001",
                "azure.workload.identity/tenant-id": "00000000-0000-0000-0000-000000000002",
                "azure.workload.identity/service-account-token-expiration": "7200",
            },
        ),
        ("ci/workload-identity", "Deployment", "template.metadata.labels", {"azure.workload.identity/use": "true"}),
        ("ci/managed-identity", "Deployment", "template.metadata.labels", {"azure.workload.identity/use": None}),
        (
            "ci/client-secret",
            "Deployment",
            "container.args",
            [
                f"--config.file={ETC}/config/config.yaml",
                "--web.listen-address=:10142",
                "--collection.state-file=/var/lib/azure-marketplace-exporter/state.json",
                "--auth.method=client_secret",
                "--auth.tenant-id=00000000-0000-0000-0000-000000000002",
                "--auth.client-id=00000000-0000-0000-0000-000000000001",
                f"--auth.client-secret-file={ETC}/auth/client-secret",
            ],
        ),
        ("ci/client-secret", "Deployment", "container.env", None),
        (
            "ci/token-env",
            "Deployment",
            "container.env",
            [
                secret("AUTH__TOKEN", "marketplace-token", "token"),
                {"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"},
            ],
        ),
        (
            "ci/credentials",
            "Deployment",
            "container.env",
            [
                secret("CREDENTIALS__FABRIKAM-EU__TENANT_ID", "fabrikam-credentials", "tenant-id"),
                secret("CREDENTIALS__FABRIKAM-EU__CLIENT_ID", "fabrikam-credentials", "client-id"),
                plain("CREDENTIALS__FABRIKAM-EU__METHOD", "client_certificate"),
                plain("CREDENTIALS__FABRIKAM-EU__CERTIFICATE_FILE", f"{ETC}/credentials/fabrikam-eu/exporter.pem"),
                plain("CREDENTIALS__NORTHWIND__METHOD", "client_secret"),
                plain("CREDENTIALS__NORTHWIND__TENANT_ID", "00000000-0000-0000-0000-000000000002"),
                plain("CREDENTIALS__NORTHWIND__CLIENT_ID", "00000000-0000-0000-0000-000000000003"),
                plain("CREDENTIALS__NORTHWIND__CLIENT_SECRET_FILE", f"{ETC}/credentials/northwind/client-secret"),
                plain("CREDENTIALS__TAIL_SPIN__METHOD", "token"),
                plain("CREDENTIALS__TAIL_SPIN__TOKEN_FILE", f"{ETC}/credentials/tail_spin/token"),
            ],
        ),
        (
            "ci/sharded",
            "StatefulSet",
            "container.env",
            [
                {
                    "name": "POD_INDEX",
                    "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}},
                },
                plain("COLLECTION__SHARD", "$(POD_INDEX)/3"),
            ],
        ),
        # the way to the service that hands out the tokens of managed identities
        ("ci/managed-identity", "NetworkPolicy", "spec.egress.2.to.0.ipBlock.cidr", "169.254.169.254/32"),
        # pods are spread by their own labels
        (
            "ci/sharded",
            "StatefulSet",
            "pod.topologySpreadConstraints.0.labelSelector.matchLabels",
            {"app.kubernetes.io/instance": "marketplace"},
        ),
        # TLS reaches probes, service and monitor; the kubelet has no client certificate
        ("ci/web-config", "Deployment", "container.startupProbe.httpGet", {"scheme": "HTTPS"}),
        ("ci/web-config", "Deployment", "container.readinessProbe.httpGet", {"scheme": "HTTPS"}),
        ("ci/web-config", "Service", "spec.ports.0.appProtocol", "https"),
        ("ci/web-config", "ServiceMonitor", "spec.endpoints.0.scheme", "https"),
        ("ci/client-certificates", "Deployment", "container.startupProbe", CONNECT),
        ("ci/client-certificates", "Deployment", "container.livenessProbe", CONNECT),
        ("ci/client-certificates", "Pod", "spec.containers.0.args.2", "10142"),
        (
            "webConfig.tls=true,webConfig.existingSecret=a,webConfig.clientCertificates=true",
            "Deployment",
            "container.readinessProbe",
            CONNECT,
        ),
        (WELCOME, "Deployment", "container.livenessProbe.httpGet", {"scheme": "HTTPS"}),
        # the image and its pull secrets, each once
        ("", "Deployment", "container.image", "azure-marketplace-exporter:0.1.0"),
        ("image.registry=a/,image.tag=b", "Deployment", "container.image", "a/azure-marketplace-exporter:b"),
        (
            f"image.registry=a,global.imageRegistry=b,image.tag=c,image.digest={DIGEST}",
            "Deployment",
            "container.image",
            f"b/azure-marketplace-exporter@{DIGEST}",
        ),
        (PULL_SECRETS, "Deployment", "pod.imagePullSecrets", ONCE_EACH),
        (PULL_SECRETS, "Pod", "spec.imagePullSecrets", ONCE_EACH),
        # labels and annotations
        (
            r"commonLabels.app\.kubernetes\.io/part-of=suite",
            "Deployment",
            "metadata.labels",
            {"app.kubernetes.io/part-of": "suite"},
        ),
        ("commonLabels.team=a,podLabels.team=b", "Deployment", "metadata.labels", {"team": "a"}),
        ("commonLabels.team=a,podLabels.team=b", "Deployment", "template.metadata.labels", {"team": "b"}),
        ("deploymentLabels.team=a", "Deployment", "metadata.labels", {"team": "a"}),
        ("deploymentLabels.team=a", "Deployment", "template.metadata.labels", {"team": None}),
        ("deploymentAnnotations.note=a", "Deployment", "metadata.annotations", {"note": "a"}),
        # the platform may give out users
        (
            "podSecurityContext.runAsUser=null,podSecurityContext.runAsGroup=null,podSecurityContext.fsGroup=null",
            "Deployment",
            "pod.securityContext",
            {"runAsNonRoot": True, "runAsUser": None, "runAsGroup": None, "fsGroup": None},
        ),
        # how long claims stay
        (CLAIM, "PersistentVolumeClaim", "metadata.annotations", {"helm.sh/resource-policy": "keep"}),
        (
            rf"{CLAIM},state.annotations.helm\.sh/resource-policy=delete",
            "PersistentVolumeClaim",
            "metadata.annotations",
            {"helm.sh/resource-policy": "delete"},
        ),
        (f"{STATEFUL},{CLAIM}", "StatefulSet", f"spec.{RETENTION}", None),
        ("ci/sharded", "StatefulSet", f"spec.{RETENTION}", {"whenDeleted": "Delete"}),
        # what Kubernetes would fill in is said: else it would stay, and be refused, when server-side apply changes the type
        ("", "Deployment", "spec.strategy", {"type": "Recreate", "rollingUpdate": None}),
        (
            "strategy.type=RollingUpdate",
            "Deployment",
            "spec.strategy",
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        ),
        (
            "strategy.type=RollingUpdate,strategy.rollingUpdate.maxSurge=0",
            "Deployment",
            "spec.strategy.rollingUpdate",
            {"maxSurge": 0, "maxUnavailable": None},
        ),
        (STATEFUL, "StatefulSet", "spec.updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
        (
            f"{STATEFUL},updateStrategy.type=OnDelete",
            "StatefulSet",
            "spec.updateStrategy",
            {"type": "OnDelete", "rollingUpdate": None},
        ),
        ("ci/scrape-config-probe", "PodDisruptionBudget", "spec", {"minAvailable": 1, "maxUnavailable": None}),
        (
            "replicaCount=3,podDisruptionBudget.enabled=true,podDisruptionBudget.maxUnavailable=2",
            "PodDisruptionBudget",
            "spec.maxUnavailable",
            2,
        ),
        # how it is reached
        ("ci/load-balancer", "Service", "spec", {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": None}),
        ("ci/load-balancer", "Service", "spec.loadBalancerSourceRanges", ["10.0.0.0/8"]),
        ("ci/everything", "Service", "spec", {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4"]}),
        ("ci/everything", "Ingress", "spec.rules.0.host", "marketplace.example.com"),
        ("ci/everything", "Ingress", "spec.tls.0.hosts", ["marketplace.example.com"]),
        # what calls the API at each scrape has an interval
        ("scrapeConfig.enabled=true", "ScrapeConfig", "spec", {"scrapeInterval": "5m", "scrapeTimeout": "1m"}),
        (
            "probe.enabled=true,probe.targets={a/b},probe.interval=1h30m",
            "Probe",
            "spec",
            {"interval": "1h30m", "scrapeTimeout": "1m"},
        ),
        # the pod of `helm test` runs where the exporter runs; `helm template --skip-tests` leaves a hook out
        ("ci/managed-identity", "Pod", "spec.tolerations", [{"key": "spot", "operator": "Exists"}]),
        ("ci/managed-identity", "Pod", "spec.nodeSelector", {"kubernetes.io/os": "linux"}),
        ("", "Pod", "spec.containers.0.resources.limits", {"memory": "64Mi"}),
        ("", "Pod", "metadata.annotations", {"helm.sh/hook": "test"}),
    ],
)
def test_what_values_make_of_an_object(given: str, kind: str, path: str, expected: Any) -> None:
    """Expected is a value, or of a mapping the keys that matter; None is for what is not there."""
    case = CHART / f"{given}-values.yaml"
    made = rendered(case) if given.startswith("ci/") else documents(template(*DEMO, given))
    found: Any = objects(made, kind)[0]
    for short, long in (
        ("container.", "pod.containers.0."),
        ("pod.", "template.spec."),
        ("template.", "spec.template."),
    ):
        path = path.replace(short, long, 1) if path.startswith(short) else path
    for key in path.split("."):
        found = found[int(key)] if isinstance(found, list) else found.get(key)
    assert part(found, expected) == expected


def test_names_that_look_like_numbers_stay_texts() -> None:
    names = {"nameOverride": "456", "namespaceOverride": "123", "commonLabels": {"a": "1"}}
    (item,) = objects(template(values={"demo": {"enabled": True}, **names}), "Deployment")
    assert (item["metadata"]["namespace"], item["metadata"]["labels"]["a"]) == ("123", "1")
    assert item["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "456"


def examples(path: Path, heading: str = "") -> list[dict[str, Any]]:
    """Return the values that a page shows below a heading of its second level, or anywhere."""
    text = path.read_text("utf-8").partition(f"\n## {heading}")[2]
    section = re.split(r"(?m)^## ", text)[0] if heading else text
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)]


@pytest.mark.parametrize(
    ("page", "heading"), [(CHART / "README.md", "With workload identity"), (ROOT / "docs/install.md", "Helm")]
)
def test_the_quickstarts_are_scraped_by_kube_prometheus_stack(page: Path, heading: str) -> None:
    """It selects the label of its own release, which is not the name of ours."""
    (values,) = examples(page, heading)
    made = documents(template(values=values))
    for kind in ("ServiceMonitor", "PrometheusRule"):
        (item,) = objects(made, kind)
        assert item["metadata"]["labels"]["release"] == "kube-prometheus-stack"


def test_every_example_of_the_readme_renders() -> None:
    found = examples(CHART / "README.md")
    assert len(found) == 4
    for values in found:
        complete = values if "config" in values else {"demo": {"enabled": True}, **values}
        assert objects(template(values=complete), "Deployment")


def test_the_network_policy_admits_the_test_pod() -> None:
    narrow = (*DEMO, "networkPolicy.enabled=true", "networkPolicy.allowMonitoringNamespace=prometheus")
    made = documents(template(*narrow))
    (policy,), (tester,) = objects(made, "NetworkPolicy"), objects(made, "Pod")
    namespace, peer = policy["spec"]["ingress"][0]["from"]
    assert peer["podSelector"]["matchLabels"].items() <= tester["metadata"]["labels"].items()
    (without,) = objects(template(*narrow, "testFramework.enabled=false"), "NetworkPolicy")
    assert without["spec"]["ingress"][0]["from"] == [namespace]


@pytest.mark.parametrize("given", [{}, {"serverName": "other"}])
@pytest.mark.parametrize(
    ("name", "kind", "place"),
    [
        ("serviceMonitor", "ServiceMonitor", "endpoints"),
        ("podMonitor", "PodMonitor", "podMetricsEndpoints"),
        ("scrapeConfig", "ScrapeConfig", "httpSDConfigs"),
        ("probe", "Probe", "prober"),
    ],
)
def test_scrapers_check_the_name_of_the_service_and_pass_on_what_the_chart_does_not_know(
    name: str, kind: str, place: str, given: dict[str, str]
) -> None:
    """Prometheus knows pods by their addresses, which no certificate has."""
    tls = {"ca": {"secret": {"name": "a", "key": "ca.crt"}}, **given}
    values = {"enabled": True, "tlsConfig": tls, "endpoint": {"proxyUrl": "http://a"}, "spec": {"targetLimit": 5}}
    values |= {"targets": ["a/b"]} if name == "probe" else {}
    web = {"tls": True, "existingSecret": "web"}
    (item,) = objects(template(values={"demo": {"enabled": True}, "webConfig": web, name: values}), kind)
    spec = item["spec"]
    endpoint = spec[place] if name == "probe" else spec[place][0]
    assert (endpoint["proxyUrl"], spec["targetLimit"]) == ("http://a", 5)
    host = f"{NAME}.monitoring.svc"
    places = {"scrapeConfig": [spec, endpoint], "probe": [spec]}.get(name, [endpoint])
    assert [one["tlsConfig"] for one in places] == [{"serverName": host, **tls}] * len(places)
    assert endpoint.get("url", host).removeprefix("https://").startswith(host)

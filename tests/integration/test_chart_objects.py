"""Single objects of the chart, each for a change that Kubernetes, an operator or Prometheus once refused or ignored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration._chart import CHART, ROOT, each_helm, objects, rendered, run, template
from tests.integration._upgrades import CLAIM, DEMO, NAME, STATEFUL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration._chart import Object

TARGETS = "probe.targets={contoso/offer}"
HOST = f"{NAME}.monitoring.svc"


@pytest.fixture(params=["helm", "helm-4"])
def one(request: pytest.FixtureRequest, tool: Callable[[str], Path]) -> Callable[..., Object]:
    """Return the one object of a kind that settings make, by Helm 3 and by Helm 4."""
    helm = tool(request.param)

    def render(kind: str, *settings: str, values: dict[str, Any] | None = None) -> Object:
        (item,) = objects(template(*settings, values=values, helm=helm), kind)
        return item

    return render


def pod(one: Callable[..., Object], *settings: str, values: dict[str, Any] | None = None) -> Object:
    spec: Object = one("Deployment", *settings, values=values)["spec"]["template"]
    return spec


def examples(path: Path, heading: str) -> list[dict[str, Any]]:
    """Return the values that a page shows below a heading of its second level."""
    section = re.split(r"(?m)^## ", path.read_text("utf-8").split(f"\n## {heading}\n")[1])[0]
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)]


@each_helm
@pytest.mark.parametrize(
    ("page", "heading"), [(CHART / "README.md", "With workload identity"), (ROOT / "docs/install.md", "Helm")]
)
def test_the_quickstarts_are_scraped_by_kube_prometheus_stack(
    tool: Callable[[str], Path], helm: str, page: Path, heading: str
) -> None:
    """It selects the label of its own release, which is not the name of ours."""
    (values,) = examples(page, heading)
    text = template(values=values, helm=tool(helm))
    for kind in ("ServiceMonitor", "PrometheusRule"):
        (item,) = objects(text, kind)
        assert item["metadata"]["labels"]["release"] == "kube-prometheus-stack"


@each_helm
def test_every_example_of_the_readme_renders(tool: Callable[[str], Path], helm: str) -> None:
    headings = re.findall(r"(?m)^## (.*)$", (CHART / "README.md").read_text("utf-8"))
    found = [values for heading in headings for values in examples(CHART / "README.md", heading)]
    assert len(found) == 4
    for values in found:
        complete = values if "config" in values else {"demo": {"enabled": True}, **values}
        assert objects(template(values=complete, helm=tool(helm)), "Deployment")


def test_azures_prometheus_gets_its_limits(one: Callable[..., Object]) -> None:
    (values,) = examples(CHART / "README.md", "Azure's managed Prometheus")
    item = one("ServiceMonitor", values={"demo": {"enabled": True}, **values})
    assert item["apiVersion"] == "azmonitoring.coreos.com/v1"
    assert {"labelLimit": 63, "labelNameLengthLimit": 511, "labelValueLengthLimit": 1023}.items() <= item[
        "spec"
    ].items()


def test_a_pull_secret_stands_once(one: Callable[..., Object]) -> None:
    values = {
        "demo": {"enabled": True},
        "global": {"imagePullSecrets": ["mirror", {"name": "other"}]},
        "imagePullSecrets": ["own", {"name": "mirror"}, "own"],
    }
    expected = [{"name": "mirror"}, {"name": "other"}, {"name": "own"}]
    assert pod(one, values=values)["spec"]["imagePullSecrets"] == expected
    assert one("Pod", values=values)["spec"]["imagePullSecrets"] == expected


@pytest.mark.parametrize(
    ("settings", "families"),
    [((), None), (("service.ipDualStack.ipFamilies={IPv6,IPv4}",), ["IPv6", "IPv4"])],
)
def test_the_cluster_chooses_the_address_families(
    one: Callable[..., Object], settings: tuple[str, ...], families: list[str] | None
) -> None:
    spec = one("Service", *DEMO, "service.ipDualStack.enabled=true", *settings)["spec"]
    assert spec["ipFamilyPolicy"] == "PreferDualStack"
    assert spec.get("ipFamilies") == families


@pytest.mark.parametrize(
    ("settings", "policy"), [((), "keep"), ((r"state.annotations.helm\.sh/resource-policy=delete",), "delete")]
)
def test_the_claim_of_a_deployment_stays(one: Callable[..., Object], settings: tuple[str, ...], policy: str) -> None:
    assert one("PersistentVolumeClaim", *DEMO, CLAIM, *settings)["metadata"]["annotations"] == {
        "helm.sh/resource-policy": policy
    }


def test_the_claims_of_a_stateful_set_follow_their_policy(one: Callable[..., Object]) -> None:
    policy = "state.persistentVolumeClaimRetentionPolicy"
    spec = one("StatefulSet", *STATEFUL, CLAIM, f"{policy}.whenDeleted=Delete")["spec"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Delete"}
    assert "persistentVolumeClaimRetentionPolicy" not in one("StatefulSet", *STATEFUL, CLAIM)["spec"]


def test_the_test_pod_runs_where_the_exporter_runs(one: Callable[..., Object]) -> None:
    tolerations = [{"key": "spot", "operator": "Exists"}]
    place = {"nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": tolerations}
    spec = one("Pod", values={"demo": {"enabled": True}, **place})["spec"]
    assert place.items() <= spec.items()
    (container,) = spec["containers"]
    assert container["resources"]["limits"] == {"memory": "64Mi"}
    assert "cpu" in container["resources"]["requests"]


@each_helm
def test_the_network_policy_admits_the_test_pod(tool: Callable[[str], Path], helm: str) -> None:
    narrow = ("networkPolicy.enabled=true", "networkPolicy.allowMonitoringNamespace=prometheus")
    text = template(*DEMO, *narrow, helm=tool(helm))
    (policy,), (test_pod,) = objects(text, "NetworkPolicy"), objects(text, "Pod")
    (rule,) = policy["spec"]["ingress"]
    selectors = [peer["podSelector"]["matchLabels"] for peer in rule["from"] if "podSelector" in peer]
    assert [selector.items() <= test_pod["metadata"]["labels"].items() for selector in selectors] == [True]
    without = template(*DEMO, *narrow, "testFramework.enabled=false", helm=tool(helm))
    assert objects(without, "NetworkPolicy")[0]["spec"]["ingress"][0]["from"] == [rule["from"][0]]


@each_helm
def test_the_test_pod_can_be_skipped(tool: Callable[[str], Path], helm: str) -> None:
    """As the README has it for `kubectl apply`, which would run the hook and leave it behind."""
    done = run(tool(helm), "template", "marketplace", CHART, "--set", "demo.enabled=true", "--skip-tests")
    assert objects(done.stdout, "Deployment")
    assert objects(done.stdout, "Pod") == []
    assert "--skip-tests" in (CHART / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("kind", "settings", "times"),
    [
        ("ScrapeConfig", ("scrapeConfig.enabled=true",), ("5m", "1m")),
        ("ScrapeConfig", ("scrapeConfig.enabled=true", "scrapeConfig.scrapeTimeout=5m"), ("5m", "5m")),
        ("Probe", ("probe.enabled=true", TARGETS), ("5m", "1m")),
        ("Probe", ("probe.enabled=true", TARGETS, "probe.interval=1h30m"), ("1h30m", "1m")),
    ],
)
def test_what_calls_the_api_has_an_interval(
    one: Callable[..., Object], kind: str, settings: tuple[str, ...], times: tuple[str, str]
) -> None:
    spec = one(kind, *DEMO, *settings)["spec"]
    assert (spec["scrapeInterval" if kind == "ScrapeConfig" else "interval"], spec["scrapeTimeout"]) == times


def test_grafana_dashboards_stay_in_their_namespace(one: Callable[..., Object], tool: Callable[[str], Path]) -> None:
    text = template(
        *DEMO,
        "dashboards.enabled=true",
        "dashboards.grafanaOperator.enabled=true",
        "dashboards.grafanaOperator.matchLabels.a=b",
    )
    assert [item["spec"]["allowCrossNamespaceImport"] for item in objects(text, "GrafanaDashboard")] == [False] * 3


def test_a_label_of_two_places_stands_once(one: Callable[..., Object]) -> None:
    """YAML that names a key twice is refused by every strict reader, and PyYAML takes the last: so count."""
    labels = ("commonLabels.team=common", "podLabels.team=pod", r"commonLabels.app\.kubernetes\.io/part-of=suite")
    item = one("Deployment", *DEMO, *labels)
    assert item["metadata"]["labels"]["team"] == "common"
    assert item["metadata"]["labels"]["app.kubernetes.io/part-of"] == "suite"
    assert item["spec"]["template"]["metadata"]["labels"]["team"] == "pod"


@each_helm
def test_no_key_stands_twice(tool: Callable[[str], Path], helm: str) -> None:
    class Strict(yaml.SafeLoader):
        """Refuses what PyYAML lets pass."""

    def mapping(loader: Strict, node: yaml.MappingNode) -> dict[Any, Any]:
        keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len({*keys}), keys
        return loader.construct_mapping(node, deep=True)

    Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    text = template(*DEMO, "commonLabels.team=common", "podLabels.team=pod", "service.labels.team=a", helm=tool(helm))
    assert list(yaml.load_all(text, Strict))


def test_labels_and_annotations_of_the_workload(one: Callable[..., Object]) -> None:
    item = one("Deployment", *DEMO, "deploymentLabels.team=release", "deploymentAnnotations.note=a")
    assert item["metadata"]["labels"]["team"] == "release"
    assert item["metadata"]["annotations"]["note"] == "a"
    assert "team" not in item["spec"]["template"]["metadata"]["labels"]


def test_names_that_look_like_numbers_stay_texts(one: Callable[..., Object]) -> None:
    names = {"nameOverride": "456", "namespaceOverride": "123", "commonLabels": {"a": "1"}}
    item = one("Deployment", values={"demo": {"enabled": True}, **names})
    assert item["metadata"]["namespace"] == "123"
    assert item["metadata"]["labels"]["a"] == "1"
    assert item["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "456"


def test_ingress_tls_is_a_template_as_its_hosts_are(one: Callable[..., Object]) -> None:
    host = "{{ .Release.Name }}.example.com"
    ingress = {
        "enabled": True,
        "hosts": [{"host": host}],
        "tls": [{"hosts": [host], "secretName": "{{ .Release.Name }}-tls"}],
    }
    spec = one("Ingress", values={"demo": {"enabled": True}, "ingress": ingress})["spec"]
    assert spec["tls"] == [{"hosts": ["marketplace.example.com"], "secretName": "marketplace-tls"}]
    assert spec["rules"][0]["host"] == "marketplace.example.com"


SCRAPERS: dict[str, tuple[str, Callable[[Object], Object]]] = {
    "serviceMonitor": ("ServiceMonitor", lambda spec: spec["endpoints"][0]),
    "podMonitor": ("PodMonitor", lambda spec: spec["podMetricsEndpoints"][0]),
    "scrapeConfig": ("ScrapeConfig", lambda spec: spec["httpSDConfigs"][0]),
    "probe": ("Probe", lambda spec: spec["prober"]),
}


@pytest.mark.parametrize("name", SCRAPERS)
def test_every_scraper_passes_on_what_the_chart_does_not_know(one: Callable[..., Object], name: str) -> None:
    kind, endpoint = SCRAPERS[name]
    proxy = "http://proxy.example.com:3128"
    passed: dict[str, dict[str, Any]] = {
        "endpoint": {"proxyUrl": proxy},
        "spec": {"targetLimit": 5, "labelLimit": 63, "labelNameLengthLimit": 511, "sampleLimit": 1000000},
    }
    values = {"enabled": True, **passed, **({"targets": ["a/b"]} if name == "probe" else {})}
    spec = one(kind, values={"demo": {"enabled": True}, name: values})["spec"]
    assert endpoint(spec)["proxyUrl"] == proxy
    assert passed["spec"].items() <= spec.items()
    assert len(spec) > len(passed["spec"]), "what the chart makes itself is there too"


@pytest.mark.parametrize(("given", "expected"), [({}, HOST), ({"serverName": "other"}, "other")])
@pytest.mark.parametrize("name", SCRAPERS)
def test_a_certificate_is_checked_for_the_name_of_the_service(
    one: Callable[..., Object], name: str, given: dict[str, str], expected: str
) -> None:
    """Prometheus knows pods by their addresses, which no certificate has."""
    kind, endpoint = SCRAPERS[name]
    tls = {"ca": {"secret": {"name": "a", "key": "ca.crt"}}, **given}
    values = {"enabled": True, "tlsConfig": tls, **({"targets": ["a/b"]} if name == "probe" else {})}
    web = {"tls": True, "existingSecret": "web"}
    spec = one(kind, values={"demo": {"enabled": True}, "webConfig": web, name: values})["spec"]
    places = [endpoint(spec)] if "Monitor" in name else [spec]
    if name == "scrapeConfig":
        places.append(endpoint(spec))
        assert endpoint(spec)["url"] == f"https://{HOST}:10142/sd"
    for place in places:
        assert place["tlsConfig"] == {**tls, "serverName": expected}


@pytest.mark.parametrize(
    "web",
    [
        {"tls": True, "config": {"tls_server_config": {"client_auth_type": "RequireAndVerifyClientCert"}}},
        {"tls": True, "existingSecret": "web", "clientCertificates": True},
    ],
)
def test_probes_only_connect_where_a_client_certificate_is_required(
    one: Callable[..., Object], web: dict[str, Any]
) -> None:
    (container,) = pod(one, values={"demo": {"enabled": True}, "webConfig": web})["spec"]["containers"]
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[name]["tcpSocket"] == {"port": "http"}
        assert "httpGet" not in container[name]
    (tester,) = one("Pod", values={"demo": {"enabled": True}, "webConfig": web})["spec"]["containers"]
    assert tester["args"][1:] == [HOST, "10142"]


def test_probes_ask_where_a_client_certificate_is_welcome(one: Callable[..., Object]) -> None:
    tls = {"client_auth_type": "VerifyClientCertIfGiven"}
    web = {"tls": True, "config": {"tls_server_config": tls}}
    (container,) = pod(one, values={"demo": {"enabled": True}, "webConfig": web})["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"


def test_a_load_balancer_admits_only_its_networks(one: Callable[..., Object]) -> None:
    spec = one("Service", *DEMO, "service.type=LoadBalancer", "service.loadBalancerSourceRanges={10.0.0.0/8}")["spec"]
    assert spec["loadBalancerSourceRanges"] == ["10.0.0.0/8"]


@pytest.mark.parametrize(
    ("field", "expected"), [("minAvailable", {"minAvailable": 1}), ("maxUnavailable", {"maxUnavailable": 1})]
)
def test_a_budget_for_two_pods(one: Callable[..., Object], field: str, expected: dict[str, int]) -> None:
    budget = ("replicaCount=2", "podDisruptionBudget.enabled=true", f"podDisruptionBudget.{field}=1")
    assert expected.items() <= one("PodDisruptionBudget", *DEMO, *budget)["spec"].items()


def test_the_chart_says_where_it_comes_from() -> None:
    meta = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert meta["home"] in meta["sources"]
    assert meta["maintainers"]
    for name in ("links", "screenshots"):
        assert yaml.safe_load(meta["annotations"][f"artifacthub.io/{name}"])


def test_the_matrix_has_each_scraper() -> None:
    kinds = {item["kind"] for case in CHART.glob("ci/*-values.yaml") for item in rendered(case)}
    assert {kind for kind, _ in SCRAPERS.values()} <= kinds

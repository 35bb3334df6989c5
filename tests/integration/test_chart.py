"""What holds for everything that the chart renders, over the matrix of `ci/*-values.yaml`."""

from __future__ import annotations

import itertools
import json
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.integration._chart import CASES, CHART, Object, documents, each_case, objects, rendered, run, workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EVERYTHING = CHART / "ci/everything-values.yaml"
SCRAPERS = ("serviceMonitor", "podMonitor", "scrapeConfig", "probe", "prometheusAnnotations")


def matches(selector: Object, labels: Object) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def test_lint() -> None:
    done = run("helm", "lint", "--strict", CHART, "--values", EVERYTHING)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_renders_like_the_directory(tmp_path: Path) -> None:
    done = run("helm", "package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("*.tgz")
    assert rendered(EVERYTHING, package) == rendered(EVERYTHING)


@each_case
def test_helm_4_renders_the_same(tool: Callable[[str], Path], case: Path) -> None:
    assert rendered(case, helm=tool("helm-4")) == rendered(case)


@pytest.mark.parametrize("version", ["1.28.0", "1.37.0"])
def test_all_objects_fit_the_schemas_of_the_oldest_and_the_newest_kubernetes(
    tool: Callable[[str], Path], tools_data: Callable[[str], Path], version: str
) -> None:
    """Custom resources too; unknown fields are errors."""
    schemas = f"{tools_data(f'kubernetes/{version}')}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    items = [item for case in CASES for item in rendered(case)]
    text = "\n---\n".join(map(json.dumps, items))
    done = run(tool("kubeconform"), "-strict", "-output=json", "-verbose", "-schema-location", schemas, stdin=text)
    results = json.loads(done.stdout)["resources"]
    assert [(one["kind"], one["msg"]) for one in results if one["status"] != "statusValid"] == []
    assert len(results) == len(items)
    optional = {"ServiceMonitor", "PodMonitor", "ScrapeConfig", "Probe", "PrometheusRule", "StatefulSet", "HTTPRoute"}
    assert {one["kind"] for one in results} >= optional


@each_case
def test_every_object_has_namespace_labels_and_a_name_of_its_own(case: Path) -> None:
    names = [(item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]) for item in rendered(case)]
    assert len(names) == len(set(names))
    for item in rendered(case):
        if item["metadata"]["name"] not in {"marketplace-greeting", "marketplace-object"}:  # of extraManifests
            labels = item["metadata"]["labels"]
            assert labels["app.kubernetes.io/instance"] == "marketplace"
            assert {"helm.sh/chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"} <= labels.keys()


@each_case
def test_selectors_match_the_pod_and_leave_that_of_helm_test_alone(case: Path) -> None:
    """Else the Service would send scrapes to it."""
    spec = workload(case)["spec"]
    labels = spec["template"]["metadata"]["labels"]
    (tester,) = objects(rendered(case), "Pod")
    selectors = [spec["selector"]["matchLabels"]]
    selectors += [item["spec"]["selector"] for item in objects(rendered(case), "Service")]
    selectors += [item["spec"]["podSelector"]["matchLabels"] for item in objects(rendered(case), "NetworkPolicy")]
    for kind in ("PodDisruptionBudget", "PodMonitor"):
        selectors += [item["spec"]["selector"]["matchLabels"] for item in objects(rendered(case), kind)]
    for selector in selectors:
        assert matches(selector, labels)
        assert not matches(selector, tester["metadata"]["labels"])


@each_case
def test_a_service_monitor_finds_each_pod_once(case: Path) -> None:
    for item in objects(rendered(case), "ServiceMonitor"):
        selector = item["spec"]["selector"]["matchLabels"]
        services = objects(rendered(case), "Service")
        (service,) = (one for one in services if matches(selector, one["metadata"]["labels"]))
        assert item["spec"]["namespaceSelector"]["matchNames"] == [service["metadata"]["namespace"]]
        ports = {port["name"] for port in service["spec"]["ports"]}
        assert {endpoint["port"] for endpoint in item["spec"]["endpoints"]} <= ports


def pods(case: Path) -> Iterator[Object]:
    """Yield the spec of everything that runs."""
    yield workload(case)["spec"]["template"]["spec"]
    yield from (item["spec"] for item in objects(rendered(case), "Pod"))


@each_case
def test_pods_meet_the_restricted_profile(case: Path) -> None:
    for spec in pods(case):
        pod = spec["securityContext"]
        assert (pod["runAsNonRoot"], pod["runAsUser"] > 0) == (True, True)
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        allowed = {"configMap", "emptyDir", "secret", "projected", "persistentVolumeClaim"}
        assert all(set(volume) - {"name"} <= allowed for volume in spec.get("volumes", []))
        for container in spec["containers"] + spec.get("initContainers", []):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "hostPort" not in str(container.get("ports", ""))


@each_case
def test_mounts_and_volumes_agree(case: Path) -> None:
    spec = workload(case)["spec"]
    pod = spec["template"]["spec"]
    volumes = [volume["name"] for volume in pod["volumes"]]
    volumes += [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])]
    mounts = pod["containers"][0]["volumeMounts"]
    assert sorted(mount["name"] for mount in mounts) == sorted(volumes)
    for one, other in itertools.permutations((mount["mountPath"] for mount in mounts), 2):
        assert not f"{one}/".startswith(f"{other}/"), "no mount hides another"


@each_case
def test_what_the_release_makes_is_found_under_the_name_that_the_pod_uses(case: Path) -> None:
    made = {(item["kind"], item["metadata"]["name"]) for item in rendered(case)}
    item = workload(case)
    pod = item["spec"]["template"]["spec"]
    for volume in pod["volumes"]:
        if "configMap" in volume and volume["name"] == "config":
            assert ("ConfigMap", volume["configMap"]["name"]) in made
        if "persistentVolumeClaim" in volume:
            assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in made
    assert pod["serviceAccountName"] == "existing" or ("ServiceAccount", pod["serviceAccountName"]) in made
    assert item["kind"] == "Deployment" or ("Service", item["spec"]["serviceName"]) in made


def test_a_client_secret_stands_in_no_argument_config_map_or_annotation() -> None:
    assert "for-trials-only" not in json.dumps(rendered(CHART / "ci/client-secret-inline-values.yaml"))


def test_an_own_namespace_moves_everything() -> None:
    found = {(item["kind"], item["metadata"]["namespace"]) for item in rendered(EVERYTHING)}
    elsewhere = {
        ("ConfigMap", "grafana"),  # a dashboard
        ("ConfigMap", "monitoring"),  # of extraManifests, and says so
        ("GrafanaDashboard", "grafana"),
        ("PrometheusRule", "prometheus"),
        ("ServiceMonitor", "prometheus"),
    }
    assert elsewhere <= found
    assert {namespace for _, namespace in found - elsewhere} == {"observability"}


@pytest.fixture(scope="module")
def chart_with_notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the chart that renders its notes as an object: only `helm install` prints them, and asks a cluster."""
    chart = tmp_path_factory.mktemp("notes") / CHART.name
    shutil.copytree(CHART, chart)
    (chart / "templates/NOTES.txt").rename(chart / "files/NOTES.txt")
    notes = 'kind: Notes\nnotes: |\n  {{- tpl (.Files.Get "files/NOTES.txt") . | nindent 2 }}\n'
    (chart / "templates/notes.yaml").write_text(notes, "utf-8")
    return chart


@each_case
def test_notes_name_the_next_command(chart_with_notes: Path, case: Path) -> None:
    done = run("helm", "template", "m", chart_with_notes, "--show-only", "templates/notes.yaml", "--values", case)
    assert done.returncode == 0, done.stderr
    (item,) = documents(done.stdout)
    values = yaml.safe_load(case.read_text("utf-8"))
    expected = {
        "port-forward service/": True,
        "Nothing scrapes it yet": not any(name in values for name in SCRAPERS),
        "az identity federated-credential create": values.get("auth", {}).get("method") == "workloadIdentity",
    }
    assert {sentence: sentence in item["notes"] for sentence in expected} == expected

"""The chart as Helm renders it, over the matrix of `ci/*-values.yaml`."""

import itertools
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from tests.integration._chart import CASES, CHART, Object, documents, each_case, rendered, run

OLDEST, NEWEST = "1.28", "1.37"
CORE = {"v1", "apps/v1", "policy/v1", "networking.k8s.io/v1"}


def workload(case: Path) -> Object:
    (found,) = (item for item in rendered(case) if item["kind"] in {"Deployment", "StatefulSet"})
    return found


def pods(case: Path) -> Iterator[tuple[str, Object]]:
    """Yield name and pod spec of everything that runs."""
    yield "workload", workload(case)["spec"]["template"]["spec"]
    yield from ((item["metadata"]["name"], item["spec"]) for item in rendered(case) if item["kind"] == "Pod")


def exporter(case: Path) -> Object:
    containers = workload(case)["spec"]["template"]["spec"]["containers"]
    (found,) = ({**container} for container in containers if container["name"] == "exporter")
    return found


def matches(selector: Object, labels: Object) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def test_there_is_a_matrix() -> None:
    assert len(CASES) >= 16


@each_case
def test_lint(case: Path) -> None:
    done = run("helm", "lint", "--strict", CHART, "--values", case)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_renders_like_the_directory(tmp_path: Path) -> None:
    done = run("helm", "package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("*.tgz")
    for case in CASES:
        assert rendered(case, package) == rendered(case)


@each_case
def test_helm_4_renders_the_same(tool: Callable[[str], Path], case: Path) -> None:
    arguments = ("template", "marketplace", CHART, "--namespace", "monitoring", "--values", case)
    done = run(tool("helm-4"), *arguments)
    assert done.returncode == 0, done.stderr
    assert documents(done.stdout) == rendered(case)


@each_case
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_core_objects_fit_kubernetes(case: Path, version: str) -> None:
    for item in rendered(case):
        if item["apiVersion"] in CORE:
            kubernetes_validate.validate(item, version, strict=True)


@pytest.mark.parametrize("version", ["1.31.0", "1.37.0"])
def test_all_objects_fit_their_schemas(
    tool: Callable[[str], Path], tools_data: Callable[[str], Path], version: str
) -> None:
    """Custom resources too; unknown fields are errors."""
    location = f"{tools_data('kubernetes')}/{version}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    command: list[str | Path] = [
        tool("kubeconform"),
        "-strict",
        "-output=json",
        "-verbose",
        "-schema-location",
        location,
    ]
    objects = [item for case in CASES for item in rendered(case)]
    done = subprocess.run(command, input=yaml.safe_dump_all(objects), capture_output=True, text=True, check=False)
    results = json.loads(done.stdout)["resources"]
    bad = [(result["kind"], result["msg"]) for result in results if result["status"] != "statusValid"]
    assert bad == []
    assert len(results) == len(objects)
    kinds = {result["kind"] for result in results}
    assert kinds >= {
        "ServiceMonitor",
        "PodMonitor",
        "ScrapeConfig",
        "Probe",
        "PrometheusRule",
        "StatefulSet",
        "HTTPRoute",
    }


def test_helm_unittest(tool: Callable[[str], Path]) -> None:
    command: list[str | Path] = [tool("helm-unittest"), "--strict", "--file", "unittests/*_test.yaml", CHART]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Test Suites: 2 passed, 2 total" in done.stdout


@each_case
def test_every_object_has_namespace_labels_and_a_name_of_its_own(case: Path) -> None:
    names = [(item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]) for item in rendered(case)]
    assert len(names) == len(set(names))
    for item in rendered(case):
        if "greeting" in item["metadata"]["name"] or "object" in item["metadata"]["name"]:
            continue
        labels = item["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "marketplace"
        assert {"helm.sh/chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"} <= labels.keys()


@each_case
def test_selectors_match(case: Path) -> None:
    spec = workload(case)["spec"]
    pod_labels = spec["template"]["metadata"]["labels"]
    assert matches(spec["selector"]["matchLabels"], pod_labels)
    services = [item for item in rendered(case) if item["kind"] == "Service"]
    for item in rendered(case):
        if item["kind"] == "Service":
            assert matches(item["spec"]["selector"], pod_labels)
        elif item["kind"] == "PodDisruptionBudget":
            assert matches(item["spec"]["selector"]["matchLabels"], pod_labels)
        elif item["kind"] == "NetworkPolicy":
            assert matches(item["spec"]["podSelector"]["matchLabels"], pod_labels)
        elif item["kind"] == "PodMonitor":
            assert matches(item["spec"]["selector"]["matchLabels"], pod_labels)
        elif item["kind"] == "ServiceMonitor":
            selector = item["spec"]["selector"]["matchLabels"]
            chosen = [service for service in services if matches(selector, service["metadata"]["labels"])]
            assert len(chosen) == 1, "each pod is scraped once"
            assert item["spec"]["namespaceSelector"]["matchNames"] == [chosen[0]["metadata"]["namespace"]]
            ports = {port["name"] for port in chosen[0]["spec"]["ports"]}
            assert {endpoint["port"] for endpoint in item["spec"]["endpoints"]} <= ports


@each_case
def test_selectors_leave_the_test_pod_alone(case: Path) -> None:
    """Else the Service would send scrapes to it while `helm test` runs."""
    (test_pod,) = (item for item in rendered(case) if item["kind"] == "Pod")
    for item in rendered(case):
        if item["kind"] == "Service":
            assert not matches(item["spec"]["selector"], test_pod["metadata"]["labels"])


@each_case
def test_pods_meet_the_restricted_profile(case: Path) -> None:
    for name, spec in pods(case):
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] is True, name
        assert pod["runAsUser"] > 0, name
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
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
    item = workload(case)
    spec = item["spec"]["template"]["spec"]
    volumes = [volume["name"] for volume in spec["volumes"]]
    volumes += [claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", [])]
    mounts = [mount["name"] for mount in exporter(case)["volumeMounts"]]
    assert sorted(mounts) == sorted(volumes)
    paths = [mount["mountPath"] for mount in exporter(case)["volumeMounts"]]
    for one, other in itertools.permutations(paths, 2):
        assert not f"{one}/".startswith(f"{other}/"), "no mount hides another"


@each_case
def test_what_the_pod_refers_to_is_there(case: Path) -> None:
    """Objects the release makes itself are found under the name that the pod uses."""
    made = {(item["kind"], item["metadata"]["name"]) for item in rendered(case)}
    spec = workload(case)["spec"]["template"]["spec"]
    values = yaml.safe_load(case.read_text("utf-8"))
    for volume in spec["volumes"]:
        if "configMap" in volume and volume["name"] == "config":
            assert ("ConfigMap", volume["configMap"]["name"]) in made
        if "persistentVolumeClaim" in volume:
            assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in made
    if values.get("serviceAccount", {}).get("create", True):
        assert ("ServiceAccount", spec["serviceAccountName"]) in made
    if workload(case)["kind"] == "StatefulSet":
        assert ("Service", workload(case)["spec"]["serviceName"]) in made


@each_case
def test_no_secret_is_readable_in_plain_sight(case: Path) -> None:
    """A client secret stands in Secrets only, never in an argument, a ConfigMap or an annotation."""
    secret = yaml.safe_load(case.read_text("utf-8")).get("auth", {}).get("clientSecret")
    for item in rendered(case):
        assert secret is None or secret not in json.dumps(item)


@pytest.fixture(scope="module")
def chart_with_notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the chart that renders its notes as an object: only `helm install` prints them, and asks a cluster."""
    chart = tmp_path_factory.mktemp("notes") / CHART.name
    shutil.copytree(CHART, chart)
    (chart / "templates/NOTES.txt").rename(chart / "files/NOTES.txt")
    (chart / "templates/notes.yaml").write_text(
        'notes: |\n  {{- tpl (.Files.Get "files/NOTES.txt") . | nindent 2 }}\n', "utf-8"
    )
    return chart


@each_case
def test_notes_name_the_next_command(chart_with_notes: Path, case: Path) -> None:
    done = run("helm", "template", "m", chart_with_notes, "--show-only", "templates/notes.yaml", "--values", case)
    assert done.returncode == 0, done.stderr
    notes = yaml.safe_load(done.stdout)["notes"]
    assert "port-forward service/" in notes
    values = yaml.safe_load(case.read_text("utf-8"))
    scraped = [name for name in ("serviceMonitor", "podMonitor", "scrapeConfig", "probe") if name in values]
    assert ("Nothing scrapes it yet" in notes) is not bool(scraped or values.get("prometheusAnnotations"))
    assert ("az identity federated-credential create" in notes) is (
        values.get("auth", {}).get("method") == "workloadIdentity"
    )


def test_workload_identity_is_annotation_and_pod_label() -> None:
    case = CHART / "ci/workload-identity-values.yaml"
    (account,) = (item for item in rendered(case) if item["kind"] == "ServiceAccount")
    assert account["metadata"]["annotations"] == {
        "azure.workload.identity/client-id": "00000000-0000-0000-0000-000000000001",
        "azure.workload.identity/tenant-id": "00000000-0000-0000-0000-000000000002",
        "azure.workload.identity/service-account-token-expiration": "7200",
    }
    assert workload(case)["spec"]["template"]["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert "--auth.method=workload_identity" in exporter(case)["args"]


def test_secrets_are_files() -> None:
    case = CHART / "ci/client-secret-values.yaml"
    assert exporter(case)["args"][-4:] == [
        "--auth.method=client_secret",
        "--auth.tenant-id=00000000-0000-0000-0000-000000000002",
        "--auth.client-id=00000000-0000-0000-0000-000000000001",
        "--auth.client-secret-file=/etc/azure-marketplace-exporter/auth/client-secret",
    ]
    assert "env" not in exporter(case)


def test_a_secret_becomes_an_environment_variable_only_when_asked() -> None:
    args, env = (exporter(CHART / "ci/token-env-values.yaml")[field] for field in ("args", "env"))
    assert args[-1] == "--auth.method=token"
    assert env[0] == {
        "name": "MARKETPLACE_EXPORTER_AUTH__TOKEN",
        "valueFrom": {"secretKeyRef": {"name": "marketplace-token", "key": "token"}},
    }


def test_each_shard_knows_its_number() -> None:
    case = CHART / "ci/sharded-values.yaml"
    assert workload(case)["spec"]["replicas"] == 3
    assert exporter(case)["env"] == [
        {
            "name": "POD_INDEX",
            "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}},
        },
        {"name": "MARKETPLACE_EXPORTER_COLLECTION__SHARD", "value": "$(POD_INDEX)/3"},
    ]


def test_tls_reaches_probes_service_and_monitor() -> None:
    case = CHART / "ci/web-config-values.yaml"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert exporter(case)[probe]["httpGet"]["scheme"] == "HTTPS"
    assert "--web.open-health" in exporter(case)["args"], "the kubelet has no password"
    (monitor,) = (item for item in rendered(case) if item["kind"] == "ServiceMonitor")
    assert monitor["spec"]["endpoints"][0]["scheme"] == "https"
    (service,) = (item for item in rendered(case) if item["kind"] == "Service")
    assert service["spec"]["ports"][0]["appProtocol"] == "https"


def test_an_own_namespace_moves_everything() -> None:
    for item in rendered(CHART / "ci/everything-values.yaml"):
        if not item["metadata"]["name"].endswith("greeting"):
            expected = {"ServiceMonitor": "prometheus", "PrometheusRule": "prometheus", "GrafanaDashboard": "grafana"}
            dashboard = "grafana_dashboard" in item["metadata"].get("labels", {})
            assert item["metadata"]["namespace"] == (
                "grafana" if dashboard else expected.get(item["kind"], "observability")
            )


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        ([], "azure-marketplace-exporter:0.1.0"),
        (["image.registry=a.example.com/", "image.tag=2"], "a.example.com/azure-marketplace-exporter:2"),
        (["image.registry=a", "global.imageRegistry=b"], "b/azure-marketplace-exporter:0.1.0"),
        (
            ["image.tag=2", f"image.digest=sha256:{'0' * 64}"],
            f"azure-marketplace-exporter@sha256:{'0' * 64}",
        ),
    ],
)
def test_image(settings: list[str], image: str) -> None:
    done = run("helm", "template", "m", CHART, "--set", "demo.enabled=true", "--set-string", ",".join(settings))
    images = {
        container["image"]
        for item in yaml.safe_load_all(done.stdout)
        if item["kind"] == "Deployment"
        for container in item["spec"]["template"]["spec"]["containers"]
    }
    assert images == {image}

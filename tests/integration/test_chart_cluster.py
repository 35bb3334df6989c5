"""The chart on a real API server: installed, upgraded, rolled back, applied without Helm, uninstalled."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from tests.conftest import find_tool
from tests.integration._chart import CHART, DEMO, NAME, each_case, rendered, run
from tests.integration._cluster import Cluster
from tests.integration._upgrades import ALLOWED, CLAIM, REFUSED
from tests.integration.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from tests.integration._chart import Object
    from tests.integration._upgrades import Upgrade

pytestmark = pytest.mark.optional_tool(reason="the control plane takes long to build: .ci/tools --cluster")

NAMESPACES = ("monitoring", "observability", "prometheus", "grafana")
CLASSES: tuple[Object, ...] = (
    {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "low"}, "value": 1},
    {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "gvisor"}, "handler": "runsc"},
    {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "existing", "namespace": "monitoring"},
    },
)
REFUSAL = re.compile(r"[Ff]orbidden|immutable|may not change|requires a recreate")
NUMBERS = count(1)


@pytest.fixture(scope="module")
def cluster(
    tool: Callable[[str], Path], tools_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """The control plane, with the operators' definitions and the namespaces that the values of ci/ name."""
    if find_tool("kube-apiserver") is None:
        pytest.skip("no kube-apiserver: run .ci/tools --cluster")
    with Cluster(tool, tmp_path_factory.mktemp("cluster")) as started:
        done = started.try_kubectl("apply", "--server-side", f"--filename={tools_data('crds')}")
        assert done.returncode == 0, done.stderr
        started.kubectl("wait", "--for=condition=Established", "crd", "--all")
        for name in NAMESPACES:
            started.namespace(name)
        started.apply(*CLASSES)
        yield started


class Way(NamedTuple):
    """Brings settings into a namespace of its own, by Helm 3, by Helm 4, or by server-side apply of what Helm renders."""

    name: str
    cluster: Cluster
    helm: Path
    namespace: str

    def bring(self, settings: tuple[str, ...]) -> CompletedProcess[str]:
        flags = [flag for setting in settings for flag in ("--set", setting)]
        place = ("marketplace", str(CHART), f"--namespace={self.namespace}", *flags)
        if self.name != "kubectl":
            return self.cluster.helm(self.helm, "upgrade", "--install", *place)
        text = run(self.helm, "template", *place, "--skip-tests").stdout
        return self.cluster.try_kubectl("apply", "--server-side", "--filename=-", stdin=text)

    def must_bring(self, settings: tuple[str, ...]) -> str:
        done = self.bring(settings)
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
        return done.stdout

    def release(self, *arguments: str) -> CompletedProcess[str]:
        return self.cluster.helm(self.helm, *arguments, f"--namespace={self.namespace}")

    def must(self, *arguments: str) -> str:
        done = self.release(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def contents(self) -> set[str]:
        return self.cluster.contents(self.namespace)


@pytest.fixture(params=["helm", "helm-4", "kubectl"])
def way(request: pytest.FixtureRequest, cluster: Cluster, tool: Callable[[str], Path]) -> Iterator[Way]:
    """Each of the three ways, in a new namespace that is gone afterwards."""
    name: str = request.param
    namespace = f"test-{next(NUMBERS)}"
    cluster.namespace(namespace)
    yield Way(name, cluster, tool("helm" if name == "kubectl" else name), namespace)
    # A node port is free again when its Service is gone; nobody waits for the rest.
    cluster.kubectl("delete", "services", "--all", f"--namespace={namespace}")
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


only_helm = pytest.mark.parametrize("way", ["helm", "helm-4"], indirect=True)


def test_the_namespaces_refuse_what_is_not_restricted(cluster: Cluster) -> None:
    """Else the next test could not fail."""
    spec: dict[str, Any] = {"containers": [{"name": "a", "image": "a"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "monitoring"}, "spec": spec}
    done = cluster.try_kubectl("apply", "--dry-run=server", "--filename=-", stdin=yaml.safe_dump(pod))
    assert done.returncode == 1
    assert 'violates PodSecurity "restricted:latest"' in done.stderr


def pod_of(workload: Object) -> Object:
    """Return the pod that a workload would make."""
    template = workload["spec"]["template"]
    claims = [
        {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": "a"}}
        for claim in workload["spec"].get("volumeClaimTemplates", [])
    ]
    spec = {**template["spec"], "volumes": template["spec"]["volumes"] + claims}
    place = {"name": "pod", "namespace": workload["metadata"]["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], **place}, "spec": spec}


@each_case
def test_everything_is_admitted_without_a_warning(cluster: Cluster, case: Path) -> None:
    items = rendered(case)
    for account in (item for item in items if item["kind"] == "ServiceAccount"):
        cluster.apply(account)  # without it the pod is refused
    pods = [pod_of(item) for item in items if item["kind"] in {"Deployment", "StatefulSet"}]
    assert len(pods) == 1
    said = cluster.kubectl(
        "apply", "--server-side", "--dry-run=server", "--filename=-", stdin=yaml.safe_dump_all([*items, *pods])
    )
    assert said.count("(server dry run)") == len(items) + 1


@each_case
def test_server_side_apply_settles_at_once(cluster: Cluster, case: Path) -> None:
    flags = ("--namespace", "monitoring", "--values", case, "--skip-tests")
    text = run("helm", "template", "marketplace", CHART, *flags).stdout
    files = ("--server-side", "--filename=-")
    cluster.kubectl("apply", *files, stdin=text)
    try:
        query = ("get", "--filename=-", "--output=jsonpath={range .items[*]}{.kind} {.metadata.generation}{'\\n'}{end}")
        before = cluster.kubectl(*query, stdin=text)
        cluster.kubectl("apply", *files, stdin=text)
        assert cluster.kubectl(*query, stdin=text) == before
        assert cluster.kubectl("diff", *files, stdin=text) == ""
    finally:
        cluster.kubectl("delete", "--filename=-", stdin=text)


@pytest.mark.parametrize("way", ["kubectl"], indirect=True)
@pytest.mark.parametrize("name", ALLOWED)
def test_upgrades_by_server_side_apply(way: Way, name: str) -> None:
    way.must_bring(ALLOWED[name].before)
    way.must_bring(ALLOWED[name].after)


@pytest.mark.parametrize("name", REFUSED)
def test_upgrades_that_are_refused_work_after_what_the_readme_says(way: Way, name: str) -> None:
    upgrade = REFUSED[name]
    way.must_bring(upgrade.before)
    refused = way.bring(upgrade.after)
    assert refused.returncode != 0
    assert REFUSAL.search(refused.stderr), refused.stderr
    way.cluster.kubectl(*upgrade.remedy, f"--namespace={way.namespace}")
    way.must_bring(upgrade.after)


def remedies(notes: str) -> list[list[str]]:
    """Return the commands of NOTES that delete something."""
    lines = notes.replace("\\\n", " ").splitlines()
    return [line.split()[1:] for line in lines if line.strip().startswith("kubectl") and " delete " in line]


def roll_back(way: Way, upgrade: Upgrade) -> None:
    done = way.release("rollback", "marketplace", "1")
    if upgrade.remedy:
        assert REFUSAL.search(done.stderr), done.stderr
        way.cluster.kubectl(*upgrade.remedy, f"--namespace={way.namespace}")
        way.must_bring(upgrade.before)
    else:
        assert done.returncode == 0, done.stderr


@only_helm
@pytest.mark.parametrize("name", ALLOWED)
def test_upgrade_roll_back_and_uninstall_leave_only_what_the_notes_say(way: Way, name: str) -> None:
    way.must_bring(ALLOWED[name].before)
    notes = way.must("get", "notes", "marketplace")
    way.must_bring(ALLOWED[name].after)
    notes += way.must("get", "notes", "marketplace")
    roll_back(way, ALLOWED[name])
    way.must("uninstall", "marketplace")
    wait_until(lambda: all("persistentvolumeclaim/" in left for left in way.contents()), "nothing but claims")
    for command in remedies(notes):
        assert way.cluster.try_kubectl(*command).returncode in {0, 1}, "gone already is fine"
    assert way.contents() == set()


def claim(way: Way) -> str:
    """Return what tells the claim of the Deployment from another of its name."""
    return way.cluster.kubectl("get", "pvc", NAME, f"--namespace={way.namespace}", "--output=jsonpath={.metadata.uid}")


@only_helm
def test_a_release_of_the_same_name_finds_its_claim(way: Way) -> None:
    way.must_bring((*DEMO, CLAIM))
    before = claim(way)
    way.must("uninstall", "marketplace")
    way.must_bring((*DEMO, CLAIM))
    assert claim(way) == before


@only_helm
def test_the_claim_of_a_deployment_outlives_shards(way: Way) -> None:
    way.must_bring((*DEMO, CLAIM))
    before = claim(way)
    way.must_bring((*DEMO, CLAIM, "sharding.enabled=true"))
    assert claim(way) == before
    way.must("rollback", "marketplace", "1")
    assert claim(way) == before

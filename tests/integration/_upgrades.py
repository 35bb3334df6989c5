"""Pairs of values before and after an upgrade, and what Kubernetes and the operators let nobody change."""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration._chart import DEMO, NAME

STATEFUL = (*DEMO, "workload.kind=StatefulSet")
CLAIM = "state.volume=persistentVolumeClaim"
DASHBOARDS = (
    *DEMO,
    "dashboards.enabled=true",
    "dashboards.grafanaOperator.enabled=true",
    "dashboards.grafanaOperator.matchLabels.grafana=main",
)
ELSEWHERE = "dashboards.grafanaOperator.allowCrossNamespaceImport=true"
NEW_DASHBOARDS = ("delete", "grafanadashboards", "--selector", "app.kubernetes.io/instance=marketplace")


@dataclass(frozen=True)
class Upgrade:
    """Settings before and after, as `--set` takes them.

    `refused` is the kind of the object that cannot take the change, `remedy` the arguments of kubectl that make it
    possible; for a change that is allowed, `remedy` is for the way back.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    refused: str = ""
    remedy: tuple[str, ...] = ()


ALLOWED = {
    "rolling update to recreate": Upgrade((*DEMO, "strategy.type=RollingUpdate"), DEMO),
    "recreate to rolling update": Upgrade(DEMO, (*DEMO, "strategy.type=RollingUpdate")),
    "rolling update to on delete": Upgrade(STATEFUL, (*STATEFUL, "updateStrategy.type=OnDelete")),
    "on delete to rolling update": Upgrade((*STATEFUL, "updateStrategy.type=OnDelete"), STATEFUL),
    "a pull secret in both lists": Upgrade(DEMO, (*DEMO, "global.imagePullSecrets={a}", "imagePullSecrets={a,b}")),
    "single stack to dual stack": Upgrade(DEMO, (*DEMO, "service.ipDualStack.enabled=true")),
    "dual stack to single stack": Upgrade((*DEMO, "service.ipDualStack.enabled=true"), DEMO),
    "cluster address to node port": Upgrade(DEMO, (*DEMO, "service.type=NodePort", "service.nodePort=30150")),
    "node port to cluster address": Upgrade((*DEMO, "service.type=NodePort", "service.nodePort=30150"), DEMO),
    "load balancer to cluster address": Upgrade(
        (*DEMO, "service.type=LoadBalancer", "service.loadBalancerSourceRanges={10.0.0.0/8}"), DEMO
    ),
    "one label in two places": Upgrade(DEMO, (*DEMO, "commonLabels.team=a", "podLabels.team=b")),
    "a claim for a Deployment": Upgrade(DEMO, (*DEMO, CLAIM)),
    "a Deployment with a claim to one without": Upgrade((*DEMO, CLAIM), DEMO),
    "a Deployment with a claim to shards": Upgrade((*DEMO, CLAIM), (*DEMO, CLAIM, "sharding.enabled=true")),
    "a Deployment with a claim to larger shards": Upgrade(
        (*DEMO, CLAIM), (*DEMO, CLAIM, "sharding.enabled=true", "state.size=1Gi")
    ),
    "shards to a Deployment with a claim": Upgrade((*DEMO, CLAIM, "sharding.enabled=true"), (*DEMO, CLAIM)),
    "one more shard": Upgrade(
        (*DEMO, CLAIM, "sharding.enabled=true"), (*DEMO, CLAIM, "sharding.enabled=true", "sharding.totalShards=3")
    ),
    "claims that go with their shard": Upgrade(
        (*STATEFUL, CLAIM), (*STATEFUL, CLAIM, "state.persistentVolumeClaimRetentionPolicy.whenScaled=Delete")
    ),
    "dashboards for other namespaces": Upgrade(DASHBOARDS, (*DASHBOARDS, ELSEWHERE), remedy=NEW_DASHBOARDS),
}

ORPHAN = ("delete", "statefulset", NAME, "--cascade=orphan")
REFUSED = {
    "state.volume": Upgrade(STATEFUL, (*STATEFUL, CLAIM), "StatefulSet", ORPHAN),
    "state.size": Upgrade((*STATEFUL, CLAIM), (*STATEFUL, CLAIM, "state.size=1Gi"), "StatefulSet", ORPHAN),
    "state.annotations": Upgrade(
        (*STATEFUL, CLAIM), (*STATEFUL, CLAIM, "state.annotations.a=b"), "StatefulSet", ORPHAN
    ),
    "state.storageClassName": Upgrade(
        (*DEMO, CLAIM, "state.storageClassName=slow"),
        (*DEMO, CLAIM, "state.storageClassName=fast"),
        "PersistentVolumeClaim",
        ("delete", "deployment,persistentvolumeclaim", NAME),
    ),
    "nameOverride": Upgrade(
        (*DEMO, f"fullnameOverride={NAME}"),
        (*DEMO, f"fullnameOverride={NAME}", "nameOverride=other"),
        "Deployment",
        ("delete", "deployment", NAME),
    ),
    "service.clusterIP": Upgrade(DEMO, (*DEMO, "service.clusterIP=None"), "Service", ("delete", "service", NAME)),
    "dashboards.grafanaOperator.matchLabels": Upgrade(
        DASHBOARDS,
        (*DASHBOARDS, "dashboards.grafanaOperator.matchLabels.grafana=other"),
        "GrafanaDashboard",
        NEW_DASHBOARDS,
    ),
    "allowCrossNamespaceImport": Upgrade(
        (*DASHBOARDS, ELSEWHERE),
        DASHBOARDS,
        "GrafanaDashboard",
        NEW_DASHBOARDS,
    ),
}

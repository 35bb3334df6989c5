"""Upgrades as pairs of rendered manifests: what nobody may change does not change, or the README tells how."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration._chart import CHART, documents, template
from tests.integration._upgrades import ALLOWED, REFUSED

if TYPE_CHECKING:
    from tests.integration._chart import Object

# What an update may change; all else of the spec must stay. From the validation of Kubernetes 1.34.
FREE = {
    "StatefulSet": "replicas ordinals template updateStrategy persistentVolumeClaimRetentionPolicy minReadySeconds",
    "PersistentVolumeClaim": "resources volumeAttributesClassName",
}


def fixed(item: Object) -> Any:
    """Return what an update of this object must leave as it is."""
    kind, spec = item["kind"], item.get("spec", {})
    if kind in FREE:
        return {key: value for key, value in spec.items() if key not in FREE[kind].split()}
    if kind == "Service":
        return spec.get("clusterIP"), spec.get("ipFamilies", [None])[0]
    return spec.get({"Deployment": "selector", "GrafanaDashboard": "instanceSelector"}.get(kind, ""))


def is_refused(old: Object, new: Object) -> bool:
    """Tell whether this update would fail; of a GrafanaDashboard by the rules of its definition, .tools/crds."""
    opened, open_still = (one.get("spec", {}).get("allowCrossNamespaceImport") for one in (old, new))
    return bool(fixed(old) != fixed(new) or (opened and not open_still))


def refused(before: tuple[Object, ...], after: tuple[Object, ...]) -> set[str]:
    """Return the kinds of the objects that cannot be upgraded."""
    old = {(item["kind"], item["metadata"]["name"]): item for item in before}
    pairs = [(old.get((item["kind"], item["metadata"]["name"])), item) for item in after]
    return {new["kind"] for old, new in pairs if old is not None and is_refused(old, new)}


@functools.cache
def manifest(settings: tuple[str, ...]) -> tuple[Object, ...]:
    return documents(template(*settings))


@pytest.mark.parametrize("name", ALLOWED)
def test_an_upgrade_changes_nothing_that_is_fixed(name: str) -> None:
    before, after = manifest(ALLOWED[name].before), manifest(ALLOWED[name].after)
    assert before != after
    assert refused(before, after) == set()


@pytest.mark.parametrize("name", REFUSED)
def test_an_upgrade_that_is_refused_is_documented(name: str) -> None:
    upgrade = REFUSED[name]
    assert refused(manifest(upgrade.before), manifest(upgrade.after)) == {upgrade.refused}
    section = (CHART / "README.md").read_text("utf-8").split("## What stays, what cannot change")[1].split("\n## ")[0]
    rows = [row.split("|") for row in section.splitlines() if row.startswith("|")]
    remedies = [remedy for _, change, remedy, _ in rows if name in change]
    assert any(" ".join(("kubectl", *upgrade.remedy[:2])) in remedy for remedy in remedies)

"""Upgrades as pairs of rendered manifests: what nobody may change does not change, or the README tells how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration._chart import CHART, documents, each_helm, objects, template
from tests.integration._upgrades import ALLOWED, DEMO, REFUSED, STATEFUL, changed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration._chart import Object
    from tests.integration._upgrades import Upgrade


def both(upgrade: Upgrade, helm: Path) -> tuple[tuple[Object, ...], tuple[Object, ...]]:
    before, after = (template(*settings, helm=helm) for settings in (upgrade.before, upgrade.after))
    assert not before.startswith("Error"), before
    assert not after.startswith("Error"), after
    return documents(before), documents(after)


@each_helm
@pytest.mark.parametrize("name", ALLOWED)
def test_an_upgrade_changes_nothing_that_is_fixed(tool: Callable[[str], Path], helm: str, name: str) -> None:
    before, after = both(ALLOWED[name], tool(helm))
    assert before != after
    assert changed(before, after) == set()


@each_helm
@pytest.mark.parametrize("name", REFUSED)
def test_an_upgrade_that_is_refused_is_documented(tool: Callable[[str], Path], helm: str, name: str) -> None:
    upgrade = REFUSED[name]
    assert changed(*both(upgrade, tool(helm))) == {upgrade.refused}
    section = (CHART / "README.md").read_text("utf-8").split("## What stays, what cannot change")[1].split("\n## ")[0]
    rows = [row.split("|") for row in section.splitlines() if row.startswith("|")]
    remedies = [remedy for _, change, remedy, _ in rows if name in change]
    assert any(" ".join(("kubectl", *upgrade.remedy[:2])) in remedy for remedy in remedies)


@each_helm
@pytest.mark.parametrize(
    ("settings", "field", "strategy"),
    [
        (DEMO, "strategy", {"type": "Recreate"}),
        (
            (*DEMO, "strategy.type=RollingUpdate"),
            "strategy",
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        ),
        (
            (*DEMO, "strategy.type=RollingUpdate", "strategy.rollingUpdate.maxSurge=0"),
            "strategy",
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0}},
        ),
        (STATEFUL, "updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
        ((*STATEFUL, "updateStrategy.type=OnDelete"), "updateStrategy", {"type": "OnDelete"}),
    ],
)
def test_a_rolling_update_says_what_kubernetes_would_fill_in(
    tool: Callable[[str], Path], helm: str, settings: tuple[str, ...], field: str, strategy: dict[str, Any]
) -> None:
    """Else the filled-in part would stay, and be refused, when server-side apply changes the type."""
    text = template(*settings, helm=tool(helm))
    (workload,) = objects(text, "Deployment") + objects(text, "StatefulSet")
    assert workload["spec"][field] == strategy

"""The demo scenario: two publishers whose offers show every state that the exporter can tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from exporter.simulator.pipeline import CERTIFICATION, DAY, HOUR, SIGNOFF
from exporter.simulator.scenario import BIG_VERSION, DEMO_SPEED, Planner, Scenario
from exporter.simulator.walk import Ending, OfferPlan

__all__ = ["demo"]

_DAILY = 12 * HOUR


def demo(*, seed: int = 1, epoch: float, speed: float = DEMO_SPEED) -> Scenario:
    """Plan the demo: `contoso` and `fabrikam` can be read, `northwind` answers 403.

    An estimate is real text while the steps are accelerated, so no step would ever outlast its own. One does:
    `data-mesh` is stuck in a step that promises "~2 min", and is overdue two real minutes after the start.
    """
    planner = Planner(seed, epoch, speed)
    return Scenario(
        plans=(*_contoso(planner), *_fabrikam(planner)),
        publishers=("contoso", "fabrikam", "northwind"),
        forbidden=frozenset({"northwind"}),
        speed=speed,
        account="contoso",
    )


def _contoso(planner: Planner) -> Iterator[OfferPlan]:
    """The account that all three APIs tell."""
    seen = {"version": 3, "live_since": planner.epoch - 90 * DAY}
    center = seen | {"in_partner_center": True}
    stuck = {"into": 1.1, "ending": Ending.STUCK, "ends_at": SIGNOFF}

    def plan(offer: str, title: str, kind: str, **more: Any) -> OfferPlan:
        return planner.plan("contoso", offer, f"Contoso {title}", kind, **more)

    yield plan("linux-hardened", "Hardened Linux", "vm", **seen | {"into": 0.1, "rest": _DAILY, "version": BIG_VERSION})
    yield plan("gateway-vm", "Gateway", "corevm", **center | stuck)
    yield plan("ingress", "Ingress for AKS", "container", **seen, into=0.35, rest=_DAILY, keeps_preview=True)
    yield plan(
        "backup-agent",
        "Backup Agent",
        "container",
        **seen,
        into=1.1,
        ending=Ending.REJECTED,
        ends_at=CERTIFICATION,
        is_deprecated=True,
    )
    yield plan("insights", "Insights", "saas", **center, into=0.55, rest=_DAILY)
    yield plan("billing", "Billing", "saas", **center | stuck, waiting="running", hides_workflows=True)
    yield plan("landing-zone", "Landing Zone", "application", in_partner_center=True, version=3, days=200)
    yield plan(
        "data-mesh",
        "Data Mesh",
        "application",
        **center | stuck | {"ends_at": "displaytestdrive"},
        estimates={"displaytestdrive": "~2 min"},
    )
    yield plan("edge-cache", "Edge Cache", "application", **center, into=0.2, rest=_DAILY, in_cloud_partner=False)
    yield plan(
        "vault-connector",
        "Vault Connector",
        "application",
        **center,
        into=1.1,
        ending=Ending.REJECTED,
        ends_at="displaydummycertify",
        in_cloud_partner=False,
    )
    yield plan(
        "scan-engine",
        "Scan Engine",
        "container",
        **seen,
        into=1.1,
        ending=Ending.FAILED,
        ends_at="live",
        in_cloud_partner=False,
        tells_little=True,
    )
    yield plan("assistant-kit", "Assistant Kit", "saas", **seen, into=0.45, rest=_DAILY, in_cloud_partner=False)


def _fabrikam(planner: Planner) -> Iterator[OfferPlan]:
    """Offers that the Cloud Partner API alone knows."""
    seen = {"version": 3, "live_since": planner.epoch - 90 * DAY}

    def plan(offer: str, title: str, kind: str, **more: Any) -> OfferPlan:
        return planner.plan("fabrikam", offer, f"Fabrikam {title}", kind, **more)

    yield plan(
        "sql-appliance", "SQL Appliance", "vm", **seen, into=1.1, ending=Ending.BLOCKED, ends_at="displayprovision"
    )
    yield plan("mail-filter", "Mail Filter", "vm", **seen, into=0.8, ending=Ending.FAILED, ends_at="displayprovision")
    yield plan(
        "assessment", "2-Week Assessment", "consulting", **seen, into=1.1, ending=Ending.CANCELED, ends_at=CERTIFICATION
    )
    yield plan("pilot", "Pilot", "saas", ending=Ending.NEVER_PUBLISHED, version=0, days=30)

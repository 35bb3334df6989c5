"""The demo scenario: two publishers whose offers show every state that the exporter can tell."""

from __future__ import annotations

from dataclasses import dataclass, replace

from exporter.simulator.pipeline import HOUR, KINDS, SIGNOFF
from exporter.simulator.scenario import DEMO_SPEED, Planner, Scenario
from exporter.simulator.walk import Ending, OfferPlan, Source

__all__ = ["demo"]

_LEGACY = frozenset({Source.CLOUD_PARTNER})
_BOTH = frozenset({Source.CLOUD_PARTNER, Source.PRODUCT_INGESTION})
_MOVED = frozenset({Source.CLOUD_PARTNER, Source.PARTNER_CENTER})
_CENTER = frozenset({Source.PARTNER_CENTER})
_GRAPH = frozenset({Source.PRODUCT_INGESTION})


@dataclass(frozen=True, slots=True)
class _Cast:
    """One role of the demo: an offer, how its submission ends and where; it has been going for `into` of its way there."""

    publisher: str
    offer: str
    title: str
    kind: str
    into: float = 0.0
    ending: Ending = Ending.SUCCEEDED
    ends_at: str = ""
    rest: float | None = None
    days: float = 0.0
    waiting: str = "waitingForPublisherReview"
    estimates: tuple[tuple[str, str], ...] = ()
    sources: frozenset[Source] = _LEGACY
    version: int = 3


_DAILY = 12 * HOUR
_CASTS = (
    _Cast(
        "contoso",
        "linux-hardened",
        "Contoso Hardened Linux",
        "vm",
        0.10,
        rest=_DAILY,
        sources=_BOTH,
        version=1_252_868_275,
    ),
    _Cast("contoso", "gateway-vm", "Contoso Gateway", "corevm", 1.1, Ending.STUCK, SIGNOFF, sources=_BOTH),
    _Cast("contoso", "ingress", "Contoso Ingress for AKS", "container", 0.35, rest=_DAILY, sources=_BOTH),
    _Cast(
        "contoso",
        "backup-agent",
        "Contoso Backup Agent",
        "container",
        1.1,
        Ending.REJECTED,
        "displaycertify",
        sources=_BOTH,
    ),
    _Cast("contoso", "insights", "Contoso Insights", "saas", 0.55, rest=_DAILY, sources=_MOVED),
    _Cast(
        "contoso", "billing", "Contoso Billing", "saas", 1.1, Ending.STUCK, SIGNOFF, waiting="running", sources=_MOVED
    ),
    _Cast("contoso", "landing-zone", "Contoso Landing Zone", "application", days=200, sources=_MOVED),
    _Cast(
        "contoso",
        "data-mesh",
        "Contoso Data Mesh",
        "application",
        1.1,
        Ending.STUCK,
        "displaytestdrive",
        estimates=(("displaytestdrive", "~2 min"),),
        sources=_MOVED,
    ),
    _Cast("contoso", "edge-cache", "Contoso Edge Cache", "application", 0.2, rest=_DAILY, sources=_CENTER),
    _Cast("contoso", "assistant-kit", "Contoso Assistant Kit", "saas", 0.45, rest=_DAILY, sources=_GRAPH),
    _Cast("fabrikam", "sql-appliance", "Fabrikam SQL Appliance", "vm", 1.1, Ending.BLOCKED, "displayprovision"),
    _Cast("fabrikam", "mail-filter", "Fabrikam Mail Filter", "vm", 0.8, Ending.FAILED, "displayprovision"),
    _Cast("fabrikam", "assessment", "Fabrikam 2-Week Assessment", "consulting", 1.1, Ending.CANCELED, "displaycertify"),
    _Cast("fabrikam", "pilot", "Fabrikam Pilot", "saas", ending=Ending.NEVER_PUBLISHED, version=0, days=30),
)


def demo(*, seed: int = 1, epoch: float, speed: float = DEMO_SPEED) -> Scenario:
    """Give the demo: `contoso` and `fabrikam` can be read, `northwind` answers 403.

    An estimate is real text while the steps are accelerated, so no step would ever outlast its own. One does:
    `data-mesh` is stuck in a step that promises "~2 min", and is overdue two real minutes after the start.
    """
    planner = Planner(seed, epoch, speed)
    return Scenario(
        plans=tuple(_plan(planner, cast) for cast in _CASTS),
        publishers=("contoso", "fabrikam", "northwind"),
        forbidden=frozenset({"northwind"}),
        speed=speed,
        account="contoso",
    )


def _plan(planner: Planner, cast: _Cast) -> OfferPlan:
    durations = planner.durations(cast.publisher, cast.offer, cast.kind)
    plan = OfferPlan(
        publisher=cast.publisher,
        offer=cast.offer,
        title=cast.title,
        kind_name=cast.kind,
        durations=durations,
        submitted=planner.ago(simulated=cast.into * _length(cast, durations), days=cast.days),
        version=cast.version,
        ending=cast.ending,
        ends_at=cast.ends_at,
        rest=cast.rest,
        waiting=cast.waiting,
        estimates=cast.estimates,
        sources=cast.sources,
    )
    has_been_live = cast.version > 1 and cast.ending is not Ending.NEVER_PUBLISHED and not cast.days
    return replace(plan, live_since=planner.ago(days=90)) if has_been_live else plan


def _length(cast: _Cast, durations: tuple[float, ...]) -> float:
    """Simulated seconds up to the end of the last step that this offer reaches."""
    ids = [stage.step_id for stage in KINDS[cast.kind].stages]
    return sum(durations[: ids.index(cast.ends_at) + 1] if cast.ends_at else durations)

"""What the benchmarks work on: snapshots of any size, and the same families as prometheus_client's own objects."""

from __future__ import annotations

from prometheus_client.core import Metric

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Since, Snapshot
from exporter.domain.offers import Level, Message, Offer, OfferStatus, Step, StepStatus
from tests.unit.exposition.oracle import Table

NOW, STALE = 1_700_000_000.25, 1e9
STEPS = 8
FRAMES = ("< 15 min", "~2-3 days", "< 1 day", "< 1 hour", "~2-5 days")


def snapshot(offers: int) -> Snapshot:
    """Make one publisher with so many offers of eight steps, each in another state."""
    records = tuple(_record(number) for number in range(offers))
    return Snapshot((PublisherRecord("contoso", 300.0, records, NOW, NOW, 3.5),))


def _record(number: int) -> OfferRecord:
    steps = tuple(_step(number, position) for position in range(STEPS))
    offer = Offer(
        publisher_id="contoso",
        offer_id=f"offer-{number:05}",
        status=list(OfferStatus)[number % len(OfferStatus)],
        source="cloud_partner",
        display_name=f"Contoso Appliance {number}",
        offer_type="microsoft-azure-virtualmachines",
        version=number,
        changed=NOW - number,
        steps=steps,
    )
    since = Since(NOW - number, NOW - number, {step.step_id: NOW - number - place for place, step in enumerate(steps)})
    return OfferRecord("contoso", offer.offer_id, offer=offer, since=since, last_success=NOW - number / 1000)


def _step(number: int, position: int) -> Step:
    return Step(
        step_id=f"displaystep{position}",
        name=f"Step number {position}",
        status=list(StepStatus)[(number + position) % len(StepStatus)],
        progress=position / STEPS,
        estimated_time_frame=FRAMES[position % len(FRAMES)],
        messages=(Message(Level.INFORMATION, "<p>Step completed.</p>", NOW - number - position),),
    )


class Reference:
    """A collector of ready-made families, so that the library's encoder is measured and not our building of them."""

    def __init__(self, shown: Snapshot) -> None:
        self._families = list(Table(shown, NOW, STALE).collect())

    def collect(self) -> list[Metric]:
        """Give the families."""
        return self._families

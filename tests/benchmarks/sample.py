"""What the benchmarks work on: snapshots of any size, and the same families as prometheus_client's own objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Since, Snapshot
from exporter.domain.offers import Level, Message, Offer, OfferStatus, Step, StepStatus
from exporter.exposition.families import FAMILIES
from exporter.exposition.kinds import OfferRow, StepRow

NOW = 1_700_000_000.25
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
        self._families = [_family(shown, family) for family in FAMILIES]

    def collect(self) -> list[Metric]:
        """Give the families."""
        return self._families

    def describe(self) -> list[Metric]:
        """Nothing to check at registration."""
        return []


def _family(shown: Snapshot, family: Any) -> Metric:
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for ids, row in _rows(shown, family.row):
        for extra, value in family.samples(row):
            metric.add_metric([*ids, *extra], value)
    return metric


def _rows(shown: Snapshot, kind: type) -> Iterator[tuple[tuple[str, ...], Any]]:
    for publisher in shown.publishers:
        if kind is PublisherRecord:
            yield (publisher.publisher_id,), publisher
        for record in publisher.offers:
            ids = (publisher.publisher_id, record.offer_id)
            if kind is OfferRecord:
                yield ids, record
            elif record.offer is not None and record.since is not None:
                if kind is OfferRow:
                    yield ids, OfferRow(record.offer, record.since, record.past, record.outlook)
                if kind is StepRow:
                    for position, step in enumerate(record.offer.steps, start=1):
                        usual = record.outlook.usual.get(step.step_id) if record.outlook else None
                        since = record.since.steps.get(step.step_id)
                        yield (*ids, step.step_id), StepRow(step, position, since, usual)

"""What prometheus_client makes of a snapshot: built from the table alone, with nothing of the encoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of
from prometheus_client.registry import Collector

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Since, Snapshot
from exporter.exposition.families import FAMILIES
from exporter.exposition.kinds import OfferRow, StepRow

__all__ = ["oracle"]

Row = tuple[tuple[str, ...], Any]


def oracle(snapshot: Snapshot, now: float, stale_after: float, *, openmetrics: bool) -> bytes:
    """Let prometheus_client render a snapshot."""
    registry = CollectorRegistry()
    registry.register(_Table(snapshot, now, stale_after))
    return bytes((openmetrics_of if openmetrics else text_of)(registry))


class _Table(Collector):
    def __init__(self, snapshot: Snapshot, now: float, stale_after: float) -> None:
        self._rows = list(_rows(snapshot, now, stale_after))

    def collect(self) -> Iterable[Metric]:
        for family in FAMILIES:
            metric = Metric(family.name.removesuffix("_total"), family.help, family.kind)
            for ids, row in self._rows:
                if type(row) is family.row:
                    for values, number in family.samples(row):
                        metric.add_sample(
                            family.name, dict(zip(family.labels, ids + values, strict=True)), float(number)
                        )
            yield metric


def _rows(snapshot: Snapshot, now: float, stale_after: float) -> Iterator[tuple[tuple[str, ...], Any]]:
    for publisher in snapshot.publishers:
        yield (publisher.publisher_id,), publisher
        for source in publisher.sources:
            yield (publisher.publisher_id, source.source), source
        for record in publisher.offers:
            yield (publisher.publisher_id, record.offer_id), record
            yield from _offer_rows(publisher, record, now, stale_after)


def _offer_rows(publisher: PublisherRecord, record: OfferRecord, now: float, stale_after: float) -> Iterator[Row]:
    offer = record.offer
    if offer is None or record.last_success is None or now - record.last_success >= stale_after:
        return
    since = record.since or Since(now, now)
    yield (publisher.publisher_id, record.offer_id), OfferRow(offer, since, record.past, record.outlook)
    usual = record.outlook.usual if record.outlook else {}
    for number, step in enumerate(offer.steps):
        ids = publisher.publisher_id, record.offer_id, step.step_id
        yield ids, StepRow(step, number + 1, since.steps.get(step.step_id), usual.get(step.step_id))

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
from exporter.exposition.kinds import Family, Info, OfferRow, States, StepRow, Value

__all__ = ["Table", "oracle"]

Row = tuple[tuple[str, ...], Any]


def oracle(snapshot: Snapshot, now: float, stale_after: float, *, openmetrics: bool) -> bytes:
    """Let prometheus_client render a snapshot."""
    registry = CollectorRegistry()
    registry.register(Table(snapshot, now, stale_after))
    return bytes((openmetrics_of if openmetrics else text_of)(registry))


class Table(Collector):
    def __init__(self, snapshot: Snapshot, now: float, stale_after: float) -> None:
        self._rows = list(_rows(snapshot, now, stale_after))

    def collect(self) -> Iterable[Metric]:
        for family in FAMILIES:
            metric = Metric(family.name.removesuffix("_total"), family.help, family.kind)
            for ids, row in self._rows:
                for values, number in _samples(family, row) if type(row) is family.row else ():
                    labels = dict(zip(family.labels, ids + values, strict=True))
                    metric.add_sample(family.name, labels, float(number))
            yield metric


def _samples(family: Family[Any, Any], row: Any) -> Iterator[tuple[tuple[str, ...], float]]:
    read = family.read(row)
    if read is None:
        return
    if isinstance(family, Value):
        yield (), read
    elif isinstance(family, Info):
        yield read, 1
    else:
        numbers = [value == read for value in family.values] if isinstance(family, States) else read
        yield from (((value,), number) for value, number in zip(family.values, numbers, strict=True))


def _rows(snapshot: Snapshot, now: float, stale_after: float) -> Iterator[Row]:
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
